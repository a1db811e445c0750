"""Write keys that rotate and know their pages; tokens whose use is seen and that end at once, in every process."""

from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from analytics.clock import SystemClock
from analytics.metadata import token_uses
from analytics.metadata.key_directory import KeyDirectory, open_key_directory
from analytics.metadata.keys import WriteKeys
from analytics.metadata.pool import open_database
from analytics.metadata.projects import Projects, new_project
from analytics.metadata.token_uses import TokenUses
from analytics.metadata.tokens import ApiTokens
from tests.fixtures.api import Api
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
EVENT = {"event": "lesson_completed", "user_id": "u-1"}
SCHOOL, OTHER = "https://school.example", "https://evil.example"


async def send(api: Api, key: str, origin: str | None = None) -> httpx.Response:
    return await api.client.post("/v1/events", json=EVENT, headers={"x-write-key": key} | ({"origin": origin} if origin else {}))


async def preflight(api: Api, origin: str, key: str | None = None) -> httpx.Response:
    return await api.client.options("/v1/events", params={"key": key} if key else None, headers={"origin": origin})


async def make_key(api: Api, project: dict[str, Any], *origins: str) -> dict[str, Any]:
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/keys", {"name": "site", "allowed_origins": list(origins)})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_rotated_key_and_its_successor_are_both_good_until_the_overlap_ends(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/keys"
    old = await make_key(api, project, SCHOOL)
    made = await api.owner.post(f"{path}/{old['id']}/rotate", {"overlap_seconds": 60})
    assert made.status_code == 201
    new = made.json()
    assert new["key"] != old["key"]
    assert (new["name"], new["allowed_origins"], new["ends_at"]) == ("site", [SCHOOL], None)
    assert (await send(api, new["key"])).status_code == (await send(api, old["key"])).status_code == 200
    monkeypatch.setattr(api.services.keys, "_clock", SystemClock(61))
    assert (await send(api, old["key"])).status_code == 401
    assert (await send(api, new["key"])).status_code == 200
    assert [item["ends_at"] for item in (await api.owner.get(path)).json()["items"]] == [None, new["old_key_ends_at"], None]


async def test_without_overlap_the_old_key_is_over_at_once_and_a_key_rotates_once(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/keys"
    old = await make_key(api, project)
    assert (await api.owner.post(f"{path}/{old['id']}/rotate", {"overlap_seconds": 0})).status_code == 201
    assert (await send(api, old["key"])).status_code == 401
    assert (await api.owner.post(f"{path}/{old['id']}/rotate", {"overlap_seconds": 0})).status_code == 404
    assert (await api.owner.post(f"{path}/k_unknown/rotate", {})).status_code == 404


async def test_a_key_ends_by_itself_also_where_postgresql_is_not_asked(postgres_url: str) -> None:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(postgres_url))
        here = await stack.enter_async_context(open_key_directory(postgres_url, database, clock))
        there = await stack.enter_async_context(open_key_directory(postgres_url, database, clock))
        keys = WriteKeys(database, here, clock)
        first = await Projects(database, here, clock).create("a test", new_project("school", "School", "UTC", clock))
        new, _ = await keys.rotate("a test", first.project_id, first.id, 3600)
        await eventually(lambda: there.project_of_key(new.key) is not None)
        assert there.project_of_key(first.key) is not None
        there._clock = SystemClock(3601)
        assert there.project_of_key(first.key) is None
        assert there.project_of_key(new.key) is not None


async def test_pages_of_other_origins_may_not_send_and_servers_may(api: Api) -> None:
    key = (await make_key(api, await api.make_project(), SCHOOL))["key"]
    assert (await send(api, key)).status_code == 200
    good = await send(api, key, SCHOOL)
    assert (good.status_code, good.headers["access-control-allow-origin"], good.headers["vary"]) == (200, SCHOOL, "origin")
    for origin in (OTHER, "null", "", "http://school.example", f"{SCHOOL}:8443", f"{SCHOOL}.evil.example"):
        refused = await api.client.post("/v1/events", json=EVENT, headers={"x-write-key": key, "origin": origin})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), origin
        assert "access-control-allow-origin" not in refused.headers
        assert refused.headers["vary"] == "origin"


async def test_a_preflight_is_answered_as_the_key_in_the_address_says(api: Api) -> None:
    project = await api.make_project()
    named, any_page = (await make_key(api, project, SCHOOL))["key"], project["write_key"]
    good = await preflight(api, SCHOOL, named)
    assert (good.status_code, good.headers["access-control-allow-origin"]) == (204, SCHOOL)
    assert (await preflight(api, OTHER, any_page)).headers["access-control-allow-origin"] == "*"
    refused = await preflight(api, OTHER, named)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    assert (await preflight(api, OTHER)).headers["access-control-allow-origin"] == "*"  # some key may


async def test_a_preflight_without_a_key_is_refused_to_pages_that_no_key_names(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_named(self: KeyDirectory, origin: str) -> bool:  # of a service on which every key names its origins
        return any(origin in key.origins for key in self._picture.by_key.values())

    monkeypatch.setattr(KeyDirectory, "is_origin_of_any_key", is_named)
    await make_key(api, await api.make_project(), SCHOOL)
    assert (await preflight(api, SCHOOL)).status_code == 204
    refused = await preflight(api, OTHER)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


async def test_origins_of_a_key_can_be_changed_and_nonsense_is_refused(api: Api) -> None:
    project = await api.make_project()
    key = await make_key(api, project, "HTTPS://School.Example:443", SCHOOL)
    path = f"/v1/projects/{project['slug']}/keys/{key['id']}"
    assert key["allowed_origins"] == [SCHOOL]
    assert (await api.owner.patch(path, {"allowed_origins": [OTHER]})).json()["allowed_origins"] == [OTHER]
    assert ((await send(api, key["key"], SCHOOL)).status_code, (await send(api, key["key"], OTHER)).status_code) == (403, 200)
    assert (await api.owner.patch(path, {"name": "renamed"})).json()["allowed_origins"] == [OTHER]
    for wrong in (
        "school.example",
        "https://school.example/",
        "*",
        "null",
        "ftp://x",
        "https://x:99999",
        "https://a b",
        "https://\u00e4.de",
    ):
        assert (await api.owner.patch(path, {"allowed_origins": [wrong]})).status_code == 422, wrong
    assert (await api.owner.patch(f"{path}x", {"name": "x"})).status_code == 404


async def test_the_last_use_of_a_token_is_seen(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}"
    token = await api.token(project, ["read"])
    assert [item["last_used_at"] for item in (await api.owner.get(f"{path}/tokens")).json()["items"]] == [None]
    assert (await token.get(path)).status_code == 200
    await api.services.metadata.api_tokens._uses.write()
    [first] = [item["last_used_at"] for item in (await api.owner.get(f"{path}/tokens")).json()["items"]]
    assert first is not None
    assert (await token.get(path)).status_code == 200
    assert not api.services.metadata.api_tokens._uses._waiting  # once a minute is enough
    monkeypatch.setattr(token_uses, "ONCE_A_TOKEN_SECONDS", 0.0)
    assert (await token.get(path)).status_code == 200
    await api.services.metadata.api_tokens._uses.write()
    [second] = [item["last_used_at"] for item in (await api.owner.get(f"{path}/tokens")).json()["items"]]
    assert second > first


async def test_a_token_that_was_ended_is_no_good_from_the_next_request_on_in_every_process(postgres_url: str) -> None:
    clock = SystemClock()
    async with open_database(postgres_url) as here, open_database(postgres_url) as there, open_key_directory(postgres_url, here) as keys:
        project = new_project("school", "School", "UTC", clock)
        await Projects(here, keys, clock).create("a test", project)
        ours, theirs = (ApiTokens(database, clock, TokenUses(database, clock)) for database in (here, there))
        record, secret = await ours.create("a test", project.id, "x", ("read",), clock.now().replace(year=2200))
        assert await theirs.principal(secret) is not None
        await ours.delete("a test", project.id, record.id)
        assert await theirs.principal(secret) is None
