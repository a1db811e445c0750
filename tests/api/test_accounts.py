"""Signing out, another password, shutting people out, keys that rotate."""

import jwt
import pytest

from tests.fixtures.api import PASSWORD, Api, Caller

pytestmark = pytest.mark.anyio
NEW = "another horse battery"


async def sign_in(api: Api, email: str, password: str = PASSWORD) -> tuple[Caller, str]:
    answer = await api.client.post("/v1/auth/token", data={"username": email, "password": password})
    assert answer.status_code == 200, answer.text
    return api.bearer(answer.json()["access_token"]), answer.json()["refresh_token"]


async def is_in(api: Api, caller: Caller, refresh_token: str | None = None) -> bool:
    """Whether the caller is in; access and refresh token must agree."""
    status = (await caller.get("/v1/me")).status_code
    assert status in {200, 401}
    if refresh_token is not None:
        assert (await api.nobody.post("/v1/auth/refresh", {"refresh_token": refresh_token})).status_code == status
    return status == 200


async def test_sign_out_ends_this_sign_in_alone(api: Api) -> None:
    email = await api.make_user()
    (one, refresh), (other, other_refresh) = await sign_in(api, email), await sign_in(api, email)
    assert (await one.post("/v1/auth/sign-out")).status_code == 204
    assert not await is_in(api, one, refresh)
    assert await is_in(api, other, other_refresh)


async def test_sign_out_everywhere_ends_every_sign_in_of_the_person_alone(api: Api) -> None:
    email = await api.make_user()
    mine = [await sign_in(api, email), await sign_in(api, email)]
    browser = await begin_session(api, email)
    stranger, strangers_refresh = await sign_in(api, await api.make_user())
    assert (await mine[0][0].post("/v1/auth/sign-out-everywhere")).status_code == 204
    for caller, refresh in mine:
        assert not await is_in(api, caller, refresh)
    assert not await is_in(api, browser)
    assert await is_in(api, stranger, strangers_refresh)
    assert await is_in(api, *await sign_in(api, email))


async def test_reuse_of_a_refresh_token_ends_the_access_tokens_too(api: Api) -> None:
    caller, refresh = await sign_in(api, await api.make_user())
    for status in (200, 401):
        assert (await api.nobody.post("/v1/auth/refresh", {"refresh_token": refresh})).status_code == status
    assert not await is_in(api, caller)


async def test_another_password_ends_all_other_sign_ins(api: Api) -> None:
    email = await api.make_user()
    (one, refresh), (other, other_refresh) = await sign_in(api, email), await sign_in(api, email)
    browser = await begin_session(api, email)
    changed = await one.post("/v1/auth/password", {"current_password": PASSWORD, "new_password": NEW})
    assert changed.status_code == 204, changed.text
    assert await is_in(api, one, refresh)
    assert not await is_in(api, other, other_refresh)
    assert not await is_in(api, browser)
    assert (await api.client.post("/v1/auth/token", data={"username": email, "password": PASSWORD})).status_code == 401
    assert await is_in(api, *await sign_in(api, email, NEW))


@pytest.mark.parametrize(
    ("current", "new", "pointer"),
    [
        ("wrong", NEW, "/current_password"),
        (PASSWORD, "x" * 11, "/new_password"),
        (PASSWORD, "only eleven"[:11], "/new_password"),
        (PASSWORD, "x" * 30, "/new_password"),
        (PASSWORD, PASSWORD, "/new_password"),
        (PASSWORD, "", "/new_password"),
        (PASSWORD, "x" * 1_001, "/new_password"),
    ],
)
async def test_a_password_that_cannot_be_is_named_by_its_field(api: Api, current: str, new: str, pointer: str) -> None:
    person, _ = await sign_in(api, await api.make_user())
    answer = await person.post("/v1/auth/password", {"current_password": current, "new_password": new})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert new not in answer.text or len(new) < 2


async def test_ones_own_address_is_no_password(api: Api) -> None:
    email = await api.make_user()
    person, _ = await sign_in(api, email)
    answer = await person.post("/v1/auth/password", {"current_password": PASSWORD, "new_password": email.upper()})
    assert answer.status_code == 422


async def test_who_holds_a_session_cannot_guess_its_password(api: Api) -> None:
    person, _ = await sign_in(api, await api.make_user())
    body = {"current_password": "wrong", "new_password": NEW}
    assert [(await person.post("/v1/auth/password", body)).status_code for _ in range(6)] == [422] * 5 + [429]


async def test_machines_and_the_operator_have_no_sign_in_to_end(api: Api) -> None:
    token = await api.token(await api.make_project(), ["manage"])
    for caller in (api.owner, token):
        for path in ("sign-out", "sign-out-everywhere"):
            assert (await caller.post(f"/v1/auth/{path}")).status_code == 403
        assert (await caller.post("/v1/auth/password", {"current_password": "x", "new_password": NEW})).status_code == 403


async def test_who_is_shut_out_is_out_at_once_and_in_again_by_a_new_sign_in_alone(api: Api) -> None:
    email = await api.make_user()
    caller, refresh = await sign_in(api, email)
    browser = await begin_session(api, email)
    answer = await api.owner.patch(f"/v1/users/{email}", {"disabled": True})
    assert (answer.status_code, answer.json()["disabled"]) == (200, True)
    assert not await is_in(api, caller, refresh)
    assert not await is_in(api, browser)
    refused = await api.client.post("/v1/auth/token", data={"username": email, "password": PASSWORD})
    unknown = await api.client.post("/v1/auth/token", data={"username": "nobody@example.org", "password": PASSWORD})
    assert (refused.status_code, refused.json()) == (401, unknown.json())
    assert (await api.owner.post(f"/v1/users/{email}/reset")).status_code == 404
    assert (await api.owner.patch(f"/v1/users/{email}", {"disabled": False})).json()["disabled"] is False
    assert not await is_in(api, caller)
    assert await is_in(api, *await sign_in(api, email))


async def test_owners_list_and_read_people_with_their_roles(api: Api) -> None:
    project, email = await api.make_project(), await api.make_user()
    await api.owner.put(f"/v1/projects/{project['slug']}/members/{email}", {"role": "editor"})
    read = (await api.owner.get(f"/v1/users/{email.upper()}")).json()
    assert (read["email"], read["roles"], read["is_owner"], read["last_sign_in_at"]) == (email, {project["slug"]: "editor"}, False, None)
    await sign_in(api, email)
    listed: list[dict[str, object]] = []
    cursor = None
    while True:
        page = (await api.owner.get("/v1/users", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        listed += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    found = next(item for item in listed if item["email"] == email)
    assert found["last_sign_in_at"] is not None
    assert {**found, "last_sign_in_at": None} == read
    addresses = [str(item["email"]).lower() for item in listed]
    assert addresses == sorted(set(addresses))
    assert "password" not in str(listed)
    assert (await api.owner.get("/v1/users/nobody@example.org")).status_code == 404


async def test_a_name_changes_and_what_is_absent_stays(api: Api) -> None:
    email = await api.make_user()
    assert (await api.owner.patch(f"/v1/users/{email}", {"name": "Ada"})).json()["name"] == "Ada"
    assert (await api.owner.patch(f"/v1/users/{email}", {"is_owner": True})).json()["name"] == "Ada"
    assert (await (await sign_in(api, email))[0].get("/v1/users")).status_code == 200
    assert (await api.owner.patch(f"/v1/users/{email}", {"is_owner": False})).json()["is_owner"] is False
    assert (await api.owner.patch(f"/v1/users/{email}", {"password": "x"})).status_code == 422


async def test_only_owners_see_and_change_people(api: Api) -> None:
    project = await api.make_project()
    email = await api.make_user()
    for caller in (await api.member(project, "admin"), await api.token(project, ["manage", "read", "sql", "personal-data"])):
        for answer in (
            await caller.get("/v1/users"),
            await caller.get(f"/v1/users/{email}"),
            await caller.patch(f"/v1/users/{email}", {"disabled": True}),
            await caller.post(f"/v1/users/{email}/reset"),
            await caller.post("/v1/auth/signing-keys/rotate"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("change", [{"disabled": True}, {"is_owner": False}])
async def test_the_last_owner_stays_one(api: Api, change: dict[str, bool]) -> None:
    admin = api.services.bootstrap.admin_email
    refused = await api.owner.patch(f"/v1/users/{admin}", change)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    second = await api.make_user()
    await api.owner.patch(f"/v1/users/{second}", {"is_owner": True})
    assert (await api.owner.patch(f"/v1/users/{admin}", change)).status_code == 200
    assert (await api.owner.patch(f"/v1/users/{second}", change)).status_code == 409
    assert (await api.owner.patch(f"/v1/users/{admin}", {"disabled": False, "is_owner": True})).status_code == 200
    assert (await api.owner.patch(f"/v1/users/{second}", {"is_owner": False})).status_code == 200


async def test_rotating_the_signing_keys_signs_nobody_out(api: Api) -> None:
    caller, refresh = await sign_in(api, await api.make_user())
    old = jwt.get_unverified_header(caller.headers["authorization"].split()[1])["kid"]
    answer = await api.owner.post("/v1/auth/signing-keys/rotate")
    items = answer.json()["items"]
    assert answer.status_code == 200
    assert items[0]["ends_at"] is None
    assert next(item for item in items if item["kid"] == old)["ends_at"] is not None
    assert items[0]["kid"] != old
    assert "salt" not in answer.text
    assert await is_in(api, caller, refresh)


async def begin_session(api: Api, email: str) -> Caller:
    answer = await api.client.post("/v1/auth/session", json={"username": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"].split(";")[0]
    api.client.cookies.clear()
    return Caller(api.client, {"cookie": cookie})
