"""Dashboards: kept, raced for, carried elsewhere, and asked tile by tile, side by side."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from analytics.dashboards.templates import NAMES
from analytics.domain.question import question_of
from analytics.metadata.saved_queries import SavedDraft
from tests.factories.dashboards import bar, dashboard, line, sql, tile, trends
from tests.factories.listener import listening
from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import Api, Caller
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
TODAY = date(2026, 11, 20)
FROM_TO = {"from": "2026-11-01", "to": "2026-11-20"}
COURSE = {"name": "course", "property": "properties.course_id"}
DATES = ({"name": "date_from", "type": "Date"}, {"name": "date_to", "type": "Date"})
BY_COURSE = (
    "SELECT properties.course_id AS course, count() AS events FROM events WHERE date BETWEEN {date_from:Date} AND {date_to:Date} "
    "AND ({course:String} = '' OR properties.course_id = {course:String}) GROUP BY course ORDER BY course"
)
FILTERED = sql(BY_COURSE, *DATES, {"name": "course", "type": "String", "default": ""})


@pytest.fixture(scope="module")
async def school(api: Api) -> dict[str, Any]:
    """A project with an event of each of 20 days, of courses c-0, c-1 and c-2 in turn."""
    project = await api.make_project()
    await send_events(api, project, [lesson(day) for day in range(20)])
    await until_stored(api)
    return project


def lesson(day: int) -> dict[str, Any]:
    at = f"{TODAY - timedelta(days=day)}T12:00:00Z"
    return {"event": "lesson", "user_id": f"u-{day}", "timestamp": at, "properties": {"course_id": f"c-{day % 3}"}}


def path(school: dict[str, Any], *parts: str) -> str:
    return "/".join((f"/v1/projects/{school['slug']}/dashboards", *parts))


async def made(api: Api, school: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    answer = await api.owner.post(path(school), document)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def tiles_of(api: Api, school: dict[str, Any], board: str, **query: Any) -> dict[str, dict[str, Any]]:
    answer = await api.owner.get(path(school, board, "data"), params={**FROM_TO, **query})
    assert answer.status_code == 200, answer.text
    return {one["id"]: one for one in answer.json()["tiles"]}


async def changed(caller: Caller, url: str, body: Any, etag: str) -> int:
    return (await caller.client.put(url, json=body, headers={**caller.headers, "if-match": etag})).status_code


async def test_a_dashboard_is_kept_listed_and_removed(api: Api, school: dict[str, Any]) -> None:
    document = dashboard(tile("a", FILTERED), tile("b", trends()), filters=[COURSE], description="About lessons")
    board = await made(api, school, document)
    read = await api.owner.get(path(school, board["id"]))
    assert read.json() == board
    assert read.headers["etag"] == '"1"'
    listed = (await api.owner.get(path(school))).json()["items"]
    assert [(one["name"], one["tiles"]) for one in listed if one["id"] == board["id"]] == [("A dashboard", 2)]
    assert (await api.owner.delete(path(school, board["id"]))).status_code == 204
    assert (await api.owner.get(path(school, board["id"]))).status_code == 404


async def test_of_two_editors_of_one_version_the_second_is_told_so(api: Api, school: dict[str, Any]) -> None:
    board = await made(api, school, dashboard())
    url = path(school, board["id"])
    editors = [await api.member(school, "editor") for _ in range(4)]
    outcomes = await asyncio.gather(*(changed(one, url, dashboard(name=f"By {place}"), '"1"') for place, one in enumerate(editors)))
    assert sorted(outcomes) == [200, 409, 409, 409]
    now = (await api.owner.get(url)).json()
    assert (now["version"], now["name"]) == (2, f"By {outcomes.index(200)}")
    assert (await changed(api.owner, url, dashboard(), '"another"')) == 409
    assert (await api.owner.put(url, dashboard())).status_code == 422, "without If-Match nobody can race fairly"
    lost = await api.client.delete(url, headers={**api.owner.headers, "if-match": '"1"'})
    assert lost.status_code == 409


async def test_a_part_of_a_dashboard_is_changed_and_the_rest_stays(api: Api, school: dict[str, Any]) -> None:
    board = await made(api, school, dashboard(tile("a", FILTERED), filters=[COURSE]))
    answer = await api.client.patch(
        path(school, board["id"]), json={"name": "Another", "days": {"last": 7}}, headers={**api.owner.headers, "if-match": '"1"'}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == '"2"'
    kept = ("tiles", "filters", "timezone", "created_at")
    assert {name: answer.json()[name] for name in kept} == {name: board[name] for name in kept}


async def test_days_and_filters_reach_every_tile(api: Api, school: dict[str, Any]) -> None:
    document = dashboard(
        tile("sql", FILTERED),
        tile("trends", trends({"event": "lesson"}, breakdown={"property": "properties.course_id"})),
        tile("narrow", trends(filters={"property": "properties.course_id", "operator": "neq", "value": "c-2"})),
        filters=[COURSE],
    )
    board = (await made(api, school, document))["id"]
    everything = await tiles_of(api, school, board)
    assert [row[1] for row in everything["sql"]["rows"]] == [7, 7, 6]
    assert sum(row[3] for row in everything["trends"]["rows"]) == 20
    assert sum(row[3] for row in everything["narrow"]["rows"]) == 14
    days = await tiles_of(api, school, board, **{"from": "2026-11-20", "to": "2026-11-20"})
    assert [row[1] for row in days["sql"]["rows"]] == [1]
    assert [row[3] for row in days["trends"]["rows"]] == [1]
    filtered = await tiles_of(api, school, board, filter="course:c-2")
    assert filtered["sql"]["rows"] == [["c-2", 6]]
    assert {row[2] for row in filtered["trends"]["rows"]} == {"c-2"}
    assert sum(row[3] for row in filtered["narrow"]["rows"]) == 0, "a tile's own filter stays beside the dashboard's"


async def test_a_filter_that_does_not_reach_a_tile_is_an_error_and_no_unfiltered_number(api: Api, school: dict[str, Any]) -> None:
    document = dashboard(tile("deaf", sql()), tile("ignoring", sql(), ignores=["course"]), tile("one", FILTERED), filters=[COURSE])
    board = (await made(api, school, document))["id"]
    assert all(one["error"] is None for one in (await tiles_of(api, school, board)).values())
    found = await tiles_of(api, school, board, filter=["course:c-1", "course:c-2"])
    assert found["deaf"]["error"]["code"] == "invalid-request"
    assert found["deaf"]["rows"] == []
    assert found["ignoring"]["error"] is None
    assert "takes one value" in found["one"]["error"]["detail"]
    assert (await api.owner.get(path(school, board, "data"), params={"filter": "country:DE"})).status_code == 422
    assert (await api.owner.get(path(school, board, "data"), params={"from": "2026-11-01"})).status_code == 422


async def test_a_tile_that_fails_leaves_the_others_their_answers(api: Api, school: dict[str, Any]) -> None:
    failing = sql("SELECT toString(intDiv(1, count() * 0)) AS event, 1 AS events FROM events")
    late = sql(
        "SELECT '' AS event, count() AS events FROM numbers(1000000) AS a CROSS JOIN numbers(1000000) AS b WHERE a.number > b.number + 1"
    )
    board = (await made(api, school, dashboard(tile("fails", failing), tile("good", sql()), tile("late", late))))["id"]
    whole, api.services.boards._budget_seconds = api.services.boards._budget_seconds, 3.0
    try:
        found = await tiles_of(api, school, board)
    finally:
        api.services.boards._budget_seconds = whole
    assert found["good"]["rows"] == [["lesson", 20, 20]]
    assert found["fails"]["error"]["code"] == "sql-failed"
    assert found["late"]["error"]["code"] == "query-timeout"
    await eventually(lambda: not api.services.sql.queries.door.under_way, "the end of what was late, before its own limit", 40.0)


async def test_the_days_of_a_dashboard_are_those_of_its_zone(api: Api, school: dict[str, Any]) -> None:
    daily = tile("a", trends(interval="day"))
    board = await made(
        api, school, dashboard(daily, timezone="Pacific/Auckland", days={"date_from": "2026-11-20", "date_to": "2026-11-21"})
    )
    answer = (await api.owner.get(path(school, board["id"], "data"))).json()
    assert answer["days"] == {"date_from": "2026-11-20", "date_to": "2026-11-21"}
    rows = answer["tiles"][0]["rows"]
    assert [(row[0], row[3]) for row in rows] == [("2026-11-20T00:00:00+13:00", 1), ("2026-11-21T00:00:00+13:00", 1)]


async def test_a_saved_question_is_shown_as_it_is_now(api: Api, school: dict[str, Any]) -> None:
    assert (await api.owner.post(path(school), dashboard(tile("a", {"saved": "by_course"}, bar())))).status_code == 422, "not there yet"
    draft = SavedDraft(question_of(FILTERED), "")
    await api.services.metadata.saved_queries.create("operator", school["id"], "by_course", draft)
    document = dashboard(tile("a", {"saved": "by_course"}, bar("course")), filters=[COURSE])
    board = (await made(api, school, document))["id"]
    assert (await tiles_of(api, school, board, filter="course:c-1"))["a"]["rows"] == [["c-1", 7]]
    viewer = await api.member(school, "viewer")
    answer = await viewer.get(path(school, board, "data"), params=FROM_TO)
    assert len(answer.json()["tiles"][0]["rows"]) == 3, "a viewer sees what an editor saved"


async def test_an_export_is_imported_as_it_was_and_exported_alike(api: Api, school: dict[str, Any]) -> None:
    board = await made(api, school, dashboard(tile("a", FILTERED), tile("b", trends(), line()), filters=[COURSE]))
    exported = (await api.owner.get(path(school, board["id"], "export"))).json()
    elsewhere = await api.make_project()
    imported = await api.owner.post(path(elsewhere, "import"), exported)
    assert imported.status_code == 201, imported.text
    assert imported.json()["id"] != board["id"]
    assert (await api.owner.get(path(elsewhere, imported.json()["id"], "export"))).json() == exported
    copied = await api.owner.post(path(school, board["id"], "duplicate"))
    assert copied.json()["name"] == "Copy of A dashboard"
    assert copied.json()["tiles"] == board["tiles"]


DEEP = '{"a":' * 5_000 + "1" + "}" * 5_000


def hostile(address: str) -> dict[str, dict[str, Any]]:
    """Documents that would have the service, or whoever opens them, call at `address` or run something."""
    elsewhere = {"data": {"url": address}, "key": "event"}
    return {
        "an address to fetch": dashboard(tile("a", sql(), {**bar(), "data": {"url": address}})),
        "an address to look up": dashboard(tile("a", sql(), {**bar(), "transform": [{"lookup": "event", "from": elsewhere}]})),
        "an expression": dashboard(tile("a", sql(), {**bar(), "transform": [{"calculate": "1", "as": "x"}]})),
        "a link": dashboard(tile("a", sql(), {**bar(), "mark": {"type": "bar", "href": address}})),
        "an image": dashboard(tile("a", sql(), {"mark": "image", "encoding": {"url": {"value": address}}})),
        "a schema of elsewhere": dashboard(tile("a", sql(), {**bar(), "$schema": address})),
        "a colour from elsewhere": dashboard(tile("a", sql(), {**bar(), "mark": {"type": "bar", "color": f"url({address})"}})),
        "a script": dashboard(tile("a", sql(), {**bar(), "description": "<script>alert(1)</script>"})),
        "a file": dashboard(tile("a", sql("SELECT * FROM file('/etc/passwd')"))),
        "another server": dashboard(tile("a", sql(f"SELECT * FROM url('{address}')"))),
        "somebody else's rows": dashboard(tile("a", sql("SELECT * FROM system.tables"))),
        "a saved question that is not here": dashboard(tile("a", {"saved": "not_here"}, bar())),
        "a member nobody knows": {**dashboard(), "onload": "alert(1)"},
    }


async def test_a_hostile_import_is_refused_nothing_of_it_kept_and_nobody_called(api: Api, school: dict[str, Any]) -> None:
    before = len((await api.owner.get(path(school), params={"limit": 1000})).json()["items"])
    with listening() as listener:
        address = f"http://127.0.0.1:{listener.port}/x"
        for name, document in hostile(address).items():
            exported = {"format": "analytics-dashboard", "version": 1, "dashboard": document}
            for answer in (await api.owner.post(path(school, "import"), exported), await api.owner.post(path(school), document)):
                assert answer.status_code in (400, 422), (name, answer.text)
        assert listener.callers == 0
    assert len((await api.owner.get(path(school), params={"limit": 1000})).json()["items"]) == before


async def test_documents_that_are_deep_or_huge_are_refused(api: Api, school: dict[str, Any]) -> None:
    board = path(school, (await made(api, school, dashboard()))["id"])
    headers = {**api.owner.headers, "content-type": "application/json", "if-match": '"1"'}
    levels = '{"a":' * 300 + "1" + "}" * 300
    position = '"position":{"x":0,"y":0,"width":1,"height":1}'
    question = '"question":{"kind":"trends","trends":{"series":[{}]}}'
    tile_of_levels = f'{{"id":"a","title":"a",{question},{position},"chart":{levels}}}'
    params_of_levels = f'{{"id":"a","title":"a",{question},{position},"chart":{{"mark":"bar"}},"params":{levels}}}'
    documents = [DEEP, '{"name":"' + "x" * 3_000_000 + '"}']
    documents += [f'{{"name":"x","tiles":[{one}]}}' for one in (tile_of_levels, params_of_levels)]
    for document in documents:
        imported = f'{{"format":"analytics-dashboard","version":1,"dashboard":{document}}}'
        for method, target, body in (
            ("POST", path(school), document),
            ("POST", path(school, "import"), imported),
            ("PUT", board, document),
            ("PATCH", board, document),
        ):
            answer = await api.client.request(method, target, content=body, headers=headers)
            assert answer.status_code in (400, 413, 422), (method, answer.status_code, body[:60])


async def test_who_saves_a_question_must_be_allowed_to_ask_it(api: Api, school: dict[str, Any]) -> None:
    manage, both = await api.token(school, ["manage", "read"]), await api.token(school, ["manage", "sql", "read"])
    assert (await manage.post(path(school), dashboard(tile("a", sql())))).status_code == 403
    assert (await both.post(path(school), dashboard(tile("a", sql())))).status_code == 201
    person = trends(filters={"property": "user_id", "operator": "eq", "value": "u-1"})
    assert (await both.post(path(school), dashboard(tile("a", person)))).status_code == 403, "about one person"
    assert (await manage.post(path(school), dashboard(tile("a", trends())))).status_code == 201
    viewer = await api.member(school, "viewer")
    assert (await viewer.post(path(school), dashboard())).status_code == 403


async def test_a_tile_that_stays_is_not_asked_about_again(api: Api, school: dict[str, Any]) -> None:
    board = await made(api, school, dashboard(tile("a", sql())))
    manage = await api.token(school, ["manage", "read"])
    renamed = dashboard(tile("a", sql()), name="Another name")
    assert await changed(manage, path(school, board["id"]), renamed, '"1"') == 200
    other = dashboard(tile("a", sql("SELECT 'x' AS event, 1 AS events")))
    assert await changed(manage, path(school, board["id"]), other, '"2"') == 403


@pytest.mark.parametrize("name", NAMES)
async def test_each_template_makes_a_dashboard_that_is_answered_whole(api: Api, school: dict[str, Any], name: str) -> None:
    answer = await api.owner.post(path(school), {"template": name, "name": "Ours"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == "Ours"
    found = await tiles_of(api, school, answer.json()["id"], filter=["course:c-1"] if answer.json()["filters"][:1] == [COURSE] else [])
    assert {one["id"]: one["error"] for one in found.values() if one["error"]} == {}


async def test_templates_are_listed_and_another_name_is_refused(api: Api, school: dict[str, Any]) -> None:
    listed = (await api.owner.get(f"/v1/projects/{school['slug']}/dashboard-templates")).json()["items"]
    assert [one["template"] for one in listed] == list(NAMES)
    assert (await api.owner.post(path(school), {"template": "../theme"})).status_code == 422
    assert (await api.owner.post(path(school), {"template": ["revenue"]})).status_code == 422


async def test_an_erased_person_stands_in_no_dashboard(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [{"event": "lesson", "user_id": "anna-4711"}])
    await until_stored(api)
    person = trends({"event": "lesson", "filters": {"property": "user_id", "operator": "eq", "value": "anna-4711"}})
    text = sql("SELECT event, count() AS events FROM events WHERE user_id = 'anna-4711' GROUP BY event")
    document = dashboard(
        tile("a", person), tile("anna-4711", text), name="About anna-4711", filters=[{"name": "who", "property": "user_id"}]
    )
    board = (await made(api, project, document))["id"]
    share = {"filters": {"who": ["anna-4711"]}}
    kept, gone = [(await api.owner.post(path(project, board, "shares"), body)).json()["token"] for body in ({}, share)]
    erasure = (await api.owner.post(f"/v1/projects/{project['slug']}/erasures", {"user_id": "anna-4711"})).json()

    async def receipt() -> dict[str, Any] | None:
        record = (await api.owner.get(f"/v1/projects/{project['slug']}/erasures/{erasure['id']}")).json()
        return record if record["status"] in ("finished", "failed") else None

    assert (await eventually(receipt, "the end of the erasure", 400.0))["status"] == "finished"
    read = await api.owner.get(path(project, board))
    assert "anna-4711" not in read.text
    assert read.json()["version"] == 2
    assert (await api.owner.get(path(project, board, "data"))).status_code == 200
    assert (await api.nobody.get(f"/v1/shared/{kept}/data")).status_code == 200
    assert (await api.nobody.get(f"/v1/shared/{gone}/data")).status_code == 404
