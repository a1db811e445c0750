"""Small groups: in a project that withholds them they are in no body, picture, link or export."""

from typing import Any

import pytest

from tests.factories.dashboards import bar, dashboard, line, sql, tile, trends
from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
BY_COURSE = (
    "SELECT properties.course_id AS course, count() AS events, uniqExact(person) AS learners FROM events WHERE event = 'lesson' "
    "GROUP BY course ORDER BY course"
)
SMALL = "kleine-gruppe"
LARGE = "large-group"
# A small group's one learner did it 777 times, so the number gives it away too.
TIMES = 77


@pytest.fixture(scope="module")
async def school(api: Api) -> dict[str, Any]:
    """6 learners of a large course, 2 of a small one, who are busy; groups of fewer than 5 are withheld."""
    project = await api.make_project(suppress_below=5)
    large = [lesson(f"l-{number}", LARGE) for number in range(6)]
    small = [lesson(f"s-{number % 2}", SMALL) for number in range(TIMES)]
    await send_events(api, project, large + small)
    await until_stored(api)
    return project


def lesson(user: str, course: str) -> dict[str, Any]:
    return {"event": "lesson", "user_id": user, "properties": {"course_id": course, "minutes": 7}}


BREAKDOWN = {"breakdown": {"property": "properties.course_id"}}
TILES = (
    tile("rows", sql(BY_COURSE), bar("course"), learners="learners"),
    tile("counted", trends({"event": "lesson"}, **BREAKDOWN)),
    tile("learners", trends({"event": "lesson", "metric": "unique_users"}, **BREAKDOWN)),
    tile("minutes", trends({"event": "lesson", "metric": "sum", "property": "properties.minutes"}, **BREAKDOWN)),
    tile("others", trends({"event": "lesson"}, breakdown={"property": "properties.course_id", "limit": 1})),
    tile(
        "alone",
        trends({"event": "lesson", "filters": {"property": "properties.course_id", "operator": "eq", "value": SMALL}}),
        {"mark": "bar", "encoding": line()["encoding"]},
    ),
)


async def made(api: Api, school: dict[str, Any], *tiles: dict[str, Any]) -> str:
    answer = await api.owner.post(f"/v1/projects/{school['slug']}/dashboards", dashboard(*tiles))
    assert answer.status_code == 201, answer.text
    return f"/v1/projects/{school['slug']}/dashboards/{answer.json()['id']}"


async def test_a_small_group_is_in_no_body_picture_link_or_export(api: Api, school: dict[str, Any]) -> None:
    board = await made(api, school, *TILES)
    link = (await api.owner.post(f"{board}/shares", {})).json()
    viewer = await api.member(school, "viewer")
    bodies = {
        "to an owner": await api.owner.get(f"{board}/data"),
        "to a viewer": await viewer.get(f"{board}/data"),
        "by a link": await api.nobody.get(link["path"]),
    }
    for one in TILES:
        bodies[f"drawn {one['id']}"] = await api.owner.get(f"{board}/tiles/{one['id']}.svg")
        bodies[f"drawn {one['id']} by a link"] = await api.nobody.get(f"/v1/shared/{link['token']}/tiles/{one['id']}.svg")
    for who, answer in bodies.items():
        assert answer.status_code == 200, (who, answer.text)
        assert SMALL not in answer.text, who
        assert (f">{TIMES}<" if who.startswith("drawn") else f",{TIMES}") not in answer.text, who
        assert (f">{TIMES * 7}<" if who.startswith("drawn") else f",{TIMES * 7}") not in answer.text, who
    tiles = {one["id"]: one for one in bodies["to an owner"].json()["tiles"]}
    assert {name: one["error"] for name, one in tiles.items() if one["error"]} == {}
    assert tiles["rows"]["rows"] == [[LARGE, 6, 6]]
    assert tiles["rows"]["withheld"] == 1
    assert {row[2] for row in tiles["counted"]["rows"]} == {LARGE}
    assert {row[2] for row in tiles["minutes"]["rows"]} == {LARGE}
    assert [row[3] for row in tiles["alone"]["rows"] if row[3]] == []
    assert LARGE in bodies["drawn rows"].text
    assert "Withheld" in bodies["drawn alone"].text
    exported = await api.owner.get(f"{board}/export")
    assert f",{TIMES}" not in exported.text, "an export holds questions, no rows"


async def test_without_the_setting_the_same_groups_are_shown(api: Api, school: dict[str, Any]) -> None:
    project = await api.make_project()
    await send_events(api, project, [lesson(f"s-{number % 2}", SMALL) for number in range(TIMES)])
    await until_stored(api)
    board = await made(api, project, *TILES)
    answer = await api.owner.get(f"{board}/data")
    assert answer.text.count(SMALL) >= 4
    assert SMALL in (await api.owner.get(f"{board}/tiles/rows.svg")).text


async def test_sql_must_say_which_column_counts_learners(api: Api, school: dict[str, Any]) -> None:
    board = await made(
        api,
        school,
        tile("silent", sql(BY_COURSE)),
        tile("misspelt", sql(BY_COURSE), learners="learnes"),
        tile("no-groups", sql("SELECT 'all' AS event, count() AS events FROM events"), bar(), learners=False),
    )
    found = {one["id"]: one for one in (await api.owner.get(f"{board}/data")).json()["tiles"]}
    for name in ("silent", "misspelt"):
        assert found[name]["rows"] == []
        assert found[name]["error"]["code"] == "invalid-request"
    assert found["no-groups"]["rows"] == [["all", 6 + TIMES]]
    assert SMALL not in (await api.owner.get(f"{board}/tiles/silent.svg")).text


async def test_a_run_and_an_endpoint_withhold_them_from_who_could_not_ask_otherwise(api: Api, school: dict[str, Any]) -> None:
    url = f"/v1/projects/{school['slug']}"
    counted = {**sql(BY_COURSE), "learners": "learners"}
    for name, question in (("said", counted), ("silent", sql(BY_COURSE)), ("trend", trends({"event": "lesson"}, **BREAKDOWN))):
        assert (await api.owner.post(f"{url}/queries", {"name": name, "question": question})).status_code == 201
        assert (await api.owner.put(f"{url}/queries/{name}/publication", {})).status_code == 200
    viewer, reader = await api.member(school, "viewer"), await api.token(school, ["read"])
    program = await api.token(school, ["endpoint:said", "endpoint:silent", "endpoint:trend"])
    withheld = {
        f"{who} {name}": await caller.post(f"{url}/queries/{name}/run", {})
        for who, caller, names in (("viewer", viewer, ("said", "silent", "trend")), ("reader", reader, ("said", "silent")))
        for name in names
    }
    for name in ("said", "silent", "trend"):
        withheld[f"program {name}"] = await program.get(f"{url}/endpoints/{name}.json")
        withheld[f"csv {name}"] = await viewer.get(f"{url}/endpoints/{name}.csv")
    for which, answer in withheld.items():
        assert answer.status_code == (422 if "silent" in which else 200), (which, answer.text)
        assert SMALL not in answer.text, which
        assert f",{TIMES}" not in answer.text, which
    assert withheld["viewer said"].json()["rows"] == [[LARGE, 6, 6]]
    assert (withheld["viewer said"].json()["withheld"], withheld["csv said"].headers["x-withheld"]) == (1, "1")
    analyst = await api.member(school, "analyst")
    for name in ("said", "silent", "trend"):
        whole = await analyst.post(f"{url}/queries/{name}/run", {})
        assert (whole.status_code, whole.json()["withheld"], SMALL in whole.text) == (200, 0, True)
    board = await made(api, school, tile("saved", {"saved": "said"}, bar("course")))
    assert (await api.owner.get(f"{board}/data")).json()["tiles"][0]["rows"] == [[LARGE, 6, 6]]


async def test_the_size_is_set_by_admins_alone_and_holds_at_once(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [lesson(f"s-{number}", SMALL) for number in range(3)])
    await until_stored(api)
    board = await made(api, project, tile("rows", sql(BY_COURSE), bar("course"), learners="learners"))
    url = f"/v1/projects/{project['slug']}"
    assert (await (await api.member(project, "editor")).patch(url, {"suppress_below": 4})).status_code == 403
    assert (await api.owner.patch(url, {"suppress_below": 1})).status_code == 422
    for least, shown in ((4, 0), (3, 1), (None, 1)):
        answer = await api.owner.patch(url, {"suppress_below": least})
        assert answer.json()["suppress_below"] == least
        assert len((await api.owner.get(f"{board}/data")).json()["tiles"][0]["rows"]) == shown
