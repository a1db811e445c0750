"""Bodies to events: every form and every speed gives the same."""

import json
import math
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import asdict

from analytics.domain.verdict import Reason
from analytics.errors import PayloadTooLargeError, UnreadableBodyError
from analytics.ingest.decode import Decoded, decode_body
from analytics.ingest.sent_event import Event, as_sent

MOST_BYTES = 32_768
Outcome = tuple[str, Any]  # what became of one event


def decode(body: bytes | str, *, ndjson: bool = False, max_events: int = 10_000, event_max_bytes: int = MOST_BYTES) -> Decoded:
    return decode_body(body.encode() if isinstance(body, str) else body, ndjson, max_events, event_max_bytes)


def contents(event: Event) -> dict[str, Any]:
    """All of an event, comparable."""
    found = asdict(event)
    found["properties"] = bytes(event.properties)
    found["context"] = None if event.context is None else json.loads(as_sent(Event("e", context=event.context)))["context"]
    return found


def outcomes(decoded: Decoded) -> list[Outcome]:
    """What became of each event, in the order of the request."""
    found: dict[int, Outcome] = {decoded.position(i): ("accepted", contents(event)) for i, event in enumerate(decoded.events)}
    for refusal in decoded.refusals:
        assert refusal.index not in found
        found[refusal.index] = ("refused", (refusal.reason, refusal.event_id, refusal.detail, refusal.body))
    assert sorted(found) == list(range(len(found)))
    return [found[index] for index in range(len(found))]


def refusal_of(event: str | bytes, **options: Any) -> tuple[Reason, str | None]:
    """Reason and id of the one refused event of a body, in all four forms."""
    text = event.encode() if isinstance(event, str) else event
    bodies = [(b"[" + text + b"]", False), (b'{"events":[' + text + b"]}", False), (text, True)]
    if text.lstrip()[:1] == b"{":
        bodies.append((text, False))
    found = set[tuple[Reason, str | None]]()
    for body, ndjson in bodies:
        decoded = decode(body, ndjson=ndjson, **options)
        assert not decoded.events
        found |= {(refusal.reason, refusal.event_id) for refusal in decoded.refusals}
    assert len(found) == 1, found
    return found.pop()


# ---- the same in every form and company ----------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(min_size=1, max_size=4)
TEXT_MEMBERS = dict.fromkeys(("url", "title", "referrer"), NAMES)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "ip": st.just("203.0.113.9"),
        "user_agent": NAMES,
        "page": st.fixed_dictionaries({}, optional=TEXT_MEMBERS),
        "campaign": st.fixed_dictionaries({}, optional=dict.fromkeys(("source", "medium", "name", "term", "content"), NAMES)),
        "locale": NAMES,
        "timezone": NAMES,
    },
)
ODD_MEMBERS = st.dictionaries(st.sampled_from(["ip", "page", "campaign", "locale", "library", ""]), JSON, max_size=3)
ODD_CONTEXTS = st.tuples(CONTEXTS, ODD_MEMBERS).map(lambda both: {**both[0], **both[1]})
VALID = st.fixed_dictionaries(
    {"event": NAMES, "user_id": NAMES},
    optional={
        "anonymous_id": NAMES,
        "event_id": NAMES,
        "session_id": st.none() | NAMES,
        "timestamp": st.sampled_from(["2026-11-22T10:00:00.000Z", 1_795_348_800, 1.5, None]),
        "sent_at": st.just("2026-11-22T10:00:01Z"),
        "properties": st.dictionaries(st.text(max_size=4), JSON, max_size=3),
        "context": st.none() | CONTEXTS,
    },
)
ODD_FIELDS = st.fixed_dictionaries({}, optional={"context": ODD_CONTEXTS, "extra": JSON, "$context_extra": JSON, "type": JSON})
UNKNOWN = st.tuples(VALID, ODD_FIELDS).map(lambda both: {**both[0], **both[1]})
FIELDS = ("event", "user_id", "anonymous_id", "event_id", "session_id", "timestamp", "sent_at", "properties", "context")
MAYBE_BAD = JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON | NAMES))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALID, max_size=3), st.lists(UNKNOWN, max_size=2), st.lists(MAYBE_BAD, max_size=3), st.booleans(), st.randoms())
def test_what_becomes_of_an_event_depends_on_neither_form_nor_company(
    valid: list[Any], unknown: list[Any], bad: list[Any], escape: bool, shuffle: Any
) -> None:
    events = [*valid, *unknown, *bad]
    shuffle.shuffle(events)
    texts = [json.dumps(event, ensure_ascii=escape).encode() for event in events]
    array = outcomes(decode(b"[" + b" ,\n".join(texts) + b"]"))
    assert outcomes(decode(b'{"events": [' + b",".join(texts) + b"]}")) == array
    if texts:
        assert outcomes(decode(b"\n\r\n".join(texts) + b"\n", ndjson=True)) == array
    assert len(array) == len(events)
    for text, event, outcome in zip(texts, events, array, strict=True):
        assert outcomes(decode(b"[" + text + b"]")) == [outcome]
        assert outcomes(decode(text, ndjson=True)) == [outcome]
        if isinstance(event, dict) and "events" not in event:
            assert outcomes(decode(text)) == [outcome]
        assert reason_by_hand(event) == (None if outcome[0] == "accepted" else outcome[1][0]), event


def reason_by_hand(event: Any) -> Reason | None:
    """Why an event is refused before any step, the long way."""
    if not isinstance(event, dict):
        return Reason.NOT_AN_OBJECT
    if event.get("event") is None:
        return Reason.MISSING_EVENT
    fields = {"event": Reason.INVALID_EVENT, "user_id": Reason.INVALID_USER, "anonymous_id": Reason.INVALID_USER}
    for name, reason in {**fields, "event_id": Reason.INVALID_EVENT_ID, "session_id": Reason.INVALID_USER}.items():
        value = event.get(name)
        if value is not None and not (isinstance(value, str) and 1 <= len(value) <= (100 if name == "event_id" else 200)):
            return reason
    for name in ("timestamp", "sent_at"):
        value = event.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            return Reason.INVALID_TIMESTAMP
    return None if isinstance(event.get("context"), dict | None) else Reason.INVALID_PROPERTIES


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALID | UNKNOWN, min_size=1, max_size=4))
def test_what_is_accepted_is_what_was_sent(events: list[Any]) -> None:
    decoded = decode(json.dumps(events))
    for sent, event in zip(events, decoded.events, strict=True):
        known = {name: value for name, value in sent.items() if name in Event.__struct_fields__ and name not in ("extra", "context")}
        context = dict(sent.get("context") or {})
        if not isinstance(context.get("ip"), str):
            context.pop("ip", None)
        again = json.loads(as_sent(event))
        got = again.pop("context", {})
        assert without_nothing(again) == without_nothing(known)
        assert without_nothing(got) == without_nothing(context)


def without_nothing(value: Any) -> Any:
    """Members that are null or empty stand for nothing, in the known parts of an event."""
    return {
        name: without_nothing(member) if name in ("page", "campaign") and isinstance(member, dict) else member
        for name, member in value.items()
        if member not in (None, {}, Raw(b"")) or name == "properties"
    }


# ---- forms ---------------------------------------------------------------------------------------

EVENT = '{"event":"e","user_id":"u"}'


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (EVENT, 1),
        (f" \n\t{EVENT} ", 1),
        ("[]", 0),
        (" [ ] ", 0),
        (f"[{EVENT}]", 1),
        (f"[{EVENT},\n{EVENT}]", 2),
        ('{"events":[]}', 0),
        (f'{{"events":[{EVENT},{EVENT}]}}', 2),
        (f'{{"sent_at":"2026-11-22T10:00:00Z","events":[{EVENT}],"other":[1]}}', 1),
        (f'{{"events":[],"events":[{EVENT}]}}', 1),
    ],
)
def test_a_document_is_an_event_a_list_or_an_envelope(body: str, count: int) -> None:
    decoded = decode(body)
    assert (len(decoded.events), decoded.refusals) == (count, [])


@pytest.mark.parametrize(
    ("body", "count"),
    [(EVENT, 1), (f"{EVENT}\n", 1), (f"\n\r\n {EVENT} \r\n\t\n{EVENT}\r\n\n", 2), ("\n".join([EVENT] * 50), 50)],
)
def test_lines_are_events_and_blank_lines_nothing(body: str, count: int) -> None:
    decoded = decode(body, ndjson=True)
    assert (len(decoded.events), decoded.refusals) == (count, [])


@pytest.mark.parametrize("body", ["", " ", "\n\r\n\t "])
@pytest.mark.parametrize("ndjson", [False, True])
def test_an_empty_body_is_unreadable(body: str, ndjson: bool) -> None:
    with pytest.raises(UnreadableBodyError, match="empty"):
        decode(body, ndjson=ndjson)


@pytest.mark.parametrize(
    "body",
    [
        "null", "true", "1", '"text"', "nonsense", "{", "[", "]", "}", "[}", "{]", f"[{EVENT}", f"{EVENT}}}", f"[{EVENT}]]", f"[{EVENT},]",
        f"[,{EVENT}]", f"[{EVENT} {EVENT}]", f"{EVENT}{EVENT}", f"{EVENT}\n{EVENT}", f"[{EVENT}] x", "{'event':'e'}", "[NaN]", "[Infinity]",
        '[{"a":NaN}]', '[{"a":01}]', '[{"a":1.}]', '[{"a":.5}]', '[{"a":+1}]', '[{"a":0x1}]', '[{"a":1e}]', '[{"a":"\n"}]', '[{"a":"\\q"}]',
        '[{"a":"\\u12"}]', '[{"a":1,}]', '[{"a" 1}]', '[{"a":tru}]', "[1,2", '["\\', "// x\n[]", "[/**/]", "[\x00]", "[]\x00", "\ufeff[]",
        '{"events":null}', '{"events":5}', '{"events":{}}', '{"events":"[]"}', '{"events":true}', '{"events":[}', '{"events":[1,]}',
    ],
)  # fmt: skip
def test_a_broken_document_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableBodyError):
        decode(body)


NOT_UTF8 = [b"\xef\xbb\xbf[]", EVENT.encode("utf-16"), EVENT.encode("utf-16-le"), EVENT.encode("utf-32"), b"\xff", b"\x1f\x8b\x08"]


@pytest.mark.parametrize("body", NOT_UTF8)
def test_what_is_no_utf8_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableBodyError):
        decode(body)


@pytest.mark.parametrize(
    ("lines", "bad"),
    [
        ([EVENT, "{", EVENT], {1: Reason.INVALID_JSON}),
        (["nonsense", EVENT], {0: Reason.INVALID_JSON}),
        (["null", "1", '"x"', "[]", EVENT], dict.fromkeys(range(4), Reason.NOT_AN_OBJECT)),
        (["", EVENT, " ", "x", "", EVENT, "[", "\t"], {1: Reason.INVALID_JSON, 3: Reason.INVALID_JSON}),
        ([EVENT + EVENT, EVENT], {0: Reason.INVALID_JSON}),
        (['{"event":"e",', '"user_id":"u"}'], {0: Reason.INVALID_JSON, 1: Reason.INVALID_JSON}),
        ([EVENT + '{"event":"e",', '"user_id":"u"}'], {0: Reason.INVALID_JSON, 1: Reason.INVALID_JSON}),
        ([EVENT + ' {"event":"e"', ',"user_id":"u"}'], {0: Reason.INVALID_JSON, 1: Reason.INVALID_JSON}),
        ([f"[{EVENT}]", EVENT], {0: Reason.NOT_AN_OBJECT}),
        ([f"{EVENT},", EVENT], {0: Reason.INVALID_JSON}),
    ],
)
def test_a_bad_line_is_refused_alone_and_blank_lines_do_not_count(lines: list[str], bad: dict[int, Reason]) -> None:
    decoded = decode("\n".join(lines), ndjson=True)
    found = {refusal.index: refusal.reason for refusal in decoded.refusals}
    assert found == bad
    assert len(decoded.events) + len(decoded.refusals) == len([line for line in lines if line.strip()])


# ---- single events -------------------------------------------------------------------------------

REFUSED: dict[str, Reason] = {
    "null": Reason.NOT_AN_OBJECT,
    "true": Reason.NOT_AN_OBJECT,
    "7": Reason.NOT_AN_OBJECT,
    '"event"': Reason.NOT_AN_OBJECT,
    "[]": Reason.NOT_AN_OBJECT,
    f"[{EVENT}]": Reason.NOT_AN_OBJECT,
    "{}": Reason.MISSING_EVENT,
    '{"user_id":"u"}': Reason.MISSING_EVENT,
    '{"event":null,"user_id":"u"}': Reason.MISSING_EVENT,
    '{"Event":"e","user_id":"u"}': Reason.MISSING_EVENT,
    '{"event":"","user_id":"u"}': Reason.INVALID_EVENT,
    '{"event":5,"user_id":"u"}': Reason.INVALID_EVENT,
    '{"event":["e"],"user_id":"u"}': Reason.INVALID_EVENT,
    '{"event":{},"user_id":"u"}': Reason.INVALID_EVENT,
    '{"event":false,"user_id":"u"}': Reason.INVALID_EVENT,
    '{"event":"' + "x" * 201 + '","user_id":"u"}': Reason.INVALID_EVENT,
    '{"event":"e","user_id":""}': Reason.INVALID_USER,
    '{"event":"e","user_id":17}': Reason.INVALID_USER,
    '{"event":"e","user_id":1.5}': Reason.INVALID_USER,
    '{"event":"e","user_id":true}': Reason.INVALID_USER,
    '{"event":"e","user_id":["u"]}': Reason.INVALID_USER,
    '{"event":"e","user_id":"' + "x" * 201 + '"}': Reason.INVALID_USER,
    '{"event":"e","anonymous_id":""}': Reason.INVALID_USER,
    '{"event":"e","anonymous_id":9}': Reason.INVALID_USER,
    '{"event":"e","user_id":"u","anonymous_id":{}}': Reason.INVALID_USER,
    '{"event":"e","user_id":"u","event_id":""}': Reason.INVALID_EVENT_ID,
    '{"event":"e","user_id":"u","event_id":5}': Reason.INVALID_EVENT_ID,
    '{"event":"e","user_id":"u","event_id":["x"]}': Reason.INVALID_EVENT_ID,
    '{"event":"e","user_id":"u","event_id":"' + "x" * 101 + '"}': Reason.INVALID_EVENT_ID,
    '{"event":"e","user_id":"u","session_id":5}': Reason.INVALID_USER,
    '{"event":"e","user_id":"u","session_id":""}': Reason.INVALID_USER,
    '{"event":"e","user_id":"u","timestamp":true}': Reason.INVALID_TIMESTAMP,
    '{"event":"e","user_id":"u","timestamp":{}}': Reason.INVALID_TIMESTAMP,
    '{"event":"e","user_id":"u","timestamp":[1]}': Reason.INVALID_TIMESTAMP,
    '{"event":"e","user_id":"u","timestamp":1e400}': Reason.INVALID_TIMESTAMP,
    '{"event":"e","user_id":"u","timestamp":' + "9" * 5_000 + "}": Reason.INVALID_TIMESTAMP,
    '{"event":"e","user_id":"u","sent_at":false}': Reason.INVALID_TIMESTAMP,
    '{"event":"e","user_id":"u","context":5}': Reason.INVALID_PROPERTIES,
    '{"event":"e","user_id":"u","context":[]}': Reason.INVALID_PROPERTIES,
    '{"event":"e","user_id":"u","context":"x"}': Reason.INVALID_PROPERTIES,
}


@pytest.mark.parametrize(("event", "reason"), REFUSED.items(), ids=[text[:60] for text in REFUSED])
def test_an_event_that_does_not_fit_is_refused_with_its_reason(event: str, reason: Reason) -> None:
    assert refusal_of(event)[0] == reason


@pytest.mark.parametrize(
    "event",
    [
        '{"event":"e","user_id":null,"anonymous_id":null,"event_id":null,"session_id":null,"timestamp":null,"properties":null,"context":null}',
        '{"event":"' + "x" * 200 + '","user_id":"' + "y" * 200 + '","event_id":"' + "z" * 100 + '"}',
        '{"event":"' + "😀" * 200 + '","user_id":"' + "é" * 200 + '","event_id":"' + "漢" * 100 + '"}',
        '{"event":"' + "\\ud83d\\ude00" * 200 + '","user_id":"u"}',
        '{"event":"a\\u0000b\\n\\t\\"","user_id":" "}',
        '{"event":"e","user_id":"u","unknown":{"a":[1,{"b":2}]},"extra":"text","$context_extra":"text","type":"track"}',
        '{"event":"e","user_id":"u","context":{"ip":5,"page":"x","campaign":[1],"locale":{},"library":{"name":"js"},"user_agent":null}}',
        '{"\\u0065vent":"e","user_id":"u"}',
        '{"event":5,"event":"e","user_id":"u"}',
    ],
)  # fmt: skip
def test_an_event_that_fits_is_accepted(event: str) -> None:
    if '"event":5' in event:
        # The first of two equal names has a wrong type: it is named, since nobody can have meant both.
        assert refusal_of(event)[0] == Reason.INVALID_PROPERTIES
        return
    decoded = decode(event)
    assert (len(decoded.events), decoded.refusals) == (1, [])


@pytest.mark.parametrize(
    ("event", "event_id"),
    [
        ('{"event":5,"event_id":"x-1"}', "x-1"),
        ('{"event":5,"event_id":"' + "i" * 300 + '"}', "i" * 100),
        ('{"event":5,"event_id":7}', None),
        ('{"event":5,"event_id":null}', None),
        ('{"event":5}', None),
        ("[]", None),
        (b'{"event":5,"event_id":"\xff"}', None),
    ],
)
def test_a_refused_event_is_named_by_its_id(event: str | bytes, event_id: str | None) -> None:
    assert refusal_of(event)[1] == event_id


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (b'{"event":"\xff","user_id":"u"}', Reason.INVALID_EVENT),
        (b'{"event":"e","user_id":"\xc3\x28"}', Reason.INVALID_USER),
        (b'{"event":"e","user_id":"u","event_id":"\xed\xa0\x80"}', Reason.INVALID_EVENT_ID),
        (b'{"event":"e","user_id":"u","timestamp":"\xff"}', Reason.INVALID_TIMESTAMP),
        (b'{"event":"e","user_id":"u","context":{"page":{"url":"\xff"}}}', Reason.INVALID_PROPERTIES),
        (b'{"event":"e","user_id":"u","context":{"x":"\xff"}}', Reason.INVALID_PROPERTIES),
        (b'{"event":"e","user_id":"u","context":{"\xff":1}}', Reason.INVALID_PROPERTIES),
    ],
)
def test_text_that_is_no_utf8_refuses_its_event(event: bytes, reason: Reason) -> None:
    assert refusal_of(event)[0] == reason


# ---- halves of characters ------------------------------------------------------------------------


def test_half_a_character_in_properties_or_context_is_replaced() -> None:
    bad = r'{"event":"e","user_id":"u","properties":{"title":"cut \ud83d"},"context":{"page":{"title":"\ude00"},"x":"\ud800"}}'
    for body, ndjson in ((f"[{EVENT},{bad}]", False), (f'{{"events":[{EVENT},{bad}]}}', False), (f"{EVENT}\n{bad}", True)):
        decoded = decode(body, ndjson=ndjson)
        assert not decoded.refusals
        event = decoded.events[1]
        assert json.loads(bytes(event.properties)) == {"title": "cut \ufffd"}
        assert json.loads(as_sent(event))["context"] == {"page": {"title": "\ufffd"}, "x": "\ufffd"}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (r'{"event":"\ud800","user_id":"u","event_id":"x"}', Reason.INVALID_EVENT),
        (r'{"event":"e","user_id":"\udc00","event_id":"x"}', Reason.INVALID_USER),
        (r'{"event":"e","anonymous_id":"\ud800\ud800","event_id":"x"}', Reason.INVALID_USER),
        (r'{"event":"e","user_id":"u","session_id":"\ud800","event_id":"x"}', Reason.INVALID_USER),
        (r'{"event":"e","user_id":"u","event_id":"\ud800"}', Reason.INVALID_EVENT_ID),
    ],
)
def test_half_a_character_in_a_name_or_id_refuses_the_event(event: str, reason: Reason) -> None:
    assert refusal_of(event)[0] == reason
    decoded = decode(f"[{EVENT},{event},5,{EVENT}]")
    assert [refusal.index for refusal in decoded.refusals] == [1, 2]
    assert len(decoded.events) == 2


def test_mending_does_not_make_broken_json_readable() -> None:
    with pytest.raises(UnreadableBodyError):
        decode(r'[{"event":"\ud800","user_id":"u"}')


# ---- depth ---------------------------------------------------------------------------------------


def deep(levels: int, open_: str = '{"a":', close: str = "}") -> str:
    return open_ * levels + "1" + close * levels


@pytest.mark.parametrize("levels", [1_500, 100_000])
@pytest.mark.parametrize("place", ["properties", "context", "anything"])
def test_an_event_too_deep_to_decode_is_refused_alone(levels: int, place: str) -> None:
    event = f'{{"event":"e","user_id":"u","event_id":"deep","{place}":{deep(levels)}}}'
    assert refusal_of(event, event_max_bytes=1_000_000) == (Reason.TOO_DEEP, "deep")
    decoded = decode(f"[{EVENT},{event},{EVENT},{{}}]", event_max_bytes=1_000_000)
    assert [refusal.reason for refusal in decoded.refusals] == [Reason.TOO_DEEP, Reason.MISSING_EVENT]
    assert [refusal.index for refusal in decoded.refusals] == [1, 3]
    assert len(decoded.events) == 2


def test_a_broken_document_is_unreadable_however_deep() -> None:
    for body in (
        deep(5_000, "[", ""),
        "[" + deep(5_000, "[", "]") + ",nonsense]",
        "[" + deep(5_000) + ",{]",
        '{"events":[' + deep(5_000) + "]",
    ):
        with pytest.raises(UnreadableBodyError):
            decode(body, event_max_bytes=1_000_000)


@pytest.mark.parametrize("opened", ["[", '{"a":', '[{"events":', '{"events":', '{"events":['])
def test_twenty_megabytes_of_brackets_are_refused_in_bounded_time(opened: str) -> None:
    started = time.process_time()
    with pytest.raises(UnreadableBodyError):
        decode(opened * (20_000_000 // len(opened)))
    assert time.process_time() - started < 5


# ---- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["[%s]", '{"events":[%s]}', "%s"])
def test_one_event_too_many_refuses_the_request(form: str) -> None:
    ndjson = form == "%s"
    separator = "\n" if ndjson else ","
    for event in (EVENT, "5", "{}"):
        within = decode(form % separator.join([event] * 20), ndjson=ndjson, max_events=20)
        assert len(within.events) + len(within.refusals) == 20
        with pytest.raises(PayloadTooLargeError, match="21"):
            decode(form % separator.join([event] * 21), ndjson=ndjson, max_events=20)


@pytest.mark.parametrize("element", ["0", "{}", "[]", '""', EVENT])
def test_millions_of_elements_are_counted_and_not_kept(element: str) -> None:
    body = ("[" + ",".join([element] * (8_000_000 // (len(element) + 1))) + "]").encode()
    started = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooLargeError):
            decode(body)
        assert tracemalloc.get_traced_memory()[1] < 5 * len(body)
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "filling",
    [
        '"properties":{"a":"%s"}', '"context":{"locale":"%s"}', '"context":{"campaign":{"term":"%s"}}', '"context":{"page":{"url":"%s"}}',
        '"context":{"other":"%s"}', '"unknown":"%s"', '"user_id":"%s"', '"x%s":1',
    ],
)  # fmt: skip
@pytest.mark.parametrize("company", [0, 100])
def test_an_event_is_measured_whole_as_it_was_sent(filling: str, company: int) -> None:
    def event(size: int) -> str:
        bare = f'{{"event":"e","anonymous_id":"a","event_id":"big",{filling % ""}}}'
        return f'{{"event":"e","anonymous_id":"a","event_id":"big",{filling % ("x" * (size - len(bare)))}}}'

    others = [EVENT] * company
    for size, fits in ((1_000, True), (1_001, False)):
        big = event(size)
        for body, ndjson in ((f"[{','.join([big, *others])}]", False), ("\n".join([big, *others]), True)):
            decoded = decode(body, ndjson=ndjson, event_max_bytes=1_000)
            found = {(refusal.index, refusal.event_id): refusal.reason for refusal in decoded.refusals}
            if '"user_id":"%s' not in filling:
                assert found == ({} if fits else {(0, "big"): Reason.EVENT_TOO_LARGE})
            else:
                assert found == {(0, "big"): Reason.INVALID_USER if fits else Reason.EVENT_TOO_LARGE}
            assert len(decoded.events) + len(decoded.refusals) == 1 + company


# ---- sent_at of the envelope ---------------------------------------------------------------------


def test_the_envelopes_sent_at_is_for_events_without_one() -> None:
    own = '{"event":"e","user_id":"u","sent_at":5}'
    decoded = decode(f'{{"events":[{EVENT},{own}],"sent_at":"2026-11-22T10:00:00Z"}}')
    assert [event.sent_at for event in decoded.events] == ["2026-11-22T10:00:00Z", 5]


@pytest.mark.parametrize("value", ["true", "{}", "[1]", "1e400"])
def test_an_envelopes_sent_at_that_is_no_time_is_no_time_for_each_event(value: str) -> None:
    decoded = decode(f'{{"events":[{EVENT}],"sent_at":{value}}}')
    assert [event.sent_at for event in decoded.events] == [value]


def test_an_envelopes_sent_at_of_null_is_none() -> None:
    assert decode(f'{{"events":[{EVENT}],"sent_at":null}}').events[0].sent_at is None


# ---- contents ------------------------------------------------------------------------------------


def test_properties_stay_as_they_were_written() -> None:
    written = ' { "b" : 1e400, "a":1180591620717411303424, "a":2, "":{"":[]}, "\\u0061":-0.0, "z":1.10 } '
    event = decode(f'{{"event":"e","user_id":"u","properties":{written}}}').events[0]
    assert bytes(event.properties).decode() == written.strip()


def test_a_refused_event_is_kept_as_it_was_written() -> None:
    written = '{ "event" : 5, "x" : 1e400, "x":2 }'
    assert decode(f"[{written}]").refusals[0].body.decode() == written


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 400, "0.1e-400"])
def test_an_accepted_event_can_be_written_again(number: str) -> None:
    event = decode(
        f'{{"event":"e","user_id":"u","timestamp":1180591620717411303424,"properties":{{"a":{number}}},"context":{{"page":5,"x":{number}}}}}'
    ).events[0]
    again = json.loads(as_sent(event), parse_int=str, parse_float=str)
    assert again["properties"] == {"a": number}
    assert again["context"] == {"page": "5", "x": number}
    assert math.isclose(float(again["timestamp"]), 2**70)
