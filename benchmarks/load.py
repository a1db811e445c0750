"""The generator, driven from outside: phases in, results out, with the service's cost in the counted window measured beside them."""

import json
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from benchmarks.service import Service, Usage


class Load:
    """A generator process against one service. Use as a context manager."""

    def __init__(self, service: Service, *, id_file: str | None = None, seed: int = 1) -> None:
        self._service = service
        host, port = service.address
        plan = {
            "host": host,
            "port": port,
            "write_key": service.write_key,
            "project": service.project,
            "token": service.token(),
            "seed": seed,
            "id_file": id_file,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.generator", json.dumps(plan)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.mean_event_bytes = int(self._next()["mean_event_bytes"])
        self.unique = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        if kind is not None:
            self._process.terminate()
        self._process.wait(60)

    def begin(self, **phase: Any) -> None:
        """Start a phase (see generator.Phase)."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(phase) + "\n")
        self._process.stdin.flush()

    def finish(self) -> dict[str, Any]:
        """Wait for the phase that was begun; its result, with `cost` of the service in the counted window."""
        before: Usage | None = None
        stored_before, metrics_before = 0, dict[str, float]()
        cost: dict[str, Any] = {}
        while True:
            message = self._next()
            if message.get("window") == "open":
                stored_before = self._service.stored()
                metrics_before = self._service.metrics()
                before = self._service.usage()
            elif message.get("window") == "close" and before is not None:
                stored = self._service.stored()
                after = self._service.usage()
                cost = compare(before, after)
                cost["stages"] = stages(metrics_before, self._service.metrics(), after.at - before.at)
                cost["stored_per_second"] = round((stored - stored_before) / (after.at - before.at), 1)
            else:
                self.unique = message["unique_so_far"]
                return {**message, **_per_event(message, cost)}

    def run(self, **phase: Any) -> dict[str, Any]:
        """`begin` and `finish`."""
        self.begin(**phase)
        return self.finish()

    def _next(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the generator ended")
        return json.loads(line)


def compare(before: Usage, after: Usage) -> dict[str, Any]:
    """What the service used between two moments, in cores; memory at the later one, in MB."""
    seconds = after.at - before.at

    def cores(earlier: Mapping[str, float], later: Mapping[str, float]) -> dict[str, float]:
        used = {name: (value - earlier.get(name, 0.0)) / seconds for name, value in later.items()}
        return {name: round(value, 3) for name, value in sorted(used.items(), key=lambda item: -item[1]) if value >= 0.005}

    return {
        "seconds": round(seconds, 2),
        "cores": cores(before.cpu_seconds, after.cpu_seconds),
        "worker_threads": cores(before.threads, after.threads),
        "rss_mb": {name: round(value / 1e6) for name, value in after.rss_bytes.items()},
        "rss_mb_total": round(sum(after.rss_bytes.values()) / 1e6),
        "disk_mb": round(after.disk_bytes / 1e6),
    }


def stages(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, dict[str, float]]:
    """What the service's own histograms say of the time between: how often a second each thing happened, and its mean (ms, or rows)."""
    found: dict[str, dict[str, float]] = {}
    for name, total in after.items():
        if not name.startswith("analytics_") or "_sum" not in name:
            continue
        counter = name.replace("_sum", "_count", 1)
        times = after.get(counter, 0.0) - before.get(counter, 0.0)
        if times > 0:
            mean = (total - before.get(name, 0.0)) / times
            unit = 1000 if "_seconds_sum" in name else 1
            short = name.removeprefix("analytics_").replace("_seconds_sum", "_ms").replace("_sum", "")
            found[short] = {"per_second": round(times / seconds, 2), "mean": round(mean * unit, 2)}
    return found


def _per_event(message: Mapping[str, Any], cost: dict[str, Any]) -> dict[str, Any]:
    if not cost:
        return {}
    rate = message["events_per_second"]
    ours = sum(value for name, value in cost["worker_threads"].items() if is_ours(name))
    total = sum(cost["cores"].values())
    if rate:
        cost["service_us_per_event"] = round(total / rate * 1e6, 2)
        cost["python_us_per_event"] = round(ours / rate * 1e6, 2)
    if cost["stored_per_second"] > 0:
        cost["engine_cpu_seconds_per_million_rows"] = round((cost["cores"].get("worker", 0.0) - ours) / cost["stored_per_second"] * 1e6, 2)
    return {"cost": cost}


def is_ours(thread: str) -> bool:
    """Whether a thread of the worker runs our Python; the engine names its own."""
    return thread.startswith(
        ("python", "analytics", "ingest", "writer", "uvicorn", "MainThread", "AnyIO", "asyncio", "spool", "commit", "decode")
    )
