"""`…/rejected-events`: what was refused, listed and replayed."""

from typing import Any

import pytest

from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio

BAD = {"event": "lesson_completed", "event_id": "e-1", "properties": {"course_id": "c-1"}}


async def rejected(api: Api, project: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    answer = await api.owner.get(f"/v1/projects/{project['slug']}/rejected-events", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def replay(api: Api, project: dict[str, Any], item: dict[str, Any], event: Any) -> Any:
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/rejected-events/{item['id']}/replay", {"event": event})
    await until_stored(api)
    return answer


async def total(api: Api, project: dict[str, Any]) -> int:
    question = {"date_from": "2026-01-01", "series": [{}], "source": "raw"}
    return (await api.owner.post(f"/v1/projects/{project['slug']}/trends", question)).json()["series"][0]["total"]


async def test_a_refused_event_is_kept_with_its_reason(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [BAD])
    (item,) = await rejected(api, project)
    assert item["received_at"].endswith("Z")
    assert {name: item[name] for name in ("status", "code", "event_id", "event")} == {
        "status": "refused",
        "code": "missing-user",
        "event_id": "e-1",
        "event": BAD,
    }
    assert item["body_bytes"] == len(item["body"])
    assert item["detail"]


async def test_lists_go_by_pages_code_and_status(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [BAD, {"user_id": "u"}, BAD, 5])
    path = f"/v1/projects/{project['slug']}/rejected-events"
    seen: list[str] = []
    cursor = None
    while True:
        page = (await api.owner.get(path, params={"limit": 3, **({"cursor": cursor} if cursor else {})})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 4
    assert len(await rejected(api, project, code="missing-user")) == 2
    assert len(await rejected(api, project, status="refused")) == 4
    assert await rejected(api, project, status="quarantined") == []
    assert (await rejected(api, project, code="not-an-object"))[0]["event"] is None
    assert (await api.owner.get(path, params={"status": "other"})).status_code == 422
    assert (await api.owner.get(path, params={"cursor": "WzQwMDAwMDAwMDAwMDAsIngiXQ"})).status_code == 422


async def test_a_corrected_event_is_counted_once_for_any_number_of_replays(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [BAD])
    (item,) = await rejected(api, project)
    for _ in range(3):
        answer = await replay(api, project, item, {**BAD, "user_id": "u-1"})
        assert (answer.status_code, answer.json()) == (200, {"event_id": "e-1", "accepted": 1, "rejected": 0, "errors": []})
    assert await total(api, project) == 1
    (item,) = await rejected(api, project)
    assert item["status"] == "replayed"
    status = await api.owner.get(f"/v1/projects/{project['slug']}/events/e-1/status")
    assert status.json() == {"status": "stored"}


async def test_what_was_replayed_under_another_id_stays_refused_under_its_own(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [BAD])
    (item,) = await rejected(api, project)
    assert (await replay(api, project, item, {**BAD, "event_id": "other", "user_id": "u-1"})).json()["accepted"] == 1
    assert await total(api, project) == 1
    for event_id, status in (("e-1", "refused"), ("other", "stored")):
        answer = await api.owner.get(f"/v1/projects/{project['slug']}/events/{event_id}/status")
        assert answer.json() == {"status": status}


async def test_without_an_id_a_replay_has_one_of_its_own_and_happened_when_the_first_arrived(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [{"event": "e"}])
    (item,) = await rejected(api, project)
    for _ in range(2):
        answer = await replay(api, project, item, {"event": "e", "user_id": "u", "sent_at": "2020-01-01T00:00:00Z"})
        assert answer.json()["event_id"] == f"replay-{item['id']}"
    (stored,) = (await api.owner.get(f"/v1/projects/{project['slug']}/events")).json()["items"]
    assert (stored["event_id"], stored["timestamp"]) == (f"replay-{item['id']}", item["received_at"])


async def test_a_correction_that_is_refused_again_leaves_it_as_it_was(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [BAD])
    (item,) = await rejected(api, project)
    answer = await replay(api, project, item, BAD)
    assert (answer.json()["accepted"], answer.json()["errors"][0]["code"]) == (0, "missing-user")
    assert {row["status"] for row in await rejected(api, project)} == {"refused"}


@pytest.mark.parametrize(
    ("body", "status"), [("{", 400), ("", 400), ("{}", 422), ('{"event": 5}', 422), ("[]", 422), ('{"event": {}, "x": 1}', 422)]
)
async def test_a_replay_needs_an_event(api: Api, body: str, status: int) -> None:
    project = await api.make_project()
    await send_events(api, project, [BAD])
    (item,) = await rejected(api, project)
    path = f"/v1/projects/{project['slug']}/rejected-events/{item['id']}/replay"
    answer = await api.owner.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text


async def test_replays_are_for_editors_of_the_project(api: Api) -> None:
    mine, theirs = await api.make_project(), await api.make_project()
    await send_events(api, mine, [BAD])
    (item,) = await rejected(api, mine)
    body = {"event": {**BAD, "user_id": "u"}}
    path = f"/v1/projects/{mine['slug']}/rejected-events"
    analyst, editor = await api.member(mine, "analyst"), await api.member(mine, "editor")
    assert (await analyst.get(path)).status_code == 200
    assert (await analyst.post(f"{path}/{item['id']}/replay", body)).status_code == 403
    assert (await (await api.member(theirs, "admin")).post(f"{path}/{item['id']}/replay", body)).status_code == 404
    assert (await api.owner.post(f"/v1/projects/{theirs['slug']}/rejected-events/{item['id']}/replay", body)).status_code == 404
    assert await total(api, mine) == 0
    assert (await editor.post(f"{path}/{item['id']}/replay", body)).status_code == 200
