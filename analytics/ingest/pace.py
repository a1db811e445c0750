"""How fast senders may go: a rate limit for each project, and slower answers while the warehouse falls behind.

Slowing answers down keeps events fresh under more load than the machine can take: senders that wait for their answers keep step. It is
never used while the warehouse is away, when waiting would help nobody: then events are taken until the spool is full.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from analytics.clock import Clock
from analytics.errors import RateLimitedError
from analytics.spool.spool import Spool

_BURST_SECONDS = 10
_LONGEST_WAIT_SECONDS = 2.0
_STEP_SECONDS = 0.01
# Events that waited this long, with as many behind them, mean that senders are faster than the warehouse: held back here, those that are
# taken stay fresh within a second whatever the machine can do.
_BEHIND_SECONDS = 0.8
_FEWEST_BEHIND = 5_000


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request that is held back."""

    project_id: str
    deadline: float
    may_go: "asyncio.Future[None]"


class Pace:
    """Rate limits and back-pressure of one node."""

    def __init__(
        self,
        spool: Spool,
        events_per_second: int,
        backlog_rows: int,
        warehouse_takes_events: Callable[[], bool],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._rate = events_per_second
        self._backlog_rows = backlog_rows
        self._warehouse_takes_events = warehouse_takes_events
        self._clock = clock
        self._monotonic = monotonic
        self._waiting: list[_Waiting] = []
        self._look_again: asyncio.Task[None] | None = None
        self._lock = threading.Lock()
        self._spent: dict[str, tuple[float, float]] = {}  # project -> (when, events above the rate by then)

    async def wait(self, project_id: str) -> None:
        """Hold a request back while its project has more than its share of the backlog, two seconds at most."""
        if not self._is_behind(project_id):
            return
        waiting = _Waiting(project_id, self._monotonic() + _LONGEST_WAIT_SECONDS, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._look_again is None or self._look_again.done():
            self._look_again = asyncio.create_task(self._let_go())
        await waiting.may_go

    async def _let_go(self) -> None:
        """One look for all that wait: as many sleepers as connections would cost more than their requests."""
        while self._waiting:
            await asyncio.sleep(_STEP_SECONDS)
            behind = {project_id: self._is_behind(project_id) for project_id in {waiting.project_id for waiting in self._waiting}}
            now = self._monotonic()
            for waiting in list(self._waiting):
                if not behind[waiting.project_id] or now >= waiting.deadline or waiting.may_go.done():
                    self._waiting.remove(waiting)
                    if not waiting.may_go.done():
                        waiting.may_go.set_result(None)

    def charge(self, project_id: str, events: int) -> None:
        """Count `events` against the project's rate. Raises RateLimitedError if its burst is used up; then nothing is counted."""
        now = self._monotonic()
        with self._lock:
            when, spent = self._spent.get(project_id, (now, 0.0))
            spent = max(0.0, spent - (now - when) * self._rate)
            if spent + events > self._rate * _BURST_SECONDS and spent > 0:
                wait = math.ceil((spent + events - self._rate * _BURST_SECONDS) / self._rate)
                raise RateLimitedError(f"More than {self._rate:,} events a second of this project.", retry_after_seconds=max(1, wait))
            self._spent[project_id] = (now, spent + events)

    def _is_behind(self, project_id: str) -> bool:
        waiting = self._spool.pending_rows()
        if waiting < _FEWEST_BEHIND or not self._warehouse_takes_events():
            return False
        oldest = self._spool.oldest_received_ms()
        if waiting <= self._backlog_rows and (oldest is None or self._clock.now_ms() - oldest < _BEHIND_SECONDS * 1000):
            return False
        own, projects = self._spool.pending_rows_of(project_id)
        return own > waiting // (projects + 1)
