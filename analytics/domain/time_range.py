"""Ranges of time and their calendar buckets.

A range is half-open `[start, end)` in UTC. A date given by a caller stands for the whole local day, so `date_to` as a date is inclusive;
given as an instant it is the open end. The one thing a reader would get wrong: a bucket is a piece of the calendar of a zone, not a number
of seconds: a day has 23, 24 or 25 hours, and a day that a zone skipped altogether has no bucket.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from analytics.errors import FieldError, TimeRangeError

MAX_BUCKETS = 11_000  # a week of minutes, a year of hours, thirty years of days
EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)  # what the engine's Date and 32-bit seconds hold, a year inside on either side
LATEST = datetime(2105, 1, 1, tzinfo=UTC)
DEFAULT_DAYS = 30

_ZONE_NAME = re.compile(r"[A-Z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+){0,2}")
_NO_ZONES = frozenset({"Factory"})
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Interval(StrEnum):
    """Width of a bucket, in the calendar of a zone."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class WeekStart(StrEnum):
    """First day of a week."""

    MONDAY = "monday"
    SUNDAY = "sunday"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """`[start, end)`, aware, UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Buckets:
    """The calendar buckets that touch a range, oldest first; bucket i ends where i + 1 starts.

    `starts` are aware and in the zone; the first may lie before the range, which only means that it is a partial bucket.
    `dates` are the local days the buckets start on.
    """

    interval: Interval
    starts: tuple[datetime, ...]

    @property
    def labels(self) -> list[str]:
        """ISO 8601 local times with their offset."""
        return [start.isoformat() for start in self.starts]

    @property
    def seconds(self) -> list[int]:
        """The starts as Unix seconds."""
        return [int(start.timestamp()) for start in self.starts]

    @property
    def dates(self) -> list[date]:
        """The local days of the starts."""
        return [start.date() for start in self.starts]


def parse_zone(name: str, pointer: str = "/timezone") -> ZoneInfo:
    """The zone with this IANA name. Raises TimeRangeError if there is none."""
    if _ZONE_NAME.fullmatch(name) and name not in _NO_ZONES:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise _invalid(pointer, f"there is no time zone {name[:64]!r}; names are those of IANA, such as Europe/Berlin")


def resolve_range(
    date_from: str | None,
    date_to: str | None,
    zone: ZoneInfo,
    now: datetime,
    from_pointer: str = "/date_from",
    to_pointer: str = "/date_to",
) -> TimeRange:
    """The range between two texts, each a date (whole local day) or an ISO 8601 instant (local time of `zone` if it names no offset).

    Absent: `date_to` is today, `date_from` 29 days before the last day. Raises TimeRangeError with pointers.
    """
    if date_to is None:
        end = day_start(now.astimezone(zone).date() + timedelta(days=1), zone)
    else:
        day, instant = _parse_moment(date_to, zone, to_pointer)
        end = instant if day is None else day_start(day + timedelta(days=1), zone)
    if date_from is None:
        last_day = (end - timedelta(microseconds=1)).astimezone(zone).date()
        start = day_start(last_day - timedelta(days=DEFAULT_DAYS - 1), zone)
    else:
        day, instant = _parse_moment(date_from, zone, from_pointer)
        start = instant if day is None else day_start(day, zone)
    start, end = _next_millisecond(start), _next_millisecond(end)
    if start >= end:
        raise _invalid(to_pointer, "the range ends before it starts")
    return TimeRange(start, end)


@lru_cache(maxsize=128)  # a dashboard asks for the same again and again, and hours of a month take a millisecond and more
def calendar_buckets(span: TimeRange, interval: Interval, zone: ZoneInfo, week_start: WeekStart = WeekStart.MONDAY) -> Buckets:
    """Every bucket of the zone's calendar that touches `span`. Raises TimeRangeError above MAX_BUCKETS."""
    starts: list[datetime] = []
    previous: datetime | None = None
    for instant in _instants(span, interval, zone, week_start):
        if instant >= span.end:
            break
        if instant <= span.start:
            previous = instant  # the last start at or before the range is the first bucket
            continue
        if previous is not None:
            starts.append(previous)
            previous = None
        starts.append(instant)
        if len(starts) > MAX_BUCKETS:
            raise _invalid("/interval", f"the range holds more than {MAX_BUCKETS} buckets of a {interval}: take a wider interval")
    if previous is not None:
        starts.insert(0, previous)
    return Buckets(interval, tuple(start.astimezone(zone) for start in starts))


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC; where the clock skips midnight, the instant of the change."""
    return _instant(datetime.combine(day, time()), zone)


def _instants(span: TimeRange, interval: Interval, zone: ZoneInfo, week_start: WeekStart) -> Iterator[datetime]:
    """Starts of buckets in UTC, ascending, from one at or before the start of the span on."""
    local = span.start.astimezone(zone)
    match interval:
        case Interval.MINUTE:  # every offset since 1971 that we accept is a whole number of minutes away from the next change
            instant = span.start.replace(second=0, microsecond=0)
            while True:
                yield instant
                instant += timedelta(minutes=1)
        case Interval.HOUR:
            yield from _hours(local.replace(tzinfo=None), zone)
        case Interval.DAY:
            yield from _rising(_days(local.date(), 1), zone)
        case Interval.WEEK:
            back = local.weekday() if week_start is WeekStart.MONDAY else (local.weekday() + 1) % 7
            yield from _rising(_days(local.date() - timedelta(days=back), 7), zone)
        case Interval.MONTH:
            yield from _rising(_months(local.date()), zone)


def _hours(wall: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Each instant at which the local clock shows a full hour, or jumps over one; a repeated hour comes twice."""
    wall = wall.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    last: datetime | None = None
    waiting: list[datetime] = []
    while True:
        waiting.append(_instant(wall, zone))
        second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if second.astimezone(zone).replace(tzinfo=None) == wall:
            waiting.append(second)
        # A repeated hour is up to two hours later than its wall time says: hold back what a later wall time could still precede.
        waiting.sort()
        horizon = _instant(wall - timedelta(hours=2), zone)
        while waiting and waiting[0] <= horizon:
            instant = waiting.pop(0)
            if last is None or instant > last:
                yield instant
                last = instant
        wall += timedelta(hours=1)


def _rising(days: Iterator[date], zone: ZoneInfo) -> Iterator[datetime]:
    last: datetime | None = None
    for day in days:
        instant = day_start(day, zone)
        if last is None or instant > last:  # a skipped day starts when the next one does
            yield instant
        last = instant


def _days(day: date, step: int) -> Iterator[date]:
    while True:
        yield day
        day += timedelta(days=step)


def _months(day: date) -> Iterator[date]:
    day = day.replace(day=1)
    while True:
        yield day
        day = (day + timedelta(days=32)).replace(day=1)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The (first) instant at which the local clock shows `wall`; inside a gap, the instant of the change."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    local = instant.astimezone(zone).replace(tzinfo=None)
    if local == wall:
        return instant
    # In a gap, fold 0 counts on with the offset before the change, which for the gap's first wall time is the change itself
    # and for later ones lies after it: go back to the change, the first instant at which the new offset holds.
    after = instant.astimezone(zone).utcoffset()
    low, high = instant - timedelta(hours=26), instant
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def _parse_moment(text: str, zone: ZoneInfo, pointer: str) -> tuple[date | None, datetime]:
    """A day, or None, and the instant it starts at or that the text names."""
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            if not EARLIEST.year <= day.year < LATEST.year:
                raise _invalid(pointer, f"years go from {EARLIEST.year} to {LATEST.year - 1}")
            return day, day_start(day, zone)
        moment = datetime.fromisoformat(text)
        if len(text) < len("2026-01-01T00"):
            raise ValueError(text)
        instant = (_instant(moment, zone) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _invalid(
            pointer, f"{text[:64]!r} is neither a date such as 2026-11-01 nor an instant such as 2026-11-01T10:00:00Z"
        ) from error
    if not EARLIEST <= instant < LATEST:
        raise _invalid(pointer, f"years go from {EARLIEST.year} to {LATEST.year - 1}")
    return None, instant


def _next_millisecond(instant: datetime) -> datetime:
    """Events are kept to the millisecond: both ends go up to the next one, which takes the same events."""
    return instant + timedelta(microseconds=-instant.microsecond % 1000)


def _invalid(pointer: str, detail: str) -> TimeRangeError:
    return TimeRangeError("The time range is invalid.", [FieldError(pointer, detail)])
