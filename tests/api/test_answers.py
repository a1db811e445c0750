"""Questions as people save them, run: SQL and trends answer tables."""

from datetime import date
from typing import Any

import pytest

from analytics.answers.answer import Answer
from analytics.answers.runner import Asked
from analytics.domain.question import question_of
from analytics.errors import InvalidRequestError, SqlRefusedError
from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def school(api: Api) -> dict[str, Any]:
    made = await api.make_project()
    times = ("2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z", "2026-11-02T10:00:00Z")
    events = [
        {"event": "viewed", "user_id": f"u-{number}", "timestamp": time, "properties": {"course": f"c-{number % 2}"}}
        for number, time in enumerate(times)
    ]
    await send_events(api, made, events)
    await until_stored(api)
    return made


async def asked(api: Api, school: dict[str, Any], document: dict[str, Any], **more: Any) -> Answer:
    project = api.services.keys.project_by_slug(school["slug"])
    assert project is not None
    return await api.services.answers.answer(Asked(project, question_of(document), "a test", **more))


SQL = {
    "kind": "sql",
    "sql": "SELECT date, count() AS events FROM events WHERE date >= {date_from:Date} GROUP BY date ORDER BY date",
    "parameters": [{"name": "date_from", "type": "Date", "default": "2026-11-01"}],
}
TRENDS = {
    "kind": "trends",
    "trends": {
        "date_from": "2026-11-01",
        "date_to": "2026-11-02",
        "series": [{"event": "viewed", "filters": {"property": "properties.course", "operator": "eq", "value": {"parameter": "course"}}}],
    },
    "parameters": [{"name": "course", "type": "String"}],
}


async def test_sql_answers_with_its_defaults_and_with_what_is_given(api: Api, school: dict[str, Any]) -> None:
    answer = await asked(api, school, SQL)
    assert [(column.name, column.type) for column in answer.columns] == [("date", "Date"), ("events", "UInt64")]
    assert answer.rows == [["2026-11-01", 2], ["2026-11-02", 1]]
    assert (answer.truncated, answer.meta.source) == (False, "raw")
    assert (await asked(api, school, SQL, params={"date_from": "2026-11-02"})).rows == [["2026-11-02", 1]]
    assert (await asked(api, school, SQL, days=(date(2026, 11, 2), date(2026, 11, 2)))).rows == [["2026-11-02", 1]]
    cut = await asked(api, school, SQL, max_rows=1)
    assert (cut.rows, cut.truncated) == ([["2026-11-01", 2]], True)


async def test_trends_answer_a_row_per_line_and_bucket(api: Api, school: dict[str, Any]) -> None:
    answer = await asked(api, school, TRENDS, params={"course": "c-0"})
    assert [column.name for column in answer.columns] == ["bucket", "label", "breakdown", "value"]
    assert answer.rows == [["2026-11-01T00:00:00+00:00", "A", None, 1], ["2026-11-02T00:00:00+00:00", "A", None, 1]]
    one_day = await asked(api, school, TRENDS, params={"course": "c-1"}, days=(date(2026, 11, 1), date(2026, 11, 1)))
    assert one_day.rows == [["2026-11-01T00:00:00+00:00", "A", None, 1]]


async def test_the_groups_of_a_breakdown_stand_in_the_rows(api: Api, school: dict[str, Any]) -> None:
    breakdown = {"property": "properties.course", "limit": 1}
    trends = {"date_from": "2026-11-01", "date_to": "2026-11-01", "series": [{}], "breakdown": breakdown, "interval": "month"}
    rows = (await asked(api, school, {"kind": "trends", "trends": trends})).rows
    assert [row[2] for row in rows] == ["c-0", "(other)"]


@pytest.mark.parametrize(
    ("document", "params", "pointer"),
    [
        (SQL, {"date_from": "yesterday"}, "/params/date_from"),
        (SQL, {"date_from": "2026-11-01", "date_to": "2026-11-01"}, "/params/date_to"),
        (SQL, {"fence_project": "p_other"}, "/params/fence_project"),
        (TRENDS, {}, "/params/course"),
        (TRENDS, {"course": 1}, "/params/course"),
        (TRENDS, {"course": "c-0", "timezone": "UTC"}, "/params/timezone"),
        ({**TRENDS, "parameters": []}, {}, "/trends/series/0/filters/value/parameter"),
        ({**TRENDS, "trends": {"series": [{}]}}, {"course": "c-0"}, "/parameters/0/name"),
        ({**TRENDS, "trends": {**TRENDS["trends"], "interval": "eon"}}, {"course": "c-0"}, "/trends/interval"),
    ],
)
async def test_values_that_do_not_fit_are_told_with_their_place(
    api: Api, school: dict[str, Any], document: dict[str, Any], params: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await asked(api, school, document, params=params)
    assert refused.value.errors[0].pointer == pointer


async def test_a_value_of_a_parameter_stands_nowhere_but_where_its_name_does(api: Api, school: dict[str, Any]) -> None:
    """What looks like a place for another parameter, or like a filter, is a value."""
    document = {**TRENDS, "parameters": [{"name": "course", "type": "Map(String, String)"}]}
    for value in ({"parameter": "course"}, {"property": "event", "operator": "eq"}):
        with pytest.raises(InvalidRequestError):
            await asked(api, school, document, params={"course": value})


async def test_saved_sql_passes_the_fence_like_any_other(api: Api, school: dict[str, Any]) -> None:
    for sql in (
        "SELECT * FROM system.tables",
        "SELECT * FROM events_raw",
        "SELECT 1; DROP TABLE events",
        "SELECT * FROM file('/etc/passwd')",
    ):
        with pytest.raises(SqlRefusedError):
            await asked(api, school, {"kind": "sql", "sql": sql})
