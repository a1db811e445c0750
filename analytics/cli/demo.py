"""`analytics demo`: the service, with a project full of an online school's events.

The service runs as a child of this command (`analytics serve`); the events go through its front door like anybody's. What was sent is noted
in the data dir, so that a second run sends only what has happened since.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from analytics.cli.context import EXIT_FAILED, Command, CommandLine, pass_command_line
from analytics.clock import SystemClock
from analytics.demo.stream import VISITORS_A_DAY, WINDOW_DAYS, demo_lines
from analytics.errors import AnalyticsError
from analytics.load.sender import Outgoing, Sender
from analytics.settings import PREFIX

DEMO_PROJECT = "demo"
_BATCH_EVENTS = 1_000


@dataclass(frozen=True, slots=True)
class _Filled:
    """What a project holds already: the events of `seed` and `visitors` up to `until_ms`."""

    seed: int
    visitors: float
    until_ms: int


@click.command(cls=Command)
@click.option("--data-dir", type=click.Path(file_okay=False), help="Folder of the data (ANALYTICS_DATA_DIR).")
@click.option("--host", help="Address to listen on (ANALYTICS_HOST).")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one (ANALYTICS_PORT).")
@click.option("--project", default=DEMO_PROJECT, show_default=True, help="Project to fill; made if it is not there.")
@click.option("--seed", default=1, show_default=True, help="Another seed is another school.")
@click.option("--scale", default=1.0, show_default=True, type=click.FloatRange(0.001, 100), help="1 is more than a million events.")
@click.option("--fill-only", is_flag=True, help="Stop when the project is filled.")
@pass_command_line
def demo(
    line: CommandLine,
    data_dir: str | None,
    host: str | None,
    port: int | None,
    project: str,
    seed: int,
    scale: float,
    fill_only: bool,
) -> None:
    """Run the service and fill a project with 30 days of an online school, a million events or more."""
    settings = line.settings(data_dir=data_dir, host=host, port=port, bootstrap_project=project)
    options = [("--data-dir", data_dir), ("--host", host), ("--port", port), ("--config", line.config)]
    child = subprocess.Popen(  # noqa: S603 - ourselves, with options that were parsed
        [
            *(sys.executable, "-m", "analytics", "serve", "--with-parent"),
            *(text for name, value in options if value is not None for text in (name, str(value))),
        ],
        env=_environment(project),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    stopping = threading.Event()

    def stop(number: int, frame: object) -> None:
        stopping.set()
        child.terminate()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        ready = _wait_ready(child)
        if ready is None:
            raise click.exceptions.Exit(child.wait())
        marks = settings.data_dir / "demo.json"
        target = _Filled(seed, VISITORS_A_DAY * scale, SystemClock(settings.clock_offset_seconds).now_ms())
        try:
            sent = _fill(ready["url"], ready["write_key"], project, target, marks, stopping)
        except AnalyticsError as error:
            if not stopping.is_set():
                click.echo(f"Error: the events could not be sent: {error.detail}", err=True)
                child.terminate()
                child.wait()
                raise click.exceptions.Exit(EXIT_FAILED) from error
        else:
            if not stopping.is_set():
                line.tell(_words(ready, project, sent))
        if fill_only:
            child.terminate()
        code = child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
    raise click.exceptions.Exit(code)


def _environment(project: str) -> dict[str, str]:
    return {**os.environ, f"{PREFIX}BOOTSTRAP_PROJECT": project}


def _wait_ready(child: "subprocess.Popen[str]") -> dict[str, str] | None:
    """The fields of the ready line, which is passed on; None if the service did not come up."""
    assert child.stdout is not None
    for text in child.stdout:
        click.echo(text, nl=False)
        if text.startswith("READY "):
            return dict(cast(tuple[str, str], tuple(part.split("=", 1))) for part in text.split()[1:])
    return None


def _fill(url: str, write_key: str, project: str, target: _Filled, marks: Path, stopping: threading.Event) -> int:
    """Send what is not there yet; how many events that was."""
    noted = _read_marks(marks)
    start_ms = target.until_ms - WINDOW_DAYS * 86_400_000
    done = noted.get(project)
    from_ms = done.until_ms if done is not None and (done.seed, done.visitors) == (target.seed, target.visitors) else start_ms
    from_ms = max(from_ms, start_ms)
    columns = (
        TextColumn("filling project [bold]{task.fields[project]}[/]"),
        BarColumn(),
        TextColumn("{task.fields[day]}  {task.fields[sent]:,} events"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    sent = 0
    with Progress(*columns, console=Console(stderr=True)) as progress:
        total = max(1, target.until_ms - from_ms)
        task = progress.add_task("fill", total=total, project=project, sent=0, day="")
        sender = Sender(url, write_key, waiting=lambda reason: progress.console.log(f"waiting for the service: {reason}"))
        for answered in sender.send(_batches(target, from_ms, stopping)):
            if answered.refused:
                progress.console.log(f"refused: {answered.refused[0].code}, {answered.refused[0].detail}")
            sent += answered.accepted
            until_ms = cast(int, answered.batch.tag)
            progress.update(task, completed=until_ms - from_ms, sent=sent, day=_day(until_ms))
            if sent % (20 * _BATCH_EVENTS) == 0:
                # Events come in order of time: all before the last one sent are there.
                _write_marks(marks, {**noted, project: _Filled(target.seed, target.visitors, until_ms)})
        if not stopping.is_set():
            progress.update(task, completed=total)
            _write_marks(marks, {**noted, project: target})
    return sent


def _batches(target: _Filled, from_ms: int, stopping: threading.Event) -> Iterator[Outgoing]:
    until = datetime.fromtimestamp(target.until_ms / 1000, UTC)
    from_text = (datetime.fromtimestamp(from_ms / 1000, UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
    lines: list[bytes] = []
    last = b""
    for text in demo_lines(target.seed, until, visitors_a_day=target.visitors):
        last = _timestamp_of(text)
        if last < from_text:
            continue
        lines.append(text.rstrip(b"\n"))
        if len(lines) == _BATCH_EVENTS:
            yield Outgoing(tuple(lines), _ms(last))
            lines = []
        if stopping.is_set():
            return
    if lines:
        yield Outgoing(tuple(lines), _ms(last))


class _Peek(msgspec.Struct):
    timestamp: str


_peek = msgspec.json.Decoder(_Peek).decode


def _timestamp_of(text: bytes) -> bytes:
    return _peek(text).timestamp.encode()


def _ms(timestamp: bytes) -> int:
    return int(datetime.fromisoformat(timestamp.decode()).timestamp() * 1000)


def _day(at_ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).strftime("%d %b")


def _read_marks(path: Path) -> dict[str, _Filled]:
    try:
        found = cast(dict[str, dict[str, Any]], json.loads(path.read_text("utf-8")))
        return {name: _Filled(int(mark["seed"]), float(mark["visitors"]), int(mark["until_ms"])) for name, mark in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_marks(path: Path, marks: dict[str, _Filled]) -> None:
    unfinished = path.with_name(path.name + ".new")
    values = {name: {"seed": mark.seed, "visitors": mark.visitors, "until_ms": mark.until_ms} for name, mark in marks.items()}
    unfinished.write_text(json.dumps(values), "utf-8")
    unfinished.replace(path)


def _words(ready: dict[str, str], project: str, sent: int) -> str:
    url = ready["url"]
    what = f"{sent:,} events are in project {project}." if sent else f"Project {project} was filled before; nothing new has happened."
    return f"""
{what} What to look at:

  {url}/docs
      every route, to be tried in the browser
  analytics status
      engines, spool, freshness
  TOKEN=$(analytics token create --project {project} --scope read --scope personal-data --name demo)
      a token that may ask questions
  curl -s {url}/v1/projects/{project}/trends -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d \\
      '{{"interval": "day", "series": [{{"event": "lesson_completed", "metric": "unique_users"}}], "breakdown": {{"property": "device"}}}}'
      learners a day, by device: exact, and fresh within a second

Ctrl-C stops the service; the data stays."""
