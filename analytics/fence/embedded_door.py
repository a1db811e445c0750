"""An analyst's handle on embedded chDB: a connection of its own, whose role, limits and carrier are set before the foreign text comes.

What no right of the engine guards is closed here: only text that the engine's own parser takes for one statement which leaves nothing
behind goes further (INTO OUTFILE does), and `send_query` runs nothing but a SELECT. The one thing to know: the driver's own modules hide
the header of an answer without rows, so its C connection is used as it is.
"""

import re
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, cast

from chdb import _chdb  # pyright: ignore[reportPrivateUsage]

from analytics.errors import AnalyticsError, SqlFailedError, StoreError, WarehouseUnavailableError
from analytics.fence.analyst_door import OutputFormat, Statistics, TableEstimate, coarse, estimates_of
from analytics.fence.limits import SqlLimits
from analytics.fence.query_life import QueryLife
from analytics.fence.self_test import FenceProbe, find_faults
from analytics.warehouse.client import Warehouse
from analytics.warehouse.embedded_users import ANALYST_ROLE, CARRIER, SERVICE_ROLE
from analytics.warehouse.setting_text import setting_text

_engine = cast(Any, _chdb)
HANDLES = 8
WAIT_SECONDS = 30.0
_KILL_AGAIN_SECONDS = 0.05
_KILLS = 100
# What only chDB has, for the self-test. (Its objects of the process are behind the same right as `executable`.)
_REFUSED: Mapping[str, str] = {
    "files can be written": "SELECT 1 INTO OUTFILE '/dev/null' TRUNCATE",
    "the role can be changed": f"SET ROLE {SERVICE_ROLE}",
}
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class EmbeddedAnalystDoor:
    """Opens handles on the chDB of this process. Safe from many threads."""

    def __init__(self, warehouse: Warehouse, handles: int = HANDLES) -> None:
        """`warehouse` is open, and embedded. At most `handles` are open at once; who comes then waits."""
        if warehouse.engine is None:
            raise ValueError("this warehouse is a server")
        self._warehouse = warehouse
        self._connection_string = warehouse.engine.connection_string
        self._slots = threading.BoundedSemaphore(handles)

    def open(self, project_id: str, query_id: str, limits: SqlLimits) -> "EmbeddedAnalystHandle":
        """As `AnalystDoor.open`."""
        if not _ID.match(project_id) or not _ID.match(query_id):
            raise ValueError("a handle needs a project and a query id of letters, digits, _ and -")
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            raise WarehouseUnavailableError("No handle for SQL came free.")
        try:
            return EmbeddedAnalystHandle(self._connect(project_id, limits), f"{project_id}:{query_id}", self._kill, self._slots.release)
        except BaseException:
            self._slots.release()
            raise

    def self_test(self) -> Sequence[str]:
        """As `AnalystDoor.self_test`."""
        return find_faults(FenceProbe(self, self._warehouse, ANALYST_ROLE, _REFUSED))

    def _connect(self, project_id: str, limits: SqlLimits) -> Any:
        try:
            connection = _engine.connect(self._connection_string)
        except RuntimeError as error:
            raise WarehouseUnavailableError("The embedded ClickHouse opened no handle for SQL.") from error
        try:
            for statement in analyst_session(project_id, limits):
                connection.query(statement, "Null", params={})
        except RuntimeError as error:
            connection.close()
            raise WarehouseUnavailableError("The embedded ClickHouse does not take the rights of analysts.") from error
        return connection

    def _kill(self, tag: str) -> None:
        self._warehouse.command("KILL QUERY WHERE startsWith(query, {tag:String}) ASYNC", {"tag": tag})


class EmbeddedAnalystHandle:
    """One connection, for one query."""

    def __init__(self, connection: Any, query_id: str, kill: Callable[[str], None], release: Callable[[], None]) -> None:
        """`query_id` is no other project's: who ends a query ends whatever has its id."""
        self._connection: Any = connection
        self._tag = f"/*q:{query_id}*/"
        self._kill = kill
        self._release = release
        self._result: Any = None
        self._life = QueryLife()
        self._registered = False
        self._rows_read = 0
        self._bytes_read = 0
        self._rows_returned = 0

    def stream(self, sql: str, parameters: Mapping[str, str], output_format: OutputFormat) -> Generator[bytes]:
        """As `AnalystHandle.stream`."""
        self._begin(sql, parameters)
        try:
            self._result = self._connection.send_query(f"{self._tag} {sql}", output_format, params=dict(parameters))
            self._registered = True
            while True:
                self._life.go_on()
                chunk = self._connection.streaming_fetch_result(self._result)
                self._rows_read += chunk.storage_rows_read()
                self._bytes_read += chunk.storage_bytes_read()
                rows, content = chunk.rows_read(), chunk.bytes()
                # Behind rows comes a document without any: empty, a header, or the totals of WITH TOTALS with a header behind them.
                if content and (rows or not self._rows_returned):
                    self._rows_returned += rows
                    yield content
                if rows == 0:  # the end, or all of an answer without rows
                    break
            self._life.go_on()
            self._life.end()
        except RuntimeError as error:
            self._life.end()
            raise self._failure(error) from None

    def estimate(self, sql: str, parameters: Mapping[str, str]) -> Sequence[TableEstimate]:
        """As `AnalystHandle.estimate`."""
        self._begin(sql, parameters)
        try:
            answer = self._connection.query(f"{self._tag} EXPLAIN ESTIMATE {sql}", "TabSeparated", params=dict(parameters))
        except RuntimeError as error:
            raise self._failure(error) from None
        finally:
            self._life.end()
        return estimates_of(str(answer))

    @property
    def statistics(self) -> Statistics:
        """As `AnalystHandle.statistics`. The engine does not say how much memory the query took."""
        return coarse(self._rows_read, self._bytes_read, 0, self._life.elapsed_seconds, self._rows_returned)

    def cancel(self) -> None:
        """As `AnalystHandle.cancel`."""
        self._life.cancelled.set()
        for _ in range(_KILLS):
            known = self._registered
            with suppress(StoreError):  # the next one may pass
                self._kill(self._tag)
                if known:
                    return
            if self._life.ended.wait(_KILL_AGAIN_SECONDS) or not self._life.begun:
                return

    def close(self) -> None:
        """As `AnalystHandle.close`."""
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        try:
            if self._result is not None and not self._life.ended.is_set():
                with suppress(RuntimeError):
                    connection.streaming_cancel_query(self._result)
            self._life.end()
            self._result = None
            connection.close()
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /) -> None:
        self.close()

    def _begin(self, sql: str, parameters: Mapping[str, str]) -> None:
        if self._connection is None:
            raise ValueError("a handle is for one query")
        self._life.begin(sql, parameters)
        if not self._is_one_reading(sql):
            self._life.end()
            raise SqlFailedError("The query is not one SELECT.")

    def _is_one_reading(self, sql: str) -> bool:
        """Whether the engine's parser takes the text for one statement that leaves nothing behind."""
        found = self._connection.classify_query(sql)
        return bool(found["statement_count"] == 1 and found["query_class"] == _engine.query_class.READ_ONLY)

    def _failure(self, error: RuntimeError) -> AnalyticsError:
        text = str(error)
        if "Streaming query is not supported" in text and not self._life.cancelled.is_set():
            return SqlFailedError("The query is not one SELECT.")
        return self._life.failure(text)


def analyst_session(project_id: str, limits: SqlLimits) -> Sequence[str]:
    """The statements that make a connection an analyst's, for good. `readonly` comes last: it closes the door behind itself."""
    settings = {**limits.settings(), CARRIER: project_id, "readonly": 1}
    return f"SET ROLE {ANALYST_ROLE}", f"SET {setting_text(settings)}"
