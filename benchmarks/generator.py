"""The load generator: a process of its own that sends what it is told to and tells what was answered.

    python -m benchmarks.generator '{"host": …, "port": …, "write_key": …}'

reads phases from standard input, one JSON object a line (see `Phase`), runs each and writes what came of it to standard output, as JSON
lines. Ids, repeats and counts go on from phase to phase.

`paced` is an open loop: bodies go out by the clock whether or not earlier ones were answered, and latency counts from the moment the clock
says, so a stall of the service is seen by everything that was due meanwhile. `saturate` keeps N connections busy. Requests answered 429 or
503, or not at all, are sent again, the same bytes, until they are answered 200: `unique` is then exactly what the service must hold.
"""

import asyncio
import gc
import gzip
import json
import random
import re
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

import numpy as np
import uvloop

from benchmarks.dataset import BLOCK_EVENTS, Batch, Block, EventFactory, probe_event
from benchmarks.prober import POLL_SECONDS, POLL_SECONDS_SATURATED, PROBE_EVENT, Prober
from benchmarks.wire import Answer, Pool, request_head, with_length

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_ACCEPTED = re.compile(rb'"accepted"\s*:\s*(\d+)')
_REJECTED = re.compile(rb'"rejected"\s*:\s*(\d+)')


@dataclass
class Phase:
    """One stretch of load. `seconds` of sending, of which those after `count_from` count; `size` events a body; `rate` events a second."""

    name: str
    mode: Literal["paced", "saturate"] = "paced"
    seconds: float = 10.0
    count_from: float = 0.0
    rate: float = 50_000.0
    size: int = 500
    connections: int = 64
    encoding: Literal["identity", "gzip", "zstd"] = "identity"
    repeat_blocks: int = 3  # of the ten blocks of a 500-event batch: 30 %
    repeat_after_seconds: float = 60.0
    probes_per_second: float = 20.0
    prepared: int = 0  # bodies made (and compressed) before the clock starts; then sent round and round with the ids they have


@dataclass
class Tally:
    """What happened to the bodies of one phase. Latencies in seconds, one a body, of those due in the counted window."""

    events_sent: int = 0
    events_answered: int = 0
    events_counted: int = 0
    unique: int = 0
    rejected: int = 0
    requests: int = 0
    turned_away: dict[int, int] = field(default_factory=dict)
    problem: str = ""
    latencies: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Request:
    """A body on its way. `due` is when the clock said it should go out."""

    body: bytes
    events: int
    fresh: int
    due: float
    blocks: tuple[Block, ...] = ()
    probe: bool = False
    ids: bytes = b""


class Repeats:
    """Blocks that were answered, to be sent again a while later, over and over, mixed into the batches of that moment."""

    def __init__(self, limit: int = 60_000) -> None:
        self._lanes: tuple[deque[tuple[float, Block]], ...] = tuple(deque(maxlen=limit // 4) for _ in range(4))

    def keep(self, blocks: tuple[Block, ...], due: float) -> None:
        """Remember blocks until `due`. Each goes to another lane, so that neighbours part ways."""
        for lane, block in enumerate(blocks):
            self._lanes[lane % 4].append((due + lane * 0.7, block))

    def take(self, count: int, now: float, after: float) -> tuple[Block, ...]:
        """Up to `count` blocks that are due, each from another lane; they will be due again `after` seconds later."""
        found: list[Block] = []
        for lane in self._lanes[:count]:
            if lane and lane[0][0] <= now:
                block = lane.popleft()[1]
                lane.append((now + after, block))
                found.append(block)
        return tuple(found)


class Generator:
    """Runs phases against one service. Times are `time.perf_counter()`."""

    def __init__(self, plan: dict[str, Any], id_file: BinaryIO | None) -> None:
        self._host, self._port, self._project = plan["host"], int(plan["port"]), plan.get("project", "default")
        self._factory = EventFactory(seed=int(plan.get("seed", 1)))
        self._run = random.SystemRandom().getrandbits(32)
        self._repeats = Repeats()
        self._id_file = id_file
        self._probe_count = 0
        self._heads = {
            encoding: request_head(
                "POST",
                "/v1/events",
                f"{self._host}:{self._port}",
                {"Authorization": f"Bearer {plan['write_key']}", "Content-Type": "application/json"}
                | ({} if encoding == "identity" else {"Content-Encoding": encoding}),
            )
            for encoding in ("identity", "gzip", "zstd")
        }
        self._prober = Prober(self._host, self._port, self._project, plan["token"]) if plan.get("token") else None
        self.unique = 0

    async def run(self, phase: Phase) -> dict[str, Any]:
        """Run one phase to its last answer and describe it."""
        tally = Tally()
        prepared = self._prepare(phase)
        pool = Pool(self._host, self._port, phase.connections)
        probing = self._prober if phase.probes_per_second and not prepared else None
        if probing is not None:
            await probing.start(POLL_SECONDS_SATURATED if phase.mode == "saturate" else POLL_SECONDS)
        state = _Running(phase, tally, pool, time.perf_counter())
        watch = asyncio.create_task(self._watch(state))
        if phase.mode == "paced":
            await self._pace(state)
        else:
            await self._saturate(state, prepared)
        await state.settle()
        state.over.set()
        await watch
        freshness = await probing.finish(state.count_start, state.count_end) if probing is not None else None
        pool.close()
        self.unique += tally.unique
        return self._report(state, freshness)

    # ---- making bodies ------------------------------------------------------------------------------------------------------------

    def _prepare(self, phase: Phase) -> list[Request]:
        compress: Callable[[bytes], bytes] = {
            "identity": lambda body: body,
            "gzip": lambda body: gzip.compress(body, 6),
            "zstd": lambda body: zstd.compress(body, 3),
        }[phase.encoding]
        made: list[Request] = []
        for _ in range(phase.prepared):
            batch = self._factory.batch(phase.size)
            made.append(Request(compress(batch.array()), len(batch), len(batch), 0.0, ids=self._ids(batch)))
        return made

    def _make(self, state: "_Running", due: float) -> Request:
        phase, now = state.phase, time.perf_counter()
        if state.spare:
            request = state.spare.pop()
            request.due = due
            return request
        repeated = self._repeats.take(phase.repeat_blocks, now, phase.repeat_after_seconds)
        whole = max(phase.size, 500)
        batch = self._factory.batch(whole - BLOCK_EVENTS * len(repeated), repeated)
        kept = tuple(batch.sent_block(number) for number in range(phase.repeat_blocks and 4))
        if phase.size < whole:
            # One batch makes many small bodies; only the first of them carries the bookkeeping of the whole.
            bodies = batch.slices(phase.size)
            fresh = [max(0, min(phase.size, batch.fresh - phase.size * number)) for number in range(len(bodies))]
            ids = [batch.fill.ids[phase.size * n : phase.size * n + f].tobytes() if self._id_file else b"" for n, f in enumerate(fresh)]
            state.spare = [Request(body, phase.size, f, due, ids=i) for body, f, i in zip(bodies, fresh, ids, strict=True)]
            state.spare.reverse()
            return state.spare.pop()
        if state.probe_due(now):
            number = self._probe_count
            self._probe_count += 1
            extra = probe_event(PROBE_EVENT, self._run, number, time.time_ns() // 1_000_000)
            return Request(batch.array(extra), len(batch) + 1, batch.fresh + 1, due, kept, True, self._ids(batch))
        return Request(batch.array(), len(batch), batch.fresh, due, kept, ids=self._ids(batch))

    def _ids(self, batch: Batch) -> bytes:
        return batch.fill.ids[: batch.fresh].tobytes() if self._id_file else b""

    # ---- sending ------------------------------------------------------------------------------------------------------------------

    async def _pace(self, state: "_Running") -> None:
        phase = state.phase
        interval = phase.size / phase.rate
        total = round(phase.seconds / interval)
        for number in range(total):
            due = state.start + number * interval
            request = self._make(state, due)
            ahead = due - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            elif number % 16 == 0:
                await asyncio.sleep(0)  # late: do not starve the answers
            self._send(state, request)

    async def _saturate(self, state: "_Running", prepared: list[Request]) -> None:
        phase = state.phase
        end = state.start + phase.seconds
        state.spare = prepared[::-1]
        finite = bool(prepared)

        def following() -> None:
            now = time.perf_counter()
            if now < end and (state.spare or not finite):
                self._send(state, self._make(state, now), following)
            else:
                state.lane_ended()

        state.lanes = phase.connections
        for _ in range(phase.connections):
            following()
        await state.lanes_ended.wait()

    def _send(self, state: "_Running", request: Request, after: Callable[[], None] | None = None) -> None:
        state.outstanding += 1
        state.tally.requests += 1
        state.tally.events_sent += request.events
        self._post(state, request, after)

    def _post(self, state: "_Running", request: Request, after: Callable[[], None] | None) -> None:
        head = with_length(self._heads[state.phase.encoding], request.body)
        state.pool.send(head, request.body, lambda answer: self._answered(state, request, answer, after))

    def _answered(self, state: "_Running", request: Request, answer: Answer, after: Callable[[], None] | None) -> None:
        now, tally = time.perf_counter(), state.tally
        if answer.status in (0, 429, 503):
            tally.turned_away[answer.status] = tally.turned_away.get(answer.status, 0) + 1
            delay = max(answer.retry_after_seconds, 0.2)
            asyncio.get_running_loop().call_later(delay, self._post, state, request, after)
            return
        accepted, rejected = _ACCEPTED.search(answer.body), _REJECTED.search(answer.body)
        if answer.status != 200 or accepted is None or rejected is None or int(accepted[1]) != request.events:
            tally.problem = tally.problem or f"{answer.status}: {answer.body[:500].decode(errors='replace')}"
            tally.rejected += request.events
        else:
            tally.events_answered += request.events
            tally.unique += request.fresh
            if state.count_start <= request.due <= state.count_end:
                tally.latencies.append(now - request.due)
            if state.count_start <= now <= state.count_end:
                tally.events_counted += request.events
            if request.blocks:
                self._repeats.keep(request.blocks, now + state.phase.repeat_after_seconds)
            if request.probe and self._prober is not None:
                self._prober.answered(now)
            if self._id_file is not None:
                self._id_file.write(request.ids)
        if after is not None:
            after()
        state.answered()

    async def _watch(self, state: "_Running") -> None:
        """Say when the counted window opens and closes, so that a watcher can measure the same window."""
        await asyncio.sleep(max(0.0, state.count_start - time.perf_counter()))
        state.cpu_start = time.process_time()
        tell({"window": "open", "phase": state.phase.name})
        if state.phase.prepared:
            await state.over.wait()
            state.count_end = state.finished
        else:
            await asyncio.sleep(max(0.0, state.count_end - time.perf_counter()))
        state.cpu_end = time.process_time()
        tell({"window": "close", "phase": state.phase.name})

    def _report(self, state: "_Running", freshness: dict[str, Any] | None) -> dict[str, Any]:
        tally, seconds = state.tally, state.count_end - state.count_start
        whole = state.finished - state.start
        # Prepared bodies run out before the clock does: they count as a whole.
        rate = (tally.events_answered if state.phase.prepared else tally.events_counted) / seconds
        return {
            "phase": state.phase.name,
            "window_seconds": round(seconds, 3),
            "events_sent": tally.events_sent,
            "events_answered": tally.events_answered,
            "events_per_second": round(rate, 1),
            "requests": tally.requests,
            "requests_per_second": round(tally.requests / whole, 1),
            "unique": tally.unique,
            "unique_so_far": self.unique,
            "repeat_share": round(1 - tally.unique / tally.events_answered, 3) if tally.events_answered else 0.0,
            "rejected": tally.rejected,
            "turned_away": tally.turned_away,
            "problem": tally.problem,
            "answer_ms": spread([1000 * value for value in tally.latencies]),
            "generator_cpu_cores": round((state.cpu_end - state.cpu_start) / seconds, 3),
            "freshness": freshness,
        }


class _Running:
    """The moving parts of a phase."""

    def __init__(self, phase: Phase, tally: Tally, pool: Pool, now: float) -> None:
        self.phase, self.tally, self.pool = phase, tally, pool
        self.start = now + 0.05
        self.count_start, self.count_end = self.start + phase.count_from, self.start + phase.seconds
        self.finished = self.count_end
        self.outstanding = 0
        self.lanes = 0
        self.spare: list[Request] = []
        self.lanes_ended = asyncio.Event()
        self.over = asyncio.Event()
        self._drained = asyncio.Event()
        self._draining = False
        self.cpu_start = self.cpu_end = 0.0
        self._next_probe = self.start if phase.probes_per_second else float("inf")

    def probe_due(self, now: float) -> bool:
        """Whether the next body should carry a probe."""
        if now < self._next_probe:
            return False
        self._next_probe = max(self._next_probe + 1 / self.phase.probes_per_second, now)
        return True

    def lane_ended(self) -> None:
        """One of the lanes of a closed loop has nothing left to send."""
        self.lanes -= 1
        if self.lanes == 0:
            self.lanes_ended.set()

    def answered(self) -> None:
        """One request got its last answer."""
        self.outstanding -= 1
        if self._draining and self.outstanding == 0:
            self._drained.set()

    async def settle(self, limit_seconds: float = 60.0) -> None:
        """Wait until everything is answered."""
        self._draining = True
        try:
            if self.outstanding:
                async with asyncio.timeout(limit_seconds):
                    await self._drained.wait()
        except TimeoutError:
            self.tally.problem = self.tally.problem or f"{self.outstanding} requests were never answered"
        self.finished = time.perf_counter()


def spread(values: list[float]) -> dict[str, float]:
    """p50, p95, p99 and the greatest of `values`, and how many they are."""
    if not values:
        return {"count": 0}
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return {
        "p50": round(float(p50), 2),
        "p95": round(float(p95), 2),
        "p99": round(float(p99), 2),
        "max": round(max(values), 2),
        "count": len(values),
    }


def tell(message: dict[str, Any]) -> None:
    """One JSON line on standard output."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def _main(plan: dict[str, Any]) -> None:
    id_file = open(plan["id_file"], "wb") if plan.get("id_file") else None  # noqa: ASYNC230, SIM115
    generator = Generator(plan, id_file)
    gc.collect()
    gc.freeze()
    gc.disable()  # nothing here makes cycles that matter in a run of minutes
    tell({"ready": True, "mean_event_bytes": round(generator._factory.mean_bytes)})
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            tell(await generator.run(Phase(**json.loads(line))))
    finally:
        if id_file is not None:
            id_file.close()


if __name__ == "__main__":
    uvloop.run(_main(json.loads(sys.argv[1])))
