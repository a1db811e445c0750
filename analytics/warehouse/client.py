"""ClickHouse behind one door: chDB in this process, or a server by URL.

Calls are synchronous; `Warehouse.ask` runs one on a worker thread for the async side. Each lane (writer, question, control) has its own
handles, never shared between threads. The one thing to know: chDB allows one data path per process and one process per path.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal, cast
from uuid import uuid4

import anyio
import anyio.to_thread
import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from analytics.errors import AnalyticsError, EngineStartError, QueryCancelledError, QueryTimeoutError, WarehouseUnavailableError
from analytics.warehouse.embedded_config import EmbeddedEngine, embedded_engine
from analytics.warehouse.embedded_crash import end_at_once_by_crash
from analytics.warehouse.embedded_insert import insert_from_memory
from analytics.warehouse.embedded_reads import report_storage_reads
from analytics.warehouse.failures import DRIVER_ERRORS, command_failure, connect_failure, insert_failure, question_failure
from analytics.warehouse.limits import INSERT_SETTINGS, QUESTION_SETTINGS, SERVICE_PRIORITY
from analytics.warehouse.server_address import ServerAddress, parse_server_url

Lane = Literal["writer", "question", "control", "reconcile", "parser", "rollups"]
LANE_SIZES: Mapping[Lane, int] = {"writer": 2, "question": 4, "control": 2, "reconcile": 1, "parser": 2, "rollups": 2}
CONNECT_SECONDS = 5
_KILL_AGAIN_SECONDS = 0.1
_KILLS = 50
# Longest without a byte from a server. While it works on a question it sends progress; while it works on anything else, it sends nothing.
ANSWER_SECONDS: Mapping[Lane, int] = {"writer": 60, "question": 45, "control": 300, "reconcile": 900, "parser": 10, "rollups": 300}


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer: `rows` are tuples in the order of `columns`; `elapsed_seconds` is the whole call."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    rows_read: int
    bytes_read: int
    elapsed_seconds: float
    query_id: str

    def dicts(self) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Warehouse:
    """An open ClickHouse. Safe to use from many threads."""

    def __init__(self, connect: Callable[[Lane], Client], server: ServerAddress | None, engine: EmbeddedEngine | None = None) -> None:
        """`connect` opens one more handle to the same engine; `server` is None for embedded chDB, `engine` for a server."""
        self._connect = connect
        self.server = server
        self.engine = engine
        self._idle: dict[Lane, SimpleQueue[Client]] = {lane: SimpleQueue() for lane in LANE_SIZES}
        self._slots = {lane: threading.BoundedSemaphore(size) for lane, size in LANE_SIZES.items()}
        self._limiters: dict[Lane, anyio.CapacityLimiter] = {}
        self._closed = False
        self._lock = threading.Lock()
        self._used_at = dict.fromkeys(LANE_SIZES, 0.0)

    def used_at(self, lane: Lane) -> float:
        """When a call of the lane last began or ended, by `time.monotonic`; 0: never."""
        return self._used_at[lane]

    @property
    def embedded(self) -> bool:
        """Whether the engine is in this process, and the data open to nobody else."""
        return self.server is None

    # ---- questions ------------------------------------------------------

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        lane: Lane = "question",
        settings: Mapping[str, Any] | None = None,
        query_id: str | None = None,
    ) -> Rows:
        """Run one SELECT and read all of its answer.

        Raises QueryTimeoutError, LimitExceededError or WarehouseUnavailableError.
        """
        query_id = query_id or uuid4().hex
        first = {"priority": SERVICE_PRIORITY} if lane == "question" else {}
        merged = {**QUESTION_SETTINGS, **first, **(settings or {})}
        started = time.perf_counter()
        with self._handle(lane) as client:
            try:
                # The comment lets a control handle find and kill the query where no query id can be given (chDB).
                result = client.query(f"{_tag(query_id)} {sql}", parameters=dict(parameters or {}), settings=merged)
            except DRIVER_ERRORS as error:
                raise question_failure(error) from error
        summary = cast(Mapping[str, Any], result.summary)
        return Rows(
            tuple(result.column_names),
            cast(Sequence[tuple[Any, ...]], result.result_rows),
            int(summary.get("read_rows", 0)),
            int(summary.get("read_bytes", 0)),
            time.perf_counter() - started,
            query_id,
        )

    def query_arrow(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        lane: Lane = "question",
        settings: Mapping[str, Any] | None = None,
    ) -> pa.Table:
        """Run one SELECT of our own and read its answer as an Arrow table. Raises as `query`."""
        merged = {**QUESTION_SETTINGS, "max_result_rows": 0, **(settings or {})}
        with self._handle(lane) as client:
            try:
                return client.query_arrow(sql, parameters=dict(parameters or {}), settings=merged)
            except DRIVER_ERRORS as error:
                raise question_failure(error) from error

    async def ask(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        lane: Lane = "question",
        settings: Mapping[str, Any] | None = None,
        query_id: str | None = None,
    ) -> Rows:
        """`query`, on a worker thread of the lane. If it is cancelled the engine stops working on it too."""
        query_id = query_id or uuid4().hex
        begun, given_up, ended = threading.Event(), threading.Event(), threading.Event()

        def work() -> Rows:
            begun.set()
            try:
                if given_up.is_set():
                    raise QueryCancelledError("It was given up before it began.")
                return self.query(sql, parameters, lane=lane, settings=settings, query_id=query_id)
            finally:
                ended.set()

        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter(lane))
        except asyncio.CancelledError:
            given_up.set()  # and only then look: either the thread sees this, or it is seen here that it has begun
            if begun.is_set():
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._kill, query_id, ended, limiter=self._limiter("control"))
            raise

    def _kill(self, query_id: str, ended: threading.Event) -> None:
        """Have the engine end a question. Again and again, since it may not have reached the engine yet."""
        for _ in range(_KILLS):
            with suppress(AnalyticsError):  # the next one may pass
                self.command("KILL QUERY WHERE startsWith(query, {tag:String}) ASYNC", {"tag": _tag(query_id)})
            if ended.wait(_KILL_AGAIN_SECONDS):
                return

    def _limiter(self, lane: Lane) -> anyio.CapacityLimiter:
        if lane not in self._limiters:
            self._limiters[lane] = anyio.CapacityLimiter(LANE_SIZES[lane])
        return self._limiters[lane]

    # ---- changes ---------------------------------------------------------

    def command(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        lane: Lane = "control",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Run one statement that answers nothing (DDL, SYSTEM, ALTER). Raises the driver's error as ours."""
        with self._handle(lane) as client:
            try:
                client.command(sql, parameters=dict(parameters or {}), settings=dict(settings or {}))
            except DRIVER_ERRORS as error:
                raise command_failure(error) from error

    def execute(self, sql: str, *, lane: Lane = "control", settings: Mapping[str, Any] | None = None) -> None:
        """Run one statement and let the driver's own error through: migrations want the engine's words."""
        with self._handle(lane) as client:
            client.command(sql, settings=dict(settings or {}))

    def insert_arrow(
        self,
        table: str,
        columns: Sequence[str],
        payload: pa.Buffer,
        *,
        token: str | None = None,
        lane: Lane = "writer",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Insert an Arrow IPC stream of one record batch as one block.

        `token` makes a repeat of the same insert harmless, in `table` and in every view on it.
        Raises InsertRejectedError if the rows may be at fault, WarehouseUnavailableError otherwise.
        """
        merged: dict[str, Any] = {**INSERT_SETTINGS, **(settings or {})}
        if token is not None:
            merged["insert_deduplication_token"] = token
        with self._handle(lane) as client:
            try:
                if self.embedded:
                    insert_from_memory(client, table, columns, payload, merged)
                else:
                    client.raw_insert(table, list(columns), payload.to_pybytes(), settings=merged, fmt="ArrowStream")
            except DRIVER_ERRORS as error:
                raise insert_failure(error) from error

    # ---- life ------------------------------------------------------------

    def ping(self) -> bool:
        """Whether the engine answers."""
        try:
            with self._handle("control") as client:
                return bool(client.ping())
        except (*DRIVER_ERRORS, WarehouseUnavailableError):
            return False

    def version(self) -> str:
        """The engine's version, such as 26.9.2.1."""
        return str(self.query("SELECT version()", lane="control").rows[0][0])

    def close(self) -> None:
        """Kill what runs and close every handle; afterwards every call raises WarehouseUnavailableError."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        deadline = time.monotonic() + 10
        for lane, size in LANE_SIZES.items():
            for _ in range(size):  # wait for handles in use: leaving the process with a query running crashes chDB
                self._slots[lane].acquire(timeout=max(0.0, deadline - time.monotonic()))
        for idle in self._idle.values():
            while True:
                try:
                    idle.get_nowait().close()
                except Empty:
                    break

    @contextmanager
    def _handle(self, lane: Lane) -> Generator[Client]:
        if not self._slots[lane].acquire(timeout=30):
            raise QueryTimeoutError("No warehouse handle came free.")
        broken = True
        client: Client | None = None
        try:
            if self._closed:
                raise WarehouseUnavailableError("The warehouse is closed.")
            try:
                client = self._idle[lane].get_nowait()
            except Empty:
                try:
                    client = self._connect(lane)
                except DRIVER_ERRORS as error:
                    raise connect_failure(error, self.server) from error
            self._used_at[lane] = time.monotonic()
            yield client
            broken = False
        finally:
            self._used_at[lane] = time.monotonic()
            if client is not None:
                if self.embedded or not broken:
                    self._idle[lane].put(client)
                else:
                    client.close()
            self._slots[lane].release()


def _tag(query_id: str) -> str:
    """What a question begins with."""
    return f"/*q:{query_id}*/"


def connect_server(address: ServerAddress, lane: Lane = "control", *, to_database: bool = True) -> Client:
    """Open a handle to a server, which takes two questions. Raises DRIVER_ERRORS."""
    parts: dict[str, Any] = {
        "interface": address.interface,
        "host": address.host,
        "port": address.port,
        "username": address.username,
        "password": address.password,
        "database": address.database if to_database else None,
        "autogenerate_session_id": False,
        "tz_mode": "aware",
        "compress": False,  # our answers are small
        "connect_timeout": CONNECT_SECONDS,
        "send_receive_timeout": ANSWER_SECONDS[lane],
        **address.options,
    }
    return clickhouse_connect.get_client(**parts)


def open_warehouse(url: str | None, embedded_path: Path) -> Warehouse:
    """The server at `url`, or chDB with its data in `embedded_path`.

    A server that is away is not an error here: its handles are opened at first use. Raises ValueError for a URL that cannot be read,
    EngineStartError if chDB does not open.
    """
    if url is not None:
        address = parse_server_url(url)
        return Warehouse(partial(connect_server, address), address)
    report_storage_reads()
    embedded_path.mkdir(parents=True, exist_ok=True)
    engine = embedded_engine(embedded_path)

    def connect(lane: Lane) -> Client:
        return clickhouse_connect.get_client(
            interface="chdb", path=str(engine.store), chdb_options={"config-file": str(engine.config)}, tz_mode="aware"
        )

    warehouse = Warehouse(connect, None, engine)
    try:
        warehouse.query("SELECT 1", lane="control")
    except WarehouseUnavailableError as error:
        raise EngineStartError(f"The embedded ClickHouse in {embedded_path} did not open: {error.detail}") from error
    end_at_once_by_crash()
    return warehouse
