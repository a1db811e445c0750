"""Records of questions and refusals, which come too often for a transaction each: gathered in memory and written together, each second.

The one thing to know: these may be lost, the last second with the process, and the oldest when PostgreSQL is away for so long that the
queue is full. How many were dropped is then itself recorded. Reads of personal data never go this way. Refusals, which anybody can cause
as often as they like, are counted: those of one second that are alike are one record that says how many.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from analytics.audit.log import Change
from analytics.audit.origin import Origin, current_origin
from analytics.background import running
from analytics.clock import Clock
from analytics.errors import AnalyticsError, StoreError
from analytics.metadata.audit_trail import AuditTrail

FLUSH_SECONDS = 1.0
MAX_WAITING = 10_000
WRITE_AT_ONCE = 1_000
MAX_ALIKE = 20  # kinds of refusals told apart in a second; the rest are counted by action alone
_log = structlog.get_logger("analytics.audit")

_Waiting = tuple[Change, Origin, datetime]


@dataclass(slots=True)
class _Counted:
    """Refusals that are alike: the first of them, and how many."""

    change: Change
    origin: Origin
    at: datetime
    times: int = 0


class AuditQueue:
    """For one event loop."""

    def __init__(self, trail: AuditTrail, clock: Clock, max_waiting: int = MAX_WAITING) -> None:
        self._trail = trail
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._max_waiting = max_waiting
        self._dropped = 0
        self._counted: dict[tuple[str | None, ...], _Counted] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def dropped(self) -> int:
        """How many were dropped and not recorded as dropped yet."""
        return self._dropped

    def add(self, change: Change) -> None:
        """Record `change` within about a second. Never waits; the oldest goes if there is no room."""
        self._waiting.append((change, current_origin(), self._clock.now()))
        self._trim()

    def count(self, change: Change) -> None:
        """Record that `change` was refused, with `after.times`: together with all that are alike and come before the next flush."""
        origin = current_origin()
        kind = (change.action, change.actor, change.target, change.project_id, origin.address)
        if kind not in self._counted and len(self._counted) >= MAX_ALIKE:
            change, origin, kind = Change("service", change.action), Origin(), (change.action,)
        counted = self._counted.setdefault(kind, _Counted(change, origin, self._clock.now()))
        counted.times += 1

    async def flush(self) -> None:
        """Write what waits. Raises MetadataUnavailableError; then it waits on."""
        if self._dropped:
            dropped = self._dropped
            await self._trail.record(Change("service", "audit.dropped", after={"records": dropped}))
            self._dropped -= dropped
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(WRITE_AT_ONCE, len(self._waiting)))]
            try:
                await self._trail.write([self._trail.row(*waiting) for waiting in taken])
            except (StoreError, asyncio.CancelledError):
                self._waiting.extendleft(reversed(taken))
                self._trim()
                raise
            except AnalyticsError as error:  # would never be taken, and must not hold up the rest
                self._dropped += len(taken)
                _log.error("records of questions were refused", records=len(taken), code=error.code, detail=error.detail)
        await self._flush_counted()

    async def _flush_counted(self) -> None:
        taken, self._counted = self._counted, {}
        told = [(replace(one.change, after={"times": one.times}), one.origin, one.at) for one in taken.values()]
        try:
            if told:
                await self._trail.write([self._trail.row(*one) for one in told])
        except (StoreError, asyncio.CancelledError):
            for kind, later in self._counted.items():
                taken.setdefault(kind, replace(later, times=0)).times += later.times
            self._counted = taken
            raise
        except AnalyticsError as error:
            _log.error("records of refusals were refused", records=len(told), code=error.code, detail=error.detail)

    async def run(self) -> None:
        """Flush each second until cancelled."""
        away = False
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
                away = False
            except Exception as error:  # whatever it is, the next second may be better
                if not away:
                    _log.warning("records of questions wait: PostgreSQL is away", waiting=len(self), error=str(error)[:300])
                away = True

    def _trim(self) -> None:
        while len(self._waiting) > self._max_waiting:
            self._waiting.popleft()
            self._dropped += 1


@asynccontextmanager
async def open_audit_queue(trail: AuditTrail, clock: Clock) -> AsyncGenerator[AuditQueue]:
    """A queue that is flushed each second, and once more at the end."""
    queue = AuditQueue(trail, clock)
    try:
        async with running(queue.run(), "audit-queue"):
            yield queue
    finally:
        with suppress(StoreError):
            await queue.flush()
