"""What SQL may ask: tables, columns, and samples of this project's own values, read through the same door as any query.

The one thing to know: samples are remembered for SAMPLES_SECONDS, those with persons in them apart from those without; an erasure makes
them forgotten.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import uuid4

from analytics.adhoc.door import SqlDoor, WantedSql
from analytics.adhoc.formats import Format
from analytics.adhoc.queries import AdhocQueries
from analytics.domain.access import Principal
from analytics.domain.project import Project
from analytics.errors import LimitExceededError, QueryTimeoutError
from analytics.fence.catalog import SqlCatalog, SqlTable
from analytics.query.catalog import PERSONAL
from analytics.statements import clickhouse

SAMPLES_SECONDS = 60.0
SAMPLED_ROWS = 20_000
SAMPLES = 5
SAMPLE_CHARACTERS = 100
_MOST_REMEMBERED = 200
# Beside the columns that name persons: what may hold anything.
PERSONAL_COLUMNS = PERSONAL | {
    "person",
    "properties",
    "context",
    "context_extra",
    "user_agent",
    "page_url",
    "page_path",
    "page_title",
    "referrer",
    "user_hash",
    "id_hash",
}


TableKind = Literal["built-in", "saved-query", "rollup"]


@dataclass(frozen=True, slots=True)
class SchemaColumn:
    """A column with what it holds here."""

    name: str
    type: str
    description: str
    personal: bool
    samples: Sequence[str]


@dataclass(frozen=True, slots=True)
class SchemaTable:
    """A table. `kind`: built-in, saved-query or rollup."""

    name: str
    description: str
    columns: Sequence[SchemaColumn]
    kind: TableKind = "built-in"


@dataclass(frozen=True, slots=True)
class SeenProperty:
    """A member of `properties`: the types its values have, and the share of sampled events that have it."""

    name: str
    types: Sequence[str]
    share: float


@dataclass(frozen=True, slots=True)
class Schema:
    """All of it."""

    tables: Sequence[SchemaTable]
    properties: Sequence[SeenProperty]


class SqlSchema:
    """Schemas of all projects. For one event loop; `forget` for any thread."""

    def __init__(self, queries: AdhocQueries, door: SqlDoor, catalog: SqlCatalog) -> None:
        self._queries = queries
        self._door = door
        self._catalog = catalog
        self._remembered: OrderedDict[tuple[str, bool], tuple[float, Schema]] = OrderedDict()

    async def of(self, project: Project, principal: Principal, actor: str, personal_data: bool) -> Schema:
        """The schema as this caller may see it. Raises as `SqlDoor.running`."""
        key = (project.id, personal_data)
        known = self._remembered.get(key)
        if known is not None and time.monotonic() - known[0] < SAMPLES_SECONDS:
            return known[1]
        self._door.require_on()
        tables = [await self._table(table, project, principal, actor, personal_data) for table in self._catalog.tables.values()]
        schema = Schema(tables, await self._properties(project, principal, actor))
        self._remembered[key] = (time.monotonic(), schema)
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return schema

    def held(self, project_id: str) -> int:
        """How many samples of a project are remembered that may show persons."""
        return sum(key[0] == project_id for key in tuple(self._remembered))

    def forget(self, project_id: str) -> None:
        """Remember nothing of a project."""
        for personal_data in (True, False):
            self._remembered.pop((project_id, personal_data), None)

    async def _table(self, table: SqlTable, project: Project, principal: Principal, actor: str, personal_data: bool) -> SchemaTable:
        shown = [column for column in table.columns if personal_data or column.name not in PERSONAL_COLUMNS]
        day = next((f"WHERE {name} >= today() - 7" for name in ("date", "local_date") if table.column(name)), "")
        values = ", ".join(
            f"groupUniqArray({SAMPLES + 1})(substring(toString(`{column.name}`), 1, {SAMPLE_CHARACTERS}))" for column in shown
        )
        names = ", ".join(f"`{column.name}`" for column in shown)
        # What is summed is read whole before a row of it is known: of such tables only the last days.
        span = day if table.summed else ""
        # The catalogue's own names, nobody's values.
        sql = f"SELECT {values} FROM (SELECT {names} FROM {table.name} {span} LIMIT {SAMPLED_ROWS})"  # noqa: S608
        rows = await self._ask(sql, project, principal, actor)
        samples = dict(zip((column.name for column in shown), rows[0] if rows else (), strict=False))
        return SchemaTable(
            table.name,
            table.description,
            [
                SchemaColumn(
                    column.name,
                    column.type,
                    column.description,
                    column.name in PERSONAL_COLUMNS,
                    sorted(str(value) for value in samples.get(column.name, ()) if value != "")[:SAMPLES],
                )
                for column in table.columns
            ],
        )

    async def _properties(self, project: Project, principal: Principal, actor: str) -> list[SeenProperty]:
        rows = await self._ask(clickhouse("adhoc/properties").text(), project, principal, actor)
        return [SeenProperty(str(name), sorted(map(str, types)), round(float(share), 4)) for name, types, share in rows]

    async def _ask(self, sql: str, project: Project, principal: Principal, actor: str) -> list[list[Any]]:
        """Rows of a question of our own, which passes the fence like any other; none if it costs too much."""
        policy = await self._queries.policy(principal, project)
        checked = await self._door.check(sql, {})
        wanted = WantedSql(uuid4().hex, project.id, actor, replace(policy, seconds=min(10.0, policy.seconds)), checked, Format.JSON)
        try:
            async with self._door.running(wanted) as query:
                body = b"".join([chunk async for chunk in query.chunks()])
        except (LimitExceededError, QueryTimeoutError):
            return []
        return json.loads(b"[" + body + b"]")
