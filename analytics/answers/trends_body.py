"""Trends as they are asked for in a body: of POST /trends, of a saved question, of a tile."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints, WithJsonSchema

from analytics.domain.filters import Operator, parse_filter
from analytics.domain.project import Project
from analytics.domain.time_range import Interval, WeekStart
from analytics.query.spec import ANY_EVENT, MAX_GROUPS, MAX_SERIES, Breakdown, Metric, Series, SourceChoice, TrendSpec, make_trend_spec

_FILTER_SCHEMA: dict[str, Any] = {
    "description": "All, any or none of conditions, nested: `and`, `or`, `not`, or a property with an operator and a value. "
    "A missing property fails every operator but `neq`, `not_in`, `not_contains` and `is_not_set`.",
    "anyOf": [{"type": "object", "required": [name], "properties": {name: {"type": "array", "items": {}}}} for name in ("and", "or")]
    + [
        {"type": "object", "required": ["not"], "properties": {"not": {}}},
        {
            "type": "object",
            "required": ["property", "operator"],
            "properties": {"property": {"type": "string"}, "operator": {"enum": [str(name) for name in Operator]}, "value": {}},
        },
        {"type": "null"},
    ],
    "examples": [{"property": "properties.course_id", "operator": "eq", "value": "c-101"}],
}
FilterTree = Annotated[Any, WithJsonSchema(_FILTER_SCHEMA)]
EventName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
PropertyName = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SeriesQuestion(_Body):
    """One line: which events, and how they are counted."""

    event: EventName = Field(ANY_EVENT, description='Name of the event; "*" is any.')
    metric: Metric = Metric.TOTAL
    property: PropertyName | None = Field(None, description="The numeric property of every metric but total and unique_users.")
    filters: FilterTree = None
    label: Annotated[str, StringConstraints(max_length=200)] | None = Field(None, description="Absent: A, B, C, …")


class BreakdownQuestion(_Body):
    """One line per value of a property."""

    property: PropertyName
    limit: Annotated[StrictInt, Field(ge=1, le=MAX_GROUPS)] = 25


class TrendsQuestion(_Body):
    """What to count, over which days. Dates are inclusive, instants half-open, buckets those of the calendar in the zone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "date_from": "2026-11-01",
                "date_to": "2026-11-30",
                "interval": "day",
                "series": [{"event": "lesson_completed", "metric": "unique_users"}],
                "breakdown": {"property": "properties.course_id", "limit": 10},
            }
        },
    )

    date_from: str | None = Field(None, max_length=64, description="A date or an instant; absent: 29 days before the last day.")
    date_to: str | None = Field(None, max_length=64, description="A date or an instant; absent: today.")
    timezone: str | None = Field(None, max_length=64, description="IANA name; absent: the project's.")
    interval: Interval = Interval.DAY
    week_start: WeekStart = WeekStart.MONDAY
    series: Annotated[list[SeriesQuestion], Field(min_length=1, max_length=MAX_SERIES)]
    filters: FilterTree = None
    breakdown: BreakdownQuestion | None = None
    cumulative: StrictBool = False
    source: SourceChoice = Field(
        SourceChoice.AUTO, description="`raw` reads events, `rollup` a rollup (422 if none can answer), `auto` whatever is quickest."
    )

    def spec(self, project: Project, now: datetime) -> TrendSpec:
        """The checked question. Raises InvalidQueryError, UnknownPropertyError or TimeRangeError."""
        return make_trend_spec(
            project_zone=project.timezone,
            now=now,
            series=[
                Series(
                    event=None if one.event == ANY_EVENT else one.event,
                    metric=one.metric,
                    label=one.label if one.label is not None else chr(ord("A") + index),
                    property=one.property,
                    filter=None if one.filters is None else parse_filter(one.filters, f"/series/{index}/filters"),
                )
                for index, one in enumerate(self.series)
            ],
            date_from=self.date_from,
            date_to=self.date_to,
            timezone=self.timezone,
            interval=self.interval,
            week_start=self.week_start,
            filter=None if self.filters is None else parse_filter(self.filters),
            breakdown=None if self.breakdown is None else Breakdown(self.breakdown.property, self.breakdown.limit),
            cumulative=self.cumulative,
            source=self.source,
        )
