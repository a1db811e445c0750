"""Places for queries of analysts: so many at once in this process and of one caller, so many waiting, and no more.

The one thing to know: one project never takes all places, and a free one goes to whoever waits whose project runs the fewest, so one busy
project holds up nobody else.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from analytics.errors import AnalyticsError, RateLimitedError, ShuttingDownError


@dataclass(eq=False)
class _Waiting:
    project_id: str
    caller: str
    most: int
    query_id: str
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def has_entered(self) -> bool:
        """Whether its turn came."""
        return self.turn.done() and not self.turn.cancelled() and self.turn.exception() is None


class Places:
    """For one event loop."""

    def __init__(self, at_once: int, waiting: int, wait_seconds: float) -> None:
        self._at_once = at_once
        self._most_waiting = waiting
        self._wait_seconds = wait_seconds
        self._waiting: list[_Waiting] = []
        self._of_project: Counter[str] = Counter()
        self._of_caller: Counter[tuple[str, str]] = Counter()
        self._stopping = False

    @property
    def taken(self) -> int:
        """How many run."""
        return self._of_project.total()

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @asynccontextmanager
    async def taken_by(self, project_id: str, caller: str, most: int, query_id: str) -> AsyncGenerator[None]:
        """A place for this query as long as the block runs, `most` of one caller at once.

        Raises RateLimitedError if too many wait already, or none came free in time; ShuttingDownError at a stop.
        """
        await self._take(_Waiting(project_id, caller, most, query_id))
        try:
            yield
        finally:
            self._leave(project_id, caller)

    def cancel(self, project_id: str, query_id: str, why: AnalyticsError) -> bool:
        """Send away a query that waits; whether it did."""
        for one in self._waiting:
            if (one.project_id, one.query_id) == (project_id, query_id) and not one.turn.done():
                one.turn.set_exception(why)
                return True
        return False

    def stop(self) -> None:
        """Nobody gets in any more."""
        self._stopping = True
        for one in self._waiting:
            if not one.turn.done():
                one.turn.set_exception(ShuttingDownError("The service is stopping."))

    async def _take(self, wanted: _Waiting) -> None:
        if self._stopping:
            raise ShuttingDownError("The service is stopping.")
        if not self._waiting and self._fits(wanted):
            self._enter(wanted)
            return
        if len(self._waiting) >= self._most_waiting:
            raise RateLimitedError(f"{self._most_waiting} queries wait already.", retry_after_seconds=max(1, round(self._wait_seconds / 2)))
        self._waiting.append(wanted)
        self._next()
        try:
            async with asyncio.timeout(self._wait_seconds):
                await wanted.turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if wanted.has_entered:  # its turn came at the last moment
                self._leave(wanted.project_id, wanted.caller)
            if isinstance(error, TimeoutError):
                detail = f"No place came free within {self._wait_seconds:g} seconds: too many queries run."
                raise RateLimitedError(detail, retry_after_seconds=5) from None
            raise
        finally:
            if wanted in self._waiting:
                self._waiting.remove(wanted)

    def _fits(self, wanted: _Waiting) -> bool:
        return (
            self.taken < self._at_once
            and self._of_project[wanted.project_id] < max(1, self._at_once - 1)
            and self._of_caller[wanted.project_id, wanted.caller] < wanted.most
        )

    def _enter(self, wanted: _Waiting) -> None:
        self._of_project[wanted.project_id] += 1
        self._of_caller[wanted.project_id, wanted.caller] += 1

    def _leave(self, project_id: str, caller: str) -> None:
        self._of_project[project_id] -= 1
        self._of_caller[project_id, caller] -= 1
        self._of_project, self._of_caller = +self._of_project, +self._of_caller  # without those that run nothing any more
        self._next()

    def _next(self) -> None:
        while True:
            fitting = [one for one in self._waiting if not one.turn.done() and self._fits(one)]
            if not fitting:
                return
            chosen = min(fitting, key=lambda one: self._of_project[one.project_id])  # the first of the least
            self._enter(chosen)
            self._waiting.remove(chosen)
            chosen.turn.set_result(None)
