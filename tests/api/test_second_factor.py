"""A code of an authenticator app beside the password."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest

from analytics.audit.origin import current_origin
from analytics.clock import FixedClock
from analytics.crypto.one_time_codes import app_code, step_of
from analytics.errors import SecondFactorWrongError, UnauthenticatedError
from analytics.metadata.pool import Connection
from analytics.metadata.second_factors import MOST_FAILURES
from analytics.statements import Statement
from tests.factories.second_factors import Enrolled, enrol
from tests.fixtures.api import PASSWORD, Api, Caller

pytestmark = pytest.mark.anyio
PATH = "/v1/auth/second-factor"
STEP = 30.0


@pytest.fixture(autouse=True)
def clock(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[FixedClock]:
    """The telephone and the service show the same time, which stands still."""
    fixed = FixedClock(datetime.now(UTC))
    monkeypatch.setattr(api.services.metadata.second_factors, "_clock", fixed)
    api.forget_counts()
    yield fixed
    api.forget_counts()


async def sign_in(api: Api, email: str, code: str | None = None, password: str = PASSWORD) -> httpx.Response:
    form = {"username": email, "password": password, **({"totp": code} if code is not None else {})}
    return await api.client.post("/v1/auth/token", data=form)


async def made(api: Api) -> tuple[str, Enrolled]:
    """Somebody with a second factor."""
    email = await api.make_user()
    return email, await enrol(api, email)


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def recorded(api: Api, actor: str | None = None) -> list[tuple[str, Any]]:
    """Actions and what came of them, oldest first."""
    assert api.settings.postgres_url is not None
    names = api.services.metadata.audit.names
    with psycopg.connect(api.settings.postgres_url.get_secret_value()) as connection:
        return connection.execute(
            "SELECT action, after FROM audit_records WHERE actor = %s ORDER BY id", (names.actor(actor or ""),)
        ).fetchall()


async def id_of(caller: Caller) -> str:
    return (await caller.get("/v1/me")).json()["id"]


async def test_who_set_one_up_signs_in_with_a_code_and_others_as_before(api: Api, clock: FixedClock) -> None:
    email, factor = await made(api)
    clock.advance(STEP)
    answer = await sign_in(api, email, factor.code())
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (await api.bearer(answer.json()["access_token"]).get("/v1/me")).json()["email"] == email
    others = await api.make_user()
    assert (await sign_in(api, others)).status_code == (await sign_in(api, others, "whatever")).status_code == 200


async def test_a_browser_gives_the_code_in_the_same_form(api: Api, clock: FixedClock) -> None:
    email, factor = await made(api)
    clock.advance(STEP)
    form = {"username": email, "password": PASSWORD}
    assert told(await api.client.post("/v1/auth/session", json=form)) == (401, "second-factor-required")
    assert not api.client.cookies
    answer = await api.client.post("/v1/auth/session", json={**form, "totp": factor.code()})
    api.client.cookies.clear()
    assert answer.status_code == 200, answer.text
    clock.advance(STEP)
    answer = await api.client.post("/v1/auth/session", data={**form, "totp": factor.code()})
    api.client.cookies.clear()
    assert answer.status_code == 200, answer.text


async def test_it_is_asked_for_only_once_it_was_confirmed(api: Api, clock: FixedClock) -> None:
    email = await api.make_user()
    person = await api.signed_in(email)
    begun = (await person.post(PATH, {"password": PASSWORD})).json()
    assert begun["otpauth_uri"].startswith("otpauth://totp/Analytics:")
    assert f"secret={begun['secret']}" in begun["otpauth_uri"]
    assert (await sign_in(api, email)).status_code == 200
    assert (await person.get(PATH)).json() == {"enabled": False, "since": None, "recovery_codes_left": 0}
    wrong = await person.post(f"{PATH}/confirm", {"code": "000000"})
    assert (wrong.status_code, [error["pointer"] for error in wrong.json()["errors"]]) == (422, ["/code"])
    assert (await sign_in(api, email)).status_code == 200
    anew = (await person.post(PATH, {"password": PASSWORD})).json()["secret"]
    old_code = app_code(begun["secret"], step_of(clock.now()))
    assert (await person.post(f"{PATH}/confirm", {"code": old_code})).status_code == 422, "a newer secret took its place"
    confirmed = await person.post(f"{PATH}/confirm", {"code": app_code(anew, step_of(clock.now()))})
    assert len(set(confirmed.json()["recovery_codes"])) == 10
    assert told(await sign_in(api, email)) == (401, "second-factor-required")
    assert (await person.get(PATH)).json()["recovery_codes_left"] == 10
    assert told(await person.post(PATH, {"password": PASSWORD})) == (409, "conflict")
    assert told(await person.post(f"{PATH}/confirm", {"code": "000000"})) == (409, "conflict")


async def test_a_secret_that_was_not_confirmed_in_time_is_over(api: Api, clock: FixedClock) -> None:
    person = await api.signed_in(await api.make_user())
    secret = (await person.post(PATH, {"password": PASSWORD})).json()["secret"]
    clock.advance(900)
    assert told(await person.post(f"{PATH}/confirm", {"code": app_code(secret, step_of(clock.now()))})) == (409, "conflict")


async def test_setting_up_needs_the_password_again_and_a_guess_of_it_is_braked(api: Api) -> None:
    person = await api.signed_in(await api.make_user())
    answers = [await person.post(PATH, {"password": "wrong"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert answers[0].json()["errors"][0]["pointer"] == "/password"


async def test_sign_ins_of_before_stay(api: Api) -> None:
    email = await api.make_user()
    before = (await sign_in(api, email)).json()
    await enrol(api, email)
    assert (await api.bearer(before["access_token"]).get("/v1/me")).status_code == 200
    assert (await api.nobody.post("/v1/auth/refresh", {"refresh_token": before["refresh_token"]})).status_code == 200


async def test_a_sign_in_that_was_let_in_by_the_password_alone_meanwhile_begins_nothing(api: Api) -> None:
    email = await api.make_user()
    metadata = api.services.metadata
    known = await metadata.second_factors.admit(await metadata.users.sign_in(email, PASSWORD), None)
    await enrol(api, email)
    for begin in (metadata.refresh_tokens.begin, metadata.browser_sessions.begin):
        with pytest.raises(UnauthenticatedError):
            await begin(known)


async def test_without_the_right_password_nothing_tells_who_has_one(api: Api, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the answer nor what is asked of PostgreSQL, so nor the time: with a code or without."""
    asked: list[str] = []
    really = Connection._execute

    async def noted(self: Connection, statement: Statement, values: Any) -> Any:
        if current_origin().request_id is not None:  # jobs ask too
            asked.append(statement.name)
        return await really(self, statement, values)

    email, factor = await made(api)
    clock.advance(STEP)
    monkeypatch.setattr(Connection, "_execute", noted)
    seen: list[tuple[Any, list[str]]] = []
    for name in (email, await api.make_user()):
        for code in (None, factor.code(), "000000"):
            asked.clear()
            answer = await sign_in(api, name, code, password="not the password")
            seen.append((answer.json(), list(asked)))
    assert len({str(one) for one in seen}) == 1, seen
    assert seen[0][0]["code"] == "unauthenticated"
    assert "users/for_sign_in" in seen[0][1]


@pytest.mark.parametrize("later", [-2, 2])
async def test_a_code_of_long_before_or_after_is_wrong(api: Api, clock: FixedClock, later: int) -> None:
    email, factor = await made(api)
    clock.advance(STEP * 10)
    assert told(await sign_in(api, email, factor.code(later))) == (401, "second-factor-wrong")


async def test_a_clock_may_be_one_step_off(api: Api, clock: FixedClock) -> None:
    email, factor = await made(api)
    clock.advance(STEP * 10)
    for later in (-1, 0, 1):
        assert (await sign_in(api, email, factor.code(later))).status_code == 200


async def test_a_code_counts_once_and_none_before_it_counts_after(api: Api, clock: FixedClock) -> None:
    email, factor = await made(api)
    assert told(await sign_in(api, email, factor.code())) == (401, "second-factor-wrong"), "it confirmed the app"
    clock.advance(STEP * 3)
    early = factor.code(-1)
    assert (await sign_in(api, email, factor.code())).status_code == 200
    assert told(await sign_in(api, email, factor.code())) == (401, "second-factor-wrong")
    assert told(await sign_in(api, email, early)) == (401, "second-factor-wrong")


async def test_of_many_at_once_with_one_code_one_comes_in(api: Api, clock: FixedClock) -> None:
    _, factor = await made(api)
    clock.advance(STEP)
    user_id, factors = await id_of(factor.caller), api.services.metadata.second_factors
    for code in (factor.code(), factor.recovery_codes[0]):
        found = await asyncio.gather(*(factors.use(user_id, code) for _ in range(6)), return_exceptions=True)
        assert len([one for one in found if isinstance(one, str)]) == 1
        assert all(isinstance(one, str | SecondFactorWrongError) for one in found)


async def test_a_recovery_code_is_good_once_however_it_is_typed(api: Api) -> None:
    email, factor = await made(api)
    first, second = factor.recovery_codes[:2]
    assert (await sign_in(api, email, first)).status_code == 200
    assert told(await sign_in(api, email, first)) == (401, "second-factor-wrong")
    assert (await sign_in(api, email, f" {second.upper().replace('-', ' ')} ")).status_code == 200
    assert (await factor.caller.get(PATH)).json()["recovery_codes_left"] == 8
    stranger = await enrol(api, await api.make_user())
    assert told(await sign_in(api, email, stranger.recovery_codes[0])) == (401, "second-factor-wrong")


async def test_guessing_codes_is_slow_also_for_who_asks_with_the_right_password_in_between(api: Api, clock: FixedClock) -> None:
    email, factor = await made(api)
    clock.advance(STEP)
    for _ in range(5):
        assert told(await sign_in(api, email)) == (401, "second-factor-required")
        assert told(await sign_in(api, email, "000000")) == (401, "second-factor-wrong")
    assert (await sign_in(api, email, factor.code())).status_code == 429
    assert (await sign_in(api, email)).status_code == 429


async def test_who_knows_the_password_has_no_guesses_of_codes_forgiven(api: Api) -> None:
    """Neither by setting up again nor by changing the password, which both count as tries of the password."""
    _, factor = await made(api)
    proof, new = {"password": PASSWORD, "code": "000000"}, "another horse battery"
    for _ in range(3):
        assert (await factor.caller.post(f"{PATH}/remove", proof)).status_code == 422
    assert told(await factor.caller.post(PATH, {"password": PASSWORD})) == (409, "conflict")
    body = {"current_password": PASSWORD, "new_password": new}
    assert (await factor.caller.post("/v1/auth/password", body)).status_code == 204
    again = [(await factor.caller.post(f"{PATH}/remove", {**proof, "password": new})).status_code for _ in range(3)]
    assert again == [422, 422, 429]


async def test_to_be_asked_for_the_code_is_no_guess(api: Api, clock: FixedClock) -> None:
    email, factor = await made(api)
    clock.advance(STEP)
    for _ in range(7):
        assert told(await sign_in(api, email)) == (401, "second-factor-required")
        assert told(await sign_in(api, email, "")) == (401, "second-factor-required")
    assert (await sign_in(api, email, factor.code())).status_code == 200


async def test_after_many_wrong_codes_only_a_recovery_code_is_good(api: Api, clock: FixedClock) -> None:
    email, factor = await made(api)
    clock.advance(STEP)
    user_id, factors = await id_of(factor.caller), api.services.metadata.second_factors
    for _ in range(MOST_FAILURES):
        with pytest.raises(SecondFactorWrongError):
            await factors.use(user_id, "000000x")
    refused = await sign_in(api, email, factor.code())
    assert told(refused) == (401, "second-factor-wrong")
    assert "recovery code" in refused.json()["detail"]
    assert (await sign_in(api, email, factor.recovery_codes[0])).status_code == 200
    assert (await sign_in(api, email, factor.code())).status_code == 200


@pytest.mark.parametrize("by", ["app", "recovery code"])
async def test_it_is_taken_off_with_the_password_and_a_code(api: Api, clock: FixedClock, by: str) -> None:
    email, factor = await made(api)
    clock.advance(STEP)
    code = factor.code() if by == "app" else factor.recovery_codes[0]
    for proof, pointer in (({"password": "wrong", "code": code}, "/password"), ({"password": PASSWORD, "code": "000000"}, "/code")):
        refused = await factor.caller.post(f"{PATH}/remove", proof)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await factor.caller.post(f"{PATH}/remove", {"password": PASSWORD, "code": code})).status_code == 204
    assert (await sign_in(api, email)).status_code == 200
    assert (await factor.caller.get(PATH)).json()["enabled"] is False
    assert told(await factor.caller.post(f"{PATH}/remove", {"password": PASSWORD, "code": code})) == (409, "conflict")
    again = await enrol(api, email)
    assert again.secret != factor.secret
    assert told(await sign_in(api, email, factor.recovery_codes[1])) == (401, "second-factor-wrong")


async def test_who_holds_a_session_cannot_guess_the_code(api: Api) -> None:
    _, factor = await made(api)
    proof = {"password": PASSWORD, "code": "000000"}
    statuses = [(await factor.caller.post(f"{PATH}/{what}", proof)).status_code for what in ("remove", "recovery-codes") * 3]
    assert statuses == [422] * 5 + [429]


async def test_new_recovery_codes_take_the_place_of_the_old(api: Api) -> None:
    email, factor = await made(api)
    answer = await factor.caller.post(f"{PATH}/recovery-codes", {"password": PASSWORD, "code": factor.recovery_codes[0]})
    assert answer.status_code == 200, answer.text
    codes = answer.json()["recovery_codes"]
    assert not {*codes} & {*factor.recovery_codes}
    assert told(await sign_in(api, email, factor.recovery_codes[1])) == (401, "second-factor-wrong")
    assert (await sign_in(api, email, codes[9])).status_code == 200


async def test_another_password_by_a_link_does_not_take_it_off(api: Api, clock: FixedClock) -> None:
    email, factor = await made(api)
    link = (await api.owner.post(f"/v1/users/{email}/reset")).json()["link"].partition("token=")[2]
    new = "another horse battery"
    assert (await api.nobody.post("/v1/auth/accept", {"token": link, "password": new})).status_code == 200
    assert told(await sign_in(api, email, password=new)) == (401, "second-factor-required")
    clock.advance(STEP)
    assert (await sign_in(api, email, factor.code(), password=new)).status_code == 200


async def test_an_owner_takes_off_their_own_with_the_password_and_a_code_alone(api: Api) -> None:
    """Also an owner's session is not enough."""
    email, factor = await made(api)
    assert (await api.owner.patch(f"/v1/users/{email}", {"is_owner": True})).status_code == 200
    assert told(await factor.caller.delete(f"/v1/users/{email.upper()}/second-factor")) == (409, "conflict")
    assert told(await sign_in(api, email)) == (401, "second-factor-required")
    other, _ = await made(api)
    assert (await factor.caller.delete(f"/v1/users/{other}/second-factor")).status_code == 204
    proof = {"password": PASSWORD, "code": factor.recovery_codes[0]}
    assert (await factor.caller.post(f"{PATH}/remove", proof)).status_code == 204
    assert (await api.owner.patch(f"/v1/users/{email}", {"is_owner": False})).status_code == 200


async def test_an_owner_sees_it_and_takes_it_off_and_nobody_else_does(api: Api) -> None:
    email, factor = await made(api)
    project = await api.make_project()
    path = f"/v1/users/{email}/second-factor"
    for caller in (await api.member(project, "admin"), await api.token(project, ["manage", "personal-data"])):
        assert told(await caller.get(path)) == told(await caller.delete(path)) == (403, "forbidden")
        assert (await caller.get("/v1/users/nobody@example.org/second-factor")).status_code == 403
    seen = (await api.owner.get(path.replace(email, email.upper()))).json()
    assert (seen["enabled"], seen["recovery_codes_left"]) == (True, 10)
    assert factor.secret not in str(seen)
    assert (await api.owner.delete(path)).status_code == 204
    assert (await sign_in(api, email)).status_code == 200
    assert (await api.owner.get(path)).json() == {"enabled": False, "since": None, "recovery_codes_left": 0}
    assert (await api.owner.delete(path)).status_code == 404
    assert (await api.owner.delete("/v1/users/nobody@example.org/second-factor")).status_code == 404
    assert (await api.owner.get("/v1/users/nobody@example.org/second-factor")).status_code == 404


async def test_machines_and_the_operator_have_none(api: Api) -> None:
    token = await api.token(await api.make_project(), ["manage"])
    for caller in (api.owner, token):
        assert (await caller.get(PATH)).status_code == 403
        assert (await caller.post(PATH, {"password": PASSWORD})).status_code == 403
        assert (await caller.post(f"{PATH}/confirm", {"code": "000000"})).status_code == 403
        for what in ("remove", "recovery-codes"):
            assert (await caller.post(f"{PATH}/{what}", {"password": PASSWORD, "code": "000000"})).status_code == 403


async def test_nothing_of_it_stands_in_clear_and_a_rotation_seals_it_anew(api: Api, clock: FixedClock) -> None:
    email, factor = await made(api)
    assert api.settings.postgres_url is not None

    def kept() -> str:
        with psycopg.connect(api.settings.postgres_url.get_secret_value()) as connection:  # type: ignore[union-attr]
            rows = [
                connection.execute(f"SELECT t::text FROM {table} t").fetchall()
                for table in ("second_factors", "recovery_codes", "sealed_secrets", "audit_records")
            ]
        return str(rows)

    before = kept()
    rotated = (await api.owner.post("/v1/secrets/rotate")).json()
    assert rotated["resealed"] >= 1
    assert f"s1:{rotated['keys']['secrets']}:" in kept()
    for text in (before, kept()):
        for secret in (factor.secret, *factor.recovery_codes, *(code.replace("-", "") for code in factor.recovery_codes)):
            assert secret not in text
    clock.advance(STEP)
    assert (await sign_in(api, email, factor.code())).status_code == 200
    assert (await sign_in(api, email, factor.recovery_codes[0])).status_code == 200


async def test_each_step_of_its_life_is_in_the_audit(api: Api, clock: FixedClock) -> None:
    email, factor = await made(api)
    user_id = await id_of(factor.caller)
    clock.advance(STEP)
    await sign_in(api, email)
    await api.services.metadata.audit_queue.flush()
    await sign_in(api, email, "000000")
    await sign_in(api, email, factor.code())
    await sign_in(api, email, factor.recovery_codes[0])
    proof = {"password": PASSWORD, "code": factor.recovery_codes[1]}
    await factor.caller.post(f"{PATH}/recovery-codes", proof)
    clock.advance(STEP)
    await factor.caller.post(f"{PATH}/remove", {**proof, "code": factor.code()})
    assert recorded(api, user_id) == [
        ("sign-in.succeeded", None),
        ("second-factor.begin", None),
        ("second-factor.enable", None),
        ("second-factor.ask", {"times": 1}),
        ("second-factor.failed", None),
        ("sign-in.succeeded", {"second_factor": "app"}),
        ("second-factor.recover", {"recovery_codes_left": 9}),
        ("sign-in.succeeded", {"second_factor": "recovery-code"}),
        ("second-factor.recover", {"recovery_codes_left": 8}),
        ("second-factor.renew-codes", None),
        ("second-factor.remove", None),
    ]
    await enrol(api, email)
    await api.owner.delete(f"/v1/users/{email}/second-factor")
    assert ("second-factor.remove", None) in recorded(api, "operator")
