"""Which table answers a series."""

from datetime import UTC, datetime
from typing import Any

import pytest

from analytics.domain.filters import parse_filter
from analytics.domain.time_range import Interval
from analytics.errors import InvalidQueryError
from analytics.query.catalog import Table
from analytics.query.planner import plan_trend, side_by_side
from analytics.query.spec import Breakdown, Metric, Series, SourceChoice, TrendSpec, make_trend_spec

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BERLIN = "Europe/Berlin"
NAME = parse_filter({"or": [{"property": "event", "operator": "contains", "value": "view"}]})
COURSE = parse_filter({"not": {"property": "properties.course_id", "operator": "is_set"}})


def spec(metric: str = "total", source: str = "auto", filter: Any = None, series_filter: Any = None, **more: Any) -> TrendSpec:  # noqa: A002
    number = "properties.score" if Metric(metric).is_numeric else None
    settings = {"date_from": "2026-11-01", "date_to": "2026-11-10", **more}
    line = Series(None, Metric(metric), "A", number, series_filter)
    return make_trend_spec(project_zone=BERLIN, now=NOW, series=[line], filter=filter, source=SourceChoice(source), **settings)


COUNTS, DAYS, EVENTS = Table.EVENT_COUNTS, Table.USER_DAYS, Table.EVENTS


@pytest.mark.parametrize(
    ("question", "table"),
    [
        ({}, COUNTS),
        ({"interval": Interval.HOUR}, COUNTS),
        ({"interval": Interval.MONTH}, COUNTS),
        ({"interval": Interval.HOUR, "timezone": "Asia/Kathmandu"}, COUNTS),
        ({"timezone": "Australia/Lord_Howe", "interval": Interval.HOUR}, COUNTS),
        ({"date_from": "2026-11-01T10:15:00Z", "date_to": "2026-11-01T11:45:00Z"}, COUNTS),
        ({"filter": NAME, "series_filter": NAME}, COUNTS),
        ({"breakdown": Breakdown("event")}, COUNTS),
        ({"cumulative": True}, COUNTS),
        ({"date_from": "2026-11-01T10:15:00.001Z", "date_to": "2026-11-01T11:45:00Z"}, EVENTS),
        ({"date_from": "2026-11-01T10:15:00Z", "date_to": "2026-11-01T11:44:00Z"}, EVENTS),
        ({"interval": Interval.MINUTE, "date_from": "2026-11-09"}, EVENTS),
        ({"filter": COURSE}, EVENTS),
        ({"series_filter": COURSE}, EVENTS),
        ({"breakdown": Breakdown("browser")}, EVENTS),
        ({"metric": "unique_users"}, DAYS),
        ({"metric": "unique_users", "interval": Interval.WEEK}, DAYS),
        ({"metric": "unique_users", "interval": Interval.MONTH, "breakdown": Breakdown("event"), "filter": NAME}, DAYS),
        ({"metric": "unique_users", "cumulative": True}, DAYS),
        ({"metric": "unique_users", "timezone": BERLIN}, DAYS),
        ({"metric": "unique_users", "timezone": BERLIN, "date_from": "2026-10-31T23:00:00Z"}, DAYS),  # midnight there
        ({"metric": "unique_users", "timezone": "Europe/Paris"}, EVENTS),
        ({"metric": "unique_users", "interval": Interval.HOUR}, EVENTS),
        ({"metric": "unique_users", "date_from": "2026-11-01T00:00:00Z"}, EVENTS),
        ({"metric": "unique_users", "date_to": "2026-11-10T12:00"}, EVENTS),
        ({"metric": "unique_users", "breakdown": Breakdown("user_id")}, EVENTS),
        ({"metric": "sum"}, EVENTS),
        ({"metric": "p99"}, EVENTS),
    ],
)
def test_the_smallest_table_that_is_exact_answers(question: dict[str, Any], table: Table) -> None:
    (plan,) = plan_trend(spec(**question), BERLIN)
    assert plan.table is table
    (forced,) = plan_trend(spec(**question, source="raw"), BERLIN)
    assert forced.table is EVENTS
    if table is not EVENTS:
        (rolled,) = plan_trend(spec(**question, source="rollup"), BERLIN)
        assert rolled.table is table
        return
    with pytest.raises(InvalidQueryError) as refused:
        plan_trend(spec(**question, source="rollup"), BERLIN)
    assert [error.pointer for error in refused.value.errors] == ["/source"]


def test_each_series_has_a_plan_of_its_own() -> None:
    lines = [Series("a", Metric.TOTAL, "A"), Series("a", Metric.SUM, "B", "properties.x"), Series("a", Metric.UNIQUE_USERS, "C")]
    whole = make_trend_spec(project_zone=BERLIN, now=NOW, series=lines)
    assert [plan.table for plan in plan_trend(whole, BERLIN)] == [COUNTS, EVENTS, DAYS]


def together(*series: tuple[str | None, str, Any], **more: Any) -> list[list[int]]:
    settings = {"date_from": "2026-11-01", "date_to": "2026-11-10", **more}
    lines = [
        Series(event, Metric(metric), "A", "properties.score" if Metric(metric).is_numeric else None, tree)
        for event, metric, tree in series
    ]
    made = make_trend_spec(project_zone=BERLIN, now=NOW, series=lines, **settings)
    return side_by_side(made, plan_trend(made, BERLIN))


def test_counts_that_differ_in_their_event_alone_are_asked_in_one_statement() -> None:
    found = together(
        ("a", "total", None), ("b", "unique_users", None), ("b", "total", None), ("a", "unique_users", None), ("a", "total", None)
    )
    assert found == [[0, 2, 4], [1, 3]]


@pytest.mark.parametrize("other", [(None, "total", None), ("b", "total", NAME), ("b", "total", COURSE), ("b", "p90", None)])
def test_what_differs_in_more_is_asked_alone(other: tuple[str | None, str, Any]) -> None:
    assert together(("a", "total", None), other, other) == [[0], [1], [2]]


def test_a_breakdown_is_asked_alone() -> None:
    assert together(("a", "total", None), ("b", "total", None), breakdown=Breakdown("event")) == [[0], [1]]
