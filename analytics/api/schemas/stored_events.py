"""Events as they are stored, and events that were rejected. Answers are written by `encode_*`: JSON that was sent goes out unread."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec.json import encode
from pydantic import BaseModel

from analytics.api.schemas.base import UtcTime
from analytics.query.rejected_events import RejectedEvent
from analytics.query.revealed import RevealedValues
from analytics.query.shown_events import event_as_sent, rejected_as_sent
from analytics.query.stored_events import ListedEvent


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
    return encode({"items": [event_as_sent(row) for row in rows], "next_cursor": next_cursor})


def encode_rejected(rows: Sequence[RejectedEvent], next_cursor: str | None) -> bytes:
    """A page of rejected events as JSON."""
    return encode({"items": [rejected_as_sent(row) for row in rows], "next_cursor": next_cursor})
