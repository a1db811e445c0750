"""Lists a page at a time: `{"items": [...], "next_cursor": "…" | null}`.

A cursor is opaque: base64url of the sort key of the last item. It holds no right: every page is asked for with the caller's own.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar, cast

from fastapi import Query
from pydantic import BaseModel

from analytics.domain.time_range import EARLIEST, LATEST
from analytics.errors import FieldError, InvalidRequestError

MAX_PAGE_ITEMS = 1000

T = TypeVar("T")

PageLimit = Annotated[int, Query(ge=1, le=MAX_PAGE_ITEMS, description="Most items on this page.")]
PageCursor = Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")]


class Page(BaseModel, Generic[T]):
    """One page; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = None


def encode_cursor(key: Sequence[str | int]) -> str:
    """The cursor that stands after the item with this sort key."""
    return base64.urlsafe_b64encode(json.dumps(list(key), separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type[str] | type[int]) -> tuple[Any, ...]:
    """The sort key in `cursor`, checked against `types`. Raises InvalidRequestError for one that was not made by `encode_cursor`."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if not isinstance(key, list):
        raise _bad_cursor()
    values = cast(list[Any], key)
    if len(values) != len(types) or any(type(value) is not kind for value, kind in zip(values, types, strict=True)):
        raise _bad_cursor()
    if not all(_is_searchable(value) for value in values if isinstance(value, str)):
        raise _bad_cursor()
    return tuple(values)


def decode_cursor_after(cursor: str | None) -> tuple[str, str] | None:
    """The (created_at as ISO 8601 in UTC, id) of a list that is ordered by them; None without a cursor. Raises as `decode_cursor`."""
    if not cursor:
        return None
    created_at, last_id = decode_cursor(cursor, str, str)
    try:
        moment = datetime.fromisoformat(created_at)
    except ValueError as error:
        raise _bad_cursor() from error
    if moment.tzinfo is None or not EARLIEST <= moment < LATEST:  # `encode_cursor` was never given such a time
        raise _bad_cursor()
    return moment.astimezone(UTC).isoformat(), last_id


def cut_page(rows: Sequence[T], limit: int, key: Callable[[T], Sequence[str | int]]) -> tuple[list[T], str | None]:
    """The first `limit` of `rows` and the cursor of the next page; ask the store for `limit + 1` rows."""
    kept = list(rows[:limit])
    return kept, encode_cursor(key(kept[-1])) if len(rows) > limit else None


def _is_searchable(text: str) -> bool:
    """Whether the stores can be asked for it: they have no NUL in a text, and half of a surrogate pair is no UTF-8."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _bad_cursor() -> InvalidRequestError:
    return InvalidRequestError("The cursor is not one of ours.", [FieldError("/query/cursor", "is not a cursor of this list")])
