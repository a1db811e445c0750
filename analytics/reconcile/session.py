"""One reconciliation's dealings with the warehouse: questions that can be broken off, questions to tables at rest, deletions, inserts.

The one thing to know: a question sees all its tables as they were when it began to read. So the writer is held only until then, however
long the reading takes, and still no batch is half in what is seen.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol
from uuid import uuid4

import pyarrow as pa

from analytics.errors import AnalyticsError, WarehouseUnavailableError
from analytics.statements import Statement, clickhouse
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse

_SETTINGS: Mapping[str, Any] = {
    "max_execution_time": 3600,
    "max_memory_usage": 3_000_000_000,
    "max_bytes_before_external_group_by": 1_000_000_000,
    "max_bytes_before_external_sort": 1_000_000_000,
    "max_threads": 1,  # the other processors are for events and questions
}
_DELETE: Mapping[str, Any] = {"lightweight_deletes_sync": 0, "mutations_sync": 0}
_FAILING_SECONDS = 60.0
_TRIES = 5


class InterruptedRunError(Exception):
    """The run was told to stop."""


class Pause(Protocol):
    """The writer, held between two batches."""

    def intact(self) -> bool:
        """Whether it is held still."""
        ...


Hold = Callable[[], AbstractContextManager[Pause]]


class Session:
    """For one thread, but `stop`, which any may call. `hold` pauses the writer; None if it is not in this process."""

    def __init__(self, warehouse: Warehouse, hold: Hold | None) -> None:
        self._warehouse = warehouse
        self._hold = hold
        self._token = uuid4().hex
        self._inserts = 0
        self._stopped = threading.Event()
        self._running: str | None = None
        self._asker = ThreadPoolExecutor(1, thread_name_prefix="reconcile-question")

    # ---- life ---------------------------------------------------------------

    def stop(self) -> None:
        """Break off what runs: the session's thread gets InterruptedRunError, soon."""
        self._stopped.set()
        self._kill()

    def close(self) -> None:
        """End the last question, should it still run."""
        self._kill()
        self._asker.shutdown()

    @property
    def embedded(self) -> bool:
        """Whether the engine is in this process."""
        return self._warehouse.embedded

    def check(self) -> None:
        """Raises InterruptedRunError if `stop` was called."""
        if self._stopped.is_set():
            raise InterruptedRunError

    def wait(self, seconds: float) -> None:
        """Sleep. Raises InterruptedRunError."""
        if self._stopped.wait(seconds):
            raise InterruptedRunError

    # ---- questions ------------------------------------------------------------

    def ask(self, statement: Statement, parameters: Mapping[str, Any]) -> pa.Table:
        """The answer. Raises InterruptedRunError, LimitExceededError, QueryTimeoutError or WarehouseUnavailableError."""
        return self._answer(self._begin(statement, parameters))

    def ask_at_rest(self, statement: Statement, parameters: Mapping[str, Any]) -> pa.Table:
        """The answer as of a moment between two batches. Raises as `ask`, also if the writer does not come to rest."""
        if self._hold is None:
            return self.ask(statement, parameters)
        for _ in range(_TRIES):
            self.check()
            with self._hold() as pause:
                future = self._begin(statement, parameters)
                while not future.done() and not self._has_begun():
                    wait_for([future], 0.005)
                at_rest = pause.intact()
            answer = self._answer(future)
            if at_rest:
                return answer
        raise WarehouseUnavailableError("No question began while the writer was held: the machine is too busy.")

    def _begin(self, statement: Statement, parameters: Mapping[str, Any]) -> Future[pa.Table]:
        self.check()
        # A name for its text, by which it is found among what runs. A comment would not do: chDB drops it from a text with parameters.
        mark = self._running = f"reconcile-{uuid4().hex}"
        text = f"WITH '{mark}' AS question {statement.text()}"
        return self._asker.submit(lambda: self._warehouse.query_arrow(text, parameters, lane="reconcile", settings=_SETTINGS))

    def _answer(self, future: Future[pa.Table]) -> pa.Table:
        try:
            while not future.done():
                wait_for([future], 0.5)
                if self._stopped.is_set():
                    self._kill()  # again: it may not have begun when `stop` looked for it
            return future.result()
        except AnalyticsError:
            self.check()
            raise
        finally:
            self._running = None

    def _has_begun(self) -> bool:
        begun = self._warehouse.query(clickhouse("reconcile/under_way").text(), {"mark": self._running}, lane="control")
        return bool(begun.rows[0][0])

    def _kill(self) -> None:
        mark = self._running
        if mark is not None:
            with suppress(AnalyticsError):  # what cannot be killed ends by its own limits
                self._warehouse.command(f"KILL QUERY WHERE startsWith(query, 'WITH') AND position(query, '{mark}') > 0 ASYNC")

    # ---- changes -----------------------------------------------------------------

    def delete(self, table: str, statement: Statement, parameters: Mapping[str, Any]) -> None:
        """Delete rows and wait until they are gone. Rows that come in after the call began are not touched, whatever they are.

        Broken off, it is finished by the engine, also after a kill.
        """
        self.check()
        self._warehouse.command(statement.text(), parameters, lane="reconcile", settings=_DELETE)
        self.wait_for_deletions(table)

    def wait_for_deletions(self, table: str) -> None:
        """Wait until all deletions of rows of `table` are done, whoever wanted them. Raises WarehouseUnavailableError if they fail."""
        begun, failing_since = time.monotonic(), None
        while True:
            left, failure = self._warehouse.query(clickhouse("reconcile/deletions").text(), {"table": table}, lane="control").rows[0]
            if not left:
                return
            if not failure:
                failing_since = None
            elif failing_since is None:
                failing_since = time.monotonic()
            elif time.monotonic() - failing_since > _FAILING_SECONDS:
                raise WarehouseUnavailableError(f"Rows of {table} cannot be deleted: {str(failure)[:300]}")
            if self._warehouse.embedded:
                # Wakes its background work, which takes four parts at a time and then rests for up to a second.
                self._warehouse.command(f"SYSTEM START MERGES {table}")
            self.wait(min(0.5, 0.01 + (time.monotonic() - begun) / 10))

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert rows as one block. Raises InsertRejectedError or WarehouseUnavailableError."""
        self.check()
        self._inserts += 1
        batch = rows.combine_chunks().to_batches()[0]
        # A token of its own: without one the engine would drop a block that equals an earlier one.
        token = f"reconcile:{self._token}:{self._inserts}"
        self._warehouse.insert_arrow(table, batch.schema.names, to_stream(batch), token=token, lane="reconcile")
