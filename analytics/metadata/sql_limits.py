"""The limits of ad-hoc SQL that differ in a project, in PostgreSQL; remembered for a few seconds, since each query asks."""

import time
from collections import OrderedDict

from psycopg.types.json import Jsonb

from analytics.domain.access import Role
from analytics.domain.sql_policy import Changes
from analytics.metadata.pool import Change, Database
from analytics.statements import postgres

REMEMBERED_SECONDS = 5.0
_MOST_REMEMBERED = 10_000


class SqlLimitChanges:
    """What projects changed. For one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: OrderedDict[str, tuple[float, Changes]] = OrderedDict()

    async def of(self, project_id: str) -> Changes:
        """The changes of one project, a few seconds old at most. Raises MetadataUnavailableError."""
        known = self._remembered.get(project_id)
        if known is not None and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        async with self._database.read() as connection:
            rows = await connection.all(postgres("sql_limits")["of_project"], project_id=project_id)
        return self._remember(project_id, {Role(row["role"]): row["limits"] for row in rows})

    async def set(self, actor: str, project_id: str, changes: Changes) -> None:
        """Replace the changes of a project; none: as the service's settings say."""
        before = await self.of(project_id)
        change = Change(actor, "sql-limits.set", project_id, project_id, before=_plain(before), after=_plain(changes))
        async with self._database.change(change) as connection:
            await connection.run(postgres("sql_limits")["clear"], project_id=project_id)
            for role, limits in changes.items():
                await connection.run(postgres("sql_limits")["insert"], project_id=project_id, role=str(role), limits=Jsonb(dict(limits)))
        self._remember(project_id, changes)

    def _remember(self, project_id: str, changes: Changes) -> Changes:
        self._remembered[project_id] = (time.monotonic(), changes)
        self._remembered.move_to_end(project_id)
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return changes


def _plain(changes: Changes) -> dict[str, dict[str, float]]:
    return {str(role): dict(limits) for role, limits in changes.items()}
