"""The life of one query on an analyst's handle, which is the same on every engine: begun once, cancelled from any thread, ended."""

import threading
import time
from collections.abc import Mapping

from analytics.errors import AnalyticsError, QueryCancelledError
from analytics.fence.failures import failure_of, require_text


class QueryLife:
    """Used by the handle's thread, except for `cancelled` and what only reads."""

    def __init__(self) -> None:
        self.begun = False
        self.cancelled = threading.Event()
        self.ended = threading.Event()
        self._started = time.perf_counter()
        self._elapsed: float | None = None

    @property
    def elapsed_seconds(self) -> float:
        """Since the handle was opened, until now or until the query ended."""
        return time.perf_counter() - self._started if self._elapsed is None else self._elapsed

    def begin(self, sql: str, parameters: Mapping[str, str]) -> None:
        """Raises ValueError for a second query, SqlFailedError for what cannot be sent, QueryCancelledError."""
        if self.begun:
            raise ValueError("a handle is for one query")
        require_text(sql, parameters)
        self.go_on()
        self.begun = True

    def go_on(self) -> None:
        """Raises QueryCancelledError if it was cancelled."""
        if self.cancelled.is_set():
            raise _cancelled()

    def end(self) -> None:
        """It is over; may be said twice."""
        if self._elapsed is None:
            self._elapsed = time.perf_counter() - self._started
        self.ended.set()

    def failure(self, text: str) -> AnalyticsError:
        """Our error for the engine's words: whatever they are, a query that was cancelled failed by that."""
        return _cancelled() if self.cancelled.is_set() else failure_of(text)


def _cancelled() -> QueryCancelledError:
    return QueryCancelledError("The query was cancelled.")
