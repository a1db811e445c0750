"""Times as senders write them: one by one and as a column, always the same."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest.timestamps import MISSING, UNREADABLE, parse_time, parse_times

NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z

READABLE: dict[str | int | float, int] = {
    "2026-11-22T12:00:00Z": NOON,
    "2026-11-22T12:00:00z": NOON,
    "2026-11-22t12:00:00Z": NOON,
    "2026-11-22 12:00:00Z": NOON,
    "2026-11-22T12:00:00": NOON,  # no zone is UTC
    "2026-11-22 12:00:00": NOON,
    "2026-11-22T12:00": NOON,
    "2026-11-22T12": NOON,
    "2026-11-22T12Z": NOON,
    "20261122T120000Z": NOON,
    "2026-11-22": NOON - 43_200_000,
    "20261122": NOON - 43_200_000,
    "2026-11-22T00:00:00Z": NOON - 43_200_000,
    "2026-11-22T12:00:00.5Z": NOON + 500,
    "2026-11-22T12:00:00,5Z": NOON + 500,
    "2026-11-22T12:00:00.12Z": NOON + 120,
    "2026-11-22T12:00:00.123Z": NOON + 123,
    "2026-11-22T12:00:00.1239Z": NOON + 123,  # cut, not rounded
    "2026-11-22T12:00:00.123456Z": NOON + 123,
    "2026-11-22T12:00:00.123999999Z": NOON + 123,
    "2026-11-22T12:00:00.999999999Z": NOON + 999,
    "2026-11-22T13:00:00+01:00": NOON,
    "2026-11-22T13:00:00+0100": NOON,
    "2026-11-22T13:00:00+01": NOON,
    "2026-11-22T13:00:00.250+01:00": NOON + 250,
    "2026-11-22T06:30:00-05:30": NOON,
    "2026-11-23T02:00:00+14:00": NOON,
    "2026-11-22T12:00:00+00:00": NOON,
    "2024-02-29T00:00:00Z": 1_709_164_800_000,
    "1970-01-01T00:00:00Z": 0,
    "1969-12-31T23:59:59.999Z": -1,
    "1969-12-31T23:59:59.9995Z": -1,
    "0001-01-01T00:00:00.000Z": -62_135_596_800_000,
    "9999-12-31T23:59:59.999Z": 253_402_300_799_999,
    1_795_348_800: NOON,
    1_795_348_800.123: NOON + 123,
    1_795_348_800_000: NOON,
    1_795_348_800_000.7: NOON,
    1_795_348_801.0: NOON + 1000,
    99_999_999_999: 99_999_999_999_000,  # the last number of seconds, in the year 5138
    100_000_000_000: 100_000_000_000,  # the first of milliseconds, in 1973
    -1: -1000,
    -99_999_999_999: -99_999_999_999_000,
    -100_000_000_000: -100_000_000_000,
    0: 0,
}

UNREADABLES = [
    "",
    " ",
    "now",
    "null",
    "yesterday",
    "1795348800",
    "2026",
    "2026-11",
    "2026-13-01",
    "2026-00-01",
    "2026-11-31",
    "2026-02-29",
    "2026-11-22T",
    "2026-11-22T24:00:00Z",
    "2026-11-22T24:00:00.000Z",
    "2026-11-22T25:00:00Z",
    "2026-11-22T12:60:00Z",
    "2026-11-22T23:59:60Z",  # no leap second has been since 2016
    "2026-11-22T23:59:60.000Z",
    "2026-11-22T12:00:00.Z",
    "2026-11-22T12:00:00.1234567890Z",
    "2026-11-22T12:00:00 Z",
    "2026-11-22T12:00:00ZZ",
    "2026-11-22T12:00:00+25:00",
    "2026-11-22T12:00:00+01:60",
    "2026-11-22T12:00:00+1",
    "2026-11-22T12:00:00+01:00:00",
    "2026-11-22T12:00:00 Europe/London",
    " 2026-11-22T12:00:00Z",
    "2026-11-22T12:00:00Z ",
    "2026-11-22T12:00:00Z\n",
    "2026-W47-7",
    "2026-326",
    "0000-01-01T00:00:00Z",
    "0000-01-01T00:00:00.000Z",
    "10000-01-01T00:00:00Z",
    "+2026-11-22T12:00:00Z",
    "-2026-11-22T12:00:00Z",
    "22.11.2026",
    "11/22/2026 12:00:00",
    "Sun, 22 Nov 2026 12:00:00 GMT",
    "٢٠٢٦-١١-٢٢T12:00:00Z",
    "２026-11-22T12:00:00Z",
    "2026-11-22T12:00:00\u00a0Z",
    "2026-11-22\x0012:00:00Z",
    "9" * 5_000,
]


@pytest.mark.parametrize(("sent", "milliseconds"), READABLE.items(), ids=map(repr, READABLE))
def test_a_time_is_read(sent: str | float, milliseconds: int) -> None:
    assert parse_time(sent) == milliseconds
    assert parse_times([sent]).tolist() == [milliseconds]


@pytest.mark.parametrize("sent", UNREADABLES, ids=lambda sent: ascii(sent[:40]))
def test_what_is_no_time_is_unreadable(sent: str) -> None:
    assert parse_time(sent) == UNREADABLE
    assert parse_times([sent]).tolist() == [UNREADABLE]


@pytest.mark.parametrize("sent", [float("inf"), float("-inf"), float("nan")])
def test_numbers_without_an_end_are_unreadable(sent: float) -> None:
    assert parse_time(sent) == UNREADABLE


@pytest.mark.parametrize("sent", [1e300, 2**70, 10**400, 1.7e308])
def test_huge_numbers_are_far_away_and_stay_64_bit(sent: float) -> None:
    assert 2**61 < parse_times([sent])[0] < 2**62
    assert -(2**62) <= parse_times([-sent])[0] < -(2**61)


def test_absent_times_are_missing() -> None:
    assert parse_times([None, None]).tolist() == [MISSING, MISSING]
    assert parse_times([None, "2026-11-22", 0]).tolist() == [MISSING, NOON - 43_200_000, 0]


def test_one_odd_time_does_not_change_how_the_others_are_read() -> None:
    usual = ["2026-11-22T12:00:00.001Z", "2026-11-22T12:00:00.002Z"]
    for odd in (None, "nonsense", "0000-01-01T00:00:00.000Z", "2026-11-22T12:00:00,003Z", 5):
        assert parse_times([*usual, odd]).tolist() == [NOON + 1, NOON + 2, parse_time(odd)]


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - the zone is written by hand
    st.sampled_from(["Z", "+00:00", "-07:30", "+1245", "+02", ""]),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
    st.sampled_from(["T", " "]),
)
def test_every_iso_time_is_read_to_the_millisecond(moment: datetime, zone: str, precision: str, separator: str) -> None:
    text = moment.isoformat(separator, precision) + zone
    offset = {"-07:30": timedelta(hours=-7.5), "+1245": timedelta(hours=12.75), "+02": timedelta(hours=2)}.get(zone, timedelta())
    kept = moment.replace(microsecond=0) if precision == "seconds" else moment
    expected = (kept.replace(tzinfo=UTC) - offset - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_times([text]).tolist() == [parse_time(text)] == [expected]


@given(
    st.lists(
        st.text("0123456789TZtz:.-+ ,W", min_size=24, max_size=24)
        | st.lists(st.tuples(st.integers(0, 23), st.sampled_from("0123456789TZtz:.-+ ,W")), max_size=4).map(
            lambda changes: "".join(dict(changes).get(i, c) for i, c in enumerate("2026-11-22T10:00:00.123Z"))
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_column_is_read_as_each_of_its_times(times: list[str]) -> None:
    assert parse_times(times).tolist() == [parse_time(time) for time in times]
