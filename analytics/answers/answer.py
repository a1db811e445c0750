"""The answer to a question, whatever it was asked in: a table, ready for JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics.adhoc.columns import Column
from analytics.query.result import Source


@dataclass(frozen=True, slots=True)
class AnswerMeta:
    """How it came about. Every event answered before `data_as_of` is in it."""

    query_id: str
    elapsed_ms: int
    rows_read: int
    bytes_read: int
    cached: bool
    data_as_of: datetime
    source: Source


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows under columns; values as POST /sql answers them. `truncated`: there were more rows."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    truncated: bool
    meta: AnswerMeta
