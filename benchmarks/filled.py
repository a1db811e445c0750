"""A fresh service that holds many events already, spread over 30 days: as benchmarks.preload puts them in while it is stopped."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service import Service, start


@dataclass(frozen=True)
class Filled:
    """What it was filled with, as preload says (rows, seconds), and how long it then took to start."""

    preloaded: Mapping[str, float]
    ready_seconds: float

    @property
    def rows(self) -> int:
        """Events stored."""
        return int(self.preloaded["rows"])


@contextmanager
def filled_service(events: int) -> Iterator[tuple[Service, Filled]]:
    """A service with `events` events, running as long as the block; nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix="analytics-bench-", ignore_cleanup_errors=True) as folder:
        data_dir = Path(folder) / "data"
        service = start(data_dir)
        project_id = service.project_id()
        service.stop()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.preload", str(data_dir), project_id, str(events)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        preloaded = json.loads(done.stdout.splitlines()[-1])
        print(f"filled with {preloaded['rows']:,} events in {preloaded['seconds']} s", flush=True)
        began = time.monotonic()
        service = start(data_dir)
        filled = Filled(preloaded, round(time.monotonic() - began, 2))
        print(f"ready again after {filled.ready_seconds} s", flush=True)
        try:
            yield service, filled
        finally:
            service.stop()
