"""Signing in, staying signed in, and who one is."""

import jwt
import pytest

from analytics.domain.access_token import TokenSigner
from tests.fixtures.api import PASSWORD, Api

pytestmark = pytest.mark.anyio


async def test_the_bootstrap_admin_signs_in_and_is_owner(api: Api) -> None:
    made = api.services.bootstrap
    answer = await api.client.post("/v1/auth/token", data={"username": made.admin_email, "password": made.admin_password})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    me = (await api.bearer(body["access_token"]).get("/v1/me")).json()
    assert me["kind"] == "person"
    assert me["is_owner"]
    assert me["email"] == made.admin_email


async def test_an_address_signs_in_in_any_case(api: Api) -> None:
    email = await api.make_user()
    answer = await api.client.post("/v1/auth/token", data={"username": email.upper(), "password": PASSWORD})
    assert answer.status_code == 200


async def test_an_unknown_person_and_a_wrong_password_get_the_same_answer(api: Api) -> None:
    email = await api.make_user()
    wrong = await api.client.post("/v1/auth/token", data={"username": email, "password": "wrong"})
    unknown = await api.client.post("/v1/auth/token", data={"username": "nobody@example.org", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


async def test_guessing_is_slowed_down_for_the_guesser_alone(api: Api) -> None:
    email = await api.make_user()
    for _ in range(5):
        assert (await api.client.post("/v1/auth/token", data={"username": email, "password": "wrong"})).status_code == 401
    braked = await api.client.post("/v1/auth/token", data={"username": email, "password": PASSWORD})
    assert braked.status_code == 429
    assert int(braked.headers["retry-after"]) == braked.json()["retry_after_seconds"] >= 1
    await api.signed_in(await api.make_user())


@pytest.mark.parametrize("missing", ["username", "password"])
async def test_a_form_without_a_field_is_invalid(api: Api, missing: str) -> None:
    form = {"username": "a@example.org", "password": "x"}
    del form[missing]
    answer = await api.client.post("/v1/auth/token", data=form)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{missing}"


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(api: Api) -> None:
    form = {"username": await api.make_user(), "password": PASSWORD}
    first = (await api.client.post("/v1/auth/token", data=form)).json()["refresh_token"]
    other_family = (await api.client.post("/v1/auth/token", data=form)).json()["refresh_token"]

    second = await api.nobody.post("/v1/auth/refresh", {"refresh_token": first})
    assert second.status_code == 200
    assert (await api.bearer(second.json()["access_token"]).get("/v1/me")).status_code == 200

    reused = await api.nobody.post("/v1/auth/refresh", {"refresh_token": first})
    assert reused.status_code == 401
    assert reused.json()["code"] == "unauthenticated"
    assert (await api.nobody.post("/v1/auth/refresh", {"refresh_token": second.json()["refresh_token"]})).status_code == 401
    assert (await api.nobody.post("/v1/auth/refresh", {"refresh_token": other_family})).status_code == 200


async def test_no_token_of_ours_is_made_by_another_key(api: Api) -> None:
    strangers = TokenSigner("another secret key", api.services.clock, api.services.keys.signing_keys)
    for token in (strangers.for_operator(), strangers.for_person("u_1", "f_1"), "no.jwt.atall", "at_unknown", "wk_unknown", "x"):
        answer = await api.bearer(token).get("/v1/me")
        assert answer.status_code == 401, token
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_an_unsigned_token_is_refused(api: Api) -> None:
    claims = jwt.decode(api.services.signer.for_operator(), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none")
    assert (await api.bearer(unsigned).get("/v1/me")).status_code == 401


async def test_a_token_says_what_it_may(api: Api) -> None:
    project = await api.make_project()
    token = await api.token(project, ["sql", "read"])
    me = (await token.get("/v1/me")).json()
    assert (me["kind"], me["scopes"], [p["slug"] for p in me["projects"]]) == ("token", ["read", "sql"], [project["slug"]])
