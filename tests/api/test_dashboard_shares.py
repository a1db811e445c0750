"""Links to dashboards: what whoever has one sees, and that it is never more than the dashboard, nor longer than the link."""

import hashlib
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from analytics.cache.sign_in_brake import SignInBrake
from analytics.errors import MetadataUnavailableError
from tests.factories.dashboards import dashboard, sql, tile, trends
from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
COURSE = {"name": "course", "property": "properties.course_id"}
PASSWORD = "a password of the link"
BY_COURSE = (
    "SELECT properties.course_id AS event, count() AS events FROM events "
    "WHERE {course:String} = '' OR properties.course_id = {course:String} GROUP BY event ORDER BY event"
)
FILTERED = sql(BY_COURSE, {"name": "course", "type": "String", "default": ""})
SECRET_WORDS = "SELECT event, count() AS events, 'internal-note' != '' AS x FROM events GROUP BY event"


@pytest.fixture(scope="module")
async def school(api: Api) -> dict[str, Any]:
    project = await api.make_project()
    events = [{"event": "lesson", "user_id": f"u-{day}", "properties": {"course_id": f"c-{day % 3}"}} for day in range(9)]
    await send_events(api, project, events)
    await until_stored(api)
    return project


async def board_of(api: Api, school: dict[str, Any], *tiles: dict[str, Any], **more: Any) -> str:
    found = tiles or (tile("sql", FILTERED), tile("trends", trends(breakdown={"property": "properties.course_id"})))
    answer = await api.owner.post(f"/v1/projects/{school['slug']}/dashboards", dashboard(*found, filters=[COURSE], **more))
    assert answer.status_code == 201, answer.text
    return f"/v1/projects/{school['slug']}/dashboards/{answer.json()['id']}"


async def shared(api: Api, board: str, **wanted: Any) -> dict[str, Any]:
    answer = await api.owner.post(f"{board}/shares", wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def records(api: Api, share_id: str) -> list[str]:
    await api.services.metadata.audit_queue.flush()
    assert api.settings.postgres_url is not None
    with psycopg.connect(api.settings.postgres_url.get_secret_value()) as connection:
        rows = connection.execute(
            "SELECT action, actor_kind, after FROM audit_records WHERE target_id = %s ORDER BY id", (share_id,)
        ).fetchall()
    return [f"{action} {kind} {(after or {}).get('what', '')}".strip() for action, kind, after in rows]


async def test_a_link_shows_the_dashboard_and_none_of_its_questions(api: Api, school: dict[str, Any]) -> None:
    board = await board_of(api, school, tile("a", sql(SECRET_WORDS)))
    link = await shared(api, board)
    answer = await api.nobody.get(link["path"])
    assert answer.status_code == 200, answer.text
    assert answer.json()["tiles"][0]["rows"] == [["lesson", 9, True]] or answer.json()["tiles"][0]["rows"] == [["lesson", 9, 1]]
    for hidden in ("internal-note", "SELECT", "question", "learners", "params", school["slug"], school["id"]):
        assert hidden not in answer.text
    for picture, start in (("dashboard.png", b"\x89PNG"), ("tiles/a.png", b"\x89PNG"), ("tiles/a.svg", b"<svg")):
        assert (await api.nobody.get(f"/v1/shared/{link['token']}/{picture}")).content.startswith(start)
    assert (await api.nobody.get(f"/v1/shared/{link['token']}/tiles/b.svg")).status_code == 404


async def test_only_hashes_of_token_and_password_are_kept(api: Api, school: dict[str, Any]) -> None:
    link = await shared(api, await board_of(api, school), password=PASSWORD)
    assert api.settings.postgres_url is not None
    with psycopg.connect(api.settings.postgres_url.get_secret_value()) as connection:
        row = connection.execute(
            "SELECT dashboard_shares::text, token_hash, password_hash FROM dashboard_shares WHERE id = %s", (link["id"],)
        )
        text, token_hash, password_hash = row.fetchone() or ("", b"", "")
        audited = connection.execute("SELECT string_agg(audit_records::text, '') FROM audit_records").fetchone()
    assert bytes(token_hash) == hashlib.sha256(link["token"].encode()).digest()
    assert password_hash.startswith("$argon2id$")
    for secret in (link["token"], PASSWORD):
        assert secret not in text
        assert secret not in str(audited)
    listed = await api.owner.get((await board_path(api, school, link)) + "/shares")
    assert link["token"] not in listed.text
    assert [one["has_password"] for one in listed.json()["items"] if one["id"] == link["id"]] == [True]


async def board_path(api: Api, school: dict[str, Any], link: dict[str, Any]) -> str:
    share = await api.services.metadata.dashboard_shares.find(link["token"])
    assert share is not None
    return f"/v1/projects/{school['slug']}/dashboards/{share.dashboard_id}"


async def test_fixed_filters_hold_whatever_the_visitor_says(api: Api, school: dict[str, Any]) -> None:
    link = await shared(api, await board_of(api, school), filters={"course": ["c-1"]})
    for query in ("", "?filter=course:c-2", "?filter=course:c-2&from=2020-01-01&to=2030-01-01&max_age_seconds=9", "?course=c-2"):
        answer = (await api.nobody.get(link["path"] + query)).json()
        assert answer["filters"] == {"course": ["c-1"]}
        by_id = {one["id"]: one["rows"] for one in answer["tiles"]}
        assert by_id["sql"] == [["c-1", 3]]
        assert {row[2] for row in by_id["trends"]} == {"c-1"}


async def test_a_tile_that_a_fixed_filter_does_not_reach_shows_nothing(api: Api, school: dict[str, Any]) -> None:
    board = await board_of(api, school, tile("deaf", sql(), ignores=["course"]), tile("good", FILTERED))
    free, bound = await shared(api, board), await shared(api, board, filters={"course": ["c-1"]})
    assert (await api.nobody.get(free["path"])).json()["tiles"][0]["rows"] == [["lesson", 9, 9]]
    deaf, good = (await api.nobody.get(bound["path"])).json()["tiles"]
    assert (deaf["rows"], deaf["error"]["code"]) == ([], "invalid-request")
    assert good["rows"] == [["c-1", 3]]
    assert b"lesson" not in (await api.nobody.get(f"/v1/shared/{bound['token']}/tiles/deaf.svg")).content


@pytest.mark.parametrize("filters", [[], [{"name": "course", "property": "country"}]], ids=["gone", "another"])
async def test_a_link_whose_fixed_filter_is_no_more_shows_nothing(api: Api, school: dict[str, Any], filters: list[Any]) -> None:
    board = await board_of(api, school)
    link = await shared(api, board, filters={"course": ["c-1"]})
    assert (await api.nobody.get(link["path"])).status_code == 200
    headers = {**api.owner.headers, "if-match": '"1"'}
    assert (await api.client.patch(board, json={"filters": filters}, headers=headers)).status_code == 200
    assert (await api.nobody.get(link["path"])).status_code == 404


async def test_an_ended_link_an_old_one_and_none_are_answered_alike(api: Api, school: dict[str, Any]) -> None:
    board = await board_of(api, school)
    ended, old, last = [await shared(api, board) for _ in range(3)]
    assert (await api.owner.delete(f"{board}/shares/{ended['id']}")).status_code == 204
    assert (await api.owner.delete(f"{board}/shares/{ended['id']}")).status_code == 404
    assert api.settings.postgres_url is not None
    with psycopg.connect(api.settings.postgres_url.get_secret_value(), autocommit=True) as connection:
        passed = api.services.clock.now() - timedelta(seconds=1)
        connection.execute("UPDATE dashboard_shares SET expires_at = %s WHERE id = %s", (passed, old["id"]))
    assert (await api.nobody.get(last["path"])).status_code == 200
    bodies = set()
    for token in (ended["token"], old["token"], "sh_" + "x" * 43, "x"):
        for what in ("data", "dashboard.png", "tiles/sql.svg"):
            answer = await api.nobody.get(f"/v1/shared/{token}/{what}")
            assert answer.status_code == 404
            bodies.add(answer.text.replace(f"/v1/shared/{token}/{what}", ""))
    assert len(bodies) == 1
    assert (await api.owner.delete(board)).status_code == 204
    assert (await api.nobody.get(last["path"])).status_code == 404


async def test_a_password_is_asked_for_everywhere_and_guessing_is_slow(api: Api, school: dict[str, Any]) -> None:
    api.forget_counts()
    link = await shared(api, await board_of(api, school), password=PASSWORD)
    base = f"/v1/shared/{link['token']}"
    for what in ("data", "dashboard.png", "tiles/sql.svg", "tiles/sql.png"):
        assert (await api.nobody.get(f"{base}/{what}")).status_code == 401
        assert (await api.nobody.get(f"{base}/{what}", params={"password": PASSWORD})).status_code == 401
    assert (await api.nobody.post(f"{base}/data", {"password": PASSWORD})).status_code == 200
    with_password = {"x-share-password": PASSWORD}
    assert (await api.client.get(f"{base}/tiles/sql.svg", headers=with_password)).status_code == 200
    wrong = {"x-share-password": PASSWORD[:-1]}
    answers = [(await api.client.get(f"{base}/data", headers=wrong)).status_code for _ in range(8)]
    assert answers[:5] == [401] * 5
    assert 429 in answers
    assert (await api.client.get(f"{base}/data", headers=with_password)).status_code == 429, "also the right one, for a while"
    assert isinstance(api.services.share_brake, SignInBrake)
    api.forget_counts()
    assert (await api.client.get(f"{base}/data", headers=with_password)).status_code == 200
    await api.services.metadata.audit_queue.flush()
    refused = await api.owner.get("/v1/audit", params={"action": "access.refused", "limit": 1000})
    assert "share-password" in refused.text


async def test_each_look_is_recorded_before_it_is_answered(api: Api, school: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    link = await shared(api, await board_of(api, school))
    await api.nobody.get(link["path"])
    await api.nobody.get(f"/v1/shared/{link['token']}/tiles/sql.svg")
    assert await records(api, link["id"]) == ["share.create operator", "share.use link data", "share.use link picture"]

    async def away(*_: object) -> None:
        raise MetadataUnavailableError("The audit cannot be kept.")

    monkeypatch.setattr(api.services.metadata.audit, "record", away)
    for what in ("data", "dashboard.png", "tiles/sql.svg"):
        assert (await api.nobody.get(f"/v1/shared/{link['token']}/{what}")).status_code == 503


async def test_links_are_read_only_and_open_nothing_else(api: Api, school: dict[str, Any]) -> None:
    board = await board_of(api, school)
    link = await shared(api, board)
    visitor = api.bearer(link["token"])
    for path in (board, f"{board}/data", f"/v1/projects/{school['slug']}", "/v1/me"):
        assert (await visitor.get(path)).status_code == 401
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await api.client.request(method, link["path"], json={})).status_code == 405


async def test_wrong_links_are_refused(api: Api, school: dict[str, Any]) -> None:
    board = await board_of(api, school)
    now = api.services.clock.now()
    for wanted in (
        {"filters": {"country": ["DE"]}},
        {"filters": {"course": []}},
        {"expires_at": (now - timedelta(days=1)).isoformat()},
        {"expires_at": (now + timedelta(days=400)).isoformat()},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
        {"expires_at": "0001-01-01T00:00:00+14:00"},
        {"password": "short"},
        {"forever": True},
    ):
        assert (await api.owner.post(f"{board}/shares", wanted)).status_code == 422, wanted
    viewer = await api.member(school, "viewer")
    assert (await viewer.post(f"{board}/shares", {})).status_code == 403
