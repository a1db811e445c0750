"""Stored and rejected events as they are shown: in the form in which they were sent. JSON that was sent is passed on unread."""

from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from analytics.clock import iso_utc
from analytics.query.rejected_events import RejectedEvent

_object = Decoder(dict[str, Raw])
_CONTEXT = ("ip", "user_agent", "locale", "timezone")
_PAGE = {"url": "page_url", "title": "page_title", "referrer": "referrer"}
_CAMPAIGN = {name: f"campaign_{name}" for name in ("source", "medium", "name", "term", "content")}


def event_as_sent(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a stored event as its members."""
    return {
        "event_id": row["event_id"],
        "event": row["event"],
        "timestamp": iso_utc(row["timestamp"]),
        "received_at": iso_utc(row["received_at"]),
        "user_id": row["user_id"] or None,
        "anonymous_id": row["anonymous_id"] or None,
        "session_id": row["session_id"] or None,
        "properties": _raw_object(row["properties"]) or {},
        "context": _context(row),
    }


def _context(row: Mapping[str, Any]) -> dict[str, Any]:
    """The context as it was sent: members with a column from the columns, the others from the rest."""
    extra = dict[str, Any](_members(row["context_extra"]))
    context: dict[str, Any] = {name: row[name] for name in _CONTEXT if row[name]}
    for name, columns in (("page", _PAGE), ("campaign", _CAMPAIGN)):
        part: dict[str, Any] = {member: row[column] for member, column in columns.items() if row[column]}
        rest = extra.get(name)
        if rest is not None and bytes(rest)[:1] == b"{":
            part |= _members(extra.pop(name))
        if part:
            context[name] = part
    return {**extra, **context}


def rejected_as_sent(row: RejectedEvent) -> dict[str, Any]:
    """A rejected event, with what was sent as an object if it was one."""
    return {
        "id": row.id,
        "received_at": iso_utc(row.received_at),
        "status": row.status,
        "code": row.code,
        "detail": row.detail,
        "event_id": row.event_id or None,
        "event": _raw_object(row.body),
        "body": row.body,
        "body_bytes": row.body_bytes,
    }


def _raw_object(text: str) -> Raw | None:
    """The text as JSON that is passed on as it is, None if it is no object."""
    try:
        _object.decode(text)
        return Raw(text.encode("utf-8"))
    except (DecodeError, UnicodeError, RecursionError):
        return None


def _members(text: str | Raw) -> dict[str, Raw]:
    try:
        return _object.decode(text)
    except (DecodeError, UnicodeError, RecursionError):
        return {}
