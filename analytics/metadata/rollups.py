"""Own rollups in PostgreSQL: what projects want, and how far it is. The tables themselves are looked after by rollups/keeping.py.

The one thing to know: a table of the pool belongs to its row for as long as that is there, also while it is dropped; the name is free at
once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from secrets import choice
from typing import Any

from psycopg.types.json import Jsonb

from analytics.clock import Clock
from analytics.domain.rollup import MOST_OF_PROJECT, Rollup, RollupState
from analytics.errors import ConflictError, LimitExceededError
from analytics.metadata.claims import SPACE, Job
from analytics.metadata.pool import Change, Database, Row, required
from analytics.metadata.secrets import make_id
from analytics.metadata.source_uses import require_unnamed
from analytics.statements import postgres


@dataclass(frozen=True, slots=True)
class WantedRollup:
    """One to be made."""

    name: str
    description: str
    sql: str
    plan: Mapping[str, Any]


class Rollups:
    """Those of all projects."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # ---- for people ------------------------------------------------------------------

    async def create(self, actor: str, project_id: str, wanted: WantedRollup, pool: Sequence[str]) -> Rollup:
        """A rollup to be built, in a table of `pool`. Raises ConflictError for a name that is taken, LimitExceededError without room."""
        rollup_id, now = make_id("ru"), self._clock.now()
        change = Change(actor, "rollup.create", rollup_id, project_id, after={"name": wanted.name})
        async with self._database.change(change) as connection:
            await connection.one(postgres("rollups")["lock"], space=SPACE, what=int(Job.ROLLUP_NAMES))
            count = await connection.one(postgres("rollups")["count"], project_id=project_id)
            if count is not None and count["rollups"] >= MOST_OF_PROJECT:
                raise LimitExceededError(f"A project has up to {MOST_OF_PROJECT} rollups.", limit="rollups")
            taken = {row["physical"] for row in await connection.all(postgres("rollups")["taken"])}
            free = [table for table in pool if table not in taken]
            if not free:
                raise LimitExceededError(f"This service keeps up to {len(pool)} rollups, and has them.", limit="rollups")
            await connection.run(postgres("rollups")["take_name"], project_id=project_id, name=wanted.name)
            await connection.run(
                postgres("rollups")["insert"],
                id=rollup_id,
                project_id=project_id,
                name=wanted.name,
                description=wanted.description,
                sql=wanted.sql,
                plan=Jsonb(dict(wanted.plan)),
                physical=choice(free),  # not the one that was given back last: a question may be waiting for its turn to read that
                created_by=actor,
                now=now,
            )
        return await self.find(project_id, wanted.name)

    async def find(self, project_id: str, name: str) -> Rollup:
        """The one of this name. Raises NotFoundError."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("rollups")["find"], project_id=project_id, name=name)
        return _rollup(required(row))

    async def page(self, project_id: str, after: tuple[str, str] | None, limit: int) -> list[Rollup]:
        """At most `limit` of a project, oldest first, after the key (created_at as ISO 8601, id)."""
        created_at, rollup_id = after or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("rollups")["page"], project_id=project_id, after_created_at=created_at, after_id=rollup_id, limit=limit
            )
        return [_rollup(row) for row in rows]

    async def turn(self, actor: str, project_id: str, name: str, state: RollupState, before: Sequence[RollupState]) -> Rollup:
        """Pause, resume or drop it. Raises NotFoundError, ConflictError: in none of the states `before`, or to be dropped but asked."""
        known = await self.find(project_id, name)
        change = Change(actor, f"rollup.{_VERBS[state]}", known.id, project_id, before={"name": name, "state": str(known.state)})
        async with self._database.change(change) as connection:
            turned = await connection.one(
                postgres("rollups")["turn"],
                id=known.id,
                state=str(state),
                reason=None,
                now=self._clock.now(),
                before=[str(one) for one in before],
            )
            if turned is None:
                raise ConflictError(f"The rollup is {known.state}.")
            if state is RollupState.DROPPING:
                await require_unnamed(connection, project_id, name)
                await connection.run(postgres("rollups")["leave_name"], project_id=project_id, name=name)
        return known if state is RollupState.DROPPING else await self.find(project_id, name)

    # ---- for who asks them ---------------------------------------------------------------

    async def named(self, project_id: str, names: Collection[str]) -> list[Rollup]:
        """Those of these names."""
        async with self._database.read() as connection:
            return [_rollup(row) for row in await connection.all(postgres("rollups")["named"], project_id=project_id, names=list(names))]

    # ---- for who keeps them ------------------------------------------------------------

    async def all(self) -> list[Rollup]:
        """Those of all projects, the dropped ones whose table may be there still included."""
        async with self._database.read() as connection:
            return [_rollup(row) for row in await connection.all(postgres("rollups")["all"])]

    async def fail(self, rollup: Rollup, reason: str) -> None:
        """Its view is gone, for this reason."""
        change = Change("service", "rollup.fail", rollup.id, rollup.project_id, after={"name": rollup.name, "reason": reason})
        async with self._database.change(change) as connection:
            before = [str(RollupState.BUILDING), str(RollupState.ACTIVE)]
            failed = await connection.one(
                postgres("rollups")["turn"], id=rollup.id, state="failed", reason=reason, now=self._clock.now(), before=before
            )
            if failed is None:
                connection.changes.clear()

    async def begin(self, rollup: Rollup, days: int) -> bool:
        """New events reach it, `days` are to be filled; whether it is still to be built."""
        async with self._database.bookkeeping() as connection:
            return await connection.one(postgres("rollups")["begin"], id=rollup.id, days=days) is not None

    async def fill(self, rollup: Rollup, filled_to: date, days_done: int) -> bool:
        """How far it is filled; whether it is still to be built."""
        async with self._database.bookkeeping() as connection:
            found = await connection.one(postgres("rollups")["fill"], id=rollup.id, filled_to=filled_to, days_done=days_done)
        return found is not None

    async def activate(self, rollup: Rollup) -> bool:
        """It is filled; whether it was still to be built."""
        change = Change("service", "rollup.activate", rollup.id, rollup.project_id, after={"name": rollup.name})
        async with self._database.change(change) as connection:
            found = await connection.one(postgres("rollups")["activate"], id=rollup.id, now=self._clock.now())
            if found is None:
                connection.changes.clear()
        return found is not None

    async def remove(self, rollup: Rollup) -> None:
        """Its table is gone: the row goes too, and the table's name is free."""
        async with self._database.bookkeeping() as connection:
            await connection.run(postgres("rollups")["remove"], id=rollup.id)

    # ---- for erasures --------------------------------------------------------------------

    async def of_project(self, project_id: str) -> list[Rollup]:
        """Those of a project, the dropped ones whose table may be there still included."""
        async with self._database.read() as connection:
            return [_rollup(row) for row in await connection.all(postgres("rollups")["of_project"], project_id=project_id)]

    async def clean(self) -> None:
        """Write the table anew, so that what was removed is not on disk any more."""
        await self._database.write_anew("rollups")

    async def drop(self, rollup: Rollup) -> None:
        """Drop one, whatever its state; `remove` it once its table is gone."""
        change = Change("service", "rollup.drop", rollup.id, rollup.project_id)
        async with self._database.change(change) as connection:
            before = [str(state) for state in RollupState if state is not RollupState.DROPPING]
            values = {"state": "dropping", "reason": None, "now": self._clock.now(), "before": before}
            if await connection.one(postgres("rollups")["turn"], id=rollup.id, **values) is None:
                connection.changes.clear()
            else:
                await connection.run(postgres("rollups")["leave_name"], project_id=rollup.project_id, name=rollup.name)


_VERBS = {
    RollupState.PAUSED: "pause",
    RollupState.BUILDING: "resume",
    RollupState.DROPPING: "drop",
}


def _rollup(row: Row) -> Rollup:
    return Rollup(state=RollupState(row.pop("state")), **row)
