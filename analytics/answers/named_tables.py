"""The names that a project gave itself for tables, as they stand in the schema: saved queries in SQL and rollups, with their columns.

The one thing to know: the columns of a saved query are the engine's own word, asked each time, since they change with whatever it reads.
Even where no row is asked for the engine works out what is constant: so this is a door of SQL as any, and whoever wrote the text answers.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

from analytics.adhoc.door import WantedSql
from analytics.adhoc.formats import Format
from analytics.adhoc.queries import AdhocQueries
from analytics.adhoc.schema import SchemaColumn, SchemaTable
from analytics.domain.project import Project
from analytics.domain.question import QuestionKind
from analytics.domain.rollup import MOST_OF_PROJECT
from analytics.domain.sql_policy import SqlPolicy
from analytics.errors import LimitExceededError, QueryTimeoutError, RequestError
from analytics.metadata.rollups import Rollups
from analytics.metadata.saved_queries import SavedQuery

MOST_QUERIES = 100
_LONGEST_SECONDS = 5.0
_ALL_SECONDS = 20.0
_AT_ONCE = 2


class NamedTables:
    """Those of all projects. For one event loop."""

    def __init__(self, queries: AdhocQueries, rollups: Rollups) -> None:
        self._queries = queries
        self._saved = queries.saved
        self._door = queries.door
        self._rollups = rollups

    async def listed(self, project: Project) -> list[SchemaTable]:
        """As `of`, the saved queries without columns. Raises StoreError."""
        saved = [SchemaTable(query.name, query.description, (), "saved-query") for query in await self._usable(project)]
        return [*await self._own_rollups(project), *saved]

    async def of(self, project: Project, caller: str, policy: SqlPolicy, only: str | None = None) -> list[SchemaTable]:
        """Rollups, and the first MOST_QUERIES saved queries that can stand in FROM; one that fails or comes too late has no columns.

        With `only` the one of that name, if there is one. Raises StoreError.
        """
        rollups = [table for table in await self._own_rollups(project) if only in (None, table.name)]
        usable = [query for query in await self._usable(project) if only in (None, query.name)]
        places = asyncio.Semaphore(_AT_ONCE)
        until = time.monotonic() + _ALL_SECONDS
        saved = await asyncio.gather(*(self._table(query, project, caller, policy, places, until) for query in usable))
        return [*rollups, *saved]

    async def _own_rollups(self, project: Project) -> list[SchemaTable]:
        return [
            SchemaTable(rollup.name, rollup.description, [_column(one["name"], one["type"]) for one in rollup.plan["columns"]], "rollup")
            for rollup in await self._rollups.page(project.id, None, MOST_OF_PROJECT)
        ]

    async def _usable(self, project: Project) -> list[SavedQuery]:
        return [
            query
            for query in await self._saved.page(project.id, "", 10 * MOST_QUERIES)
            if query.question.kind is QuestionKind.SQL and not query.question.required
        ][:MOST_QUERIES]

    async def _table(
        self, query: SavedQuery, project: Project, caller: str, policy: SqlPolicy, places: asyncio.Semaphore, until: float
    ) -> SchemaTable:
        columns: Sequence[SchemaColumn] = []
        async with places:
            if time.monotonic() < until:
                with suppress(RequestError, LimitExceededError, QueryTimeoutError):
                    columns = await self._columns(query, project, caller, policy)
        return SchemaTable(query.name, query.description, columns, "saved-query")

    async def _columns(self, saved: SavedQuery, project: Project, caller: str, policy: SqlPolicy) -> Sequence[SchemaColumn]:
        await self._queries.require_named_allowed(project, [saved.name], caller)
        checked = await self._door.check(f"SELECT * FROM `{saved.name}` LIMIT 0", {}, project.id)  # noqa: S608 - a name of a saved query
        wanted = WantedSql(
            uuid4().hex,
            project.id,
            caller,
            replace(policy, seconds=min(_LONGEST_SECONDS, policy.seconds)),
            checked,
            Format.JSON,
            author=saved.changed_by,
            statement=saved.question.sql,
        )
        async with self._door.running(wanted) as query:
            async for _ in query.chunks():
                pass
            return [_column(column.name, column.type) for column in query.shape.columns]


def _column(name: str, kind: str) -> SchemaColumn:
    return SchemaColumn(name, kind, "", False, ())
