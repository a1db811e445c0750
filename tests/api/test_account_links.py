"""Invitations and forgotten passwords: links that are good once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest
from structlog.testing import capture_logs

from analytics.clock import FixedClock, SystemClock
from analytics.errors import ConflictError, InvalidRequestError
from analytics.mail.letters import Letters
from analytics.mail.mailer import Mailer
from analytics.mail.server_address import parse_mail_url
from analytics.metadata.account_links import INVITATION, RESET, AccountLinks
from analytics.metadata.secrets import Passwords
from tests.fixtures.api import PASSWORD, Api
from tests.fixtures.mail_server import MailBox

pytestmark = pytest.mark.anyio
NEW = "another horse battery"
_numbers = iter(range(1_000))


def address() -> str:
    return f"invited-{next(_numbers)}@example.org"


def token_of(link: str) -> str:
    path, _, token = link.partition("?token=")
    assert path.endswith("/accept")
    return token


async def accepted(api: Api, token: str, password: str = NEW) -> int:
    return (await api.nobody.post("/v1/auth/accept", {"token": token, "password": password})).status_code


async def signs_in(api: Api, email: str, password: str) -> bool:
    return (await api.client.post("/v1/auth/token", data={"username": email, "password": password})).status_code == 200


@asynccontextmanager
async def mailing(api: Api, box: MailBox, public_url: str | None) -> AsyncIterator[None]:
    """The application with mail, as ANALYTICS_SMTP_URL would make it."""
    services = api.services
    letters = Letters(Mailer(parse_mail_url(box.url), "analytics@example.com", services.clock), public_url)
    state = api.app_under_test.state if hasattr(api, "app_under_test") else None
    assert state is not None
    state.services = replace(services, letters=letters)
    try:
        yield
    finally:
        state.services = services
        await letters.aclose()


async def test_an_invited_person_chooses_the_password_and_is_what_the_invitation_says(api: Api) -> None:
    project, email = await api.make_project(), address()
    admin = await api.member(project, "admin")
    answer = await admin.post("/v1/invitations", {"email": email, "name": "Ada", "project": project["slug"], "role": "analyst"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["email"], made["mailed"], made["link"].startswith("/accept?token=")) == (email, False, True)
    used = await api.nobody.post("/v1/auth/accept", {"token": token_of(made["link"]), "password": NEW})
    assert (used.status_code, used.json()) == (200, {"email": email})
    signed_in = await api.client.post("/v1/auth/token", data={"username": email, "password": NEW})
    me = (await api.bearer(signed_in.json()["access_token"]).get("/v1/me")).json()
    assert (me["name"], me["is_owner"], [(p["slug"], p["role"]) for p in me["projects"]]) == ("Ada", False, [(project["slug"], "analyst")])


async def test_a_link_is_good_once_and_a_newer_one_takes_its_place(api: Api) -> None:
    email = address()
    links = [token_of((await api.owner.post("/v1/invitations", {"email": spelt})).json()["link"]) for spelt in (email, email.upper())]
    assert await accepted(api, links[0]) == 422
    assert sorted(await asyncio.gather(*(accepted(api, links[1]) for _ in range(3)))) == [200, 422, 422]


async def test_the_password_of_a_link_obeys_the_policy_and_a_refused_one_does_not_use_it_up(api: Api) -> None:
    token = token_of((await api.owner.post("/v1/invitations", {"email": address()})).json()["link"])
    refused = await api.nobody.post("/v1/auth/accept", {"token": token, "password": "x" * 11})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/password")
    assert await accepted(api, token) == 200


@pytest.mark.parametrize("token", ["x", "in_" + "A" * 43, "\x00", "' OR true --"])
async def test_a_token_that_nobody_made_is_named(api: Api, token: str) -> None:
    answer = await api.nobody.post("/v1/auth/accept", {"token": token, "password": NEW})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/token")


async def test_who_is_there_already_cannot_be_invited_over(api: Api) -> None:
    project, email = await api.make_project(), await api.make_user()
    admin = await api.member(project, "admin")
    body = {"email": email, "project": project["slug"], "role": "viewer"}
    assert (await admin.post("/v1/invitations", body)).status_code == 409
    later = address()
    link = (await admin.post("/v1/invitations", {**body, "email": later})).json()["link"]
    await api.owner.post("/v1/users", {"email": later, "password": PASSWORD})
    assert await accepted(api, token_of(link)) == 409
    assert await signs_in(api, later, PASSWORD)
    assert not await signs_in(api, later, NEW)


async def test_the_log_holds_neither_address_nor_token(api: Api) -> None:
    email = address()
    with capture_logs() as logged:
        link = (await api.owner.post("/v1/invitations", {"email": email})).json()["link"]
        assert await accepted(api, token_of(link)) == 200
    assert [entry["action"] for entry in logged if entry["event"] == "changed"] == ["invitation.create", "invitation.accept"]
    assert email not in str(logged)
    assert token_of(link) not in str(logged)


async def test_one_invites_only_where_one_manages_members(api: Api) -> None:
    mine, theirs = await api.make_project(), await api.make_project()
    admin, editor, token = await api.member(mine, "admin"), await api.member(mine, "editor"), await api.token(mine, ["read"])

    def body(slug: str) -> dict[str, str]:
        return {"email": address(), "project": slug, "role": "viewer"}

    for caller in (editor, token):
        assert (await caller.post("/v1/invitations", body(mine["slug"]))).status_code == 403
    foreign, unknown = [await admin.post("/v1/invitations", body(slug)) for slug in (theirs["slug"], "unknown")]
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()
    assert (await admin.post("/v1/invitations", {"email": address()})).status_code == 403
    assert (await api.owner.post("/v1/invitations", body("unknown"))).status_code == 404
    half = await api.owner.post("/v1/invitations", {"email": address(), "project": mine["slug"]})
    assert (half.status_code, half.json()["errors"][0]["pointer"]) == (422, "/role")
    assert (await api.nobody.post("/v1/invitations", body(mine["slug"]))).status_code == 401


async def test_an_invitation_elsewhere_leaves_mine_good(api: Api) -> None:
    mine, theirs, email = await api.make_project(), await api.make_project(), address()
    links: list[str] = []
    for project in (mine, theirs):
        body = {"email": email, "project": project["slug"], "role": "viewer"}
        links.append((await (await api.member(project, "admin")).post("/v1/invitations", body)).json()["link"])
    assert await accepted(api, token_of(links[0])) == 200
    assert await accepted(api, token_of(links[1])) == 409


async def test_a_reset_gives_another_password_and_ends_all_sign_ins(api: Api) -> None:
    email = await api.make_user()
    person = await api.signed_in(email)
    made = (await api.owner.post(f"/v1/users/{email.upper()}/reset")).json()
    assert made["email"] == email
    assert (await person.get("/v1/me")).status_code == 200
    assert await accepted(api, token_of(made["link"])) == 200
    assert (await person.get("/v1/me")).status_code == 401
    assert not await signs_in(api, email, PASSWORD)
    assert await signs_in(api, email, NEW)
    assert (await api.owner.post("/v1/users/nobody@example.org/reset")).status_code == 404


async def test_a_change_of_the_password_ends_an_open_reset(api: Api) -> None:
    email = await api.make_user()
    person = await api.signed_in(email)
    token = token_of((await api.owner.post(f"/v1/users/{email}/reset")).json()["link"])
    await person.post("/v1/auth/password", {"current_password": PASSWORD, "new_password": NEW})
    assert await accepted(api, token, "a third horse battery") == 422


async def test_only_hashes_of_tokens_are_kept(api: Api) -> None:
    token = token_of((await api.owner.post("/v1/invitations", {"email": address()})).json()["link"])
    assert api.settings.postgres_url is not None
    async with await psycopg.AsyncConnection.connect(api.settings.postgres_url.get_secret_value()) as connection:
        rows = await (await connection.execute("SELECT l::text FROM account_links l")).fetchall()
    assert rows
    assert token not in str(rows)


@pytest.mark.parametrize(("kind", "life"), [("invitation", INVITATION), ("reset", RESET)])
async def test_a_link_is_over_after_its_time(api: Api, kind: str, life: timedelta) -> None:
    clock = FixedClock(datetime.now(SystemClock().now().tzinfo))
    links = AccountLinks(api.services.metadata.database, Passwords(), clock)

    async def make() -> str:
        if kind == "invitation":
            return (await links.invite("a test", address(), "", None, None)).token
        return (await links.reset("a test", await api.make_user())).token

    token = await make()
    clock.advance(life.total_seconds())
    with pytest.raises(InvalidRequestError):
        await links.accept(token, NEW)
    token = await make()
    clock.advance(life.total_seconds() - 1)
    await links.accept(token, NEW)
    with pytest.raises(ConflictError):
        await links.invite("a test", (await api.make_user()).upper(), "", None, None)


async def test_with_mail_links_are_mailed_and_answered_to_nobody(api: Api, start_mail_server: Callable[..., MailBox]) -> None:
    box, email = start_mail_server(), address()
    async with mailing(api, box, "https://analytics.example.com/"):
        made = (await api.owner.post("/v1/invitations", {"email": email})).json()
        assert (made["mailed"], made["link"]) == (True, None)
        text = (await box.one_for(email)).get_content()
        (link,) = [line for line in text.splitlines() if "?token=" in line]
        assert link.startswith("https://analytics.example.com/accept?token=")
        assert await accepted(api, token_of(link)) == 200
        box.received.clear()

        assert (await api.owner.post(f"/v1/users/{email}/reset")).json()["link"] is None
        (link,) = [line for line in (await box.one_for(email)).get_content().splitlines() if "?token=" in line]
        assert await accepted(api, token_of(link), PASSWORD) == 200

        box.refuse = True
        failed = await api.owner.post(f"/v1/users/{email}/reset")
        assert (failed.status_code, failed.json()["code"]) == (503, "mail-unavailable")
        assert "token" not in failed.text


async def test_who_forgot_is_mailed_and_the_answer_tells_nothing(api: Api, start_mail_server: Callable[..., MailBox]) -> None:
    box, email = start_mail_server(), await api.make_user()
    async with mailing(api, box, None):
        answers = [await api.nobody.post("/v1/auth/forgot", {"email": someone}) for someone in (email, address(), "no address", "\x00")]
        assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
        (link,) = [line for line in (await box.one_for(email)).get_content().splitlines() if "?token=" in line]
        assert link.startswith("/accept?token=")
        assert await accepted(api, token_of(link)) == 200
        assert await signs_in(api, email, NEW)
    assert [to for _, to, _ in box.received] == [[email]]


async def test_without_mail_who_forgot_ends_no_link_of_an_owner(api: Api) -> None:
    email = await api.make_user()
    token = token_of((await api.owner.post(f"/v1/users/{email}/reset")).json()["link"])
    answer = await api.nobody.post("/v1/auth/forgot", {"email": email})
    assert (answer.status_code, set(answer.json())) == (202, {"detail"})
    assert await accepted(api, token) == 200


async def test_forgetting_is_braked_alike_for_known_and_unknown(api: Api) -> None:
    answers: list[list[int]] = []
    for someone in (await api.make_user(), address()):
        answers.append([(await api.nobody.post("/v1/auth/forgot", {"email": someone})).status_code for _ in range(6)])
    assert answers[0] == answers[1] == [202] * 5 + [429]
