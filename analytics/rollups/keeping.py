"""Brings the tables of own rollups to where PostgreSQL says they should be: builds, pauses, drops; tells PostgreSQL of those that failed.

Building: an empty table, then the view, and then the past, a few days at a time, each time with the writer between two batches. So an
event comes by the view or was there when its day was computed, and never counts by both. The one thing to know: each step may be broken
off anywhere and is done again, and of each rollup one step is done at a time, so that a large one keeps none waiting.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Protocol

import anyio.to_thread
import structlog

from analytics.background import woken
from analytics.clock import Clock
from analytics.domain.rollup import Rollup, RollupState
from analytics.errors import AnalyticsError, LimitExceededError, QueryTimeoutError, RequestError
from analytics.metadata.claims import Job, claimed
from analytics.metadata.pool import Database
from analytics.metadata.rollups import Rollups
from analytics.reconcile.months import Window
from analytics.reconcile.session import Hold, InterruptedRunError, Session
from analytics.rollups.feeds import OwnFeeds, reason_of
from analytics.rollups.plan import RollupPlan
from analytics.rollups.rebuild import Rebuild, chunks_of
from analytics.rollups.tables import OwnTable
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Warehouse
from analytics.warehouse.failures import is_at_fault

LOOK_SECONDS = 2.0
AGAIN_SECONDS = 5.0
MOST_ROWS = 20_000_000
MOST_GROUPS_A_DAY = 200_000  # one that was small when it was made may grow, within bounds
GOING = timedelta(days=2)
_LONGEST_REST = 2.0
_GONE = "Its view is gone, which nobody took away by way of this service."
_log = structlog.get_logger("analytics.rollups")


class Migrated(Protocol):
    """Whether the warehouse has its tables."""

    def is_set(self) -> bool: ...


class RollupKeeper:
    """One task of the event loop, in a process that has the writer, which `hold` pauses."""

    def __init__(
        self,
        store: Rollups,
        database: Database,
        warehouse: Warehouse,
        feeds: OwnFeeds,
        rebuild: Rebuild,
        hold: Hold,
        clock: Clock,
        changing: Callable[[str], AbstractContextManager[None]],
        metrics: Metrics,
    ) -> None:
        """Inside `changing(project)` nobody takes an answer from before, nor keeps one: a table's name may have been another rollup's."""
        self._store = store
        self._database = database
        self._warehouse = warehouse
        self._feeds = feeds
        self._tables = feeds.tables
        self._rebuild = rebuild
        self._hold = hold
        self._changing = changing
        self._clock = clock
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._failed: dict[str, str] = {}
        self._days: dict[str, Sequence[tuple[date, int]]] = {}
        self._cleaned = False
        self._looked_at: dict[str, int] = {}
        feeds.on_failure = self._note_failure

    def look_soon(self) -> None:
        """Something is asked for. For any thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self, migrated: Migrated) -> None:
        """Until cancelled."""
        while True:
            pause = LOOK_SECONDS
            try:
                if migrated.is_set() and await self.look():
                    pause = 0.0
            except (AnalyticsError, InterruptedRunError) as error:
                pause = AGAIN_SECONDS
                _log.warning("own rollups are looked after later", detail=str(error))
            except Exception as error:
                pause = AGAIN_SECONDS
                _log.error("own rollups are looked after later", exc_info=error)
            await woken(self._wake, pause)

    async def look(self) -> bool:
        """One step of each rollup that is not where it should be; whether one is being built. Raises StoreError."""
        rollups = await self._store.all()
        states = Counter(rollup.state for rollup in rollups)
        for state in RollupState:
            self._metrics.own_rollups.labels(str(state)).set(states[state])
        await self._tell_failures(rollups)
        async with claimed(self._database, Job.ROLLUPS) as claim:
            if claim is None:
                return False
            if not self._cleaned:
                await anyio.to_thread.run_sync(self._tables.drop_left_over)
            elif not rollups:
                return False
            self._cleaned = True
            tables = {table.table: table for table in await anyio.to_thread.run_sync(self._tables.all)}
            rollups = await self._store.all()
            known = {rollup.id for rollup in rollups}
            for name, table in tables.items():
                if table.rollup_id not in known:
                    await anyio.to_thread.run_sync(self._tables.drop, name)
            rows = await anyio.to_thread.run_sync(self._tables.rows)
            for rollup in rollups:
                await self._step(rollup, tables.get(rollup.physical), rows)
            return any(rollup.state is RollupState.BUILDING for rollup in rollups)

    # ---- steps ---------------------------------------------------------------------------

    async def _step(self, rollup: Rollup, table: OwnTable | None, rows: Mapping[str, int]) -> None:
        ended = rollup.state not in (RollupState.BUILDING, RollupState.ACTIVE)
        if table is not None and table.fed and (ended or table.failed):
            await anyio.to_thread.run_sync(self._unfeed, rollup.physical)
            table = replace(table, fed=False)
        if rollup.state is RollupState.DROPPING:
            await anyio.to_thread.run_sync(self._tables.drop, rollup.physical)
            await self._store.remove(rollup)
        elif ended:
            return
        elif table is not None and rows.get(rollup.physical, 0) > MOST_ROWS:
            await self._fail(rollup, table, f"It has more than {MOST_ROWS:,} rows.")
        elif table is not None and (reason := await self._too_wide(table, rows.get(rollup.physical, 0))) is not None:
            await self._fail(rollup, table, reason)
        elif rollup.state is RollupState.ACTIVE:
            if table is None or not table.fed:
                await self._store.fail(rollup, table.failed if table is not None and table.failed else _GONE)
        else:
            await self._build(rollup, table)

    async def _too_wide(self, table: OwnTable, rows: int) -> str | None:
        """Why it has too many groups a day, looked for whenever the number of rows has changed by much.

        One whose groups do not even fit into memory has too many: all the others must not wait for it, time and again.
        """
        if rows <= MOST_GROUPS_A_DAY or abs(rows - self._looked_at.get(table.table, 0)) < MOST_GROUPS_A_DAY // 10:
            return None
        day = None
        try:
            day = await anyio.to_thread.run_sync(self._tables.too_wide, table, MOST_GROUPS_A_DAY)
        except LimitExceededError as error:
            return reason_of(error)
        except QueryTimeoutError:  # the machine may only be busy
            _log.warning("the groups of an own rollup took too long to count", rollup=table.rollup_id)
        self._looked_at[table.table] = rows
        return None if day is None else f"On {day} it has more than {MOST_GROUPS_A_DAY:,} groups."

    async def _build(self, rollup: Rollup, table: OwnTable | None) -> None:
        try:
            if not rollup.begun or table is None or table.rollup_id != rollup.id:
                await self._begin(rollup)
            elif not table.fed:
                await self._store.fail(rollup, table.failed or _GONE)
            else:
                await self._go_on(rollup, table)
        except AnalyticsError as error:
            if not (isinstance(error, RequestError) or is_at_fault(error)):
                raise
            found = await anyio.to_thread.run_sync(self._tables.find, rollup.physical)
            reason = error.detail if isinstance(error, RequestError) else reason_of(error)
            if found is None or found.rollup_id != rollup.id:
                await self._store.fail(rollup, reason)
            else:
                await self._fail(rollup, found, reason)

    async def _begin(self, rollup: Rollup) -> None:
        """An empty table and its view: from here on only the past is missing."""
        plan = RollupPlan.of(rollup.plan)
        self._feeds.forget(rollup.id)
        self._looked_at.pop(rollup.physical, None)
        await anyio.to_thread.run_sync(self._make, rollup, plan)
        await anyio.to_thread.run_sync(self._feed, rollup.physical, plan)
        days = await anyio.to_thread.run_sync(self._tables.event_days, rollup.project_id)
        self._days[rollup.id] = days
        await self._store.begin(rollup, len(days))

    def _make(self, rollup: Rollup, plan: RollupPlan) -> None:
        with self._changing(rollup.project_id):
            self._tables.make(rollup.physical, rollup.id, rollup.project_id, plan)

    def _note_filled(self, table: OwnTable) -> None:
        with self._changing(table.project_id):
            self._tables.note_filled(table)

    def _unfeed(self, table: str) -> None:
        with self._hold():  # an insert under way would fail, and its batch be looked at table by table
            self._tables.unfeed(table)

    def _feed(self, table: str, plan: RollupPlan) -> None:
        with self._hold():
            self._tables.feed(table, plan)

    async def _go_on(self, rollup: Rollup, table: OwnTable) -> None:
        """The next days of the past, or, when there are none, a look at all of it."""
        days = self._days.get(rollup.id)
        if days is None:
            days = self._days[rollup.id] = await anyio.to_thread.run_sync(self._tables.event_days, rollup.project_id)
        left = [(day, events) for day, events in days if rollup.filled_to is None or day > rollup.filled_to]
        chunk = next(chunks_of(left), None)
        if chunk is not None:
            computed = await anyio.to_thread.run_sync(self._rebuild.compute, table, chunk.days)
            await self._store.fill(rollup, chunk.days[-1], len(days) - len(left) + len(chunk.days))
            await asyncio.sleep(min(_LONGEST_REST, 2 * computed.held_seconds))  # events have waited for so long
            return
        await self._compare(table, [day for day, _ in days])
        await anyio.to_thread.run_sync(self._note_filled, table)
        if await self._store.activate(rollup):
            _log.info("an own rollup is filled", rollup=rollup.id, project_id=rollup.project_id, days=len(days))
        self._days.pop(rollup.id, None)

    async def _compare(self, table: OwnTable, days: Sequence[date]) -> None:
        session = Session(self._warehouse, self._hold)
        going = (self._clock.now() + GOING).date()
        try:
            for window in windows_of(days):
                await anyio.to_thread.run_sync(partial(self._rebuild.repair, session, table, window, going))
        finally:
            session.stop()
            session.close()

    # ---- failures --------------------------------------------------------------------------

    async def _fail(self, rollup: Rollup, table: OwnTable, reason: str) -> None:
        await anyio.to_thread.run_sync(self._feeds.fail, table, reason)
        await self._store.fail(rollup, reason)

    def _note_failure(self, rollup_id: str, reason: str) -> None:
        def note() -> None:
            self._failed[rollup_id] = reason
            self._wake.set()

        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(note)

    async def _tell_failures(self, rollups: Sequence[Rollup]) -> None:
        for rollup in rollups:
            reason = self._failed.get(rollup.id)
            if reason is not None:
                await self._store.fail(rollup, reason)
        self._failed.clear()


def windows_of(days: Sequence[date]) -> list[Window]:
    """The months of some days, each from its first to its last of them."""
    months: dict[tuple[int, int], list[date]] = {}
    for day in days:
        months.setdefault((day.year, day.month), []).append(day)
    return [Window(min(of_month), max(of_month)) for of_month in months.values()]
