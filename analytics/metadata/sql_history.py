"""The SQL that was run, in PostgreSQL: who, what, how it ended and what it cost.

The one thing to know: a query is kept, and audited in the same transaction, before it runs; of its text the audit has a keyed hash only.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg.types.json import Jsonb

from analytics.audit.names import AuditNames
from analytics.clock import Clock
from analytics.errors import MetadataUnavailableError
from analytics.metadata.pool import Change, Connection, Database
from analytics.metadata.storable import storable
from analytics.statements import postgres

SqlStatus = Literal["running", "finished", "failed", "refused", "cancelled"]
LOST_AFTER = timedelta(hours=24)
_MENTIONS_A_ROUND = 500
_MOST_CONNECTIONS = 2  # of those of the pool; sign-in and dashboards need some, too
_PLACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SqlQuery:
    """One query as it began. `statement` and `parameters` are what was sent, or, where `source` says by what name it went, what was saved.

    `kind` is that of the audit; None: its run is in the audit by that name.
    """

    id: str
    project_id: str
    actor: str
    started_at: datetime
    format: str
    statement: str
    parameters: Mapping[str, Any]
    tables: Sequence[str] = ()
    kind: str | None = "query.sql"
    source: str | None = None


@dataclass(frozen=True, slots=True)
class SqlEnd:
    """How it ended. `code` is that of the problem, None if it went well."""

    status: SqlStatus
    code: str | None = None
    elapsed_ms: int = 0
    rows_read: int = 0
    bytes_read: int = 0
    rows_returned: int = 0
    bytes_returned: int = 0
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class KeptSqlQuery:
    """One query as it is kept. `statement` is None once an erased person was found in it."""

    id: str
    actor: str
    started_at: datetime
    finished_at: datetime | None
    status: SqlStatus
    code: str | None
    format: str
    statement: str | None
    parameters: Mapping[str, Any] | None
    tables: Sequence[str]
    elapsed_ms: int
    rows_read: int
    bytes_read: int
    rows_returned: int
    bytes_returned: int
    truncated: bool
    source: str | None = None


class SqlHistory:
    """Queries of all projects. Methods raise MetadataUnavailableError."""

    def __init__(self, database: Database, names: AuditNames, clock: Clock) -> None:
        self._database = database
        self._names = names
        self._clock = clock
        self._places = asyncio.Semaphore(_MOST_CONNECTIONS)

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None]:
        """One of a few places: who comes while the table is written anew waits here, and not with a connection of the pool."""
        try:
            async with asyncio.timeout(_PLACE_SECONDS):
                await self._places.acquire()
        except TimeoutError as error:
            raise MetadataUnavailableError("The history of SQL does not answer.") from error
        try:
            yield
        finally:
            self._places.release()

    async def begin(self, query: SqlQuery, refused: str | None = None) -> None:
        """Keep and (unless it has no `kind`) audit a query before it runs; `refused` is the code of what never will.

        Raises ConflictError if its id is taken.
        """
        if query.kind is None:
            async with self._place(), self._database.bookkeeping() as connection:
                await self._insert(connection, query, refused)
            return
        after: dict[str, Any] = {
            "text": self._names.subject(query.project_id, query.statement),
            "parameters": sorted(query.parameters),
            "tables": list(query.tables),
            "format": query.format,
        }
        if refused is not None:
            after["refused"] = refused
        async with (
            self._place(),
            self._database.change(Change(query.actor, query.kind, query.id, query.project_id, after=after)) as connection,
        ):
            await self._insert(connection, query, refused)

    async def _insert(self, connection: Connection, query: SqlQuery, refused: str | None) -> None:
        await connection.run(
            postgres("sql_queries")["insert"],
            project_id=query.project_id,
            id=query.id,
            actor=query.actor,
            started_at=query.started_at,
            finished_at=None if refused is None else self._clock.now(),
            status="running" if refused is None else "refused",
            code=refused,
            format=query.format,
            sql_text=storable(query.statement),
            parameters=Jsonb(storable(dict(query.parameters))),
            tables=list(query.tables),
            source=query.source,
        )

    async def end(self, project_id: str, query_id: str, end: SqlEnd) -> None:
        """Keep how it ended."""
        async with self._place(), self._database.bookkeeping() as connection:
            await connection.run(
                postgres("sql_queries")["finish"],
                project_id=project_id,
                id=query_id,
                finished_at=self._clock.now(),
                status=end.status,
                code=end.code,
                elapsed_ms=end.elapsed_ms,
                rows_read=end.rows_read,
                bytes_read=end.bytes_read,
                rows_returned=end.rows_returned,
                bytes_returned=end.bytes_returned,
                truncated=end.truncated,
            )

    async def ask_to_end(self, project_id: str, query_id: str) -> None:
        """Have the process in which a query runs end it."""
        async with self._place(), self._database.bookkeeping() as connection:
            await connection.run(postgres("sql_queries")["ask_to_end"], project_id=project_id, id=query_id)

    async def asked_to_end(self, queries: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of `queries` (project and id) that are to end."""
        async with self._place(), self._database.read() as connection:
            rows = await connection.all(
                postgres("sql_queries")["asked_to_end"],
                project_ids=[project_id for project_id, _ in queries],
                ids=[query_id for _, query_id in queries],
            )
        return [(row["project_id"], row["id"]) for row in rows]

    async def find(self, project_id: str, query_id: str) -> KeptSqlQuery | None:
        """The query of this project with this id."""
        async with self._place(), self._database.read() as connection:
            row = await connection.one(postgres("sql_queries")["find"], project_id=project_id, id=query_id)
        return KeptSqlQuery(**row) if row else None

    async def page(self, project_id: str, actor: str | None, before: tuple[str, str] | None, limit: int) -> list[KeptSqlQuery]:
        """At most `limit`, newest first, of one actor or (None) of all, after the key (started_at as ISO 8601, id)."""
        started_at, query_id = before or (None, None)
        async with self._place(), self._database.read() as connection:
            rows = await connection.all(
                postgres("sql_queries")["page"],
                project_id=project_id,
                actor=actor,
                before_started_at=started_at,
                before_id=query_id,
                limit=limit,
            )
        return [KeptSqlQuery(**row) for row in rows]

    async def mentioning(self, project_id: str, words: Sequence[str]) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Id, statement and parameters of all queries in which one of `words` stands somewhere."""
        found: list[tuple[str, str, Mapping[str, Any]]] = []
        after = ""
        while True:
            async with self._place(), self._database.read() as connection:
                rows = await connection.all(
                    postgres("sql_queries")["mentioning"],
                    project_id=project_id,
                    words=[storable(word) for word in words],
                    after=after,
                    limit=_MENTIONS_A_ROUND,
                )
            found += [(row["id"], row["statement"] or "", row["parameters"] or {}) for row in rows]
            if len(rows) < _MENTIONS_A_ROUND:
                return found
            after = rows[-1]["id"]

    async def empty(self, project_id: str, ids: Sequence[str]) -> None:
        """Take away text and parameters of these queries, from the disk too."""
        async with self._place(), self._database.bookkeeping() as connection:
            await connection.run(postgres("sql_queries")["empty"], project_id=project_id, ids=list(ids))
        await self._database.write_anew("sql_queries")

    async def prune(self, older_than: timedelta) -> int:
        """Forget what began longer ago than that, and end what its process left behind; how many are gone."""
        now = self._clock.now()
        async with self._place(), self._database.bookkeeping() as connection:
            await connection.run(postgres("sql_queries")["end_lost"], now=now, before=now - LOST_AFTER)
            return await connection.run(postgres("sql_queries")["prune"], before=now - older_than)
