"""What happens to each event at the door, step by step."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Raw

from analytics.domain.project import IpPolicy
from analytics.domain.verdict import Reason
from analytics.ingest import steps
from analytics.ingest.batch import EventBatch, make_batch
from analytics.ingest.decode import decode_body
from analytics.ingest.pipeline import door_steps
from analytics.ingest.sent_event import Event
from tests.factories.projects import make_project

NOW = 1_795_348_800_000  # 2026-11-22T12:00:00Z
DAY = 86_400_000


def through_the_door(*events: dict[str, Any] | bytes, senders: Sequence[str] = (), received_ms: int = NOW, **project: Any) -> EventBatch:
    """A batch of events, each with a name and a user if it is given as a dict, after all steps."""
    texts = [event if isinstance(event, bytes) else json.dumps({"event": "e", "user_id": "u", **event}).encode() for event in events]
    decoded = decode_body(b"[" + b",".join(texts) + b"]", False, 10_000, 1_000_000)
    assert not decoded.refusals
    batch = make_batch(make_project(**project), received_ms, decoded.events, list(senders) or [""] * len(events))
    for step in door_steps(None):
        step(batch)
    return batch


def reasons(batch: EventBatch) -> dict[int, Reason]:
    return {index: reason for index, (reason, _) in batch.refused.items()}


# ---- who -----------------------------------------------------------------------------------------


def test_an_event_needs_a_user() -> None:
    batch = through_the_door({}, {"user_id": None}, {"user_id": None, "anonymous_id": "a"}, {"user_id": None, "anonymous_id": None})
    assert reasons(batch) == {1: Reason.MISSING_USER, 3: Reason.MISSING_USER}


# ---- properties ----------------------------------------------------------------------------------


def nested(levels: int, kind: str = "object") -> bytes:
    opened, closed = {"object": (b'{"a":', b"}"), "array": (b"[", b"]"), "mixed": (b'[{"a":', b"}]")}[kind]
    count = levels // 2 if kind == "mixed" else levels
    return opened * count + b"1" + closed * count


def with_properties(text: bytes) -> bytes:
    return b'{"event":"e","user_id":"u","properties":' + text + b"}"


def test_properties_are_an_object_or_nothing() -> None:
    batch = through_the_door(*[with_properties(text) for text in (b"{}", b"null", b"[]", b'"x"', b"7", b"true", b'{"a":null}')], {})
    assert reasons(batch) == dict.fromkeys((2, 3, 4, 5), Reason.INVALID_PROPERTIES)
    assert [batch.properties[index] for index in (0, 1, 6, 7)] == [b"{}", b"{}", b'{"a":null}', b"{}"]


@pytest.mark.parametrize("kind", ["object", "array", "mixed"])
def test_twenty_levels_of_properties_fit_and_twenty_one_do_not(kind: str) -> None:
    def properties(levels: int) -> bytes:
        return with_properties(b'{"x":' + nested(levels - 1, kind) + b"}")

    limit = 19 if kind == "mixed" else 20
    batch = through_the_door(properties(limit), properties(limit + 2), properties(900), {}, properties(1))
    assert reasons(batch) == {1: Reason.TOO_DEEP, 2: Reason.TOO_DEEP}
    batch = through_the_door(properties(21) if kind != "mixed" else properties(23))
    assert reasons(batch) == {0: Reason.TOO_DEEP}


def test_brackets_in_texts_are_no_levels() -> None:
    text = json.dumps({"a": "{[" * 100, '{["\\': ['"{[{[' * 50], "b": "\\" * 41 + "{" * 30}).encode()
    assert reasons(through_the_door(with_properties(text))) == {}


def test_many_flat_members_are_not_deep() -> None:
    assert reasons(through_the_door({"properties": {f"p{i}": [{}] for i in range(255)}})) == {}


def test_a_context_may_be_as_deep_as_properties() -> None:
    def context(levels: int) -> bytes:
        return b'{"event":"e","user_id":"u","context":{"x":' + nested(levels - 1) + b"}}"

    assert reasons(through_the_door(context(20), context(21), {}, context(500))) == {1: Reason.TOO_DEEP, 3: Reason.TOO_DEEP}


@pytest.mark.parametrize("names", ["p{}", "a long name of a property, number {}", "é{}"])
def test_255_properties_fit_and_256_do_not(names: str) -> None:
    batch = through_the_door(
        {"properties": {names.format(i): i for i in range(255)}}, {"properties": {names.format(i): i for i in range(256)}}
    )
    assert reasons(batch) == {1: Reason.TOO_MANY_PROPERTIES}


def test_256_shortest_properties_do_not_fit() -> None:
    names = ["", *(chr(code) for code in range(33, 600) if chr(code) not in '"\\')]
    sent = ",".join(f'"{name}":1' for name in names)
    assert reasons(through_the_door(with_properties(b"{" + sent.encode() + b"}"))) == {0: Reason.TOO_MANY_PROPERTIES}
    for count, expected in ((255, {}), (256, {0: Reason.TOO_MANY_PROPERTIES})):
        sent = ",".join(f'"{name}":1' for name in names[:count])
        assert reasons(through_the_door(with_properties(b"{" + sent.encode() + b"}"))) == expected


def test_members_of_members_and_repeats_are_not_counted() -> None:
    inner = {"a": {f"p{i}": i for i in range(1_000)}}
    repeated = b"{" + b",".join([b'"a":1'] * 1_000) + b"}"
    assert reasons(through_the_door({"properties": inner}, with_properties(repeated))) == {}


@pytest.mark.parametrize(
    "text", [b'{"a":"\xff"}', b'{"\xff":1}', b'{"a":["\xc3("]}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xf4\x90\x80\x80"}', b'{"a":"\xc0\x80"}']
)
def test_properties_that_are_no_utf8_refuse_their_event_alone(text: bytes) -> None:
    batch = through_the_door({"properties": {"a": "é"}}, with_properties(text), {"properties": {"a": "😀"}})
    assert reasons(batch) == {1: Reason.INVALID_PROPERTIES}


def test_bytes_are_no_utf8_also_where_their_neighbours_would_make_them_whole() -> None:
    first, second = with_properties(b'{"a":"\xc3"}'), with_properties(b'{"a":"\xa9"}')
    assert reasons(through_the_door(first, second)) == dict.fromkeys((0, 1), Reason.INVALID_PROPERTIES)


# ---- when ----------------------------------------------------------------------------------------


def times(*events: dict[str, Any], **project: Any) -> list[int | Reason]:
    batch = through_the_door(*events, **project)
    found = reasons(batch)
    return [found.get(index, int(time)) for index, time in enumerate(batch.timestamp_ms)]


def test_without_a_timestamp_an_event_happened_when_it_came() -> None:
    assert times({}, {"timestamp": None}, {"sent_at": "2020-01-01"}) == [NOW, NOW, NOW]


def test_a_timestamp_is_kept_where_clocks_agree() -> None:
    assert times(
        {"timestamp": "2026-11-22T11:00:00.123Z"},
        {"timestamp": NOW - 5},
        {"timestamp": NOW / 1000 - 60},
        {"timestamp": NOW - DAY, "sent_at": NOW},
    ) == [NOW - 3_600_000 + 123, NOW - 5, NOW - 60_000, NOW - DAY]


@pytest.mark.parametrize("direction", [1, -1])
def test_a_clock_is_corrected_only_if_it_is_off_by_more_than_five_minutes(direction: int) -> None:
    within, beyond = direction * 300_000, direction * 300_001
    assert times(
        {"timestamp": NOW + within - 1000, "sent_at": NOW + within},
        {"timestamp": NOW + beyond - 1000, "sent_at": NOW + beyond},
        {"timestamp": NOW + beyond - 1000},
    ) == [NOW + within - 1000, NOW - 1000, NOW + beyond - 1000]


def test_a_clock_that_is_years_off_is_corrected_too() -> None:
    assert times({"timestamp": "1970-01-01T00:00:05Z", "sent_at": "1970-01-01T00:00:15Z"}) == [NOW - 10_000]
    assert times({"timestamp": "2080-01-01T00:00:05Z", "sent_at": "2080-01-01T00:00:15Z"}) == [NOW - 10_000]


def test_a_time_that_is_none_refuses_the_event() -> None:
    assert times({"timestamp": "soon"}, {"sent_at": "soon"}, {"timestamp": ""}, {}, {"timestamp": "2026-11-22", "sent_at": "x"}) == [
        Reason.INVALID_TIMESTAMP, Reason.INVALID_TIMESTAMP, Reason.INVALID_TIMESTAMP, NOW, Reason.INVALID_TIMESTAMP,
    ]  # fmt: skip


def test_a_day_ahead_is_taken_and_more_is_not() -> None:
    assert times({"timestamp": NOW + DAY}, {"timestamp": NOW + DAY + 1}) == [NOW + DAY, Reason.TIMESTAMP_IN_FUTURE]


def test_the_year_2000_is_taken_and_what_was_before_is_not() -> None:
    begin = 946_684_800_000
    assert times({"timestamp": begin}, {"timestamp": begin - 1}, {"timestamp": "1999-12-31T23:59:59.999Z"}, {"timestamp": -1}) == [
        begin, Reason.TIMESTAMP_TOO_OLD, Reason.TIMESTAMP_TOO_OLD, Reason.TIMESTAMP_TOO_OLD,
    ]  # fmt: skip


def test_a_project_may_take_younger_events_only() -> None:
    assert times({"timestamp": NOW - 7 * DAY}, {"timestamp": NOW - 7 * DAY - 1}, event_max_age_days=7) == [
        NOW - 7 * DAY,
        Reason.TIMESTAMP_TOO_OLD,
    ]
    assert times({"timestamp": 946_684_799_999}, event_max_age_days=36_500) == [Reason.TIMESTAMP_TOO_OLD]


@pytest.mark.parametrize("far", [1e18, 2**63, 2**70, 10**300, 9_223_372_036_854_775_807])
def test_times_beyond_any_calendar_are_refused(far: float) -> None:
    assert times({"timestamp": far}, {"timestamp": -far}, {"timestamp": 0, "sent_at": far}, {"timestamp": far, "sent_at": -far}) == [
        Reason.TIMESTAMP_IN_FUTURE, Reason.TIMESTAMP_TOO_OLD, Reason.TIMESTAMP_TOO_OLD, Reason.TIMESTAMP_IN_FUTURE,
    ]  # fmt: skip


# ---- ids -----------------------------------------------------------------------------------------


def test_an_id_is_kept_and_a_missing_one_is_made() -> None:
    batch = through_the_door({"event_id": "mine"}, {}, {"event_id": None}, *[{}] * 200)
    assert batch.event_id[0] == "mine"
    made = [str(event_id) for event_id in batch.event_id[1:]]
    assert len(set(made)) == len(made)
    for event_id in made:
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event_id)
        assert int(event_id.replace("-", "")[:12], 16) == NOW


# ---- addresses -----------------------------------------------------------------------------------

ADDRESSES = {
    "203.0.113.9": ("203.0.113.9", "203.0.113.0"),
    "2001:db8:1:2:3:4:5:6": ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
    "2001:0DB8:0001:0000:0000:0000:0000:0001": ("2001:db8:1::1", "2001:db8:1::"),
    "::1": ("::1", "::"),
    "::ffff:203.0.113.9": ("203.0.113.9", "203.0.113.0"),
    "fe80::1%eth0": ("fe80::1", "fe80::"),
    "fe80::1%<any text>": ("fe80::1", "fe80::"),
    "0.0.0.0": ("0.0.0.0", "0.0.0.0"),
    "": ("", ""),
    "not an address": ("", ""),
    "203.0.113": ("", ""),
    "203.0.113.9:4711": ("", ""),
    "203.0.113.256": ("", ""),
    " 203.0.113.9": ("", ""),
    "203.0.113.9, 10.0.0.1": ("", ""),
    "٢٠٣.0.113.9": ("", ""),
    "[::1]": ("", ""),
    "1" * 10_000: ("", ""),
}


@pytest.mark.parametrize(("sent", "stored"), ADDRESSES.items(), ids=[address[:30] for address in ADDRESSES])
def test_an_address_is_kept_cut_or_dropped_as_the_project_says(sent: str, stored: tuple[str, str]) -> None:
    event = {"context": {"ip": sent}}
    for policy, expected in ((IpPolicy.KEEP, stored[0]), (IpPolicy.CUT, stored[1]), (IpPolicy.DROP, "")):
        assert list(through_the_door(event, {}, ip_policy=policy).ip) == [expected, ""]
        assert list(through_the_door({}, senders=[sent], ip_policy=policy).ip) == [expected]


def test_the_address_of_the_event_comes_before_that_of_the_request() -> None:
    events = [{"context": {"ip": "198.51.100.7"}}, {}, {"context": {"ip": "nonsense"}}, {"context": {"ip": ""}}]
    assert list(through_the_door(*events, senders=["203.0.113.9"] * 4).ip) == ["198.51.100.7", "203.0.113.9", "", "203.0.113.9"]


def test_a_text_too_long_for_an_address_is_none_and_not_kept() -> None:
    before = steps._address.cache_info().currsize
    batch = through_the_door(*[{"context": {"ip": "1" * 101 + str(number)}} for number in range(10)])
    assert (list(batch.ip), steps._address.cache_info().currsize) == ([""] * 10, before)


@pytest.mark.parametrize("ip", [["203.0.113.9"], {"v4": "203.0.113.9"}, 3_405_803_785, True])
def test_an_address_of_a_wrong_type_is_nowhere(ip: Any) -> None:
    batch = through_the_door({"context": {"ip": ip, "other": 1}}, {"context": {"ip": ip}}, ip_policy=IpPolicy.DROP)
    assert list(batch.ip) == ["", ""]
    assert batch.context_extra == ['{"other":1}', None]


def test_a_country_is_looked_up_before_the_address_is_cut() -> None:
    seen = list[str]()

    def country_of(ip: str) -> str:
        seen.append(ip)
        return "NL"

    batch = make_batch(make_project(ip_policy=IpPolicy.DROP), NOW, [Event("e", "u"), Event("e", "u")], ["203.0.113.9", ""])
    for step in door_steps(country_of):
        step(batch)
    assert (seen, list(batch.ip), list(batch.country or ())) == (["203.0.113.9"], ["", ""], ["NL", ""])


# ---- one verdict an event ------------------------------------------------------------------------


def test_the_first_reason_stays() -> None:
    batch = through_the_door({"user_id": None, "timestamp": "soon", "properties": 5})
    assert reasons(batch) == {0: Reason.MISSING_USER}


def test_a_batch_without_properties_or_contexts_passes() -> None:
    batch = make_batch(make_project(), NOW, [Event("e", "u", properties=Raw(b""))], [""])
    for step in door_steps(None):
        step(batch)
    assert batch.properties == [b"{}"]
    assert not batch.refused
