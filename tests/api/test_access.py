"""Who may do what, over HTTP."""

from typing import Any

import pytest

from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio

ADMIN_ROUTES = [
    ("GET", "/keys", None),
    ("POST", "/keys", {"name": "x"}),
    ("DELETE", "/keys/k_1", None),
    ("GET", "/tokens", None),
    ("POST", "/tokens", {"name": "x", "scopes": ["read"]}),
    ("DELETE", "/tokens/t_1", None),
    ("GET", "/members", None),
    ("PUT", "/members/a@example.org", {"role": "viewer"}),
    ("DELETE", "/members/a@example.org", None),
    ("PATCH", "", {"name": "x"}),
]
ROUTES = [("GET", "", None), *ADMIN_ROUTES]
OWNER_ROUTES = [("POST", "/v1/projects", {"slug": "mine"}), ("POST", "/v1/users", {"email": "a@example.org", "password": "long enough"})]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_without_credentials_every_route_is_closed(api: Api, method: str, path: str, body: object) -> None:
    for slug in ("default", "unknown"):
        answer = await api.client.request(method, f"/v1/projects/{slug}{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_a_foreign_project_looks_like_none(api: Api, method: str, path: str, body: object) -> None:
    mine, theirs = await api.make_project(), await api.make_project()
    for stranger in (await api.member(mine, "admin"), await api.token(mine, ["read", "personal-data", "sql", "manage"])):
        answers: list[dict[str, Any]] = []
        for slug in (theirs["slug"], "unknown"):
            answer = await api.client.request(method, f"/v1/projects/{slug}{path}", json=body, headers=stranger.headers)
            assert answer.status_code == 404
            answers.append({name: value for name, value in answer.json().items() if name != "instance"})
        assert answers[0] == answers[1]


@pytest.mark.parametrize("role", ["viewer", "analyst", "editor"])
async def test_below_admin_a_member_reads_the_project_and_manages_nothing(api: Api, role: str) -> None:
    project = await api.make_project()
    member = await api.member(project, role)
    assert (await member.get(f"/v1/projects/{project['slug']}")).status_code == 200
    for method, path, body in ADMIN_ROUTES:
        answer = await api.client.request(method, f"/v1/projects/{project['slug']}{path}", json=body, headers=member.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path


async def test_an_admin_manages_the_project_but_makes_no_projects_or_people(api: Api) -> None:
    project = await api.make_project()
    admin = await api.member(project, "admin")
    for method, path, body in ADMIN_ROUTES:
        answer = await api.client.request(method, f"/v1/projects/{project['slug']}{path}", json=body, headers=admin.headers)
        assert answer.status_code in {200, 201, 204, 404}, (path, answer.text)
    for method, path, body in OWNER_ROUTES:
        assert (await api.client.request(method, path, json=body, headers=admin.headers)).status_code == 403


async def test_a_write_key_reads_nothing_anywhere(api: Api) -> None:
    project = await api.make_project()
    sender = api.bearer(project["write_key"])
    paths = [(method, f"/v1/projects/{slug}{path}", body) for slug in (project["slug"], "unknown") for method, path, body in ROUTES]
    for method, path, body in [*paths, *OWNER_ROUTES, ("GET", "/v1/me", None), ("GET", "/v1/projects", None)]:
        answer = await api.client.request(method, path, json=body, headers=sender.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path


async def test_a_token_does_what_its_scopes_say(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}"
    reader, manager = await api.token(project, ["read"]), await api.token(project, ["manage"])
    assert (await reader.get(path)).status_code == 200
    assert (await reader.get(f"{path}/keys")).status_code == 403
    assert (await manager.get(f"{path}/keys")).status_code == 200
    assert (await manager.post("/v1/projects", {"slug": "by-token"})).status_code == 403


async def test_a_token_cannot_make_a_stronger_one(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/tokens"
    manager = await api.token(project, ["manage", "read"])
    assert (await manager.post(path, {"name": "x", "scopes": ["read"]})).status_code == 201
    assert (await manager.post(path, {"name": "x", "scopes": ["read", "personal-data"]})).status_code == 403


async def test_a_role_counts_from_the_next_request_on(api: Api) -> None:
    project = await api.make_project()
    email = await api.make_user()
    person = await api.signed_in(email)
    path, member = f"/v1/projects/{project['slug']}", f"/v1/projects/{project['slug']}/members/{email}"
    assert (await person.get(path)).status_code == 404
    answer = await api.owner.put(member, {"role": "viewer"})
    assert (answer.status_code, answer.json()["role"]) == (200, "viewer")
    assert (await person.get(path)).status_code == 200
    assert (await person.get(f"{path}/keys")).status_code == 403
    assert (await api.owner.put(member, {"role": "admin"})).status_code == 200
    assert (await person.get(f"{path}/keys")).status_code == 200
    assert [(m["email"], m["role"]) for m in (await person.get(f"{path}/members")).json()["items"]] == [(email, "admin")]
    assert (await api.owner.delete(member)).status_code == 204
    assert (await person.get(path)).status_code == 404
    assert (await api.owner.delete(member)).status_code == 404


async def test_one_sees_only_ones_own_projects(api: Api) -> None:
    project = await api.make_project()
    member, token = await api.member(project, "viewer"), await api.token(project, ["read"])
    for caller in (member, token):
        assert [p["slug"] for p in (await caller.get("/v1/projects")).json()["items"]] == [project["slug"]]


async def test_people_have_one_address_each_and_a_long_password(api: Api) -> None:
    email = await api.make_user()
    again = await api.owner.post("/v1/users", {"email": email.upper(), "password": "long enough"})
    assert again.status_code == 409
    for wrong in ({"password": "short"}, {"email": "no address"}, {"email": "a@b\x00"}):
        answer = await api.owner.post("/v1/users", {"email": "new@example.org", "password": "long enough", **wrong})
        assert answer.status_code == 422
    nobody = await api.owner.put("/v1/projects/default/members/nobody@example.org", {"role": "viewer"})
    assert nobody.status_code == 404
    nonsense = await api.owner.put(f"/v1/projects/default/members/{email}", {"role": "owner"})
    assert nonsense.status_code == 422
    assert (await api.owner.delete("/v1/projects/default/members/nul%00")).status_code in {404, 422}
