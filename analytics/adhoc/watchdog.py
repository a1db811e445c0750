"""Looks after queries that do not end when they are told to: single calls that no limit of the engine reaches.

The one thing to know: such a call can be waited for and nothing else. Embedded it takes the worker along: SQL goes off first, so that
there is no second one, and if it still has not ended the worker is to be started anew, once it is kept whose it was; of one that is
merely slow to end nothing is kept. On a server it keeps its place here, no more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from analytics.errors import AnalyticsError, LimitExceededError, SqlOffError, StoreError

LOOK_SECONDS = 0.25
SPARE_SECONDS = 1.0  # beyond a query's limit of time, for the engine to keep to it by itself
NOTE_SECONDS = 30.0  # without PostgreSQL the worker ends all the same
_log = structlog.get_logger("analytics.adhoc")


class Watched(Protocol):
    """What is looked after of a query."""

    @property
    def name(self) -> str:
        """Its id."""
        ...

    @property
    def over_time_seconds(self) -> float:
        """For how long the engine has been silent beyond the query's limit of time; below 0: it still has time."""
        ...

    @property
    def overdue_seconds(self) -> float:
        """For how long the engine has been silent since the query was killed; 0: it was not, or it has ended."""
        ...

    def kill(self, why: AnalyticsError) -> None:
        """End it, without waiting."""
        ...

    def give_up(self) -> None:
        """Answer whoever asked, without waiting for its end."""
        ...


W = TypeVar("W", bound=Watched)


class Watchdog(Generic[W]):
    """For one event loop."""

    def __init__(
        self, under_way: Callable[[], Sequence[W]], note: Callable[[W], Awaitable[None]], grace_seconds: float, *, embedded: bool
    ) -> None:
        """`grace_seconds`: how long after it was killed a query may take to end. `embedded`: its engine is this process.

        `note` keeps, durably, that a query did not end; where the engine is embedded it is called after twice the grace, just before the
        process has to end for it, until it raises no StoreError.
        """
        self._note = note
        self._unnoted: dict[str, W] = {}
        self._under_way = under_way
        self._grace_seconds = grace_seconds
        self._embedded = embedded
        self._stuck = frozenset[str]()
        self._lost = frozenset[str]()
        self.hopeless = False

    @property
    def stuck(self) -> int:
        """How many queries do not end."""
        return len(self._stuck)

    @property
    def reason(self) -> str | None:
        """What is wrong, as a sentence; None if nothing is."""
        if not self._stuck:
            return None
        return "A query does not end." if len(self._stuck) == 1 else f"{len(self._stuck)} queries do not end."

    @property
    def off(self) -> SqlOffError | None:
        """Why SQL may not run."""
        return SqlOffError(f"SQL is off: {self.reason}") if self._embedded and self._stuck else None

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def keep(self) -> None:
        """Keep what does not end, until cancelled."""
        said = False
        while True:
            for name, query in tuple(self._unnoted.items()):
                try:
                    if self._is_lost(query):  # else it has ended after all
                        await self._note(query)
                except StoreError as error:
                    if not said:
                        _log.error("a query that does not end cannot be kept yet", query_id=name, code=error.code)
                    said = True
                    continue
                except Exception as error:  # the worker must not stay for it
                    _log.error("a query that does not end is not kept", query_id=name, exc_info=error)
                self._unnoted.pop(name, None)
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Look once."""
        queries = self._under_way()
        for query in queries:
            if query.over_time_seconds > SPARE_SECONDS:
                query.kill(LimitExceededError("The query took longer than its limit of time.", limit="seconds"))
        overdue = [query for query in queries if query.overdue_seconds > self._grace_seconds]
        for query in overdue:
            if query.name not in self._stuck:
                _log.error("a query does not end", query_id=query.name, seconds=round(query.overdue_seconds, 1), sql_is_off=self._embedded)
                query.give_up()
        if self._stuck and not overdue:
            _log.info("no query is left that does not end")
        self._stuck = frozenset(query.name for query in overdue)
        lost = [query for query in overdue if self._embedded and self._is_lost(query)]
        self._unnoted.update((query.name, query) for query in lost if query.name not in self._lost)
        self._lost = frozenset(query.name for query in lost)
        self.hopeless = any(
            query.overdue_seconds > 2 * self._grace_seconds + (NOTE_SECONDS if query.name in self._unnoted else 0.0) for query in lost
        )

    def _is_lost(self, query: W) -> bool:
        """Whether the worker has to end for it."""
        return query.overdue_seconds > 2 * self._grace_seconds
