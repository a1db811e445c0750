"""What a trend asks, checked but not yet planned.

The one thing to know: a spec holds a resolved range in UTC and its buckets, so that planning and compiling never look at a clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from analytics.domain.filters import Filter, conditions_of, is_encodable
from analytics.domain.time_range import Buckets, Interval, TimeRange, WeekStart, calendar_buckets, parse_zone, resolve_range
from analytics.errors import FieldError, InvalidQueryError
from analytics.query.catalog import find_property

MAX_SERIES = 20
MAX_GROUPS = 500
MAX_VALUES = 250_000  # buckets x groups of one series
ANY_EVENT = "*"


class Metric(StrEnum):
    """What a series counts. All are exact."""

    TOTAL = "total"
    UNIQUE_USERS = "unique_users"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    MEDIAN = "median"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"

    @property
    def is_numeric(self) -> bool:
        """Whether it is over the numbers of a property."""
        return self not in (Metric.TOTAL, Metric.UNIQUE_USERS)

    @property
    def is_zero_of_nothing(self) -> bool:
        """Whether its value over no events is 0; the others have none."""
        return self in (Metric.TOTAL, Metric.UNIQUE_USERS, Metric.SUM)


class SourceChoice(StrEnum):
    """Which tables may answer."""

    AUTO = "auto"
    RAW = "raw"
    ROLLUP = "rollup"


@dataclass(frozen=True, slots=True)
class Series:
    """One line: events of one name (None: any), counted by a metric."""

    event: str | None
    metric: Metric
    label: str
    property: str | None = None
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One line per value of a property: the `limit` largest, the rest as one."""

    property: str
    limit: int = 25


@dataclass(frozen=True, slots=True)
class TrendSpec:
    """A whole question."""

    span: TimeRange
    zone: ZoneInfo
    buckets: Buckets
    series: tuple[Series, ...]
    filter: Filter | None = None
    breakdown: Breakdown | None = None
    cumulative: bool = False
    source: SourceChoice = SourceChoice.AUTO


def make_trend_spec(
    *,
    project_zone: str,
    now: datetime,
    series: Sequence[Series],
    date_from: str | None = None,
    date_to: str | None = None,
    timezone: str | None = None,
    interval: Interval = Interval.DAY,
    week_start: WeekStart = WeekStart.MONDAY,
    filter: Filter | None = None,  # noqa: A002
    breakdown: Breakdown | None = None,
    cumulative: bool = False,
    source: SourceChoice = SourceChoice.AUTO,
) -> TrendSpec:
    """A checked spec. Raises TimeRangeError, InvalidQueryError or UnknownPropertyError, with a pointer for each wrong place."""
    zone = parse_zone(timezone if timezone is not None else project_zone)
    span = resolve_range(date_from, date_to, zone, now)
    buckets = calendar_buckets(span, interval, zone, week_start)
    errors = [error for index, one in enumerate(series) for error in _series_errors(one, f"/series/{index}", cumulative)]
    if not 1 <= len(series) <= MAX_SERIES:
        errors.append(FieldError("/series", f"must hold 1 to {MAX_SERIES} series"))
    if breakdown is not None:
        if not 1 <= breakdown.limit <= MAX_GROUPS:
            errors.append(FieldError("/breakdown/limit", f"must be from 1 to {MAX_GROUPS}"))
        elif len(buckets.starts) * (breakdown.limit + 1) > MAX_VALUES:
            errors.append(FieldError("/breakdown/limit", f"groups x buckets must not be more than {MAX_VALUES:,}: take a wider interval"))
    if errors:
        raise InvalidQueryError("; ".join(f"{error.pointer} {error.detail}" for error in errors[:3]), errors)
    if breakdown is not None:
        find_property(breakdown.property, "/breakdown/property")
    for tree in (filter, *(one.filter for one in series)):
        for condition in conditions_of(tree):
            find_property(condition.property, f"{condition.pointer}/property").check(condition)
    for index, one in enumerate(series):
        if one.property is not None:
            find_property(one.property, f"/series/{index}/property").check_numeric(f"/series/{index}/property")
    return TrendSpec(span, zone, buckets, tuple(series), filter, breakdown, cumulative, source)


def _series_errors(series: Series, pointer: str, cumulative: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    if series.metric.is_numeric and not series.property:
        errors.append(FieldError(f"{pointer}/property", f"{series.metric} needs a numeric property, such as properties.score"))
    if not series.metric.is_numeric and series.property is not None:
        errors.append(FieldError(f"{pointer}/property", f"{series.metric} takes no property"))
    if cumulative and not series.metric.is_zero_of_nothing:
        errors.append(FieldError("/cumulative", "goes with total, unique_users and sum only"))
    if series.event is not None and (not 1 <= len(series.event) <= 200 or not is_encodable(series.event)):
        errors.append(FieldError(f"{pointer}/event", 'must be an event name of 1 to 200 characters, or "*" for any'))
    return errors
