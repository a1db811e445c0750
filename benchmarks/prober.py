"""Freshness as a reader sees it: marked events go in with the load, and two polls ask the service for them.

One poll lists the marked events themselves (raw rows), the other counts them through `trends` with `source: rollup`. An event's freshness
is from the moment its 200 arrived to the moment the first answer that shows it arrived: the poll's own time is in it.
"""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from benchmarks.dataset import probe_number
from benchmarks.wire import Pool, request_head, with_length

PROBE_EVENT = "load_probe"
POLL_SECONDS = 0.1


class Prober:
    """Polls while a phase runs. `answered` notes a 200; `finish` waits for the last probe and sums up."""

    def __init__(self, host: str, port: int, project: str, token: str, run: int) -> None:
        self._pool = Pool(host, port, 4)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._base = f"/v1/projects/{project}"
        self._address, self._headers = f"{host}:{port}", headers
        self._trends = request_head("POST", f"{self._base}/trends", self._address, headers)
        self._prefix = f"{run & 0xFFFFFFFF:08x}-"
        self._answered: dict[int, float] = {}
        self._listed: dict[int, float] = {}
        self._counted: dict[int, float] = {}
        self._stored: list[tuple[float, int]] = []
        self._polls_ms: dict[str, list[float]] = {"raw": [], "rollup": []}
        self._counted_before = -1
        self._counted_up_to = 0
        self._first = 0
        self._began = datetime.now(UTC)
        self._tasks: list[asyncio.Task[None]] = []
        self._problem = ""

    def start(self) -> None:
        """Begin polling."""
        self._began = datetime.now(UTC) - timedelta(seconds=2)
        self._first = max(self._answered, default=-1) + 1
        self._polls_ms = {"raw": [], "rollup": []}
        self._tasks = [asyncio.create_task(self._poll_raw()), asyncio.create_task(self._poll_rollup())]

    def answered(self, numbers: tuple[int, ...], now: float) -> None:
        """These probes were answered 200 at `now`."""
        for number in numbers:
            self._answered[number] = now

    async def finish(self, window_start: float, window_end: float, limit_seconds: float = 60.0) -> dict[str, Any]:
        """Wait until every answered probe was seen, stop, and describe the probes answered inside the window (milliseconds)."""
        deadline = time.perf_counter() + limit_seconds
        while time.perf_counter() < deadline and not self._problem:
            if all(n in self._listed and n in self._counted for n in self._answered if n >= self._first):
                break
            await asyncio.sleep(POLL_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        inside = [n for n, at in self._answered.items() if n >= self._first and window_start <= at <= window_end]
        return {
            "raw_ms": _delays(inside, self._answered, self._listed),
            "rollup_ms": _delays(inside, self._answered, self._counted),
            "probes": len(inside),
            "never_seen": sum(1 for n in self._answered if n >= self._first and (n not in self._listed or n not in self._counted)),
            "poll_raw_ms": _spread(self._polls_ms["raw"]),
            "poll_rollup_ms": _spread(self._polls_ms["rollup"]),
            "problem": self._problem,
        }

    async def _poll_raw(self) -> None:
        while True:
            unseen = [n for n in self._answered if n >= self._first and n not in self._listed]
            # Only as far back as the oldest probe that is still missing, so that a poll stays small.
            ago = time.perf_counter() - min((self._answered[n] for n in unseen), default=time.perf_counter())
            since = max(self._began, datetime.now(UTC) - timedelta(seconds=ago + 3))
            path = f"{self._base}/events?event={PROBE_EVENT}&limit=500&from={since.strftime('%Y-%m-%dT%H:%M:%S.000Z')}"
            answer = await self._ask("raw", with_length(request_head("GET", path, self._address, self._headers), b""), b"")
            now = time.perf_counter()
            for item in (answer or {}).get("items", ()):
                if item["event_id"].startswith(self._prefix):
                    self._listed.setdefault(probe_number(item["event_id"]), now)
            await asyncio.sleep(POLL_SECONDS)

    async def _poll_rollup(self) -> None:
        body = json.dumps(
            {
                "date_from": (datetime.now(UTC) - timedelta(days=1)).date().isoformat(),
                "date_to": (datetime.now(UTC) + timedelta(days=1)).date().isoformat(),
                "interval": "day",
                "series": [{"event": PROBE_EVENT, "metric": "total"}],
                "source": "rollup",
            }
        ).encode()
        head = with_length(self._trends, body)
        while True:
            answer = await self._ask("rollup", head, body)
            now = time.perf_counter()
            if answer is not None:
                total = int(answer["series"][0]["total"])
                if self._counted_before < 0:
                    self._counted_before = total
                # Probes are numbered as they are sent; a batch holds neighbours, so the count tells which are in.
                for number in range(self._counted_up_to, total - self._counted_before):
                    self._counted[number] = now
                self._counted_up_to = max(self._counted_up_to, total - self._counted_before)
            await asyncio.sleep(POLL_SECONDS)

    async def _ask(self, kind: str, head: bytes, body: bytes) -> dict[str, Any] | None:
        began = time.perf_counter()
        answer = await self._pool.request(head, body)
        self._polls_ms[kind].append(1000 * (time.perf_counter() - began))
        if answer.status != 200:
            if answer.status not in (0, 429, 503):
                self._problem = self._problem or f"{kind}: {answer.status} {answer.body[:300].decode(errors='replace')}"
            return None
        return json.loads(answer.body)


def _delays(numbers: list[int], answered: dict[int, float], seen: dict[int, float]) -> dict[str, float]:
    return _spread([max(0.0, 1000 * (seen[n] - answered[n])) for n in numbers if n in seen])


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {"count": 0}
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1), "max": round(max(values), 1), "count": len(values)}
