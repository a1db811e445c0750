"""`GET …/events` and `…/events/{id}/status`: what is stored, event by event."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.factories.sent_events import send_events, until_stored
from tests.factories.stored_events import make_event, store_events
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio

FULL: dict[str, Any] = {
    "event_id": "e-1",
    "event": "page_view",
    "timestamp": "2026-11-20T10:00:00.123Z",
    "user_id": "u-1",
    "anonymous_id": "a-1",
    "session_id": "s-1",
    "properties": {"course_id": "c-1", "price": 12345678901234567890.5, "nested": {"a": [1, None, "é"]}},
    "context": {
        "ip": "203.0.113.9",
        "user_agent": "curl/8",
        "locale": "en-GB",
        "timezone": "Europe/London",
        "page": {"url": "https://example.org/x", "title": "X", "referrer": "https://example.com/", "scroll": 0.5},
        "campaign": {"source": "news", "medium": "mail", "name": "autumn", "term": "t", "content": "c"},
        "device": {"id": 7},
        "own": "yes",
    },
}


async def items(api: Api, project: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    """All pages."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = await api.owner.get(f"/v1/projects/{project['slug']}/events", params={**query, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"items", "next_cursor"}
        found += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


async def test_an_event_comes_back_as_it_was_sent(api: Api) -> None:
    project = await api.make_project()
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    await send_events(api, project, [FULL])
    (item,) = await items(api, project)
    received_at = datetime.fromisoformat(item.pop("received_at"))
    assert before <= received_at <= datetime.now(UTC)
    assert item == FULL


async def test_what_was_not_sent_is_null_or_empty(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [{"event": "e", "anonymous_id": "a-1", "event_id": "x", "timestamp": "2026-11-20T10:00:00Z"}])
    (item,) = await items(api, project)
    del item["received_at"]
    assert item == {
        "event_id": "x",
        "event": "e",
        "timestamp": "2026-11-20T10:00:00.000Z",
        "user_id": None,
        "anonymous_id": "a-1",
        "session_id": None,
        "properties": {},
        "context": {},
    }


async def test_pages_stay_whole_while_events_arrive(api: Api) -> None:
    project = await api.make_project()
    first = [{"event": "e", "user_id": "u", "event_id": f"first-{number}"} for number in range(25)]
    await send_events(api, project, first)
    path = f"/v1/projects/{project['slug']}/events"
    seen: list[str] = []
    cursor = None
    for turn in range(10):
        answer = await api.owner.get(path, params={"limit": 7, **({"cursor": cursor} if cursor else {})})
        seen += [item["event_id"] for item in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
        await send_events(api, project, [{"event": "e", "user_id": "u", "event_id": f"late-{turn}-{number}"} for number in range(5)])
    assert sorted(seen) == sorted(event["event_id"] for event in first)
    newest = (await api.owner.get(path, params={"limit": 5})).json()["items"]
    assert {item["event_id"].split("-")[1] for item in newest} == {"2"}


async def test_the_newest_received_come_first_whatever_their_own_time(api: Api) -> None:
    project = await api.make_project()
    for event_id, at in (("one", "2026-11-21T00:00:00Z"), ("two", "2020-01-01T00:00:00Z"), ("three", "2026-11-20T00:00:00Z")):
        await send_events(api, project, [{"event": "e", "user_id": "u", "event_id": event_id, "timestamp": at}])
    assert [item["event_id"] for item in await items(api, project, limit=2)] == ["three", "two", "one"]


async def test_events_received_long_ago_are_found_behind_new_ones(api: Api) -> None:
    project = await api.make_project()
    stored = api.services.keys.project_by_slug(project["slug"])
    assert stored is not None
    now = datetime.now(UTC)
    ages = [timedelta(seconds=1), timedelta(minutes=5), timedelta(hours=5), timedelta(days=30), timedelta(days=800), timedelta(days=4000)]
    rows = [make_event(event_id=f"age-{index}", timestamp=now - age, received_at=now - age) for index, age in enumerate(ages)]
    store_events(api.services.warehouse, stored, rows)
    for limit in (1, 2, 4, 100):
        assert [item["event_id"] for item in await items(api, project, limit=limit)] == [f"age-{index}" for index in range(6)]


async def test_filters_choose_by_name_user_id_and_time(api: Api) -> None:
    project = await api.make_project(timezone="Europe/Berlin")
    rows = [
        {"event": "a", "user_id": "u-1", "event_id": "1", "timestamp": "2026-11-19T23:30:00Z"},  # 20 November in Berlin
        {"event": "b", "user_id": "u-1", "event_id": "2", "timestamp": "2026-11-20T12:00:00Z"},
        {"event": "a", "user_id": "u-2", "event_id": "3", "timestamp": "2026-11-20T23:30:00Z"},  # 21 November there
        {"event": "a", "anonymous_id": "u-1", "event_id": "4", "timestamp": "2026-11-21T12:00:00Z"},
    ]
    await send_events(api, project, rows)

    async def ids(**query: Any) -> set[str]:
        return {item["event_id"] for item in await items(api, project, **query)}

    assert await ids(event="a") == {"1", "3", "4"}
    assert await ids(user_id="u-1") == {"1", "2"}
    assert await ids(event_id="3") == {"3"}
    assert await ids(event_id="none") == set()
    assert await ids(**{"from": "2026-11-20", "to": "2026-11-20"}) == {"1", "2"}
    assert await ids(**{"from": "2026-11-20T12:00:00Z"}) == {"2", "3", "4"}
    assert await ids(to="2026-11-20T12:00:00Z") == {"1"}
    assert await ids(**{"event": "a", "from": "2026-11-21"}) == {"3", "4"}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": 0}, "/query/limit"),
        ({"limit": 1001}, "/query/limit"),
        ({"from": "soon"}, "/query/from"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "/query/to"),
        ({"event": ""}, "/query/event"),
        ({"cursor": "nonsense"}, "/query/cursor"),
        ({"cursor": "WzEsMiwtM10"}, "/query/cursor"),  # [1,2,-3]
        ({"cursor": "WzEsMiwxODQ0Njc0NDA3MzcwOTU1MTYxNl0"}, "/query/cursor"),  # 2 to the 64th
        ({"cursor": "WzQwMDAwMDAwMDAwMDAsMSwyXQ"}, "/query/cursor"),
    ],
)
async def test_a_wrong_parameter_is_named(api: Api, query: dict[str, Any], pointer: str) -> None:
    answer = await api.owner.get("/v1/projects/default/events", params=query)
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_events_are_for_who_may_see_persons_in_this_project(api: Api) -> None:
    mine, theirs = await api.make_project(), await api.make_project()
    await send_events(api, mine, [FULL])
    path = f"/v1/projects/{mine['slug']}/events"
    assert await items(api, theirs) == []
    assert (await api.owner.get(f"/v1/projects/{theirs['slug']}/events/e-1/status")).status_code == 404
    assert (await (await api.token(mine, ["read"])).get(path)).status_code == 403
    assert (await (await api.token(mine, ["personal-data"])).get(path)).status_code == 200
    assert (await (await api.token(theirs, ["personal-data"])).get(path)).status_code == 404
    assert (await api.bearer(mine["write_key"]).get(path)).status_code == 403


async def test_the_status_of_an_event_is_where_it_is(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/events"
    answer = await send_events(api, project, [{"event": "e", "user_id": "u", "event_id": "good/one"}, {"event": "e", "event_id": "bad"}])
    assert (answer["accepted"], answer["rejected"]) == (1, 1)
    assert (await api.owner.get(f"{path}/good%2Fone/status")).json() == {"status": "stored"}
    assert (await api.owner.get(f"{path}/bad/status")).json() == {"status": "refused"}
    unknown = await api.owner.get(f"{path}/unknown/status")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")


async def test_an_event_older_than_the_table_of_ids_is_found_stored(api: Api) -> None:
    project = await api.make_project()
    stored = api.services.keys.project_by_slug(project["slug"])
    assert stored is not None
    long_ago = datetime.now(UTC) - timedelta(days=400)
    store_events(api.services.warehouse, stored, [make_event(event_id="old", timestamp=long_ago, received_at=long_ago)])
    api.services.warehouse.command("OPTIMIZE TABLE event_ids FINAL")
    assert (await api.owner.get(f"/v1/projects/{project['slug']}/events/old/status")).json() == {"status": "stored"}


async def test_an_event_is_queued_until_it_is_stored(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/events/waiting/status"
    answer = await api.bearer(project["write_key"]).post("/v1/events", {"event": "e", "user_id": "u", "event_id": "waiting"})
    assert answer.status_code == 200
    seen = [(await api.owner.get(path)).json()["status"]]  # once answered it is never nowhere
    await until_stored(api)
    seen.append((await api.owner.get(path)).json()["status"])
    assert seen in (["queued", "stored"], ["stored", "stored"])


async def test_an_event_is_refused_also_while_its_refusal_waits_in_the_spool(api: Api) -> None:
    project = await api.make_project()
    hold = api.services.event_path.writer.paused()
    await asyncio.to_thread(hold.__enter__)
    try:
        sent = await api.bearer(project["write_key"]).post("/v1/events", {"event": "e", "event_id": "bad"})
        assert sent.json()["rejected"] == 1
        for event_id, status in (("bad", 200), ("ba", 404)):
            answer = await api.owner.get(f"/v1/projects/{project['slug']}/events/{event_id}/status")
            assert answer.status_code == status, answer.text
            assert status == 404 or answer.json() == {"status": "refused"}
    finally:
        await asyncio.to_thread(hold.__exit__, None, None, None)


async def test_an_event_that_the_warehouse_would_not_take_is_quarantined(api: Api) -> None:
    project = await api.make_project()
    api.services.warehouse.command(
        "INSERT INTO rejected_events (project_id, received_at, id, status, code, event_id, version)"
        f" VALUES ('{project['id']}', now64(3), 'r-1', 'quarantined', 'insert-rejected', 'poison', 1)"
    )
    path = f"/v1/projects/{project['slug']}"
    assert (await api.owner.get(f"{path}/events/poison/status")).json() == {"status": "quarantined"}
    assert (await api.owner.get(f"{path}/rejected-events", params={"status": "quarantined"})).json()["items"][0]["id"] == "r-1"
