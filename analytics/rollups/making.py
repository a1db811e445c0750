"""Own rollups as people ask for them: checked, tried on the newest days, and handed to whoever keeps them.

The one thing to know: what is tried here is what would run on the way of every event, so it must be quick and make few groups.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio.to_thread

from analytics.domain.rollup import Rollup, RollupState
from analytics.errors import AnalyticsError, LimitExceededError, SqlOffError
from analytics.fence.failures import failure_of
from analytics.fence.rollup_shape import DAY, RollupShapes
from analytics.metadata.rollups import Rollups, WantedRollup
from analytics.rollups.plan import RollupPlan, make_plan
from analytics.rollups.tables import OwnTables
from analytics.warehouse.analyst_tables import SPARE_TABLES
from analytics.warehouse.client import Warehouse

GROUPS_A_DAY = 50_000
MICROSECONDS_AN_EVENT = 20.0
_TRIED_DAYS = 7
_TRIED_EVENTS = 1_000_000
_FREE_SECONDS = 10.0  # a machine may be busy
_TRIAL: Mapping[str, Any] = {
    "max_execution_time": 30,
    "max_memory_usage": 1_000_000_000,
    "max_rows_to_group_by": 1_000_000,
    "group_by_overflow_mode": "throw",
    "max_threads": 1,
}


class RollupMaker:
    """For one event loop. `changed` hears of each change; `shapes` is None where SQL is off."""

    def __init__(
        self,
        store: Rollups,
        warehouse: Warehouse,
        tables: OwnTables,
        shapes: RollupShapes | None,
        off: Callable[[], AnalyticsError | None],
        changed: Callable[[], None],
    ) -> None:
        self.store = store
        self._warehouse = warehouse
        self._tables = tables
        self._shapes = shapes
        self._off = off
        self._changed = changed

    async def make(self, actor: str, project_id: str, name: str, description: str, sql: str) -> Rollup:
        """A rollup that is being built. Raises SqlRefusedError, SqlFailedError, LimitExceededError, ConflictError, StoreError."""
        off = self._off()
        if off is not None or self._shapes is None:
            raise off or SqlOffError("SQL is off: nothing checks it.")
        shape = await anyio.to_thread.run_sync(self._shapes.read, sql, project_id)
        plan = await anyio.to_thread.run_sync(make_plan, self._warehouse, shape)
        await anyio.to_thread.run_sync(self._try, project_id, plan)
        wanted = WantedRollup(name, description, sql, plan.document())
        rollup = await self.store.create(actor, project_id, wanted, SPARE_TABLES)
        self._changed()
        return rollup

    async def pause(self, actor: str, project_id: str, name: str) -> Rollup:
        """Let no events reach it any more. Raises NotFoundError, ConflictError."""
        return await self._turn(actor, project_id, name, RollupState.PAUSED, (RollupState.BUILDING, RollupState.ACTIVE))

    async def resume(self, actor: str, project_id: str, name: str) -> Rollup:
        """Build it anew. Raises NotFoundError, ConflictError."""
        return await self._turn(actor, project_id, name, RollupState.BUILDING, (RollupState.PAUSED, RollupState.FAILED))

    async def drop(self, actor: str, project_id: str, name: str) -> None:
        """Its name is free at once, its table soon. Raises NotFoundError."""
        before = tuple(state for state in RollupState if state is not RollupState.DROPPING)
        await self._turn(actor, project_id, name, RollupState.DROPPING, before)

    async def _turn(self, actor: str, project_id: str, name: str, state: RollupState, before: Sequence[RollupState]) -> Rollup:
        rollup = await self.store.turn(actor, project_id, name, state, before)
        self._changed()
        return rollup

    def _try(self, project_id: str, plan: RollupPlan) -> None:
        """Compute the newest days. Raises SqlFailedError, LimitExceededError, StoreError."""
        days: list[str] = []
        events = 0
        for day, count in reversed(self._tables.event_days(project_id)):
            if days and (len(days) == _TRIED_DAYS or events + count > _TRIED_EVENTS):
                break
            days.append(day.isoformat())
            events += count
        text = f"SELECT {DAY}, count() AS groups FROM ({plan.fill}) GROUP BY {DAY} ORDER BY groups DESC LIMIT 1"  # noqa: S608 - of a checked tree
        begun = time.perf_counter()
        try:
            answer = self._warehouse.query(text, {"days": days}, lane="rollups", settings=_TRIAL)
        except AnalyticsError as error:
            raise error if error.__cause__ is None else failure_of(str(error.__cause__)) from error
        spent = time.perf_counter() - begun
        if answer.rows and answer.rows[0][1] > GROUPS_A_DAY:
            raise LimitExceededError(
                f"On {answer.rows[0][0]} it has {answer.rows[0][1]:,} groups; a rollup may have {GROUPS_A_DAY:,} a day.", limit="groups"
            )
        if spent > _FREE_SECONDS + events * MICROSECONDS_AN_EVENT / 1_000_000:
            raise LimitExceededError("It takes too long for each event to stand on the way of all of them.", limit="seconds")
