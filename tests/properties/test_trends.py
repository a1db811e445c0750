"""Rollup answer = raw answer = brute force in Python on the same events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics.clock import FixedClock
from analytics.domain.filters import Filter, parse_filter
from analytics.domain.time_range import Interval, WeekStart
from analytics.errors import InvalidQueryError
from analytics.query.engine import Questions
from analytics.query.spec import Breakdown, Metric, Series, SourceChoice, TrendSpec, make_trend_spec
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Warehouse
from tests.factories.stored_events import StoredEvent, make_event, make_project, store_events
from tests.factories.trend_oracle import Line, expected_lines, tidy

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
# Autumn changes of the clock lie inside: Berlin 25 October, Lord Howe (half an hour) 4 October, New York 1 November.
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]

# Around the edges of days in those zones and of the ranges below, in quarters of an hour of UTC: that is where counting goes wrong.
instants = st.builds(
    lambda day, quarter, ms: FIRST + timedelta(days=day, minutes=15 * quarter, milliseconds=ms),
    st.sampled_from([0, 2, 3, 4, 18, 19, 20, 23, 24, 25, 30, 31, 32, 45]),
    st.sampled_from([0, 0, 88, 92, 16, 20, 73, 52, 54, 3, 49, 24, 95]),
    st.sampled_from([-1, 0, 0, 1, 450_000]),
)
values = st.integers(-5, 20) | st.sampled_from([0.1, 0.25, "7", "x", None, True, "", [1]])
events = st.builds(
    lambda event, user, anonymous, timestamp, course, score: make_event(
        event,
        user if user or anonymous else "u-9",
        anonymous_id=anonymous,
        timestamp=timestamp,
        properties={k: v for k, v in (("course_id", course), ("score", score), ("plan", course)) if v is not None},
    ),
    st.sampled_from(["page_view", "lesson_completed", "é"]),
    st.sampled_from(["", "u-1", "u-2", "u-3", "u-4", "u-5"]),
    st.sampled_from(["", "a-1", "a-2"]),
    instants,
    st.sampled_from(["c-1", "c-2", "c-3", "c-4", "", None]),
    values,
)
DAYS = ["2026-10-01", "2026-10-04", "2026-10-20", "2026-10-25", "2026-11-01", "2026-11-15"]
edges = st.sampled_from(
    [
        "2026-10-01",
        "2026-10-04",
        "2026-10-20",
        "2026-10-25",
        "2026-11-01",
        "2026-10-03T13:30:00Z",
        "2026-10-24T22:00:00+00:00",
        "2026-10-25T00:45:00.001Z",
        "2026-10-20T12:15:00",
    ]
)
lasts = st.sampled_from(["2026-10-04", "2026-10-25", "2026-11-01", "2026-11-15", "2026-11-01T06:00:00Z", "2026-11-02T10:07:00+05:45"])
FILTERS: list[Any] = [
    None,
    {"property": "event", "operator": "neq", "value": "é"},
    {"property": "properties.course_id", "operator": "in", "value": ["c-1", "c-2"]},
    {"not": {"property": "properties.score", "operator": "gte", "value": 3}},
    {"and": [{"property": "event", "operator": "in", "value": ["page_view", "é"]}, {"property": "user_id", "operator": "is_set"}]},
]
METRICS = [Metric.TOTAL, Metric.UNIQUE_USERS]


def lines(metrics: st.SearchStrategy[Metric], filters: list[Any]) -> st.SearchStrategy[Series]:
    return st.builds(
        lambda event, metric, tree: Series(event, metric, "A", "properties.score" if metric.is_numeric else None, parsed(tree)),
        st.sampled_from([None, "page_view", "lesson_completed", "absent"]),
        metrics,
        st.sampled_from(filters),
    )


def parsed(tree: Any) -> Filter | None:
    return None if tree is None else parse_filter(tree)


@st.composite
def rollup_specs(draw: st.DrawFn, project_zone: str) -> TrendSpec:
    """Questions that a rollup can answer."""
    first, last = draw(st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).filter(lambda pair: pair[0] <= pair[1]))
    metric = draw(st.sampled_from(METRICS))
    return make_trend_spec(
        project_zone=project_zone,
        now=NOW,
        date_from=first,
        date_to=last,
        timezone=project_zone if metric is Metric.UNIQUE_USERS else draw(st.sampled_from(ZONES)),
        interval=draw(st.sampled_from([Interval.DAY, Interval.WEEK, Interval.MONTH])),
        series=draw(st.lists(lines(st.just(metric), [None, None, *FILTERS[:2]]), min_size=1, max_size=4)),
        breakdown=draw(st.none() | st.builds(Breakdown, st.just("event"), st.integers(1, 3))),
        cumulative=draw(st.booleans()),
    )


@st.composite
def specs(draw: st.DrawFn, project_zone: str) -> TrendSpec:
    """Questions of all kinds."""
    first, last = draw(st.tuples(edges, lasts).filter(lambda pair: pair[0][:10] < pair[1][:10]))
    asked = draw(st.lists(lines(st.sampled_from(METRICS) | st.sampled_from(list(Metric)), FILTERS), min_size=1, max_size=2))
    breakdown = draw(
        st.none()
        | st.builds(Breakdown, st.sampled_from(["event", "properties.course_id", "properties.plan", "user_id"]), st.integers(1, 4))
    )
    return make_trend_spec(
        project_zone=project_zone,
        now=NOW,
        date_from=first,
        date_to=last,
        timezone=draw(st.just(project_zone) | st.sampled_from(ZONES)),
        interval=draw(st.sampled_from([Interval.HOUR, Interval.DAY, Interval.DAY, Interval.WEEK, Interval.MONTH])),
        week_start=draw(st.sampled_from(WeekStart)),
        series=asked,
        filter=parsed(draw(st.sampled_from(FILTERS))),
        breakdown=breakdown,
        cumulative=draw(st.booleans()) and all(line.metric.is_zero_of_nothing for line in asked),
    )


def with_source(spec: TrendSpec, source: SourceChoice) -> TrendSpec:
    return TrendSpec(spec.span, spec.zone, spec.buckets, spec.series, spec.filter, spec.breakdown, spec.cumulative, source)


def tidied(lines: list[Line]) -> list[Line]:
    return [(group, [tidy(value) for value in values], tidy(total)) for group, values, total in lines]


def test_rollup_answer_is_raw_answer_is_brute_force(warehouse: Warehouse) -> None:
    as_of = NOW - timedelta(seconds=1)
    questions = Questions(warehouse, FixedClock(NOW), lambda: as_of, Metrics())
    sources = set[str]()

    @settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        project = make_project(timezone=data.draw(st.sampled_from(ZONES)))
        rows: list[StoredEvent] = data.draw(st.lists(events, min_size=20, max_size=60))
        other = make_project("other")
        half = len(rows) // 2
        store_events(warehouse, project, rows[:half])  # two parts: rows of the rollups are not merged yet
        store_events(warehouse, project, rows[half:])
        store_events(warehouse, other, [make_event(row.event, "stranger", timestamp=row.timestamp) for row in rows])
        for turn in range(8):
            spec = data.draw(rollup_specs(project.timezone) if turn % 2 else specs(project.timezone))
            expected = [line for one in spec.series for line in expected_lines(spec, one, rows)]
            for source in SourceChoice:
                try:
                    answer = anyio.run(questions.trends, project, with_source(spec, source))
                except InvalidQueryError:
                    assert source is SourceChoice.ROLLUP
                    assert turn % 2 == 0
                    continue
                got = [(line.breakdown, list(line.values), line.total) for line in answer.series]
                assert tidied(got) == tidied(expected), (source, spec.series, spec.breakdown)
                assert answer.buckets == spec.buckets.labels
                assert answer.meta.data_as_of == as_of
                sources.add(f"{source}:{answer.meta.source}")

    check()
    assert sources >= {"auto:raw", "auto:rollup", "raw:raw", "rollup:rollup"}
