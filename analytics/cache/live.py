"""Live counters: what happened in the last seconds and minutes, added up in Redis after each stored batch.

The writer's thread calls `record` after each batch and `tick` while it has none. The one thing to know: nothing here may break or hold up
the writer. When Redis is away a batch goes uncounted; when it is back the last minutes are counted anew from the warehouse, from the same
thread, so that no batch is stored but not yet recorded in that moment.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import msgspec
import numpy as np
import redis
import structlog

from analytics.cache.connection import Cache
from analytics.cache.live_batch import HashSet, LiveBatch, hash_array
from analytics.cache.scripts import script
from analytics.cache.sketch import sketch
from analytics.clock import Clock
from analytics.errors import AnalyticsError, CacheUnavailableError
from analytics.telemetry.metrics import Metrics

Outcome = Literal["counted", "repeat", "recounted", "lost"]

RECOUNT_SECONDS = 600
SESSION_WINDOW_SECONDS = 1_800
UNKNOWN_TOTAL = -(10**15)  # a day's count that can be added to and still says: not known
# What the sets of a batch may cost: a member costs Redis about half a microsecond, a sketch 30 microseconds.
_MOST_MEMBERS = 1_000  # a larger set travels as a sketch
_MOST_EXACT_MEMBERS = 8_000  # of all sets together, the smallest first; the rest are only estimated
_MOST_MEMBERS_BEYOND = 100  # and travel as a sketch if larger than this
_EXACT, _ESTIMATED, _SKETCH = 0, 1, 2
_CHECK_EVERY_SECONDS = 1.0
_RECOUNT_PAUSE_SECONDS = 15.0
_log = structlog.get_logger("analytics.live")


@dataclass(frozen=True, slots=True)
class Recounted:
    """The warehouse's own numbers.

    `batches` hold all events received since the asked-for minute began; `today` holds the events received since 00:00 UTC, by project,
    or None where that was too much to ask.
    """

    batches: Sequence[LiveBatch]
    today: Mapping[str, int] | None = None


Recount = Callable[[int, int], Recounted]
"""(first minute, now in Unix seconds) -> numbers. Called on the writer's thread; raises StoreError."""


class LiveCounters:
    """Adds stored batches to the counters in Redis. For one thread, the writer's."""

    def __init__(self, cache: Cache, clock: Clock, metrics: Metrics, recount: Recount | None = None) -> None:
        self._cache = cache
        self._clock = clock
        self._metrics = metrics
        self._recount = recount
        self._run = ""  # the running Redis that was counted into last
        self._stale = True  # batches may be missing: always so at the start
        self._uncounted: deque[str] = deque(maxlen=1_000)  # lost, or unsure whether counted
        self._next_check = 0.0
        self._next_recount = 0.0

    @property
    def stale(self) -> bool:
        """Whether batches may be missing, so that all is to be counted anew."""
        return self._stale

    def record(self, token: str, batches: Sequence[LiveBatch], may_recount: bool = True) -> Outcome:
        """Count a stored batch once, however often it is recorded with this `token`. Never raises for Redis or the warehouse.

        Without `may_recount` (the warehouse holds a part of another batch) a batch that comes while the counters are stale is lost until
        they are counted anew.
        """
        started = time.perf_counter()
        try:
            outcome = self._record(token, batches, may_recount)
        except CacheUnavailableError as error:
            outcome = "lost"
            if not self._stale:
                _log.warning("a batch goes uncounted in the live view", reason=error.detail)
        if outcome == "lost":
            self._stale = True
            self._uncounted.append(token)
        self._metrics.live_record_seconds.observe(time.perf_counter() - started)
        self._metrics.live_batches.labels(outcome).inc()
        return outcome

    def tick(self) -> None:
        """Count anew if that is due: for the writer while it has no batch. Cheap, at most one question to Redis a second. Never raises."""
        try:
            self._look()
            if self._stale:
                self._count_anew(None)
        except CacheUnavailableError:
            pass

    # ---- steps -----------------------------------------------------------

    def _record(self, token: str, batches: Sequence[LiveBatch], may_recount: bool) -> Outcome:
        self._look()
        if self._stale and not may_recount:
            return "lost"
        if self._stale and self._count_anew(token):
            return "recounted"
        members = _Members(batches)
        payload = msgspec.msgpack.encode((token, self._now(), [_project(batch, members) for batch in batches], "", ()))
        answer = self._run_script(payload, members)
        if answer == 2:  # emptied since the last look
            self._stale = True
            return "recounted" if may_recount and self._count_anew(token) else "lost"
        return "counted" if answer == 1 else "repeat"

    def _look(self) -> None:
        """Notice that Redis was restarted: what it holds may be old or nothing."""
        if time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + _CHECK_EVERY_SECONDS
        run, held = self._cache.call(_run_ids)
        if not self._run:
            self._run = run
        if run != self._run or held != run:
            self._run = run
            self._stale = True

    def _count_anew(self, token: str | None) -> bool:
        """Replace the last minutes by what the warehouse holds, `token`'s batch included; False if that is not possible now."""
        self._next_check = 0.0
        self._look()  # which Redis this is: it may have been restarted a moment ago
        if self._recount is None:
            return self._begin_empty()
        if time.monotonic() < self._next_recount:
            return False
        self._next_recount = time.monotonic() + _RECOUNT_PAUSE_SECONDS
        now = self._now()
        first_minute = (now - RECOUNT_SECONDS) // 60
        try:
            counted = self._recount(first_minute, now)
        except AnalyticsError as error:
            _log.warning("live counters could not be counted anew", reason=error.detail)
            return False
        tokens = [*self._uncounted, *([token] if token is not None else [])]
        minutes = range(first_minute, now // 60 + 1)
        members = _Members(counted.batches)
        projects = [_recounted_project(batch, members, minutes, now, counted.today) for batch in counted.batches]
        payload = msgspec.msgpack.encode(("", now, projects, self._run or "unknown", tokens))
        self._run_script(payload, members)
        self._stale = False
        self._uncounted.clear()
        self._next_recount = 0.0
        _log.info("live counters counted anew", projects=len(counted.batches))
        return True

    def _begin_empty(self) -> bool:
        """Without a warehouse to ask: go on with what is there."""
        run = self._run or "unknown"
        self._cache.call(lambda client: client.set("live:run", run))
        self._stale = False
        self._uncounted.clear()
        return False

    def _run_script(self, payload: bytes, members: "_Members") -> int:
        sets = bytes(members.data)
        return cast(int, self._cache.call(lambda client: script("record_live").run(client, payload, sets)))

    def _now(self) -> int:
        return self._clock.now_ms() // 1000


def _run_ids(client: redis.Redis) -> tuple[str, str]:
    """The id of the running Redis, and of the one the counters were last counted into ('' if none)."""
    pipe = client.pipeline(transaction=False)
    pipe.info("server")
    pipe.get("live:run")
    info, held = cast(tuple[Mapping[str, object], bytes | None], tuple(pipe.execute()))
    return str(info["run_id"]), (held or b"").decode()


def _project(batch: LiveBatch, members: "_Members") -> tuple[object, ...]:
    return (
        batch.project_id,
        list(batch.per_second.items()),
        [(minute, name, count) for (minute, name), count in batch.per_minute_events.items()],
        members.add(batch.users_by_minute),
        members.add(batch.sessions_by_minute),
        (),
        (),
    )


def _recounted_project(
    batch: LiveBatch, members: "_Members", minutes: range, now: int, today: Mapping[str, int] | None
) -> tuple[object, ...]:
    days = [(now // 86_400, UNKNOWN_TOTAL if today is None else today.get(batch.project_id, 0))]
    return (*_project(batch, members)[:5], list(minutes), days)


class _Members:
    """The sets of a batch, packed one after the other into `data`."""

    def __init__(self, batches: Sequence[LiveBatch]) -> None:
        self.data = bytearray()
        sizes = sorted(len(s) for batch in batches for sets in (batch.users_by_minute, batch.sessions_by_minute) for s in sets.values())
        total = np.cumsum([min(size, _MOST_MEMBERS) for size in sizes])
        within = int(np.searchsorted(total, _MOST_EXACT_MEMBERS, side="right"))
        self._most_exact = sizes[within] - 1 if within < len(sizes) and sizes[within] <= _MOST_MEMBERS else _MOST_MEMBERS

    def add(self, by_minute: Mapping[int, HashSet]) -> list[tuple[int, int, int, int]]:
        """Append each set, and say where and in which form it is (bytes counted from 1, as Lua does)."""
        entries: list[tuple[int, int, int, int]] = []
        for minute, hashes in by_minute.items():
            array = hash_array(hashes)
            if len(array) > _MOST_MEMBERS and len(np.unique(array[: 4 * _MOST_MEMBERS])) <= _MOST_MEMBERS:
                array = np.unique(array)  # only where it may help: sorting costs more than the sketch
            size = len(array)
            if size == 0:
                continue
            form = _EXACT if size <= self._most_exact else _ESTIMATED if size <= _MOST_MEMBERS_BEYOND else _SKETCH
            first = len(self.data) + 1
            self.data += sketch(array) if form == _SKETCH else array.astype("<u8").tobytes()
            entries.append((minute, first, len(self.data), form))
        return entries
