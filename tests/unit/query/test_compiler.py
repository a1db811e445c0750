"""(spec, SQL, parameters), by table: what the slots of a statement hold and which values stand beside it."""

import re
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest

from analytics.domain.filters import parse_filter
from analytics.domain.time_range import Interval
from analytics.query.compiler import Parameters, compile_filter, compile_series, compile_top
from analytics.query.planner import plan_trend
from analytics.query.spec import Breakdown, Metric, Series, SourceChoice, make_trend_spec

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BROWSER = "browser"
A = "JSONExtract(properties, {p0:String}, 'String')"
TIMESTAMP = "concat(replaceOne(toString(timestamp), ' ', 'T'), 'Z')"
NUMBER = f"if(isFinite(toFloat64OrNull({A})), toFloat64OrNull({A}) + 0, NULL)"


@pytest.mark.parametrize(
    ("document", "sql", "parameters"),
    [
        ({"property": BROWSER, "operator": "eq", "value": "x"}, "(browser = {p0:String})", ["x"]),
        ({"property": BROWSER, "operator": "neq", "value": "x"}, "NOT (browser = {p0:String})", ["x"]),
        ({"property": BROWSER, "operator": "eq", "value": ""}, "false", []),
        ({"property": BROWSER, "operator": "in", "value": ["b", "a", "b", ""]}, "(browser IN {p0:Array(String)})", [["a", "b"]]),
        ({"property": BROWSER, "operator": "not_in", "value": []}, "NOT false", []),
        ({"property": BROWSER, "operator": "is_set"}, "(browser != '')", []),
        ({"property": BROWSER, "operator": "is_not_set"}, "NOT (browser != '')", []),
        ({"property": BROWSER, "operator": "contains", "value": "x"}, "(position(browser, {p0:String}) > 0 AND browser != '')", ["x"]),
        (
            {"property": BROWSER, "operator": "not_contains", "value": "x"},
            "NOT (position(browser, {p0:String}) > 0 AND browser != '')",
            ["x"],
        ),
        ({"property": BROWSER, "operator": "starts_with", "value": "x"}, "(startsWith(browser, {p0:String}) AND browser != '')", ["x"]),
        ({"property": BROWSER, "operator": "ends_with", "value": "x"}, "(endsWith(browser, {p0:String}) AND browser != '')", ["x"]),
        ({"property": BROWSER, "operator": "regex", "value": "x.*"}, "(match(browser, {p0:String}) AND browser != '')", ["x.*"]),
        ({"property": BROWSER, "operator": "gt", "value": "x"}, "(browser > {p0:String} AND browser != '')", ["x"]),
        (
            {"property": BROWSER, "operator": "between", "value": ["a", "b"]},
            "(browser BETWEEN {p0:String} AND {p1:String} AND browser != '')",
            ["a", "b"],
        ),
        ({"property": "properties.a", "operator": "eq", "value": 5}, f"(ifNull({NUMBER} = {{p1:Float64}}, false))", ["a", 5.0]),
        ({"property": "properties.a", "operator": "lte", "value": "5"}, f"ifNull({NUMBER} <= {{p1:Float64}}, false)", ["a", 5.0]),
        (
            {"property": "properties.a.b", "operator": "eq", "value": True},
            "(JSONExtract(properties, {p0:String}, {p1:String}, 'String') = {p2:String})",
            ["a", "b", "true"],
        ),
        ({"property": "properties.course_id", "operator": "eq", "value": "c"}, "(course_id = {p0:String})", ["c"]),
        (
            {"property": "properties.course_id.x", "operator": "is_set"},
            "(JSONExtract(properties, {p0:String}, {p1:String}, 'String') != '')",
            ["course_id", "x"],
        ),
        ({"property": "context.page.url", "operator": "is_set"}, "(page_url != '')", []),
        (
            {"property": "context.device.id", "operator": "is_set"},
            "(JSONExtract(context_extra, {p0:String}, {p1:String}, 'String') != '')",
            ["device", "id"],
        ),
        ({"property": "is_bot", "operator": "eq", "value": True}, "(if(is_bot, 'true', 'false') = {p0:String})", ["true"]),
        (
            {"property": "timestamp", "operator": "lt", "value": "2026-11-01T10:00:00+01:00"},
            f"({TIMESTAMP} < {{p0:String}} AND {TIMESTAMP} != '')",
            ["2026-11-01T09:00:00.000Z"],
        ),
        ({"and": []}, "true", []),
        ({"or": []}, "false", []),
        (
            {"or": [{"property": BROWSER, "operator": "eq", "value": "x"}, {"not": {"and": [{"property": "os", "operator": "is_set"}]}}]},
            "((browser = {p0:String}) OR NOT ((os != '')))",
            ["x"],
        ),
    ],
)
def test_a_filter_compiles_to(document: dict[str, Any], sql: str, parameters: list[Any]) -> None:
    made = Parameters()
    assert compile_filter(parse_filter(document), made) == sql
    assert list(made.values.values()) == parameters


def select_list(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)


def compiled(
    groups: list[str] | None = None, source: str = "raw", line: Series | None = None, **more: Any
) -> tuple[str, dict[str, Any], list[int]]:
    settings = {"date_from": "2026-11-01", "date_to": "2026-11-03", **more}
    spec = make_trend_spec(
        project_zone="UTC", now=NOW, series=[line or Series("view", Metric.TOTAL, "A")], source=SourceChoice(source), **settings
    )
    (plan,) = plan_trend(spec, "UTC")
    made = compile_series(spec, plan, "prj_1", date(2026, 11, 22), groups)
    return select_list(made.sql), dict(made.parameters), list(made.bucket_keys)


def test_a_series_reads_its_project_its_days_its_range_and_nothing_expired() -> None:
    sql, parameters, keys = compiled()
    assert "FROM events PREWHERE event = {p0:String} WHERE project_id = {project_id:String}" in sql
    assert "AND date BETWEEN {first_date:Date} AND {last_date:Date}" in sql
    assert "AND expires_on > {today:Date} GROUP BY" in sql
    assert "toUInt32(intDiv(toUnixTimestamp(timestamp) - {p1:Int64}, {p2:Int64})) AS bucket" in sql
    assert "count() AS value" in sql
    assert parameters == {
        "project_id": "prj_1",
        "today": "2026-11-22",
        "first_date": "2026-11-01",
        "last_date": "2026-11-03",
        "start": "2026-11-01 00:00:00.000",
        "end": "2026-11-04 00:00:00.000",
        "p0": "view",
        "p1": 1793491200,
        "p2": 86400,
    }
    assert keys == [0, 1, 2]


def test_days_in_utc_bound_a_range_of_another_zone() -> None:
    _, parameters, _ = compiled(timezone="Asia/Tokyo")
    assert (parameters["first_date"], parameters["last_date"]) == ("2026-10-31", "2026-11-03")


def test_buckets_of_unequal_width_are_found_by_their_starts() -> None:
    sql, parameters, keys = compiled(timezone="Europe/Berlin", date_from="2026-10-24", date_to="2026-10-26")
    assert "toUInt32(roundDown(toUInt32(toUnixTimestamp(timestamp)), {p1:Array(UInt32)})) AS bucket" in sql
    assert parameters["p1"] == keys
    assert [after - before for before, after in pairwise(keys)] == [86400, 90000]


@pytest.mark.parametrize(
    ("source", "metric", "more"),
    [
        ("raw", Metric.TOTAL, {"timezone": "Europe/Berlin", "date_from": "2026-10-24", "date_to": "2026-10-25"}),  # the last has 25 hours
        ("raw", Metric.TOTAL, {"interval": Interval.MONTH, "date_from": "2026-02-01", "date_to": "2026-03-31"}),
        ("rollup", Metric.TOTAL, {"interval": Interval.MONTH, "date_from": "2026-02-01", "date_to": "2026-03-31"}),
        ("rollup", Metric.UNIQUE_USERS, {"interval": Interval.MONTH, "date_from": "2026-02-01", "date_to": "2026-03-31"}),
    ],
)
def test_a_last_bucket_that_is_longer_than_the_others_is_unequal_too(source: str, metric: Metric, more: dict[str, Any]) -> None:
    sql, _, keys = compiled(source=source, line=Series(None, metric, "A"), **more)
    assert "roundDown" in sql
    assert len(keys) == 2


def test_one_bucket_needs_no_arithmetic() -> None:
    sql, _, keys = compiled(interval=Interval.MONTH)
    assert "toUInt32(materialize(toUInt32(0))) AS bucket" in sql
    assert keys == [0]


def test_groups_are_numbers_and_the_rest_has_the_last() -> None:
    sql, parameters, _ = compiled(["c-2", ""], breakdown=Breakdown("properties.course_id", 2))
    assert "transform(toString(course_id), {p5:Array(String)}, {p3:Array(UInt16)}, {p4:UInt16}) AS group" in sql
    assert (parameters["p3"], parameters["p4"], parameters["p5"]) == ([1, 2], 3, ["c-2", ""])


@pytest.mark.parametrize(
    ("source", "line", "more", "table"),
    [
        ("rollup", Series(None, Metric.TOTAL, "A"), {}, "sum(events) AS value FROM event_counts"),
        ("rollup", Series(None, Metric.UNIQUE_USERS, "A"), {}, "uniqExact(user_hash) AS value FROM user_days"),
        ("raw", Series(None, Metric.UNIQUE_USERS, "A"), {}, "uniqExact(user_hash) AS value FROM events"),
        ("rollup", Series(None, Metric.UNIQUE_USERS, "A"), {"cumulative": True}, "AS first_bucket FROM user_days"),
        ("raw", Series(None, Metric.UNIQUE_USERS, "A"), {"cumulative": True}, "AS first_bucket FROM events"),
    ],
)
def test_each_table_has_its_statement(source: str, line: Series, more: dict[str, Any], table: str) -> None:
    sql, _, _ = compiled(source=source, line=line, **more)
    assert table in sql
    assert "/*<" not in sql


@pytest.mark.parametrize(
    ("metric", "measure"),
    [
        ("sum", "ifNull(sumKahan({n}), 0)"),
        ("avg", "sumKahan({n}) / count({n})"),
        ("min", "min({n})"),
        ("max", "max({n})"),
        ("median", "quantileExactInclusive(0.5)({n})"),
        ("p90", "quantileExactInclusive(0.9)({n})"),
        ("p95", "quantileExactInclusive(0.95)({n})"),
        ("p99", "quantileExactInclusive(0.99)({n})"),
    ],
)
def test_numeric_metrics_measure_the_number_of_the_property(metric: str, measure: str) -> None:
    sql, parameters, _ = compiled(line=Series(None, Metric(metric), "A", "properties.score"))
    text = "JSONExtract(properties, {p2:String}, 'String')"
    assert measure.replace("{n}", f"if(isFinite(toFloat64OrNull({text})), toFloat64OrNull({text}) + 0, NULL)") + " AS value" in sql
    assert parameters["p2"] == "score"


def test_the_largest_groups_come_first_and_equal_ones_by_name() -> None:
    spec = make_trend_spec(
        project_zone="UTC", now=NOW, series=[Series("view", Metric.TOTAL, "A")], breakdown=Breakdown("browser", 7), source=SourceChoice.RAW
    )
    (plan,) = plan_trend(spec, "UTC")
    made = compile_top(spec, plan, "prj_1", date(2026, 11, 22))
    assert "SELECT toString(browser) AS text FROM events" in select_list(made.sql)
    assert "ORDER BY count() DESC NULLS LAST, text = '', text LIMIT {groups:UInt32}" in select_list(made.sql)
    assert made.parameters["groups"] == 7
