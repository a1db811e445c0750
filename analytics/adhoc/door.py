"""The one door for foreign SQL: check, bind, open an analyst's handle, stream.

Every question in SQL that did not come from our own files goes through `SqlDoor.running`. The one thing to know: a query has a thread of
its own, which ends before the block does, also when the reader leaves, so no handle outlives its question; but for one that does not end
though it was killed, which keeps its place.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import anyio.to_thread
import structlog

from analytics.adhoc.delivery import Delivery
from analytics.adhoc.formats import Format
from analytics.adhoc.names import Face, Names
from analytics.adhoc.parameters import bind
from analytics.adhoc.places import Places
from analytics.adhoc.reads import OwnRows, Sources, bytes_shown, rows_shown
from analytics.adhoc.tool_format import ToolFormat
from analytics.adhoc.tool_shape import shape_of
from analytics.domain.sql_policy import SqlPolicy
from analytics.errors import (
    AnalyticsError,
    LimitExceededError,
    QueryCancelledError,
    ShuttingDownError,
    SqlOffError,
    UnknownTableError,
    WarehouseUnavailableError,
)
from analytics.fence.analyst_door import AnalystDoor, AnalystHandle, TableEstimate
from analytics.fence.checked_query import PROJECT_PARAMETER, CheckedQuery
from analytics.fence.gate import Gate
from analytics.fence.limits import SqlLimits
from analytics.fence.named import NamedSource
from analytics.fence.server_words import NO_WORDS

STOP_SECONDS = 4.0
_log = structlog.get_logger("analytics.adhoc")


@dataclass(frozen=True, slots=True)
class CheckedSql:
    """A statement that may run: the canonical text, the names of its tables, its parameters as the engine's text.

    `named` are the saved queries and rollups among the names of its own text.
    """

    sql: str
    tables: tuple[str, ...]
    parameters: Mapping[str, str]
    sources: Sources
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedSql:
    """What is to run, for whom. `caller` shares one allowance of places; `explain` runs only the estimate of it.

    `author` wrote the `statement`, or gave its values, and answers for it if nothing ends it; None: nobody is known to have.
    `in_history`: it is kept already. `writing`: how the engine is to write values, by its settings (fence/limits.py).
    """

    query_id: str
    project_id: str
    caller: str
    policy: SqlPolicy
    checked: CheckedSql
    format: Format | ToolFormat
    max_rows: int | None = None
    explain: bool = False
    author: str | None = None
    statement: str = ""
    in_history: bool = False
    writing: Mapping[str, int | str] = field(default_factory=dict[str, int | str])


class RunningSql:
    """A query under way."""

    def __init__(self, wanted: WantedSql, door: AnalystDoor, documents: bool, data_as_of: datetime, own_rows: int | None) -> None:
        self.wanted = wanted
        self.own_rows = own_rows
        self.data_as_of = data_as_of
        self.shape = shape_of(wanted.format, wanted.max_rows, documents)
        self.rows_read = 0
        self.bytes_read = 0
        self.bytes_returned = 0
        self.estimates: Sequence[TableEstimate] = ()
        self.failure: BaseException | None = None
        self._door = door
        self._delivery = Delivery()
        self._handle: AnalystHandle | None = None
        self._cancelled: AnalyticsError | None = None
        self._lock = threading.Lock()
        self._started = time.perf_counter()
        self._ended: float | None = None
        self._killed: float | None = None
        self._asked: float | None = None  # since when the engine is waited for; None: it has answered, or was not asked yet
        self._thread = threading.Thread(target=self._work, name=f"sql-{wanted.query_id[:8]}", daemon=True)

    @property
    def has_ended(self) -> bool:
        """Whether the engine has let it go."""
        return self._ended is not None

    @property
    def elapsed_ms(self) -> int:
        """Until now, or until it ended."""
        return round(((self._ended or time.perf_counter()) - self._started) * 1000)

    @property
    def name(self) -> str:
        """Its id."""
        return self.wanted.query_id

    @property
    def over_time_seconds(self) -> float:
        """For how long the engine has been silent beyond the query's limit of time; below 0: it still has time."""
        return self._silent_since(self._started + self.wanted.policy.seconds) if self._cancelled is None else 0.0

    @property
    def overdue_seconds(self) -> float:
        """For how long the engine has been silent since the query was killed; 0: it was not, or it has ended."""
        return 0.0 if self._killed is None else max(0.0, self._silent_since(self._killed))

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body, as it comes. Raises what the query failed with, after what came before."""
        while (chunk := await self._delivery.take()) is not None:
            yield chunk

    def cancel(self, why: AnalyticsError | None = None) -> None:
        """Kill it; the reader is told `why`. From any thread; may wait for the engine a little."""
        with self._lock:
            if self._ended is not None or self._cancelled is not None:
                return
            self._cancelled = why or QueryCancelledError("The query was cancelled.")
            self._killed = time.perf_counter()
            handle = self._handle
        if handle is not None:
            handle.cancel()

    def kill(self, why: AnalyticsError | None = None) -> None:
        """`cancel`, without waiting for the engine."""
        threading.Thread(target=self.cancel, args=(why,), name=f"kill-{self.wanted.query_id[:8]}", daemon=True).start()

    def give_up(self) -> None:
        """Tell the reader why it was killed; its thread goes on until the engine lets it go."""
        self.failure = self._cancelled or WarehouseUnavailableError("The warehouse does not end the query.")
        self._delivery.end(self.failure)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    async def end(self) -> None:
        """Nobody reads any more: kill what still runs, and wait until its handle is closed, or it is given up."""
        self._delivery.leave()
        await anyio.to_thread.run_sync(self.cancel)
        await self._delivery.wait_ended()

    def join(self, seconds: float | None) -> bool:
        """Wait for the end of its thread, None: however long it takes; whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    # ---- its thread ------------------------------------------------------

    def _work(self) -> None:
        try:
            with closing(self._opened()) as handle:
                self._asked = time.perf_counter()
                with self._lock:
                    self._handle = handle
                    if self._cancelled is not None:
                        raise self._cancelled
                try:
                    self._stream(handle)
                finally:
                    with self._lock:
                        self._handle = None
                    self._count(handle)
        except BaseException as error:
            self.failure = self._cancelled or error
            if not isinstance(self.failure, AnalyticsError):
                _log.error("a query failed unforeseen", query_id=self.wanted.query_id, exc_info=error)
                self.failure = WarehouseUnavailableError("The warehouse did not answer the query.")
        if self.failure is None and self._cancelled is not None:
            self.failure = self._cancelled
        with self._lock:
            self._ended = time.perf_counter()
            self._asked = None
        self._delivery.end(self.failure)

    def _stream(self, handle: AnalystHandle) -> None:
        wanted = self.wanted
        # The checked text names no project: it is bound here and nowhere else.
        parameters = {**wanted.checked.parameters, PROJECT_PARAMETER: wanted.project_id}
        if wanted.explain:
            self.estimates = handle.estimate(wanted.checked.sql, parameters)
            return
        with closing(cast("Generator[bytes]", handle.stream(wanted.checked.sql, parameters, self.shape.engine_format))) as chunks:
            for chunk in self.shape.body(chunks):
                self._asked = None
                self.bytes_returned += len(chunk)
                if self.bytes_returned > wanted.policy.bytes_returned:
                    raise LimitExceededError(f"The answer is larger than {wanted.policy.bytes_returned:,} bytes.", limit="bytes_returned")
                if not self._delivery.put(chunk):
                    break
                self._asked = time.perf_counter()
        self._asked = time.perf_counter()  # closing takes the engine, too

    def _silent_since(self, moment: float) -> float:
        asked = self._asked
        return 0.0 if asked is None else time.perf_counter() - max(asked, moment)

    def _opened(self) -> AnalystHandle:
        wanted = self.wanted
        return self._door.open(wanted.project_id, wanted.query_id, engine_limits(wanted.policy, wanted.writing))

    def _count(self, handle: AnalystHandle) -> None:
        statistics, sources = handle.statistics, self.wanted.checked.sources
        self.rows_read = rows_shown(statistics.rows_read, sources, self.own_rows)
        self.bytes_read = bytes_shown(statistics.bytes_read, self.rows_read, sources)
        self.shape.rows = self.shape.rows or statistics.rows_returned  # of binary formats the shape counts none


class SqlDoor:
    """Runs foreign SQL. For one event loop. `off` says why it may not run at all, None if it may."""

    def __init__(
        self,
        gate: Gate | None,
        door: AnalystDoor | None,
        places: Places,
        watermark: Callable[[], datetime],
        own_rows: OwnRows,
        *,
        documents: bool,
        off: Callable[[], AnalyticsError | None],
        names: Names | None = None,
    ) -> None:
        """`documents`: each chunk of the engine is a document of its own (chDB). Without gate or door SQL must be `off`."""
        self._names = names
        self._gate = gate
        self._door = door
        self._places = places
        self._watermark = watermark
        self._own_rows = own_rows
        self._documents = documents
        self._off = off
        self._running: dict[tuple[str, str], RunningSql] = {}
        self._held: set[asyncio.Task[None]] = set()
        self._stopping = False

    def require_on(self) -> None:
        """Raises why foreign SQL is off."""
        off = self._off()
        if off is not None:
            raise off
        if self._stopping:
            raise ShuttingDownError("The service is stopping.")

    async def check(self, sql: str, values: Mapping[str, Any], project_id: str | None = None, face: Face | None = None) -> CheckedSql:
        """The statement if it may run with these values; the names of this project's saved queries and rollups count as tables in it.

        With a `face` what it has counts, too.

        Raises SqlRefusedError, InvalidRequestError, or MetadataUnavailableError if what a name stands for cannot be known.
        """
        return with_bound(await self.checked(sql, project_id, face=face), values)

    async def checked(
        self,
        sql: str,
        project_id: str | None = None,
        drafts: Mapping[str, NamedSource] | None = None,
        face: Face | None = None,
    ) -> CheckedQuery:
        """The statement if it may run, its parameters still without values. `drafts` stand in the place of what has their names.

        Raises as `check`.
        """
        self.require_on()
        gate = self._gate
        if gate is None:
            raise SqlOffError("SQL is off: nothing checks it.")
        words = NO_WORDS if face is None else face.words
        try:
            return await anyio.to_thread.run_sync(gate.check, sql, None, words)
        except UnknownTableError:
            if self._names is None or project_id is None:
                raise
            wanted = await anyio.to_thread.run_sync(gate.unknown_names, sql, words)
            named = {**await self._names.of(project_id, wanted), **(drafts or {})}
            if face is not None:
                named |= await face.tables(wanted)
            if not named:
                raise
        return await anyio.to_thread.run_sync(gate.check, sql, named, words)

    @asynccontextmanager
    async def running(self, wanted: WantedSql) -> AsyncGenerator[RunningSql]:
        """`wanted` under way as long as the block runs.

        Raises RateLimitedError if no place comes free, ShuttingDownError, WarehouseUnavailableError.
        """
        self.require_on()
        if self._door is None:
            raise SqlOffError("SQL is off: nothing runs it.")
        async with AsyncExitStack() as held:
            await held.enter_async_context(
                self._places.taken_by(wanted.project_id, wanted.caller, wanted.policy.concurrency, wanted.query_id)
            )
            own_rows = await self._own_rows.of(wanted.project_id) if wanted.checked.tables else None
            self.require_on()
            query = RunningSql(wanted, self._door, self._documents, self._watermark(), own_rows)
            self._running[wanted.project_id, wanted.query_id] = query
            held.callback(self._running.pop, (wanted.project_id, wanted.query_id))
            query.start()
            try:
                yield query
            finally:
                try:
                    await finished(query.end())
                finally:
                    if not query.has_ended:  # it was given up: its place is free once the engine lets it go
                        task = asyncio.create_task(_held_until_over(query, held.pop_all()), name=f"stuck-{query.name[:8]}")
                        self._held.add(task)
                        task.add_done_callback(self._held.discard)

    def cancel(self, project_id: str, query_id: str) -> bool:
        """Kill a query that runs or waits in this process, without waiting for its end; whether there was one."""
        query = self._running.get((project_id, query_id))
        if query is None:
            return self._places.cancel(project_id, query_id, QueryCancelledError("The query was cancelled while it waited."))
        query.kill()
        return True

    @property
    def under_way(self) -> Sequence[RunningSql]:
        """All that run in this process."""
        return tuple(self._running.values())

    def stop(self) -> None:
        """Kill all that runs and let nothing new begin. For the event loop."""
        self._stopping = True
        self._places.stop()
        for query in self.under_way:
            query.kill(ShuttingDownError("The service is stopping."))

    def close(self) -> None:
        """After `stop`: wait until no query is left. For another thread than the event loop's."""
        deadline = time.monotonic() + STOP_SECONDS
        for query in self.under_way:
            if not query.join(max(0.0, deadline - time.monotonic())):
                _log.error("a query does not end", query_id=query.wanted.query_id)
                query.give_up()


async def _held_until_over(query: RunningSql, held: AsyncExitStack) -> None:
    async with held:
        await anyio.to_thread.run_sync(query.join, None, abandon_on_cancel=True)


def with_bound(checked: CheckedQuery, values: Mapping[str, Any]) -> CheckedSql:
    """A checked statement with these values. Raises InvalidRequestError."""
    bound = {**bind(checked.parameters, values), **checked.constants}
    return CheckedSql(checked.sql, tuple(checked.tables), bound, Sources(checked.reads, checked.makes_rows), checked.named)


def engine_limits(policy: SqlPolicy, writing: Mapping[str, int | str] | None = None) -> SqlLimits:
    """What of a policy the engine itself keeps to."""
    return SqlLimits(
        seconds=policy.seconds,
        memory_bytes=policy.memory_bytes,
        rows_read=policy.rows_read,
        bytes_read=policy.bytes_read,
        rows_returned=policy.rows_returned,
        bytes_returned=policy.bytes_returned,
        writing=writing or {},
    )


async def finished(ending: Coroutine[Any, Any, None]) -> None:
    """Await `ending` to its end whatever cancels us meanwhile, and only then be cancelled."""
    task = asyncio.ensure_future(ending)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
