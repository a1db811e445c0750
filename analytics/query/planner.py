"""Which table answers a series: the smallest that holds the answer exactly.

`event_counts` knows events by name and quarter of an hour, `user_days` knows who did what on which day of the project's zone; whatever
needs anything else is read from `events`. The one thing to know: a range or bucket that cuts through a row of a rollup rules it out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from analytics.domain.filters import conditions_of
from analytics.domain.time_range import Interval, day_start
from analytics.errors import FieldError, InvalidQueryError
from analytics.query.catalog import Table, find_property
from analytics.query.spec import Metric, Series, SourceChoice, TrendSpec

COUNT_SECONDS = 900
_DAYS = (Interval.DAY, Interval.WEEK, Interval.MONTH)
_ROLLUPS = {Metric.TOTAL: Table.EVENT_COUNTS, Metric.UNIQUE_USERS: Table.USER_DAYS}


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """A series and the table that answers it."""

    series: Series
    table: Table

    @property
    def is_rollup(self) -> bool:
        """Whether it is answered from a rollup."""
        return self.table is not Table.EVENTS


def plan_trend(spec: TrendSpec, project_zone: str) -> list[SeriesPlan]:
    """A plan for each series, in order. Raises InvalidQueryError at /source where a rollup is demanded that cannot answer."""
    return [_plan_series(spec, series, index, project_zone) for index, series in enumerate(spec.series)]


def side_by_side(spec: TrendSpec, plans: Sequence[SeriesPlan]) -> list[list[int]]:
    """Positions of `plans`, those together that one statement answers: counts that have an event's name and no filter of their own.

    Numeric metrics stay alone: exact quantiles hold their values in memory, of which each statement has so much.
    """
    found: dict[object, list[int]] = {}
    for place, plan in enumerate(plans):
        series = plan.series
        alone = spec.breakdown is not None or series.event is None or series.filter is not None or series.metric.is_numeric
        found.setdefault(place if alone else (plan.table, series.metric), []).append(place)
    return list(found.values())


def _plan_series(spec: TrendSpec, series: Series, index: int, project_zone: str) -> SeriesPlan:
    if spec.source is SourceChoice.RAW:
        return SeriesPlan(series, Table.EVENTS)
    obstacle = _obstacle(spec, series, project_zone)
    if obstacle is None:
        return SeriesPlan(series, _ROLLUPS[series.metric])
    if spec.source is SourceChoice.ROLLUP:
        raise InvalidQueryError(
            f"No rollup answers series {index}: {obstacle}.", [FieldError("/source", f"no rollup answers /series/{index}: {obstacle}")]
        )
    return SeriesPlan(series, Table.EVENTS)


def _obstacle(spec: TrendSpec, series: Series, project_zone: str) -> str | None:
    """Why no rollup can answer, or None."""
    table = _ROLLUPS.get(series.metric)
    if table is None:
        return f"{series.metric} is read from events"
    named = [condition.property for tree in (spec.filter, series.filter) for condition in conditions_of(tree)]
    if spec.breakdown is not None:
        named.append(spec.breakdown.property)
    for name in named:
        if table not in find_property(name, "").tables:
            return f"{name} is not in the rollups"
    return _cuts_quarters(spec) if table is Table.EVENT_COUNTS else _cuts_days(spec, project_zone)


def _cuts_quarters(spec: TrendSpec) -> str | None:
    edges = [spec.span.start, spec.span.end, *spec.buckets.starts]
    if spec.buckets.interval is Interval.MINUTE or any(edge.timestamp() % COUNT_SECONDS for edge in edges):
        return "the range and the interval must be made of whole quarters of an hour"
    return None


def _cuts_days(spec: TrendSpec, project_zone: str) -> str | None:
    if spec.zone.key != project_zone:
        return f"unique users are kept by days of the project's zone, {project_zone}"
    if spec.buckets.interval not in _DAYS:
        return "unique users are kept by day"
    for edge in (spec.span.start, spec.span.end):
        if day_start(edge.astimezone(spec.zone).date(), spec.zone) != edge:
            return "the range must be made of whole days"
    return None


def local_days(spec: TrendSpec) -> tuple[str, str]:
    """First and last local day of the range, both inclusive."""
    last = spec.span.end - timedelta(milliseconds=1)
    return spec.span.start.astimezone(spec.zone).date().isoformat(), last.astimezone(spec.zone).date().isoformat()
