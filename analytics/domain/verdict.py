"""Why an event was refused: one closed list, and one refusal."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The codes a sender may see in `errors`."""

    INVALID_JSON = "invalid-json"
    NOT_AN_OBJECT = "not-an-object"
    MISSING_EVENT = "missing-event"
    INVALID_EVENT = "invalid-event"
    MISSING_USER = "missing-user"
    INVALID_USER = "invalid-user"
    INVALID_EVENT_ID = "invalid-event-id"
    INVALID_TIMESTAMP = "invalid-timestamp"
    TIMESTAMP_IN_FUTURE = "timestamp-in-future"
    TIMESTAMP_TOO_OLD = "timestamp-too-old"
    EVENT_TOO_LARGE = "event-too-large"
    TOO_DEEP = "too-deep"
    TOO_MANY_PROPERTIES = "too-many-properties"
    INVALID_PROPERTIES = "invalid-properties"
    ERASED_USER = "erased-user"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused event: its place in the request (elements or non-blank lines, from 0), and what was sent."""

    index: int
    event_id: str | None
    reason: Reason
    detail: str
    body: bytes
