"""JSON of a request to typed events.

Three speeds, same result: the whole body at once into structs; if that fails because contexts hold members we have no column for, the same
with contexts left as text; if that fails too, event by event, so that each bad one is named. The one thing to know: a broken JSON document
refuses the whole request, a broken NDJSON line or an event over a limit of its own only itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from msgspec import DecodeError, Raw, Struct, UnsetType
from msgspec.json import Decoder

from analytics.domain.verdict import Reason, Refusal
from analytics.errors import PayloadTooLargeError, UnreadableBodyError
from analytics.ingest.faults import TEXT_FIELDS, sent_event_id, why_unfit
from analytics.ingest.sent_event import ABSENT, Event, EventId, Name, Time, as_sent, lenient_context
from analytics.ingest.split import count_elements, split_array, split_object
from analytics.ingest.surrogates import REPLACEMENT, mend_surrogates


class _TextContextEvent(Struct, gc=False):
    event: Name
    user_id: Name | None = None
    anonymous_id: Name | None = None
    event_id: EventId | None = None
    session_id: Name | None = None
    timestamp: Time | None = None
    sent_at: Time | None = None
    properties: Raw = ABSENT
    context: Raw = ABSENT


class _Envelope(Struct, gc=False):
    events: Raw = ABSENT
    sent_at: Raw = ABSENT


_event = Decoder(Event)
_event_list = Decoder(list[Event])
_text_event_list = Decoder(list[_TextContextEvent])
_text_event = Decoder(_TextContextEvent)
_raw_list = Decoder(list[Raw])
_envelope = Decoder(_Envelope)
_time = Decoder(Time | None)

_Parts = TypeVar("_Parts", list[bytes], dict[str, bytes])
_MANY_COMMAS = 1_000_000  # of elements that are almost nothing, each would take many times its size


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
    try:
        decoded = _decode(body, ndjson, max_events, event_max_bytes)
    except UnreadableBodyError:
        mended = mend_surrogates(body)
        if mended is None:
            raise
    else:
        broken = ndjson and any(refusal.reason is Reason.INVALID_JSON for refusal in decoded.refusals)
        mended = mend_surrogates(body) if broken else None
        if mended is None:
            return decoded
    return _without_mended_ids(_decode(mended, ndjson, max_events, event_max_bytes))


def _decode(body: bytes, ndjson: bool, max_events: int, event_max_bytes: int) -> Decoded:
    if not body or body.isspace():
        raise UnreadableBodyError("The body is empty.")
    if ndjson:
        return _decode_lines(body, max_events, event_max_bytes)
    return _decode_document(body, max_events, event_max_bytes)


def _decode_lines(body: bytes, max_events: int, event_max_bytes: int) -> Decoded:
    lines = [line for part in body.split(b"\n") if (line := part.strip(b" \t\r"))]
    _check_count(len(lines), max_events)
    if max(map(len, lines), default=0) <= event_max_bytes:
        events = _decode_fast_lines(body)
        # A value over several lines, or two in one, can be read but is not NDJSON: where each line has its braces, none is cut.
        if events is not None and len(events) == len(lines) and all(line[0] == 123 and line[-1] == 125 for line in lines):
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
        events, sent_at = bytes(envelope.events), bytes(envelope.sent_at)
    except RecursionError:
        members = _split(split_object(body))
        events, sent_at = members.get("events", b""), members.get("sent_at", b"")
    except (DecodeError, UnicodeDecodeError) as error:
        raise _broken(error) from error
    if not events:
        return _decode_each([body], event_max_bytes)
    if events[:1] != b"[":
        raise UnreadableBodyError('"events" must be an array.')
    decoded = _decode_array(events, max_events, event_max_bytes)
    _take_sent_at(decoded.events, sent_at)
    return decoded


def _take_sent_at(events: Sequence[Event], value: bytes) -> None:
    """The time of the envelope, for events that have none of their own."""
    if not value or value == b"null":
        return
    try:
        sent_at = _time.decode(value)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        sent_at = value.decode("utf-8", "replace")  # no time: each event is refused for it
    for event in events:
        if event.sent_at is None:
            event.sent_at = sent_at


def _decode_array(body: bytes, max_events: int, event_max_bytes: int) -> Decoded:
    if len(body) > _MANY_COMMAS and body.count(b",") >= _MANY_COMMAS:
        _check_count(count_elements(body) or 0, max_events)
    try:
        raws = _raw_list.decode(body)
    except RecursionError:
        return _decode_deep(body, max_events, event_max_bytes)
    except (DecodeError, UnicodeDecodeError) as error:
        raise _broken(error) from error
    _check_count(len(raws), max_events)
    if max(map(len, raws), default=0) <= event_max_bytes:
        events = _decode_fast(body)
        if events is not None:
            return Decoded(events)
    return _decode_each([bytes(raw) for raw in raws], event_max_bytes)


def _decode_deep(body: bytes, max_events: int, event_max_bytes: int) -> Decoded:
    """An array some of whose events are too deep to be decoded: those are refused, the others are not at fault."""
    parts = _split(split_array(body))
    _check_count(len(parts), max_events)
    decoded = _decode_each(parts, event_max_bytes)
    for refusal in decoded.refusals:
        if refusal.reason is Reason.INVALID_JSON:
            raise UnreadableBodyError(f"The body is not valid JSON: element {refusal.index}: {refusal.detail}")
    return decoded


def _split(parts: _Parts | None) -> _Parts:
    if parts is None:
        raise UnreadableBodyError("The body is not valid JSON, and nested very deeply.")
    return parts


def _without_mended_ids(decoded: Decoded) -> Decoded:
    """Refuse events whose names or ids were mended: two that differed would now be equal."""
    kept = Decoded(positions=[], refusals=decoded.refusals)
    for index, event in enumerate(decoded.events):
        position = decoded.position(index)
        for name, _, reason in TEXT_FIELDS:
            if REPLACEMENT in (getattr(event, name) or ""):
                detail = f'"{name}" has half of a character (a lone surrogate).'
                kept.refusals.append(Refusal(position, event.event_id, reason, detail, as_sent(event)))
                break
        else:
            kept.events.append(event)
            cast(list[int], kept.positions).append(position)
    kept.refusals.sort(key=lambda refusal: refusal.index)
    return kept


def _broken(error: Exception) -> UnreadableBodyError:
    return UnreadableBodyError(f"The body is not valid JSON: {error}.")


def _check_count(count: int, max_events: int) -> None:
    if count > max_events:
        raise PayloadTooLargeError(f"The request holds {count:,} events; {max_events:,} are the most.")


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
    made = Event(
        event.event,
        event.user_id,
        event.anonymous_id,
        event.event_id,
        event.session_id,
        event.timestamp,
        event.sent_at,
        event.properties,
        context,
    )
    made.extra = cast(UnsetType, extra)  # UNSET, or text
    return made


def _decode_each(bodies: list[bytes], event_max_bytes: int) -> Decoded:
    decoded = Decoded(positions=[])
    positions = cast(list[int], decoded.positions)
    for index, body in enumerate(bodies):
        if len(body) > event_max_bytes:
            detail = f"The event has {len(body):,} bytes; {event_max_bytes:,} are the most."
            decoded.refusals.append(Refusal(index, sent_event_id(body), Reason.EVENT_TOO_LARGE, detail, body))
            continue
        try:
            event = _with_context(_text_event.decode(body))
        except (DecodeError, UnicodeDecodeError, RecursionError) as error:
            reason, detail = why_unfit(body, error)
            decoded.refusals.append(Refusal(index, sent_event_id(body), reason, detail, body))
            continue
        decoded.events.append(event)
        positions.append(index)
    return decoded
