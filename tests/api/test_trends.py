"""`POST …/trends`: shapes, verdicts on wrong questions, and whose numbers they are."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.factories.sent_events import send_events
from tests.fixtures.api import Api
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio

DAY = {"date_from": "2026-10-25", "date_to": "2026-10-25"}


def event(name: str, at: str, user: str, **properties: Any) -> dict[str, Any]:
    return {"event": name, "timestamp": at, "user_id": user, "properties": properties}


async def school(api: Api, timezone: str = "UTC") -> dict[str, Any]:
    """A project with five events, one of them outside the day."""
    project = await api.make_project(timezone=timezone)
    await send_events(
        api,
        project,
        [
            event("lesson_completed", "2026-10-25T00:30:00Z", "u-1", course_id="c-1", score=0.5),
            event("lesson_completed", "2026-10-25T01:30:00Z", "u-1", course_id="c-2", score=1),
            event("lesson_completed", "2026-10-25T22:59:59.999Z", "u-2", course_id="c-2", score="0.75"),
            event("page_view", "2026-10-25T12:00:00Z", "u-2", score="none"),
            event("page_view", "2026-10-26T12:00:00Z", "u-3"),
        ],
    )
    return project


async def ask(api: Api, project: dict[str, Any], **question: Any) -> dict[str, Any]:
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/trends", {**DAY, **question})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_answer_has_the_promised_shape(api: Api) -> None:
    project = await school(api)
    answer = await ask(api, project, date_to="2026-10-26", series=[{"event": "lesson_completed", "metric": "total", "label": "Lessons"}])
    meta = answer.pop("meta")
    assert answer == {
        "buckets": ["2026-10-25T00:00:00+00:00", "2026-10-26T00:00:00+00:00"],
        "series": [{"label": "Lessons", "breakdown": None, "values": [3, 0], "total": 3, "estimate": False}],
    }
    assert set(meta) == {"query_id", "elapsed_ms", "rows_read", "bytes_read", "cached", "data_as_of", "source"}
    assert meta["source"] == "rollup"
    assert meta["cached"] is False
    assert datetime.fromisoformat(meta["data_as_of"]) <= datetime.now(UTC)
    assert meta["data_as_of"].endswith("Z")


async def test_rows_and_bytes_read_are_those_of_the_tables(api: Api) -> None:
    project = await school(api)
    raw = await ask(
        api,
        project,
        source="raw",
        series=[{"event": "lesson_completed", "filters": {"property": "user_id", "operator": "eq", "value": "none"}}],
    )
    assert raw["series"][0]["total"] == 0
    assert raw["meta"]["rows_read"] >= 3
    assert raw["meta"]["bytes_read"] > 0


async def test_the_tables_agree_and_can_be_forced(api: Api) -> None:
    project = await school(api)
    for metric, expected in (("total", 4), ("unique_users", 2)):
        answers = {source: await ask(api, project, source=source, series=[{"metric": metric}]) for source in ("raw", "rollup", "auto")}
        assert {source: answer["meta"]["source"] for source, answer in answers.items()} == {
            "raw": "raw",
            "rollup": "rollup",
            "auto": "rollup",
        }
        assert [answer["series"][0]["total"] for answer in answers.values()] == [expected] * 3


async def test_metrics_of_a_number_leave_out_what_is_none(api: Api) -> None:
    project = await school(api)
    metrics = {"sum": 2.25, "avg": 0.75, "min": 0.5, "max": 1, "median": 0.75, "p90": 0.95}
    series = [{"event": "lesson_completed", "metric": metric, "property": "properties.score"} for metric in metrics]
    answer = await ask(api, project, date_to="2026-10-26", series=series)
    assert [line["total"] for line in answer["series"]] == pytest.approx(list(metrics.values()))
    assert [line["values"][1] for line in answer["series"]] == [0, None, None, None, None, None]
    assert [line["label"] for line in answer["series"]] == list("ABCDEF")
    assert answer["meta"]["source"] == "raw"


async def test_a_breakdown_has_groups_by_total_and_the_rest_as_other(api: Api) -> None:
    project = await school(api)
    answer = await ask(api, project, series=[{}], breakdown={"property": "properties.course_id", "limit": 2})
    assert [(line["breakdown"], line["total"]) for line in answer["series"]] == [
        ({"value": "c-2", "other": False}, 2),
        ({"value": "c-1", "other": False}, 1),
        ({"value": None, "other": True}, 1),
    ]
    answer = await ask(api, project, series=[{}], breakdown={"property": "properties.course_id"})
    assert [line["breakdown"] for line in answer["series"]][2] == {"value": None, "other": False}


async def test_a_breakdown_by_endless_texts_says_so(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [event("e", "2026-10-25T10:00:00Z", "u", text=f"{number}" + "x" * 30_000) for number in range(4)])
    answer = await api.owner.post(
        f"/v1/projects/{project['slug']}/trends", {**DAY, "series": [{}], "breakdown": {"property": "properties.text"}}
    )
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (422, "limit-exceeded", "breakdown-text")


async def test_the_largest_filter_is_answered(api: Api) -> None:
    project = await school(api)
    values = [f"{number:048d}" for number in range(1000)]
    answer = await ask(
        api, project, series=[{}], filters={"property": "properties.course_id", "operator": "in", "value": [*values[1:], "c-1"]}
    )
    assert answer["series"][0]["total"] == 1
    leaf = {"property": "properties.a", "operator": "regex", "value": "x+"}
    assert (await ask(api, project, series=[{}], filters={"not": {"or": [leaf] * 200}}))["series"][0]["total"] == 4


async def test_a_day_of_25_hours_has_25_buckets_in_its_zone(api: Api) -> None:
    project = await school(api, timezone="Europe/Berlin")
    answer = await ask(api, project, interval="hour", series=[{"event": "lesson_completed"}])
    assert len(answer["buckets"]) == 25
    assert answer["buckets"][2:4] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]
    assert answer["series"][0]["values"][2:4] == [1, 1]
    assert answer["series"][0]["values"][24] == 1  # 23:59:59.999 local time


async def test_cumulative_users_are_distinct_so_far(api: Api) -> None:
    project = await school(api)
    answer = await ask(api, project, date_to="2026-10-27", cumulative=True, series=[{"metric": "unique_users"}])
    assert (answer["series"][0]["values"], answer["series"][0]["total"]) == ([2, 3, 3], 3)


async def test_every_event_answered_before_data_as_of_is_in_the_answer(api: Api) -> None:
    project = await api.make_project()
    sender = api.bearer(project["write_key"])
    for number in range(1, 4):
        assert (await sender.post("/v1/events", [event("e", "2026-10-25T10:00:00Z", f"u-{number}")])).status_code == 200
        answered = datetime.now(UTC)

        async def answer_after_it(answered: datetime = answered) -> dict[str, Any] | None:
            answer = await ask(api, project, series=[{}])
            return answer if datetime.fromisoformat(answer["meta"]["data_as_of"]) > answered else None

        answer = await eventually(answer_after_it, "an answer as of later")
        assert answer["series"][0]["total"] == number


async def test_a_project_sees_its_own_events_only(api: Api) -> None:
    mine, theirs = await school(api), await api.make_project()
    for source in ("raw", "rollup"):
        for metric in ("total", "unique_users"):
            assert (await ask(api, theirs, source=source, series=[{"metric": metric}]))["series"][0]["total"] == 0
    stranger = await api.member(theirs, "admin")
    answer = await stranger.post(f"/v1/projects/{mine['slug']}/trends", {"series": [{}]})
    assert answer.status_code == 404


async def test_numbers_are_for_analysts_and_tokens_that_read(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/trends"
    assert (await (await api.member(project, "viewer")).post(path, {"series": [{}]})).status_code == 403
    assert (await (await api.member(project, "analyst")).post(path, {"series": [{}]})).status_code == 200
    reader = await api.token(project, ["read"])
    assert (await reader.post(path, {"series": [{}]})).status_code == 200
    sees_persons = await api.token(project, ["read", "personal-data"])
    for name in ("user_id", "context.ip"):
        one = {"property": name, "operator": "starts_with", "value": "1"}
        for persons in (
            {"series": [{}], "breakdown": {"property": name}},
            {"series": [{}], "filters": {"not": {"or": [one]}}},
            {"series": [{"filters": one}]},
        ):
            assert (await reader.post(path, persons)).status_code == 403
            assert (await sees_persons.post(path, persons)).status_code == 200
        there = {"property": name, "operator": "is_set"}
        assert (await reader.post(path, {"series": [{}], "filters": there})).status_code == 200


async def test_a_projects_own_personal_fields_are_asked_about_by_those_who_may_see_persons(api: Api) -> None:
    project = await api.make_project()
    changed = await (await api.member(project, "admin")).patch(
        f"/v1/projects/{project['slug']}", {"personal_fields": {"properties.email": "hash"}}
    )
    assert changed.status_code == 200
    reader = await api.token(project, ["read"])
    one = {"property": "properties.email", "operator": "eq", "value": "a@example.com"}
    path = f"/v1/projects/{project['slug']}/trends"
    assert (await reader.post(path, {"series": [{}], "filters": one})).status_code == 403
    assert (await reader.post(path, {"series": [{}], "breakdown": {"property": "properties.email"}})).status_code == 403


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = {"property": "event", "operator": "is_set"}
    for _ in range(depth):
        tree = {"not": tree}
    return tree


def with_filter(**condition: Any) -> dict[str, Any]:
    return {"series": [{}], "filters": {"and": [condition]}}


WRONG = [
    ({}, "/series", "invalid-request"),
    ({"series": []}, "/series", "invalid-request"),
    ({"series": [{}] * 21}, "/series", "invalid-request"),
    ({"series": [{}], "unknown": 1}, "/unknown", "invalid-request"),
    ({"series": [{"metric": "weekly_active"}]}, "/series/0/metric", "invalid-request"),
    ({"series": [{"event": ""}]}, "/series/0/event", "invalid-request"),
    ({"series": [{"event": 5}]}, "/series/0/event", "invalid-request"),
    ({"series": [{"event": "\ud800"}]}, "/series/0/event", None),
    ({"series": [{}], "interval": "quarter"}, "/interval", "invalid-request"),
    ({"series": [{}], "cumulative": "yes"}, "/cumulative", "invalid-request"),
    ({"series": [{}], "source": "cache"}, "/source", "invalid-request"),
    ({"series": [{}], "breakdown": {"property": "event", "limit": 0}}, "/breakdown/limit", "invalid-request"),
    ({"series": [{}], "breakdown": {"property": "event", "limit": 501}}, "/breakdown/limit", "invalid-request"),
    ({"series": [{}], "breakdown": {}}, "/breakdown/property", "invalid-request"),
    ({"series": [{}], "date_from": "2026-02-30"}, "/date_from", "time-range"),
    ({"series": [{}], "date_from": "yesterday"}, "/date_from", "time-range"),
    ({"series": [{}], "date_from": "0001-01-01"}, "/date_from", "time-range"),
    ({"series": [{}], "date_to": "9999-12-31T23:59:59-12:00"}, "/date_to", "time-range"),
    ({"series": [{}], "date_from": "2026-11-02", "date_to": "2026-11-01"}, "/date_to", "time-range"),
    ({"series": [{}], "date_from": "2026-11-01T00:00Z", "date_to": "2026-11-01T00:00Z"}, "/date_to", "time-range"),
    ({"series": [{}], "timezone": "Mars/Olympus"}, "/timezone", "time-range"),
    ({"series": [{}], "timezone": "../../etc/passwd"}, "/timezone", "time-range"),
    ({"series": [{}], "date_from": "2024-01-01", "date_to": "2026-01-01", "interval": "minute"}, "/interval", "time-range"),
    (
        {
            "series": [{}],
            "date_from": "2025-01-01",
            "date_to": "2025-12-31",
            "interval": "hour",
            "breakdown": {"property": "event", "limit": 100},
        },
        "/breakdown/limit",
        "invalid-query",
    ),
    ({"series": [{"metric": "sum"}]}, "/series/0/property", "invalid-query"),
    ({"series": [{}, {"metric": "total", "property": "properties.x"}]}, "/series/1/property", "invalid-query"),
    ({"series": [{"metric": "avg", "property": "timestamp"}]}, "/series/0/property", "invalid-query"),
    ({"series": [{"metric": "avg", "property": "properties.x"}], "cumulative": True}, "/cumulative", "invalid-query"),
    ({"series": [{"metric": "avg", "property": "nothing"}]}, "/series/0/property", "unknown-property"),
    ({"series": [{}], "breakdown": {"property": "user.plan"}}, "/breakdown/property", "unknown-property"),
    ({"series": [{}], "breakdown": {"property": "properties."}}, "/breakdown/property", "unknown-property"),
    ({"series": [{}], "breakdown": {"property": "properties.a..b"}}, "/breakdown/property", "unknown-property"),
    (with_filter(property="browsr", operator="eq", value="x"), "/filters/and/0/property", "unknown-property"),
    (with_filter(property="person", operator="eq", value="x"), "/filters/and/0/property", "unknown-property"),
    (with_filter(property="project_id", operator="neq", value="x"), "/filters/and/0/property", "unknown-property"),
    (with_filter(property="browser", operator="like", value="x"), "/filters/and/0/operator", "invalid-query"),
    (with_filter(property="browser", operator="eq"), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="eq", value=["a"]), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="in", value="a"), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="in", value=["a", None]), "/filters/and/0/value/1", "invalid-query"),
    (with_filter(property="browser", operator="between", value=[1]), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="between", value=[1, "x"]), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="gt", value=True), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="contains", value=5), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="is_set", value=5), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="regex", value="(?=a)"), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="regex", value="a{2000}"), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="eq", value="\ud800"), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="browser", operator="eq", value="x", extra=1), "/filters/and/0/extra", "invalid-query"),
    (with_filter(property="timestamp", operator="gt", value="soon"), "/filters/and/0/value", "invalid-query"),
    (with_filter(property="timestamp", operator="contains", value="2026"), None, "invalid-query"),
    ({"series": [{}], "filters": []}, "/filters", "invalid-query"),
    ({"series": [{}], "filters": {"and": {}}}, "/filters/and", "invalid-query"),
    ({"series": [{}], "filters": {"and": [], "or": []}}, "/filters", "invalid-query"),
    ({"series": [{"filters": {"or": [{"not": 5}]}}]}, "/series/0/filters/or/0/not", "invalid-query"),
    ({"series": [{}], "filters": nested(20)}, "/filters" + "/not" * 20, "invalid-query"),
    ({"series": [{"metric": "max", "property": "properties.x"}], "source": "rollup"}, "/source", "invalid-query"),
    ({"series": [{}], "source": "rollup", "interval": "minute", "date_from": "2026-11-21"}, "/source", "invalid-query"),
    ({"series": [{}], "source": "rollup", "breakdown": {"property": "browser"}}, "/source", "invalid-query"),
    ({"series": [{"metric": "unique_users"}], "source": "rollup", "timezone": "Asia/Tokyo"}, "/source", "invalid-query"),
]


@pytest.mark.parametrize(("question", "pointer", "code"), WRONG)
async def test_a_wrong_question_is_refused_at_the_wrong_place(
    api: Api, question: dict[str, Any], pointer: str | None, code: str | None
) -> None:
    answer = await api.owner.post("/v1/projects/default/trends", content=json.dumps(question), headers={"content-type": "application/json"})
    problem = answer.json()
    assert answer.status_code == 422, answer.text
    assert code is None or problem["code"] == code, problem
    if pointer is not None:
        assert pointer in [error["pointer"] for error in problem["errors"]], problem


async def test_numbers_that_are_none_in_json_are_refused(api: Api) -> None:
    for text in ("NaN", "Infinity", "1e999", "-1e999"):
        body = f'{{"series": [{{}}], "filters": {{"property": "properties.a", "operator": "gt", "value": {text}}}}}'
        answer = await api.owner.post("/v1/projects/default/trends", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422), (text, answer.text)
