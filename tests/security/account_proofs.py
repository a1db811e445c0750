"""What must hold of sign-ins, sessions, links, the audit and personal fields, each as one function: see proofs.py."""

from datetime import timedelta

import jwt
import psycopg
import pytest

from analytics.audit.chain import ChainKey, Link, Walk
from analytics.clock import SystemClock
from analytics.errors import SecondFactorWrongError
from analytics.metadata.account_links import RESET, AccountLinks
from tests.factories.second_factors import enrol
from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import PASSWORD, Api, Caller
from tests.isolation.world import World, in_a_browser, member_of
from tests.security.proofs import Proof

NEW = "another horse battery"


async def signs_in(api: Api, email: str, password: str, code: str = "") -> int:
    form = {"username": email, "password": password, "totp": code}
    return (await api.client.post("/v1/auth/token", data=form)).status_code


async def sign_in(api: Api, email: str) -> tuple[Caller, str]:
    """With the refresh token."""
    answer = (await api.client.post("/v1/auth/token", data={"username": email, "password": PASSWORD})).json()
    return api.bearer(answer["access_token"]), answer["refresh_token"]


async def link_token(api: Api, email: str) -> str:
    return (await api.owner.post(f"/v1/users/{email}/reset")).json()["link"].partition("token=")[2]


async def accepts(api: Api, token: str, password: str = NEW) -> int:
    return (await api.nobody.post("/v1/auth/accept", {"token": token, "password": password})).status_code


def recorded(world: World, after: int = 0) -> list[tuple[int, str]]:
    """Ids and actions of the audit after an id."""
    assert world.api.settings.postgres_url is not None
    with psycopg.connect(world.api.settings.postgres_url.get_secret_value()) as connection:
        return connection.execute("SELECT id, action FROM audit_records WHERE id > %s ORDER BY id", (after,)).fetchall()


async def a_wrong_password_opens_nothing(world: World) -> None:
    assert await signs_in(world.api, await world.api.make_user(), "not the password") == 401


async def a_disabled_person_does_not_sign_in(world: World) -> None:
    email = await world.api.make_user()
    assert (await world.api.owner.patch(f"/v1/users/{email}", {"disabled": True})).status_code == 200
    assert await signs_in(world.api, email, PASSWORD) == 401


async def a_refresh_token_is_good_once(world: World) -> None:
    _, token = await sign_in(world.api, await world.api.make_user())
    statuses = [(await world.api.nobody.post("/v1/auth/refresh", {"refresh_token": token})).status_code for _ in range(2)]
    assert statuses == [200, 401]


async def a_refresh_token_used_twice_ends_the_sign_in(world: World) -> None:
    person, token = await sign_in(world.api, await world.api.make_user())
    for _ in range(2):
        await world.api.nobody.post("/v1/auth/refresh", {"refresh_token": token})
    assert (await person.get("/v1/me")).status_code == 401


async def a_second_factor_is_asked_for(world: World) -> None:
    email = await world.api.make_user()
    await enrol(world.api, email)
    assert await signs_in(world.api, email, PASSWORD) == 401
    assert await signs_in(world.api, email, PASSWORD, "000000") == 401


async def a_code_counts_once(world: World) -> None:
    email = await world.api.make_user()
    factor = await enrol(world.api, email)
    for code in (factor.code(1), factor.recovery_codes[0]):
        assert [await signs_in(world.api, email, PASSWORD, code) for _ in range(2)] == [200, 401]


async def guessing_codes_is_slow(world: World) -> None:
    email = await world.api.make_user()
    factor = await enrol(world.api, email)
    for _ in range(5):
        await signs_in(world.api, email, PASSWORD)
        await signs_in(world.api, email, PASSWORD, "000000")
    assert await signs_in(world.api, email, PASSWORD, factor.recovery_codes[0]) == 429
    world.api.forget_counts()


async def guessing_codes_comes_to_an_end(world: World) -> None:
    factor = await enrol(world.api, await world.api.make_user())
    user_id, factors = (await factor.caller.get("/v1/me")).json()["id"], world.api.services.metadata.second_factors
    for _ in range(100):
        with pytest.raises(SecondFactorWrongError):
            await factors.use(user_id, "a wrong code")
    try:
        found = await factors.use(user_id, factor.code(1))
    except SecondFactorWrongError:
        return
    raise AssertionError(f"after a hundred wrong codes the {found} still counts")


async def signing_out_ends_it_at_once(world: World) -> None:
    person, _ = await sign_in(world.api, await world.api.make_user())
    assert (await person.post("/v1/auth/sign-out")).status_code == 204
    assert (await person.get("/v1/me")).status_code == 401


async def signing_out_everywhere_ends_other_sign_ins(world: World) -> None:
    email = await world.api.make_user()
    here, there = [(await sign_in(world.api, email))[0] for _ in range(2)]
    assert (await here.post("/v1/auth/sign-out-everywhere")).status_code == 204
    assert (await there.get("/v1/me")).status_code == 401


async def forged_access_tokens_open_nothing(world: World) -> None:
    api = world.api
    real = jwt.decode(api.services.signer.for_operator(), options={"verify_signature": False})
    header = jwt.get_unverified_header(api.services.signer.for_operator())
    for token in (jwt.encode(real, "x" * 32, headers=header), jwt.encode(real, None, algorithm="none", headers={"kid": header["kid"]})):
        assert (await api.bearer(token).get("/v1/users")).status_code == 401


async def access_tokens_end(world: World) -> None:
    signer = type(world.api.services.signer)(world.api.services.signer._secret.decode(), SystemClock(-3600))
    assert (await world.api.bearer(signer.for_operator()).get("/v1/users")).status_code == 401


async def a_change_by_cookie_needs_the_pages_token(world: World) -> None:
    browser = await in_a_browser(world.api, await member_of(world.api, {world.own.slug: "admin"}))
    bare = Caller(browser.client, {"cookie": browser.headers["cookie"]})
    assert (await bare.post(f"/v1/projects/{world.own.slug}/keys", {"name": "x"})).status_code == 403


async def another_site_signs_nobody_in(world: World) -> None:
    form = {"username": await world.api.make_user(), "password": PASSWORD}
    answer = await world.api.client.post("/v1/auth/session", data=form, headers={"origin": "https://evil.example"})
    world.api.client.cookies.clear()
    assert answer.status_code == 403


async def cookies_are_for_us_alone(world: World) -> None:
    form = {"username": await world.api.make_user(), "password": PASSWORD}
    answer = await world.api.client.post("https://service/v1/auth/session", data=form)
    world.api.client.cookies.clear()
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-")
    for part in ("httponly", "secure", "samesite=lax"):
        assert part in cookie, part


async def a_link_is_good_once(world: World) -> None:
    token = await link_token(world.api, await world.api.make_user())
    assert [await accepts(world.api, token), await accepts(world.api, token)] == [200, 422]


async def an_old_link_is_over(world: World) -> None:
    past = SystemClock(-(RESET + timedelta(seconds=1)).total_seconds())
    services = world.api.services.metadata
    link = await AccountLinks(services.database, services.users._passwords, past).reset("operator", await world.api.make_user())
    assert await accepts(world.api, link.token) == 422


async def passwords_are_long(world: World) -> None:
    assert await accepts(world.api, await link_token(world.api, await world.api.make_user()), "short") == 422


async def whoever_had_to_go_has_no_invitation_left(world: World) -> None:
    email = await member_of(world.api, {world.own.slug: "admin"})
    admin, _ = await sign_in(world.api, email)
    body = {"email": f"again-{email}", "project": world.own.slug, "role": "admin"}
    token = (await admin.post("/v1/invitations", body)).json()["link"].partition("token=")[2]
    assert (await world.api.owner.delete(f"/v1/projects/{world.own.slug}/members/{email}")).status_code == 204
    assert await accepts(world.api, token) == 422


async def a_removed_member_is_out_at_once(world: World) -> None:
    email = await member_of(world.api, {world.own.slug: "admin"})
    admin, _ = await sign_in(world.api, email)
    assert (await world.api.owner.delete(f"/v1/projects/{world.own.slug}/members/{email}")).status_code == 204
    assert (await admin.get(f"/v1/projects/{world.own.slug}")).status_code == 404


async def the_last_owner_stays(world: World) -> None:
    admin = world.api.services.bootstrap.admin_email
    answer = await world.api.owner.patch(f"/v1/users/{admin}", {"disabled": True})
    if answer.status_code == 200:  # the protection is off: put it back
        await world.api.owner.patch(f"/v1/users/{admin}", {"disabled": False})
    assert answer.status_code == 409


async def changes_are_recorded(world: World) -> None:
    before = max((number for number, _ in recorded(world)), default=0)
    assert (await world.api.owner.post(f"/v1/projects/{world.own.slug}/keys", {"name": "x"})).status_code == 201
    assert "key.create" in [action for _, action in recorded(world, before)]


async def looks_at_persons_are_recorded(world: World) -> None:
    before = max((number for number, _ in recorded(world)), default=0)
    assert (await world.api.owner.get(f"/v1/projects/{world.own.slug}/events")).status_code == 200
    assert "events.read" in [action for _, action in recorded(world, before)]


async def refusals_are_recorded(world: World) -> None:
    before = max((number for number, _ in recorded(world)), default=0)
    assert (await (await world.outsider()).get("/v1/users")).status_code == 403
    await world.api.services.metadata.audit_queue.flush()
    assert "access.refused" in [action for _, action in recorded(world, before)]


async def failed_sign_ins_are_recorded(world: World) -> None:
    before = max((number for number, _ in recorded(world)), default=0)
    assert await signs_in(world.api, await world.api.make_user(), "not the password") == 401
    assert "sign-in.failed" in [action for _, action in recorded(world, before)]


async def an_altered_record_is_found(world: World) -> None:
    key = ChainKey(b"a key")
    walk = Walk([key])
    walk.step(Link(1, 1, key.id, key.seal(walk.head.seal, 1, ("who", "what")), ("who", "something else")))
    assert walk.wrong == 1


async def people_are_hashes_in_the_audit(world: World) -> None:
    email = await world.api.make_user()
    await world.api.owner.post(f"/v1/projects/{world.own.slug}/keys", {"name": f"key of {email}"})
    assert world.api.settings.postgres_url is not None
    with psycopg.connect(world.api.settings.postgres_url.get_secret_value()) as connection:
        (text,) = connection.execute("SELECT string_agg(a::text, ' ') FROM audit_records a").fetchone() or ("",)
    assert email not in text


async def personal_fields_are_not_kept_in_clear(world: World) -> None:
    project = await world.api.make_project(personal_fields={"properties.email": "encrypt"})
    await send_events(world.api, project, [{"event": "e", "user_id": "u", "properties": {"email": "clear@example.org"}}])
    await until_stored(world.api)
    stored = await world.api.owner.get(f"/v1/projects/{project['slug']}/events")
    assert len(stored.json()["items"]) == 1
    assert "clear@example.org" not in stored.text


async def the_page_of_links_runs_nothing(world: World) -> None:
    page = await world.api.client.get("/accept", params={"token": await link_token(world.api, await world.api.make_user())})
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"


PROOFS: tuple[Proof, ...] = (
    a_wrong_password_opens_nothing,
    a_disabled_person_does_not_sign_in,
    a_refresh_token_is_good_once,
    a_refresh_token_used_twice_ends_the_sign_in,
    a_second_factor_is_asked_for,
    a_code_counts_once,
    guessing_codes_is_slow,
    guessing_codes_comes_to_an_end,
    signing_out_ends_it_at_once,
    signing_out_everywhere_ends_other_sign_ins,
    forged_access_tokens_open_nothing,
    access_tokens_end,
    a_change_by_cookie_needs_the_pages_token,
    another_site_signs_nobody_in,
    cookies_are_for_us_alone,
    a_link_is_good_once,
    an_old_link_is_over,
    passwords_are_long,
    whoever_had_to_go_has_no_invitation_left,
    a_removed_member_is_out_at_once,
    the_last_owner_stays,
    changes_are_recorded,
    looks_at_persons_are_recorded,
    refusals_are_recorded,
    failed_sign_ins_are_recorded,
    an_altered_record_is_found,
    people_are_hashes_in_the_audit,
    personal_fields_are_not_kept_in_clear,
    the_page_of_links_runs_nothing,
)
