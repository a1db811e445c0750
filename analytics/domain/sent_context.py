"""The context of an event, out of the columns it was put into."""

from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

_object = Decoder(dict[str, Raw])
_CONTEXT = ("ip", "user_agent", "locale", "timezone")
_PAGE = {"url": "page_url", "title": "page_title", "referrer": "referrer"}
_CAMPAIGN = {name: f"campaign_{name}" for name in ("source", "medium", "name", "term", "content")}


def sent_context(row: Mapping[str, Any]) -> dict[str, Any]:
    """The context as it was sent: members with a column from the columns of `row`, the others from `context_extra`."""
    extra = dict[str, Any](_members(row["context_extra"] or ""))
    context: dict[str, Any] = {name: row[name] for name in _CONTEXT if row[name]}
    for name, columns in (("page", _PAGE), ("campaign", _CAMPAIGN)):
        part: dict[str, Any] = {member: row[column] for member, column in columns.items() if row[column]}
        rest = extra.get(name)
        if rest is not None and bytes(rest)[:1] == b"{":
            part |= _members(extra.pop(name))
        if part:
            context[name] = part
    return {**extra, **context}


def _members(text: str | Raw) -> dict[str, Raw]:
    try:
        return _object.decode(text)
    except (DecodeError, UnicodeError, RecursionError):
        return {}
