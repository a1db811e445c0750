"""Ranges and calendar buckets."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.domain.time_range import Interval, WeekStart, calendar_buckets, day_start, parse_zone, resolve_range
from analytics.errors import TimeRangeError

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)


def buckets(first: str, last: str, interval: str, zone: str = "UTC", week_start: str = "monday") -> list[str]:
    where = parse_zone(zone)
    return calendar_buckets(resolve_range(first, last, where, NOW), Interval(interval), where, WeekStart(week_start)).labels


@pytest.mark.parametrize(
    ("first", "last", "zone", "start", "end"),
    [
        # dates are whole local days, the last one included
        ("2026-11-01", "2026-11-01", "UTC", "2026-11-01T00:00", "2026-11-02T00:00"),
        ("2026-11-01", "2026-11-02", "Europe/Berlin", "2026-10-31T23:00", "2026-11-02T23:00"),
        ("2026-03-29", "2026-03-29", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
        ("2026-10-25", "2026-10-25", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
        ("2026-11-01", "2026-11-01", "Asia/Kathmandu", "2026-10-31T18:15", "2026-11-01T18:15"),
        # instants are half-open, and local where they name no offset
        ("2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z", "Europe/Berlin", "2026-11-01T10:00", "2026-11-01T11:00"),
        ("2026-11-01T10:00:00+05:30", "2026-11-01T10:00", "UTC", "2026-11-01T04:30", "2026-11-01T10:00"),
        ("2026-11-01T10:00", "2026-11-01T11:00", "Europe/Berlin", "2026-11-01T09:00", "2026-11-01T10:00"),
        # one of each
        ("2026-11-01", "2026-11-01T11:00:00Z", "Europe/Berlin", "2026-10-31T23:00", "2026-11-01T11:00"),
        # a day that starts at one o'clock, since the clock skips midnight
        ("2018-11-04", "2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00"),
        # a local time that the clock skips is the instant of the change
        ("2026-03-29T02:30", "2026-03-29T03:30", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T01:30"),
        # of a repeated one the first
        ("2026-10-25T02:30", "2026-10-25T03:30", "Europe/Berlin", "2026-10-25T00:30", "2026-10-25T02:30"),
        # events have milliseconds: between two of them both ends go up
        ("2026-11-01T10:00:00.0001Z", "2026-11-01T10:00:00.0011Z", "UTC", "2026-11-01T10:00:00.001", "2026-11-01T10:00:00.002"),
        # absent ends: 30 days up to today, which in Auckland is tomorrow
        (None, None, "UTC", "2026-10-24T00:00", "2026-11-23T00:00"),
        (None, None, "Pacific/Auckland", "2026-10-24T11:00", "2026-11-23T11:00"),
        ("2026-11-20", None, "UTC", "2026-11-20T00:00", "2026-11-23T00:00"),
        (None, "2026-01-30", "UTC", "2026-01-01T00:00", "2026-01-31T00:00"),
    ],
)
def test_a_range_starts_and_ends_where_its_texts_say(first: str | None, last: str | None, zone: str, start: str, end: str) -> None:
    span = resolve_range(first, last, parse_zone(zone), NOW)
    assert span.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert span.end == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "pointer"),
    [
        ("2026-11-02", "2026-11-01", "/date_to"),
        ("2026-11-01T00:00Z", "2026-11-01T00:00Z", "/date_to"),
        ("2026-11-31", None, "/date_from"),
        ("11/01/2026", None, "/date_from"),
        ("2026", None, "/date_from"),
        ("2026-W45", None, "/date_from"),
        ("", None, "/date_from"),
        ("1969-12-31", None, "/date_from"),
        ("2026-11-01", "2105-01-01", "/date_to"),
        ("2026-11-01", "9999-12-31", "/date_to"),
        ("2026-11-01", "9999-12-31T23:59:59-12:00", "/date_to"),
        ("0001-01-01T00:00:00+12:00", None, "/date_from"),
    ],
)
def test_what_is_no_range_is_refused_at_its_place(first: str | None, last: str | None, pointer: str) -> None:
    with pytest.raises(TimeRangeError) as refused:
        resolve_range(first, last, ZoneInfo("UTC"), NOW)
    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../UTC", "/etc/passwd", "right/UTC", "posix/UTC", "localtime", "Factory", "Europe/", "UTC\x00", "A" * 300]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(TimeRangeError):
        parse_zone(name)


def test_a_day_has_the_hours_its_zone_gives_it() -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)):
        assert len(buckets(day, day, "hour", "Europe/Berlin")) == hours


def test_a_repeated_hour_has_two_buckets_and_a_skipped_one_none() -> None:
    autumn = buckets("2026-10-25", "2026-10-25", "hour", "Europe/Berlin")
    assert autumn[1:5] == [
        "2026-10-25T01:00:00+02:00",
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]
    assert buckets("2026-03-29", "2026-03-29", "hour", "Europe/Berlin")[1:3] == ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"]


def test_a_change_of_half_an_hour_makes_hours_of_30_and_90_minutes() -> None:
    spring = buckets("2026-10-04T01:00", "2026-10-04T04:00", "hour", "Australia/Lord_Howe")
    assert spring == ["2026-10-04T01:00:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"]
    autumn = buckets("2026-04-05T01:00", "2026-04-05T03:00", "hour", "Australia/Lord_Howe")
    assert autumn == ["2026-04-05T01:00:00+11:00", "2026-04-05T02:00:00+10:30"]


def test_days_start_at_local_midnight_or_where_the_clock_jumps_over_it() -> None:
    assert buckets("2026-10-24", "2026-10-26", "day", "Europe/Berlin") == [
        "2026-10-24T00:00:00+02:00",
        "2026-10-25T00:00:00+02:00",
        "2026-10-26T00:00:00+01:00",
    ]
    assert buckets("2018-11-03", "2018-11-05", "day", "America/Sao_Paulo")[1] == "2018-11-04T01:00:00-02:00"


def test_a_day_that_the_zone_skipped_has_no_bucket() -> None:
    assert buckets("2011-12-29", "2012-01-01", "day", "Pacific/Apia") == [
        "2011-12-29T00:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
        "2012-01-01T00:00:00+14:00",
    ]


@pytest.mark.parametrize(
    ("interval", "week_start", "expected"),
    [
        ("minute", "monday", ["2026-11-04T23:58:00+00:00", "2026-11-04T23:59:00+00:00"]),
        ("hour", "monday", ["2026-11-04T23:00:00+00:00"]),
        ("day", "monday", ["2026-11-04T00:00:00+00:00"]),
        ("week", "monday", ["2026-11-02T00:00:00+00:00"]),
        ("week", "sunday", ["2026-11-01T00:00:00+00:00"]),
        ("month", "monday", ["2026-11-01T00:00:00+00:00"]),
    ],
)
def test_a_partial_first_bucket_is_labelled_with_its_calendar_start(interval: str, week_start: str, expected: list[str]) -> None:
    assert buckets("2026-11-04T23:58:30", "2026-11-05T00:00", interval, week_start=week_start) == expected


def test_months_and_weeks_follow_the_calendar() -> None:
    assert buckets("2024-01-31", "2024-04-01", "month") == [f"2024-0{month}-01T00:00:00+00:00" for month in range(1, 5)]
    assert buckets("2026-10-20", "2026-11-01", "week", "Europe/Berlin") == ["2026-10-19T00:00:00+02:00", "2026-10-26T00:00:00+01:00"]
    assert buckets("2026-10-20", "2026-11-01", "week", "Europe/Berlin", "sunday")[-1] == "2026-11-01T00:00:00+01:00"


def test_a_range_with_too_many_buckets_is_refused_at_the_interval() -> None:
    assert len(buckets("2026-11-01", "2026-11-07", "minute")) == 7 * 24 * 60
    with pytest.raises(TimeRangeError) as refused:
        buckets("2026-11-01", "2026-11-08", "minute")
    assert [error.pointer for error in refused.value.errors] == ["/interval"]


ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "America/St_Johns",
    "Pacific/Apia",
    "Antarctica/Troll",
]


@given(
    st.sampled_from(ZONES),
    st.sampled_from([Interval.HOUR, Interval.DAY, Interval.WEEK, Interval.MONTH]),
    st.integers(0, 30 * 365 * 24 * 3600),
    st.integers(1, 40 * 24),
)
def test_buckets_rise_cover_the_range_and_start_on_the_calendar(name: str, interval: Interval, second: int, hours: int) -> None:
    zone = ZoneInfo(name)
    start = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    span = resolve_range(start.isoformat(), (start + timedelta(hours=hours)).isoformat(), zone, NOW)
    found = calendar_buckets(span, interval, zone)
    seconds = found.seconds
    assert all(before < after for before, after in pairwise(seconds))
    assert found.starts[0] <= span.start
    assert len(found.starts) == 1 or found.starts[1] > span.start
    assert found.starts[-1] < span.end
    assert all(start % 900 == 0 for start in seconds)
    for begin in found.starts:
        before = (begin.astimezone(UTC) - timedelta(seconds=1)).astimezone(zone)
        if interval is Interval.HOUR:
            assert begin.minute == 0 or before.utcoffset() != begin.utcoffset()
        else:
            assert before.date() < begin.date()
            assert day_start(begin.date(), zone) == begin
            assert interval is not Interval.MONTH or begin.day == 1
            assert interval is not Interval.WEEK or begin.weekday() == 0
