"""`analytics demo` as a stranger runs it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from analytics.clock import SystemClock
from analytics.data_dir import DataDir
from analytics.demo.stream import VISITORS_A_DAY, demo_events
from analytics.domain.access_token import TokenSigner
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for

SCALE = 0.003


@contextmanager
def demo(data_dir: Path, log: Path) -> Iterator[str]:
    """A running demo, once it is filled; where it listens. Ctrl-C ends it, with exit code 0."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANALYTICS_")}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "analytics", "demo", "--data-dir", str(data_dir), "--port", "0", "--scale", str(SCALE)],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=clean,
        )
    assert process.stdout is not None
    with process.stdout as output:
        try:
            line = output.readline().decode()
            assert line.startswith("READY "), log.read_text()
            wait_for(lambda: "What to look at" in log.read_text() or process.poll() is not None, "the end of filling")
            yield dict(part.split("=", 1) for part in line.split()[1:])["url"]
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_SECONDS) == 0, log.read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def stored(url: str, data_dir: Path, source: str) -> int:
    today = datetime.now(UTC).date()
    token = TokenSigner(DataDir(data_dir).secret_key(), SystemClock()).for_operator()
    question = {
        "date_from": (today - timedelta(days=40)).isoformat(),
        "date_to": (today + timedelta(days=1)).isoformat(),
        "interval": "day",
        "series": [{"event": "*", "metric": "total"}],
        "source": source,
    }
    answer = httpx.post(
        f"{url}/v1/projects/demo/trends", json=question, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_SECONDS
    )
    assert answer.status_code == 200, answer.text
    return int(answer.json()["series"][0]["total"])


def generated(data_dir: Path) -> set[str]:
    """Ids of all events the demo should have sent by now, by its own note."""
    mark = json.loads((data_dir / "demo.json").read_text())["demo"]
    until = datetime.fromtimestamp(mark["until_ms"] / 1000, UTC)
    return {event["event_id"] for event in demo_events(1, until, visitors_a_day=VISITORS_A_DAY * SCALE)}


def test_demo_fills_its_project_once_through_the_front_door(tmp_path: Path) -> None:
    data_dir, log = tmp_path / "data", tmp_path / "log"
    with demo(data_dir, log) as url:
        expected = generated(data_dir)
        assert len(expected) > 2_000
        wait_for(lambda: stored(url, data_dir, "raw") == len(expected), "all events in raw rows")
        wait_for(lambda: stored(url, data_dir, "rollup") == len(expected), "the same in the rollups")
        shown = re.search(r"([\d,]+) events are in project demo", log.read_text())
        assert shown is not None
        assert int(shown[1].replace(",", "")) == len(expected)

    # Half of the note is lost: what was sent before is sent again, and changes nothing.
    mark = json.loads((data_dir / "demo.json").read_text())
    mark["demo"]["until_ms"] -= 15 * 86_400_000
    (data_dir / "demo.json").write_bytes(msgspec.json.encode(mark))
    with demo(data_dir, log) as url:
        expected |= generated(data_dir)
        wait_for(lambda: stored(url, data_dir, "raw") == len(expected), "the new events")
        wait_for(lambda: stored(url, data_dir, "rollup") == len(expected), "the same in the rollups")
