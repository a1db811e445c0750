"""Stored and rejected events as they are shown: in the form in which they were sent. JSON that was sent is passed on unread."""

from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from analytics.clock import iso_utc
from analytics.domain.sent_context import sent_context
from analytics.query.rejected_events import RejectedEvent

_object = Decoder(dict[str, Raw])


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
        "context": sent_context(row),
    }


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
