"""SQL that people and tokens ask for: limited by their role, kept in the history, run through the door.

The one thing to know: what is refused is kept and audited like what runs, with the code that says why.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

from analytics.adhoc.door import CheckedSql, RunningSql, SqlDoor, WantedSql, finished
from analytics.adhoc.formats import Format
from analytics.adhoc.names import Face
from analytics.adhoc.tool_format import ToolFormat
from analytics.cache.rate_limit import RateLimits
from analytics.clock import Clock
from analytics.domain.access import Principal, Role
from analytics.domain.project import Project
from analytics.domain.sql_policy import Changes, SqlPolicy, lowered, policies, role_of
from analytics.errors import (
    AnalyticsError,
    LimitExceededError,
    MetadataUnavailableError,
    NotFoundError,
    QueryCancelledError,
    RequestError,
    StoreError,
)
from analytics.metadata.saved_queries import SavedQueries
from analytics.metadata.sql_history import SqlEnd, SqlHistory, SqlQuery, SqlStatus
from analytics.metadata.sql_limits import SqlLimitChanges
from analytics.metadata.sql_suspensions import HungQuery, SqlSuspensions
from analytics.query.result import Meta, Source

_log = structlog.get_logger("analytics.adhoc")
CANCELS_SECONDS = 0.5
_ROLLUPS = frozenset({"events"})


@dataclass(frozen=True, slots=True)
class AskedSql:
    """One question of one caller.

    `source` says in the history by which door it came. `meant` is run in the place of `sql`, where that is not SQL that is run as it is.
    `limits` may lower those of the caller, by name; `writing` says how the engine writes values (fence/limits.py). `refused`: why it is not
    even checked.
    """

    query_id: str
    project: Project
    principal: Principal
    actor: str
    sql: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    format: Format | ToolFormat = Format.JSON
    max_rows: int | None = None
    explain: bool = False
    source: str | None = None
    meant: str | None = None
    face: Face | None = None
    limits: Mapping[str, float] = field(default_factory=dict[str, float])
    writing: Mapping[str, int | str] = field(default_factory=dict[str, int | str])
    refused: RequestError | None = None


class AdhocQueries:
    """For one event loop."""

    def __init__(
        self,
        door: SqlDoor,
        history: SqlHistory,
        limits: SqlLimitChanges,
        suspensions: SqlSuspensions,
        saved: SavedQueries,
        settings: Changes,
        rates: RateLimits,
        clock: Clock,
    ) -> None:
        """`settings`: what the service's settings change about the default limits."""
        self.door = door
        self.history = history
        self.limits = limits
        self.suspensions = suspensions
        self.saved = saved
        self._settings = settings
        self._rates = rates
        self._clock = clock
        self._open: set[tuple[str, str]] = set()
        self._doomed: set[tuple[str, str]] = set()

    async def policies(self, project: Project) -> Mapping[Role, SqlPolicy]:
        """The limits of each role in a project. Raises MetadataUnavailableError."""
        return policies(self._settings, await self.limits.of(project.id))

    async def policy(self, principal: Principal, project: Project) -> SqlPolicy:
        """The limits of one caller. Raises MetadataUnavailableError."""
        return (await self.policies(project))[role_of(principal, project)]

    async def charge(self, project: Project, caller: str, policy: SqlPolicy) -> None:
        """Count a query against what its caller may ask an hour. Raises OverRateError."""
        await self._rates.charge_hour("SQL queries", f"{project.id} {caller}", policy.queries_per_hour)

    async def require_named_allowed(self, project: Project, names: Collection[str], caller: str | None = None) -> None:
        """Raises SqlSuspendedError where a saved query behind `names`, or whoever wrote it, or `caller`, is suspended."""
        if names:
            written = await self.saved.written(project.id, names)
            callers = {author for author, _ in written} | ({caller} if caller is not None else set())
            await self.suspensions.require_none(project.id, callers, *(text for _, text in written))

    @asynccontextmanager
    async def running(self, asked: AskedSql) -> AsyncGenerator[RunningSql]:
        """`asked` under way as long as the block runs; what becomes of it is kept.

        Raises SqlRefusedError, SqlSuspendedError, InvalidRequestError, RateLimitedError, ConflictError for an id that was used, StoreError.
        """
        self.door.require_on()
        project = asked.project
        await self.suspensions.require_none(project.id, [asked.actor], asked.sql)
        policy = await self.policy(asked.principal, project)
        await self.charge(project, asked.actor, policy)
        checked = await self._checked(asked)
        await self.require_named_allowed(project, checked.named)
        wanted = WantedSql(
            asked.query_id,
            project.id,
            asked.actor,
            lowered(policy, asked.limits),
            checked,
            asked.format,
            asked.max_rows,
            explain=asked.explain,
            author=asked.actor,
            statement=asked.sql,
            in_history=True,
            writing=asked.writing,
        )
        async with self.kept(wanted, self._kept(asked, checked.tables)) as query:
            yield query

    @asynccontextmanager
    async def kept(self, wanted: WantedSql, kept: SqlQuery) -> AsyncGenerator[RunningSql]:
        """`wanted` under way as long as the block runs, in the history as `kept`. Raises as `running`."""
        await self.history.begin(kept)
        query: RunningSql | None = None
        failure: BaseException | None = None
        key = (wanted.project_id, wanted.query_id)
        self._open.add(key)
        try:
            async with self.door.running(wanted) as query:
                if key in self._doomed:  # before it was under way
                    query.kill()
                yield query
        except BaseException as error:
            failure = error
            raise
        finally:
            self._open.discard(key)
            self._doomed.discard(key)
            await finished(self._ended(key, query, failure))

    async def cancel(self, project: Project, query_id: str, actor: str | None) -> None:
        """Have a query of this actor end, of anybody if None; nothing to do if it ended. Waits for nothing. Raises NotFoundError."""
        kept = await self.history.find(project.id, query_id)
        if kept is None or (actor is not None and kept.actor != actor):
            raise NotFoundError
        if (project.id, query_id) in self._open:
            self._end(project.id, query_id)
        elif kept.status == "running":
            await self.history.ask_to_end(project.id, query_id)

    async def note_hung(self, query: RunningSql) -> None:
        """Keep that a query did not end, and suspend whose it was. Raises MetadataUnavailableError."""
        wanted = query.wanted
        if not wanted.statement:  # one of our own
            return
        query_id = wanted.query_id if wanted.in_history else await self._keep_hung(query)
        await self.suspensions.suspend(HungQuery(query_id, wanted.project_id, wanted.author, wanted.statement))

    async def _keep_hung(self, query: RunningSql) -> str:
        """Keep the question of a tile or an alert, which has no history else; its id there. Once, however often it is tried."""
        wanted = query.wanted
        kept = SqlQuery(
            id=wanted.query_id,
            project_id=wanted.project_id,
            actor=wanted.author or wanted.caller,
            started_at=self._clock.now() - timedelta(milliseconds=query.elapsed_ms),
            format=str(wanted.format),
            statement=wanted.statement,
            parameters=wanted.checked.parameters,
            tables=wanted.checked.tables,
            kind="sql.hung",
        )
        if await self.history.find(kept.project_id, kept.id) is None:
            await self.history.begin(kept)
        await self.history.end(kept.project_id, kept.id, SqlEnd("failed", LimitExceededError.code, query.elapsed_ms))
        return kept.id

    async def follow_cancels(self) -> None:
        """End what was cancelled in other processes, until cancelled itself."""
        while True:
            await asyncio.sleep(CANCELS_SECONDS)
            if going := self._open - self._doomed:
                with suppress(MetadataUnavailableError):
                    for key in await self.history.asked_to_end(going):
                        self._end(*key)

    def _end(self, project_id: str, query_id: str) -> None:
        self._doomed.add((project_id, query_id))
        self.door.cancel(project_id, query_id)

    async def _checked(self, asked: AskedSql) -> CheckedSql:
        try:
            if asked.refused is not None:
                raise asked.refused
            return await self.door.check(asked.meant or asked.sql, asked.params, asked.project.id, asked.face)
        except RequestError as refusal:
            await self.history.begin(self._kept(asked, ()), refused=refusal.code)
            raise

    def _kept(self, asked: AskedSql, tables: Sequence[str]) -> SqlQuery:
        return SqlQuery(
            id=asked.query_id,
            project_id=asked.project.id,
            actor=asked.actor,
            started_at=self._clock.now(),
            format="explain" if asked.explain else str(asked.format),
            statement=asked.sql,
            parameters=asked.params,
            tables=tables,
            kind="sql.explain" if asked.explain else "sql.run",
            source=asked.source,
        )

    async def _ended(self, key: tuple[str, str], query: RunningSql | None, failure: BaseException | None) -> None:
        failure = (query.failure if query is not None else None) or failure
        status: SqlStatus = "finished"
        code = None
        if failure is not None:
            by_hand = isinstance(failure, QueryCancelledError) or not isinstance(failure, AnalyticsError)
            status = "cancelled" if by_hand else "failed"
            code = failure.code if isinstance(failure, AnalyticsError) else "client-gone"
        end = SqlEnd(status, code)
        if query is not None:
            end = SqlEnd(
                status,
                code,
                query.elapsed_ms,
                query.rows_read,
                query.bytes_read,
                query.shape.rows,
                query.bytes_returned,
                query.shape.truncated,
            )
        try:
            await self.history.end(*key, end)
        except StoreError as error:  # the answer is what counts
            _log.warning("the end of a query could not be kept", query_id=key[1], code=error.code)


async def whole_body(query: RunningSql, most_bytes: int, too_large: str) -> bytes:
    """All that a query answers. Raises what it failed with, and beyond `most_bytes` LimitExceededError in the words of `too_large`."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in query.chunks():
        size += len(chunk)
        if size > most_bytes:
            raise LimitExceededError(too_large, limit="bytes_returned")
        chunks.append(chunk)
    return b"".join(chunks)


def meta_of(query: RunningSql) -> Meta:
    """How its answer came about, as far as it has."""
    return Meta(
        query_id=query.wanted.query_id,
        elapsed_ms=query.elapsed_ms,
        rows_read=query.rows_read,
        bytes_read=query.bytes_read,
        cached=False,
        data_as_of=query.data_as_of,
        source=source_of(query.wanted.checked.tables),
    )


def source_of(tables: Sequence[str]) -> Source:
    """`raw`, `rollup` or `mixed`, by the tables that were read."""
    kinds = {table in _ROLLUPS for table in tables}
    return "mixed" if len(kinds) > 1 else "rollup" if False in kinds else "raw"
