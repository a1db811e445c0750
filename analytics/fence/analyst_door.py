"""The one way to a handle on which an analyst's SQL runs: with the least rights that the engine can give.

This is the second fence: it holds without the gate before it. The one thing to know: a handle is for one query of one project, on the
thread that opened it; only `cancel` may come from another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

from analytics.fence.limits import SqlLimits

OutputFormat = Literal[
    "JSONCompactEachRowWithNamesAndTypes",
    "JSONCompactEachRow",
    "JSONEachRow",
    "CSV",
    "CSVWithNames",
    "CSVWithNamesAndTypes",
    "ArrowStream",
    "Parquet",
    "Native",
    "TabSeparated",
    "TabSeparatedWithNames",
    "TabSeparatedWithNamesAndTypes",
    "JSONStringsEachRow",
    "JSONCompactEachRowWithNames",
    "JSONCompactStringsEachRow",
    "JSONCompactStringsEachRowWithNames",
    "JSONCompactStringsEachRowWithNamesAndTypes",
    "RowBinary",
    "RowBinaryWithNames",
    "RowBinaryWithNamesAndTypes",
]


# What the engine reads at least of a table: with the project's own rows come those of its neighbours in the same granule.
GRANULE_ROWS = 8_192
GRANULE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a query took so far, rows and bytes in whole granules. `peak_memory_bytes`, `rows_returned`: 0 where the engine does not
    say."""

    rows_read: int
    bytes_read: int
    peak_memory_bytes: int
    elapsed_seconds: float
    rows_returned: int = 0


@dataclass(frozen=True, slots=True)
class TableEstimate:
    """What a query would read of a table, by its index: an upper bound, in whole granules, those shared with other projects included."""

    table: str
    rows: int


def coarse(rows_read: int, bytes_read: int, peak_memory_bytes: int, elapsed_seconds: float, rows_returned: int = 0) -> Statistics:
    """Statistics that do not tell how many rows of other projects lie in the granules that were read."""
    rows = -(-rows_read // GRANULE_ROWS) * GRANULE_ROWS
    size = -(-bytes_read // GRANULE_BYTES) * GRANULE_BYTES
    return Statistics(rows, size, peak_memory_bytes, elapsed_seconds, rows_returned)


def estimates_of(answer: str) -> Sequence[TableEstimate]:
    """As `coarse`, for the engine's answer to EXPLAIN ESTIMATE as TabSeparated."""
    lines = (line.split("\t") for line in answer.splitlines())
    return [TableEstimate(table, int(marks) * GRANULE_ROWS) for _, table, _, _, marks in lines]


class AnalystHandle(Protocol):
    """A handle for one query. Used by the thread that opened it, except for `cancel`."""

    def stream(self, sql: str, parameters: Mapping[str, str], output_format: OutputFormat) -> Iterator[bytes]:
        """Run one SELECT and hand out its answer as the engine makes it, in bounded memory. May be called once.

        `parameters` are the values of `{name:Type}`, as the engine writes them. Embedded, each chunk is a document of its own, with the
        header of its format; a server sends one document in pieces. An answer without rows is a header alone.

        Raises LimitExceededError naming the limit, SqlFailedError in words that are safe to hand out, QueryCancelledError,
        WarehouseUnavailableError: whenever the answer is not whole, also in its middle.
        """
        ...

    def estimate(self, sql: str, parameters: Mapping[str, str]) -> Sequence[TableEstimate]:
        """What `stream` would read; nothing is run. In place of `stream`, not beside it. Raises as it does."""
        ...

    @property
    def statistics(self) -> Statistics:
        """What the query took until now."""
        ...

    def cancel(self) -> None:
        """End the query within a second, from any thread: `stream` then raises QueryCancelledError. Harmless before and after it."""
        ...

    def close(self) -> None:
        """End what still runs and give the handle back. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /) -> None: ...


class AnalystDoor(Protocol):
    """Opens handles. Safe from many threads."""

    def open(self, project_id: str, query_id: str, limits: SqlLimits) -> AnalystHandle:
        """A handle that sees the rows of `project_id` and nothing else. Blocks: for worker threads.

        `query_id` (letters, digits, _ and -) marks the query in the engine. Raises WarehouseUnavailableError; ValueError for an id that
        could not be one.
        """
        ...

    def self_test(self) -> Sequence[str]:
        """Try every protection, and name those that do not hold, as sentences: with any, no foreign SQL may run.

        Raises WarehouseUnavailableError if the engine does not answer.
        """
        ...
