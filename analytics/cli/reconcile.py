"""`analytics reconcile`: remove late repeats and put rollups right, now."""

import time
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from analytics.cli.connection import ServiceConnection, connect
from analytics.cli.context import EXIT_FAILED, Command, CommandLine, pass_command_line

_POLL_SECONDS = 0.5
_OPEN = ("requested", "running")


@click.command(cls=Command)
@click.option("--full", is_flag=True, help="Look at all ids and all months, not only at what is new since the last time.")
@click.pass_context
@pass_command_line
def reconcile(line: CommandLine, context: click.Context, full: bool) -> None:
    """Remove late repeats by their id and compare the rollups with the events.

    The service does so daily by itself. Ctrl-C leaves it running. Exit code 0 if it finished, 1 if it failed or was interrupted.
    """
    with connect(line) as service:
        record = _watch(service, service.post("/v1/reconciliations", {"full": full}))
    line.answer(record, _words(record))
    if record["status"] != "finished":
        context.exit(EXIT_FAILED)


def _watch(service: ServiceConnection, record: dict[str, Any]) -> dict[str, Any]:
    """The record once it has ended; the way there on standard error, if somebody looks."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("waiting", total=1)
        while record["status"] in _OPEN:
            time.sleep(_POLL_SECONDS)
            record = service.get(f"/v1/reconciliations/{record['id']}")
            done = record["progress"]
            progress.update(task, description=done["phase"] or "waiting", completed=done["done"], total=max(1, done["total"]))
    return record


def _words(record: dict[str, Any]) -> list[str]:
    if record["status"] != "finished":
        return [f"The reconciliation {record['status']}: {record['error'] or 'no reason given'}"]
    drift = ", ".join(f"{table} {events}" for table, events in record["drift"].items())
    return [f"Removed {record['removed']} late repeats. Events by which a table differed, now put right: {drift}."]
