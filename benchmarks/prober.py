"""Freshness as a reader sees it: marked events go in with the load, and two polls ask the service how many it has.

Both polls are trends questions for the marked events, one with `source: raw`, one with `source: rollup`. Answers leave the service in the
order in which events reach its disk and events are stored in that order, so a count of n shows that the first n answered are in. An event's
freshness is from the moment its 200 arrived to the moment the first answer that shows it arrived: the poll's own time is in it.
"""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np

from benchmarks.wire import Pool, request_head, with_length

PROBE_EVENT = "load_probe"
POLL_SECONDS = 0.2  # of each source
# At saturation a question costs 20 to 30 ms of a core, which the service does not have for events: asked ten times a second, what the polls
# take is a seventh of what is stored. What they see is then half a second coarser.
POLL_SECONDS_SATURATED = 0.5
Source = Literal["raw", "rollup"]
SOURCES: tuple[Source, ...] = ("raw", "rollup")


class Prober:
    """Polls while a phase runs. `answered` notes a 200; `finish` waits for the last probe and sums up."""

    def __init__(self, host: str, port: int, project: str, token: str) -> None:
        self._pool = Pool(host, port, len(SOURCES))
        self._head = request_head(
            "POST",
            f"/v1/projects/{project}/trends",
            f"{host}:{port}",
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        self._answered: list[float] = []  # when, of each probe since the first phase, in order of answers
        self._seen: dict[Source, list[float]] = {source: [] for source in SOURCES}  # likewise: when it was first counted
        self._polls_ms: dict[Source, list[float]] = {source: [] for source in SOURCES}
        self._before = -1  # probes of other runs in this project
        self._first = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._problem = ""

    async def start(self, poll_seconds: float) -> None:
        """Begin polling, each source every `poll_seconds`."""
        if self._before < 0:
            self._before = await self._count("raw") or 0
        self._first = len(self._answered)
        for source in SOURCES:
            self._polls_ms[source].clear()
        self._tasks = [asyncio.create_task(self._poll(source, poll_seconds)) for source in SOURCES]

    def answered(self, now: float) -> None:
        """A probe was answered 200 at `now`."""
        self._answered.append(now)

    async def finish(self, window_start: float, window_end: float, limit_seconds: float = 60.0) -> dict[str, Any]:
        """Wait until every answered probe was seen, stop, and describe the probes answered inside the window (milliseconds)."""
        deadline = time.perf_counter() + limit_seconds
        while time.perf_counter() < deadline and not self._problem:
            if all(len(self._seen[source]) >= len(self._answered) for source in SOURCES):
                break
            await asyncio.sleep(POLL_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        inside = [n for n in range(self._first, len(self._answered)) if window_start <= self._answered[n] <= window_end]
        result: dict[str, Any] = {"probes": len(inside), "problem": self._problem}
        for source in SOURCES:
            seen = self._seen[source]
            result[f"{source}_ms"] = _spread([max(0.0, 1000 * (seen[n] - self._answered[n])) for n in inside if n < len(seen)])
            result[f"poll_{source}_ms"] = _spread(self._polls_ms[source])
        result["never_seen"] = max(len(self._answered) - min(len(self._seen[source]) for source in SOURCES), 0)
        return result

    async def _poll(self, source: Source, poll_seconds: float) -> None:
        seen = self._seen[source]
        while True:
            began = time.perf_counter()
            count = await self._count(source)
            now = time.perf_counter()
            if count is not None:
                self._polls_ms[source].append(1000 * (now - began))
                seen.extend([now] * (count - self._before - len(seen)))
            await asyncio.sleep(max(0.0, poll_seconds - (now - began)))

    async def _count(self, source: Source) -> int | None:
        now = datetime.now(UTC)
        body = json.dumps(
            {
                "date_from": (now - timedelta(days=1)).date().isoformat(),
                "date_to": (now + timedelta(days=1)).date().isoformat(),
                "interval": "day",
                "series": [{"event": PROBE_EVENT, "metric": "total"}],
                "source": source,
            }
        ).encode()
        answer = await self._pool.request(with_length(self._head, body), body)
        if answer.status != 200:
            if answer.status not in (0, 429, 503):
                self._problem = self._problem or f"{source}: {answer.status} {answer.body[:300].decode(errors='replace')}"
            return None
        return int(json.loads(answer.body)["series"][0]["total"])


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {"count": 0}
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1), "max": round(max(values), 1), "count": len(values)}
