"""Pages of an answer: which of its rows come next after a cursor.

The one thing to know: an answer may have changed between two pages. A cursor knows the row that was last, so that what was added before it
shifts nothing, and says so when that row is gone.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from analytics.errors import ConflictError

Place = tuple[int, str]
"""How many rows came before, and the digest of the last of them."""


@dataclass(frozen=True, slots=True)
class AnswerPage:
    """`next` is None on the last page."""

    rows: Sequence[Sequence[Any]]
    next: Place | None


def page_of(rows: Sequence[Sequence[Any]], limit: int, after: Place | None) -> AnswerPage:
    """At most `limit` rows after a place. Raises ConflictError if the row of the place is not there any more."""
    begin = 0 if after is None else _found(rows, after)
    kept = rows[begin : begin + limit]
    end = begin + len(kept)
    return AnswerPage(kept, (end, _digest(kept[-1])) if kept and end < len(rows) else None)


def _found(rows: Sequence[Sequence[Any]], after: Place) -> int:
    count, digest = after
    if 1 <= count <= len(rows) and _digest(rows[count - 1]) == digest:
        return count
    for place, row in enumerate(rows, start=1):
        if _digest(row) == digest:
            return place
    raise ConflictError("The answer has changed and the row that the cursor stands after is gone; begin again without a cursor.")


def _digest(row: Sequence[Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(row)).hexdigest()[:24]
