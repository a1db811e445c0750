"""Events as they are stored, and events that were rejected. Answers are written by `encode_*`: JSON that was sent goes out unread."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import DecodeError, Raw
from msgspec.json import Decoder, encode
from pydantic import BaseModel

from analytics.api.schemas.base import UtcTime, iso_utc
from analytics.query.rejected_events import RejectedEvent
from analytics.query.revealed import RevealedValues
from analytics.query.stored_events import ListedEvent

_object = Decoder(dict[str, Raw])
_CONTEXT = ("ip", "user_agent", "locale", "timezone")
_PAGE = {"url": "page_url", "title": "page_title", "referrer": "referrer"}
_CAMPAIGN = {name: f"campaign_{name}" for name in ("source", "medium", "name", "term", "content")}


class EventItem(BaseModel):
    """One stored event; what was not sent is null or absent."""

    event_id: str
    event: str
    timestamp: UtcTime
    received_at: UtcTime
    user_id: str | None
    anonymous_id: str | None
    session_id: str | None
    properties: dict[str, Any]
    context: dict[str, Any]


class EventPage(BaseModel):
    """A page of events."""

    items: list[EventItem]
    next_cursor: str | None


class EventStatus(BaseModel):
    """Where an event is: waiting on disk, stored, refused at the door, or set aside by the warehouse."""

    status: Literal["queued", "stored", "refused", "quarantined"]


class RejectedItem(BaseModel):
    """One rejected event; `event` is what was sent if it was an object, `body` its text, cut at 64 KiB."""

    id: str
    received_at: UtcTime
    status: Literal["refused", "quarantined", "replayed"]
    code: str
    detail: str
    event_id: str | None
    event: dict[str, Any] | None
    body: str
    body_bytes: int


class RejectedPage(BaseModel):
    """A page of rejected events."""

    items: list[RejectedItem]
    next_cursor: str | None


class ReplayAnswer(BaseModel):
    """The verdict on the corrected event, as `POST /v1/events` gives it, and its id."""

    event_id: str
    accepted: int
    rejected: int
    errors: list[dict[str, Any]]


def encode_events(events: Sequence[ListedEvent], next_cursor: str | None, revealed: RevealedValues | None = None) -> bytes:
    """A page of stored events as JSON; with `revealed` what is encrypted is shown in clear."""
    rows = [event.columns if revealed is None else revealed.columns(event.columns) for event in events]
    return encode({"items": [_event(row) for row in rows], "next_cursor": next_cursor})


def encode_rejected(rows: Sequence[RejectedEvent], next_cursor: str | None) -> bytes:
    """A page of rejected events as JSON."""
    return encode({"items": [_rejected(row) for row in rows], "next_cursor": next_cursor})


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
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


def _rejected(row: RejectedEvent) -> dict[str, Any]:
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
