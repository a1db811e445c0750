"""The answer to a question, whatever it was asked in: a table, ready for JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analytics.adhoc.columns import Column
from analytics.query.result import Meta


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows under columns; values as POST /sql answers them. `truncated`: there were more rows."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    truncated: bool
    meta: Meta
