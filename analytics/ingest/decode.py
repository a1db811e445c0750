"""JSON of a request to typed events.

Three speeds, same result: the whole body at once into structs; if that fails because contexts hold members we have no column for, the same
with contexts left as text; if that fails too, event by event, so that each bad one is named. The one thing to know: a broken JSON document
refuses the whole request, a broken NDJSON line only itself.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, cast

from msgspec import UNSET, DecodeError, Meta, Raw, Struct, UnsetType, ValidationError
from msgspec.json import Decoder, encode

from analytics.domain.verdict import Reason, Refusal
from analytics.errors import PayloadTooLargeError, UnreadableBodyError

Name = Annotated[str, Meta(min_length=1, max_length=200)]
EventId = Annotated[str, Meta(min_length=1, max_length=100)]
Time = str | int | float

_ABSENT = Raw(b"")
Part = TypeVar("Part", "Page", "Campaign")


class Page(Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """`context.page`."""

    url: str | None = None
    title: str | None = None
    referrer: str | None = None


class Campaign(Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """`context.campaign`."""

    source: str | None = None
    medium: str | None = None
    name: str | None = None
    term: str | None = None
    content: str | None = None


class Context(Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The members of `context` that have columns; any other sends the event through `lenient_context`."""

    ip: str | None = None
    user_agent: str | None = None
    page: Page | None = None
    campaign: Campaign | None = None
    locale: str | None = None
    timezone: str | None = None


class Event(Struct, gc=False, omit_defaults=True):
    """An event as sent; unknown members are ignored."""

    event: Name
    user_id: Name | None = None
    anonymous_id: Name | None = None
    event_id: EventId | None = None
    session_id: Name | None = None
    timestamp: Time | None = None
    sent_at: Time | None = None
    properties: Raw = _ABSENT
    context: Context | None = None
    extra: UnsetType | str = UNSET  # never sent: JSON text of context members without a column


class _TextContextEvent(Struct, gc=False):
    event: Name
    user_id: Name | None = None
    anonymous_id: Name | None = None
    event_id: EventId | None = None
    session_id: Name | None = None
    timestamp: Time | None = None
    sent_at: Time | None = None
    properties: Raw = _ABSENT
    context: Raw = _ABSENT


class _Envelope(Struct, gc=False):
    events: list[Raw] | UnsetType | None = UNSET
    sent_at: Time | None = None


_event = Decoder(Event)
_event_list = Decoder(list[Event])
_text_event_list = Decoder(list[_TextContextEvent])
_text_event = Decoder(_TextContextEvent)
_raw_list = Decoder(list[Raw])
_raw_object = Decoder(dict[str, Raw])
_context = Decoder(Context)
_page = Decoder(Page)
_campaign = Decoder(Campaign)
_envelope = Decoder(_Envelope)
_text = Decoder(str)
_anything = Decoder()

# Bodies whose events are this large on average are measured event by event; smaller ones only by their largest parts.
_LARGE_ON_AVERAGE = 4_096


@dataclass(slots=True)
class Decoded:
    """Events of one request that have the right types, where each stood, and those that were refused."""

    events: list[Event] = field(default_factory=list[Event])
    positions: list[int] | None = None  # None: the i-th event stood at i
    refusals: list[Refusal] = field(default_factory=list[Refusal])

    def position(self, index: int) -> int:
        """Where in the request the `index`-th event stood."""
        return index if self.positions is None else self.positions[index]


def decode_body(body: bytes, ndjson: bool, max_events: int, event_max_bytes: int) -> Decoded:
    """The events of a body.

    Raises UnreadableBodyError if it is no JSON document of a known form, PayloadTooLargeError above `max_events`.
    """
    if not body or body.isspace():
        raise UnreadableBodyError("The body is empty.")
    if ndjson:
        return _decode_lines(body, max_events, event_max_bytes)
    return _decode_document(body, max_events, event_max_bytes)


def _decode_lines(body: bytes, max_events: int, event_max_bytes: int) -> Decoded:
    lines = [line for line in body.split(b"\n") if line and not line.isspace()]
    _check_count(len(lines), max_events)
    if max(map(len, lines), default=0) <= event_max_bytes:
        events = _decode_fast_lines(body)
        # A value may go over several lines: then it is not NDJSON, though it can be read.
        if events is not None and len(events) == len(lines):
            return Decoded(events)
    return _decode_each(lines, event_max_bytes)


def _decode_document(body: bytes, max_events: int, event_max_bytes: int) -> Decoded:
    first = body.lstrip()[:1]
    if first == b"[":
        return _decode_array(body, max_events, event_max_bytes)
    if first != b"{":
        raise UnreadableBodyError("The body is neither a JSON object nor an array.")
    try:
        envelope = _envelope.decode(body)
    except ValidationError:
        # `events` is no array, or `sent_at` no time: an object all the same.
        envelope = _Envelope()
        members = _decode_or_refuse(_raw_object, body)
        if "events" in members:
            raise UnreadableBodyError('"events" must be an array.') from None
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(error) from error
    if envelope.events is UNSET:
        return _decode_each([body], event_max_bytes)
    if envelope.events is None:
        raise UnreadableBodyError('"events" must be an array.')
    raws = envelope.events
    _check_count(len(raws), max_events)
    decoded = _decode_array(b"[" + b",".join(raws) + b"]", max_events, event_max_bytes) if raws else Decoded()
    if envelope.sent_at is not None:
        for event in decoded.events:
            if event.sent_at is None:
                event.sent_at = envelope.sent_at
    return decoded


def _decode_array(body: bytes, max_events: int, event_max_bytes: int) -> Decoded:
    # The smallest event, `{},`, has three bytes: a body this short cannot hold too many, whatever its events are.
    if len(body) // 3 <= max_events or body.count(b"{") <= max_events:
        events = _decode_fast(body)
        if events is not None and len(events) <= max_events and _surely_small(events, len(body), event_max_bytes):
            return Decoded(events)
    raws = _decode_or_refuse(_raw_list, body)
    _check_count(len(raws), max_events)
    return _decode_each([bytes(raw) for raw in raws], event_max_bytes)


def _decode_or_refuse(decoder: Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(error) from error


def _broken(error: Exception) -> UnreadableBodyError:
    if isinstance(error, RecursionError):
        return UnreadableBodyError("The body is nested too deeply.")
    return UnreadableBodyError(f"The body is not valid JSON: {error}.")


def _check_count(count: int, max_events: int) -> None:
    if count > max_events:
        raise PayloadTooLargeError(f"The request holds {count:,} events; {max_events:,} are the most.")


def _surely_small(events: list[Event], body_bytes: int, event_max_bytes: int) -> bool:
    """Whether no event can be over its limit, judged without measuring each."""
    if body_bytes <= event_max_bytes:
        return True
    count = len(events)
    if count < 8 or body_bytes > count * _LARGE_ON_AVERAGE:
        return False
    largest = max(len(memoryview(event.properties)) for event in events)
    for context in (event.context for event in events):
        if context is not None and (page := context.page) is not None:
            largest = max(largest, len(page.url or ""), len(page.referrer or ""), len(page.title or ""), len(context.user_agent or ""))
    return largest * 5 <= event_max_bytes


def _decode_fast_lines(body: bytes) -> list[Event] | None:
    try:
        return _event.decode_lines(body)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return [_with_context(event) for event in _text_event.decode_lines(body)]
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _decode_fast(body: bytes) -> list[Event] | None:
    """All events at once, or None if any of them does not fit."""
    try:
        return _event_list.decode(body)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return [_with_context(event) for event in _text_event_list.decode(body)]
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _with_context(event: _TextContextEvent) -> Event:
    context, extra = lenient_context(bytes(event.context))
    return Event(
        event.event,
        event.user_id,
        event.anonymous_id,
        event.event_id,
        event.session_id,
        event.timestamp,
        event.sent_at,
        event.properties,
        context,
        extra,
    )


def lenient_context(text: bytes) -> tuple[Context | None, UnsetType | str]:
    """The members of a context that have columns, and JSON text of all others (UNSET: none).

    A member of a wrong type counts as one without a column. Raises ValidationError if the context is no object.
    """
    if not text or text == b"null":
        return None, UNSET
    try:
        return _context.decode(text), UNSET
    except ValidationError:
        pass
    members = _raw_object.decode(text)
    context, extra = Context(), dict[str, bytes]()
    for name, raw in members.items():
        value = bytes(raw)
        if name in ("ip", "user_agent", "locale", "timezone"):
            _set_text(context, name, value, extra)
        elif name == "page":
            context.page = _lenient_part(Page(), name, value, extra)
        elif name == "campaign":
            context.campaign = _lenient_part(Campaign(), name, value, extra)
        else:
            extra[name] = value
    return context, _object_text(extra) if extra else UNSET


def _set_text(target: Struct, name: str, value: bytes, extra: dict[str, bytes]) -> None:
    if value == b"null":
        return
    if value[:1] == b'"':
        setattr(target, name, _text.decode(value))
    elif name != "ip":  # an address in a wrong place would escape the project's policy
        extra[name] = value


def _lenient_part(part: Part, name: str, value: bytes, extra: dict[str, bytes]) -> Part:
    if value[:1] != b"{":
        if value != b"null":
            extra[name] = value
        return part
    rest = dict[str, bytes]()
    for member, raw in _raw_object.decode(value).items():
        if member in part.__struct_fields__:
            _set_text(part, member, bytes(raw), rest)
        else:
            rest[member] = bytes(raw)
    if rest:
        extra[name] = _object_text(rest).encode()
    return part


def _object_text(members: dict[str, bytes]) -> str:
    return "{" + ",".join(f"{encode(name).decode()}:{value.decode()}" for name, value in members.items()) + "}"


def _decode_each(bodies: list[bytes], event_max_bytes: int) -> Decoded:
    decoded = Decoded(positions=[])
    positions = cast(list[int], decoded.positions)
    for index, body in enumerate(bodies):
        if len(body) > event_max_bytes:
            detail = f"The event has {len(body):,} bytes; {event_max_bytes:,} are the most."
            decoded.refusals.append(Refusal(index, _sent_event_id(body), Reason.EVENT_TOO_LARGE, detail, body))
            continue
        try:
            event = _with_context(_text_event.decode(body))
        except (DecodeError, UnicodeDecodeError, RecursionError) as error:
            reason, detail = _why(body, error)
            decoded.refusals.append(Refusal(index, _sent_event_id(body), reason, detail, body))
            continue
        decoded.events.append(event)
        positions.append(index)
    return decoded


def _sent_event_id(body: bytes) -> str | None:
    """The event_id of a refused event, if it can be read."""
    try:
        value = _raw_object.decode(body).get("event_id")
        return None if value is None else _text.decode(value)[:100]
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None


_FIELDS = (
    ("event", 200, Reason.INVALID_EVENT),
    ("user_id", 200, Reason.INVALID_USER),
    ("anonymous_id", 200, Reason.INVALID_USER),
    ("event_id", 100, Reason.INVALID_EVENT_ID),
    ("session_id", 200, Reason.INVALID_USER),
)


def _why(body: bytes, error: Exception) -> tuple[Reason, str]:
    """Reason and detail for an event that did not fit."""
    try:
        members = _raw_object.decode(body)
    except RecursionError:
        return Reason.TOO_DEEP, "The event is nested too deeply."
    except ValidationError:
        return Reason.NOT_AN_OBJECT, "An event must be a JSON object."
    except (DecodeError, UnicodeDecodeError) as broken:
        return Reason.INVALID_JSON, f"Not valid JSON: {broken}."
    if bytes(members.get("event", Raw(b"null"))) == b"null":
        return Reason.MISSING_EVENT, '"event" is missing.'
    for name, longest, reason in _FIELDS:
        detail = _text_fault(name, members.get(name), longest)
        if detail is not None:
            return reason, detail
    for name in ("timestamp", "sent_at"):
        if name in members and not _is_time(bytes(members[name])):
            return Reason.INVALID_TIMESTAMP, f'"{name}" must be an ISO 8601 string or a number of seconds or milliseconds.'
    return Reason.INVALID_PROPERTIES, f"The event could not be read: {error}."


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


def _is_time(value: bytes) -> bool:
    return value == b"null" or value[:1] == b'"' or value[:1] in b"-0123456789"
