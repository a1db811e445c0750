"""Pictures of dashboards by route: what is in them, for whom, and in which days, zone and theme."""

from typing import Any

import pytest

from analytics.dashboards.templates import NAMES
from tests.factories.dashboards import bar, dashboard, line, sql, tile, trends
from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
PNG = b"\x89PNG\r\n\x1a\n"
COURSE = {"name": "course", "property": "properties.course_id"}
NOON = "2026-11-20T12:00:00Z"


@pytest.fixture(scope="module")
async def school(api: Api) -> dict[str, Any]:
    project = await api.make_project()
    events = [{"event": "lesson", "user_id": f"u-{n}", "timestamp": NOON, "properties": {"course_id": f"c-{n % 2}"}} for n in range(5)]
    await send_events(api, project, events)
    await until_stored(api)
    return project


async def made(api: Api, school: dict[str, Any], *tiles: dict[str, Any], **more: Any) -> str:
    document = dashboard(*tiles, **{"days": {"date_from": "2026-11-20", "date_to": "2026-11-20"}, **more})
    answer = await api.owner.post(f"/v1/projects/{school['slug']}/dashboards", document)
    assert answer.status_code == 201, answer.text
    return f"/v1/projects/{school['slug']}/dashboards/{answer.json()['id']}"


async def test_a_dashboard_and_its_tiles_are_drawn(api: Api, school: dict[str, Any]) -> None:
    board = await made(api, school, tile("a", sql(), description="What happened"), tile("b", trends()))
    whole = await api.owner.get(f"{board}.png")
    assert whole.headers["content-type"] == "image/png"
    assert whole.content.startswith(PNG)
    assert (await api.owner.get(f"{board}.png", params={"theme": "dark"})).content != whole.content
    svg = await api.owner.get(f"{board}/tiles/a.svg")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert "default-src 'none'" in svg.headers["content-security-policy"]
    for shown in (">A<", "What happened", ">lesson<", ">events<"):
        assert shown in svg.text
    sized = await api.owner.get(f"{board}/tiles/a.svg", params={"width": 700, "height": 200})
    assert 'width="700" height="200"' in sized.text
    assert (await api.owner.get(f"{board}/tiles/a.png")).content.startswith(PNG)
    assert (await api.owner.get(f"{board}/tiles/none.svg")).status_code == 404
    assert (await api.owner.get(f"{board}/tiles/a.svg", params={"width": 1_000_000})).status_code == 422
    assert (await api.owner.get(f"{board}/tiles/a.svg", params={"theme": "red"})).status_code == 422


async def test_a_picture_shows_what_is_filtered_and_says_when_there_is_nothing(api: Api, school: dict[str, Any]) -> None:
    by_course = (
        "SELECT properties.course_id AS event, count() AS events FROM events WHERE has({course:Array(String)}, event) GROUP BY event"
    )
    question = sql(by_course, {"name": "course", "type": "Array(String)", "default": ["c-0", "c-1"]})
    board = await made(api, school, tile("a", question), tile("b", trends(), line()), filters=[COURSE])
    both = (await api.owner.get(f"{board}/tiles/a.svg")).text
    assert ">c-0<" in both
    assert ">c-1<" in both
    one = (await api.owner.get(f"{board}/tiles/a.svg", params={"filter": "course:c-1"})).text
    assert ">c-0<" not in one
    assert ">c-1<" in one
    for name in ("a", "b"):
        none = await api.owner.get(f"{board}/tiles/{name}.svg", params={"filter": "course:none"})
        assert "No data in these days" in none.text


async def test_a_tile_that_fails_is_drawn_as_such_and_tells_nothing_else(api: Api, school: dict[str, Any]) -> None:
    failing = sql("SELECT toString(intDiv(1, count() * 0)) AS event, 1 AS events FROM events")
    board = await made(api, school, tile("a", failing), tile("b", sql()))
    svg = await api.owner.get(f"{board}/tiles/a.svg")
    assert svg.status_code == 200
    assert "Not answered" in svg.text
    assert "intDiv" not in svg.text
    assert (await api.owner.get(f"{board}.png")).content.startswith(PNG)


@pytest.mark.parametrize(("zone", "hour"), [("UTC", "12:00"), ("Pacific/Auckland", "01:00"), ("Asia/Kolkata", "17:30")])
async def test_times_are_drawn_on_the_clocks_of_the_dashboard(api: Api, school: dict[str, Any], zone: str, hour: str) -> None:
    chart = {
        "mark": "point",
        "encoding": {"x": {"field": "at", "type": "temporal", "axis": {"format": "%H:%M"}, "timeUnit": "hoursminutes"}},
    }
    at = "SELECT DISTINCT timestamp AS at FROM events"
    text = {"mark": "text", "encoding": {"text": {"field": "at", "type": "temporal", "format": "%H:%M"}}}
    board = await made(api, school, tile("a", sql(at), text), tile("b", sql(at), chart), timezone=zone)
    assert f">{hour}<" in (await api.owner.get(f"{board}/tiles/a.svg")).text
    assert (await api.owner.get(f"{board}/tiles/b.svg")).status_code == 200


async def test_what_people_sent_is_text_in_a_picture(api: Api) -> None:
    project = await api.make_project()
    name = '<script>alert("x")</script><image href="http://192.0.2.1/"/>'
    await send_events(api, project, [{"event": name, "user_id": "u"}])
    await until_stored(api)
    board = await made(api, project, tile("a", sql(), bar()), days={"last": 3})
    svg = (await api.owner.get(f"{board}/tiles/a.svg")).text
    assert "<script" not in svg
    assert "<image" not in svg
    assert "&lt;script&gt;" in svg


@pytest.mark.parametrize("name", NAMES)
async def test_each_template_is_drawn_also_without_data(api: Api, school: dict[str, Any], name: str) -> None:
    answer = await api.owner.post(f"/v1/projects/{school['slug']}/dashboards", {"template": name})
    board = f"/v1/projects/{school['slug']}/dashboards/{answer.json()['id']}"
    drawn = await api.owner.get(f"{board}.png", params={"theme": "dark"})
    assert drawn.status_code == 200, drawn.text
    assert drawn.content.startswith(PNG)
