"""Projects, write keys and API tokens over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio


async def test_the_bootstrap_project_is_there_with_its_key(api: Api) -> None:
    made = api.services.bootstrap
    assert made.project_slug == "default"
    assert (await api.owner.get("/v1/projects/default")).status_code == 200
    keys = (await api.owner.get("/v1/projects/default/keys")).json()["items"]
    assert [key["key"] for key in keys] == [made.write_key]


async def test_a_new_project_comes_with_a_good_write_key(api: Api) -> None:
    project = await api.make_project(name="A school", timezone="Asia/Kolkata")
    assert project["id"].startswith("p_")
    assert len(project["id"]) == 18
    assert project["write_key"].startswith("wk_")
    found = api.services.keys.project_of_key(project["write_key"])
    assert found is not None
    assert (found.id, found.timezone) == (project["id"], "Asia/Kolkata")
    read = (await api.owner.get(f"/v1/projects/{project['slug']}")).json()
    assert read == {name: value for name, value in project.items() if name != "write_key"}
    assert datetime.fromisoformat(read["created_at"]).utcoffset() == timedelta(0)
    assert read["created_at"].endswith("Z")
    assert "id_seed" not in read


async def test_a_slug_is_taken_once(api: Api) -> None:
    project = await api.make_project()
    answer = await api.owner.post("/v1/projects", {"slug": project["slug"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"slug": "Not A Slug"}, "/slug"),
        ({"slug": "newline\n"}, "/slug"),
        ({"slug": "x" * 64}, "/slug"),
        ({}, "/slug"),
        ({"slug": "x", "timezone": "Mars/Base"}, "/timezone"),
        ({"slug": "x", "timezone": "Factory"}, "/timezone"),  # in the list of zones, and none
        ({"slug": "x", "timezone": "localtime"}, "/timezone"),  # another one on each machine
        ({"slug": "x", "name": "nul\x00"}, "/name"),
        ({"slug": "x", "nmae": "misspelt"}, "/nmae"),
        ({"slug": "x", "event_max_bytes": 1_000_001}, "/event_max_bytes"),
    ],
)
async def test_a_wrong_field_is_named(api: Api, body: object, pointer: str) -> None:
    answer = await api.owner.post("/v1/projects", body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_policies_change_but_the_zone_never(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}"
    changed = await api.owner.patch(path, {"ip_policy": "drop", "retention_days": 90})
    assert changed.status_code == 200
    assert (changed.json()["ip_policy"], changed.json()["retention_days"], changed.json()["name"]) == ("drop", 90, project["name"])
    kept = api.services.keys.project_of_key(project["write_key"])
    assert kept is not None
    assert (kept.ip_policy, kept.retention_days) == ("drop", 90)
    assert (await api.owner.patch(path, {"timezone": "Europe/Paris"})).status_code == 422


async def test_projects_are_listed_by_page(api: Api) -> None:
    slugs = {(await api.make_project())["slug"] for _ in range(3)}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (await api.owner.get("/v1/projects", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        assert len(page["items"]) <= 2
        seen += [project["slug"] for project in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(set(seen))
    assert slugs <= set(seen)


async def test_a_key_is_made_listed_and_revoked(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/keys"
    made = await api.owner.post(path, {"name": "browser"})
    assert made.status_code == 201
    key = made.json()
    assert api.services.keys.project_of_key(key["key"]) is not None
    assert [k["name"] for k in (await api.owner.get(path)).json()["items"]] == ["first", "browser"]

    assert (await api.owner.delete(f"{path}/{key['id']}")).status_code == 204
    assert api.services.keys.project_of_key(key["key"]) is None
    assert api.services.keys.project_of_key(project["write_key"]) is not None
    assert (await api.owner.delete(f"{path}/{key['id']}")).status_code == 404
    assert [k["revoked_at"] is None for k in (await api.owner.get(path)).json()["items"]] == [True, False]


async def test_keys_are_listed_by_page(api: Api) -> None:
    path = f"/v1/projects/{(await api.make_project())['slug']}/keys"
    for number in range(4):
        await api.owner.post(path, {"name": f"k{number}"})
    names: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await api.owner.get(path, params={"limit": 2, "cursor": cursor} if cursor else {"limit": 2})).json()
        names += [key["name"] for key in page["items"]]
        cursor = page["next_cursor"]
    assert names == ["first", "k0", "k1", "k2", "k3"]


async def test_a_project_cannot_revoke_the_key_of_another(api: Api) -> None:
    mine, theirs = await api.make_project(), await api.make_project()
    key_id = (await api.owner.get(f"/v1/projects/{theirs['slug']}/keys")).json()["items"][0]["id"]
    assert (await api.owner.delete(f"/v1/projects/{mine['slug']}/keys/{key_id}")).status_code == 404
    assert api.services.keys.project_of_key(theirs["write_key"]) is not None


async def test_a_token_is_shown_once_and_ends_when_deleted(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/tokens"
    made = await api.owner.post(path, {"name": "robot", "scopes": ["read", "endpoint:daily", "read"]})
    assert made.status_code == 201
    body = made.json()
    assert body["token"].startswith("at_")
    assert body["scopes"] == ["read", "endpoint:daily"]
    robot = api.bearer(body["token"])
    assert (await robot.get("/v1/me")).status_code == 200

    listed = await api.owner.get(path)
    assert body["token"] not in listed.text
    assert listed.json()["items"][0]["last_four"] == body["token"][-4:]

    assert (await api.owner.delete(f"{path}/{body['id']}")).status_code == 204
    assert (await robot.get("/v1/me")).status_code == 401


async def test_a_token_is_kept_only_as_a_hash(api: Api) -> None:
    project = await api.make_project()
    made = (await api.owner.post(f"/v1/projects/{project['slug']}/tokens", {"name": "x", "scopes": ["read"]})).json()
    async with api.services.metadata.database.read() as connection:
        rows = await connection._raw.execute("SELECT t::text FROM api_tokens t")
        assert made["token"] not in str(await rows.fetchall())


async def test_a_token_ends_at_its_time(api: Api) -> None:
    path = f"/v1/projects/{(await api.make_project())['slug']}/tokens"
    soon = datetime.now(UTC) + timedelta(seconds=1)
    made = await api.owner.post(path, {"name": "brief", "scopes": ["read"], "expires_at": soon.isoformat()})
    assert made.status_code == 201
    late = api.bearer(made.json()["token"])
    while datetime.now(UTC) < soon:
        await late.get("/v1/me")
    assert (await late.get("/v1/me")).status_code == 401


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"scopes": ["read", "all"]}, "/scopes/1"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["endpoint:"]}, "/scopes/0"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59Z"}, "/expires_at"),
        ({"expires_at": "9999-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "/expires_at"),
        ({"expires_at": "0001-01-01T00:00:00Z"}, "/expires_at"),
    ],
)
async def test_a_token_that_makes_no_sense_is_refused(api: Api, change: dict[str, object], pointer: str) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/tokens"
    answer = await api.owner.post(path, {"name": "x", "scopes": ["read"], **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await api.owner.get(path)).json()["items"] == []


async def test_a_token_of_the_latest_end_is_listed_in_utc_and_deleted(api: Api) -> None:
    path = f"/v1/projects/{(await api.make_project())['slug']}/tokens"
    latest = "9998-12-31T23:59:59+14:00"
    made = await api.owner.post(path, {"name": "x", "scopes": ["read"], "expires_at": latest})
    assert (made.status_code, made.json()["expires_at"]) == (201, "9998-12-31T09:59:59.000Z")
    listed = (await api.owner.get(path)).json()["items"]
    assert [item["expires_at"] for item in listed] == ["9998-12-31T09:59:59.000Z"]
    assert (await api.bearer(made.json()["token"]).get("/v1/me")).status_code == 200
    assert (await api.owner.delete(f"{path}/{made.json()['id']}")).status_code == 204
