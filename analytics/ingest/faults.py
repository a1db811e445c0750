"""What is wrong with an event that could not be decoded, and which event it was."""

from msgspec import DecodeError, Raw, Struct, ValidationError
from msgspec.json import Decoder

from analytics.domain.verdict import Reason
from analytics.ingest.sent_event import ABSENT, Time
from analytics.ingest.split import split_object

TEXT_FIELDS = (
    ("event", 200, Reason.INVALID_EVENT),
    ("user_id", 200, Reason.INVALID_USER),
    ("anonymous_id", 200, Reason.INVALID_USER),
    ("event_id", 100, Reason.INVALID_EVENT_ID),
    ("session_id", 200, Reason.INVALID_USER),
)


class _Identity(Struct):
    event_id: Raw = ABSENT


_identity = Decoder(_Identity)
_raw_object = Decoder(dict[str, Raw])
_raw = Decoder(Raw)
_text = Decoder(str)
_time = Decoder(Time | None)
_anything = Decoder()


def sent_event_id(body: bytes) -> str | None:
    """The event_id of a refused event, if it can be read."""
    try:
        try:
            value = bytes(_identity.decode(body).event_id)
        except RecursionError:
            value = (split_object(body) or {}).get("event_id", b"")
        return _text.decode(value)[:100] if value[:1] == b'"' else None
    except (DecodeError, UnicodeDecodeError):
        return None


def why_unfit(body: bytes, error: Exception) -> tuple[Reason, str]:
    """Reason and detail for an event that did not fit; `error` is how decoding it failed."""
    try:
        members = _raw_object.decode(body)
    except RecursionError:
        return Reason.TOO_DEEP, "The event is nested too deeply."
    except ValidationError:
        return _why_no_object(body)
    except (DecodeError, UnicodeDecodeError) as broken:
        return Reason.INVALID_JSON, f"Not valid JSON: {broken}."
    if bytes(members.get("event", Raw(b"null"))) == b"null":
        return Reason.MISSING_EVENT, '"event" is missing.'
    for name, longest, reason in TEXT_FIELDS:
        detail = _text_fault(name, members.get(name), longest)
        if detail is not None:
            return reason, detail
    for name in ("timestamp", "sent_at"):
        if name in members and not _is_time(members[name]):
            return Reason.INVALID_TIMESTAMP, f'"{name}" must be an ISO 8601 string or a number of seconds or milliseconds.'
    return Reason.INVALID_PROPERTIES, f"The event could not be read: {error}."


def _why_no_object(body: bytes) -> tuple[Reason, str]:
    try:
        _raw.decode(body)
    except RecursionError:
        pass
    except DecodeError as broken:
        return Reason.INVALID_JSON, f"Not valid JSON: {broken}."
    return Reason.NOT_AN_OBJECT, "An event must be a JSON object."


def _text_fault(name: str, raw: Raw | None, longest: int) -> str | None:
    if raw is None or bytes(raw) == b"null":
        return None
    try:
        value = _anything.decode(raw)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f'"{name}" could not be read: {error}.'
    if not isinstance(value, str):
        return f'"{name}" must be a string.'
    if not 1 <= len(value) <= longest:
        return f'"{name}" must have 1 to {longest} characters; it has {len(value):,}.'
    return None


def _is_time(value: Raw) -> bool:
    try:
        _time.decode(value)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
