"""The page that links of invitations and resets lead to, as a browser without scripts meets it; and who is invited."""

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pytest

from tests.api.test_account_links import NEW, address, mailing, signs_in, token_of
from tests.fixtures.api import PASSWORD, Api
from tests.fixtures.mail_server import MailBox

pytestmark = pytest.mark.anyio


class Form(HTMLParser):
    """The one form of a page: where it goes, and what its fields hold."""

    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.page, self.fields, self.action, self.scripts = page, dict[str, str](), "", 0
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.scripts += tag == "script" or any(name.startswith("on") for name in attributes)
        if tag == "form":
            assert attributes["method"] == "post"
            self.action = urljoin(str(self.page.url), attributes["action"])
        elif tag == "input":
            self.fields[str(attributes["name"])] = attributes.get("value") or ""

    async def send(self, api: Api, **filled: str) -> httpx.Response:
        return await api.client.post(self.action, data={**self.fields, **filled})


async def test_an_invitation_is_accepted_by_following_its_mail_by_hand(api: Api, start_mail_server: Callable[..., MailBox]) -> None:
    box, email = start_mail_server(), address()
    async with mailing(api, box, "http://service"):
        await api.owner.post("/v1/invitations", {"email": email})
        (link,) = re.findall(r"http://\S+", (await box.one_for(email)).get_content())
        for _ in range(2):  # a scanner of mail looks first
            page = await api.client.get(link)
            assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert email in page.text
        form = Form(page)
        assert (set(form.fields), form.scripts) == ({"token", "username", "password", "again"}, 0)
        unlike = await form.send(api, password=NEW, again=NEW + "!")
        assert (unlike.status_code, "not the same" in unlike.text) == (422, True)
        short = await Form(unlike).send(api, password="short", again="short")
        assert (short.status_code, "at least 12 characters" in short.text) == (422, True)
        done = await Form(short).send(api, password=NEW, again=NEW)
        assert (done.status_code, email in done.text, "<form" in done.text) == (200, True, False)
    assert await signs_in(api, email, NEW)
    for again in (await api.client.get(link), await form.send(api, password=PASSWORD, again=PASSWORD)):
        assert (again.status_code, "not good any more" in again.text, email in again.text) == (410, True, False)
    assert await signs_in(api, email, NEW)


async def test_a_reset_by_the_page_ends_all_sign_ins_and_says_so_before(api: Api) -> None:
    email = await api.make_user()
    person = await api.signed_in(email)
    link = (await api.owner.post(f"/v1/users/{email}/reset")).json()["link"]
    page = await api.client.get(link)
    assert "all sign-ins end" in page.text
    assert (await Form(page).send(api, password=NEW, again=NEW)).status_code == 200
    assert (await person.get("/v1/me")).status_code == 401


async def test_without_a_token_the_page_asks_for_it(api: Api) -> None:
    email = address()
    token = token_of((await api.owner.post("/v1/invitations", {"email": email})).json()["link"])
    form = Form(await api.client.get("/accept"))
    assert set(form.fields) == {"token", "password", "again"}
    assert (await form.send(api, token=f" {token} ", password=NEW, again=NEW)).status_code == 200


async def test_the_page_runs_and_loads_nothing_and_tells_no_other_site_of_its_address(api: Api) -> None:
    link = (await api.owner.post("/v1/invitations", {"email": address()})).json()["link"]
    for page in (await api.client.get(link), await api.client.get("/accept", params={"token": "x"}), await api.client.get("/accept")):
        style = re.search(r"<style>(.*)</style>", page.text, re.DOTALL)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert page.headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
        assert not re.search(r"(src|href)=|<script|style=|javascript:", page.text)


@pytest.mark.parametrize("token", ["x", "in_" + "A" * 43, "\x00", "é", '"><script>alert(1)</script>', "{{ 7*7000 }}"])
async def test_a_token_that_nobody_made_opens_nothing_and_is_not_shown_again(api: Api, token: str) -> None:
    for page in (
        await api.client.get("/accept", params={"token": token}),
        await api.client.post("/accept", data={"token": token, "password": NEW, "again": NEW}),
    ):
        assert (page.status_code, "<script" in page.text, "49000" in page.text) == (410, False, False)


async def test_what_an_admin_calls_the_invited_stays_text(api: Api) -> None:
    email = "<b>x</b>@example.org"
    made = await api.owner.post("/v1/invitations", {"email": email})
    assert made.status_code == 201, made.text
    page = await api.client.get(made.json()["link"])
    assert "<b>x</b>" not in page.text
    assert "&lt;b&gt;x&lt;/b&gt;@example.org" in page.text


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"{}", "application/json"), (b"", "text/plain"), (b"token=%00&password=%ff", "application/x-www-form-urlencoded")],
)
async def test_a_body_that_is_no_form_of_ours_is_refused(api: Api, body: bytes, kind: str) -> None:
    assert (await api.client.post("/accept", content=body, headers={"content-type": kind})).status_code == 410


async def test_open_invitations_are_listed_without_their_secrets_and_cancelled(api: Api) -> None:
    mine, theirs = await api.make_project(), await api.make_project()
    admin, editor = await api.member(mine, "admin"), await api.member(mine, "editor")
    path = f"/v1/projects/{mine['slug']}/invitations"
    links: list[str] = []
    for project in (mine, theirs, mine):
        body = {"email": address(), "name": "Ada", "project": project["slug"], "role": "viewer"}
        links.append(token_of((await api.owner.post("/v1/invitations", body)).json()["link"]))
    nowhere = token_of((await api.owner.post("/v1/invitations", {"email": address()})).json()["link"])

    first = (await admin.get(path, params={"limit": 1})).json()
    second = (await admin.get(path, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    items = [*first["items"], *second["items"]]
    assert second["next_cursor"] is None
    assert [(item["project"], item["role"], item["name"]) for item in items] == [(mine["slug"], "viewer", "Ada")] * 2
    everything = (await api.owner.get("/v1/invitations", params={"limit": 1000})).json()["items"]
    foreign = next(item["id"] for item in everything if item["project"] == theirs["slug"])
    into_none = next(item["id"] for item in reversed(everything) if item["project"] is None)
    assert not any(token in str(everything) + str(items) for token in (*links, nowhere))

    assert (await editor.get(path)).status_code == (await editor.delete(f"{path}/{items[0]['id']}")).status_code == 403
    assert (await admin.get("/v1/invitations")).status_code == (await admin.delete(f"/v1/invitations/{items[0]['id']}")).status_code == 403
    assert (await admin.delete(f"{path}/{foreign}")).status_code == (await admin.delete(f"{path}/i_x")).status_code == 404
    assert (await admin.delete(f"{path}/{items[0]['id']}")).status_code == 204
    assert (await admin.delete(f"{path}/{items[0]['id']}")).status_code == 404
    assert (await api.owner.delete(f"/v1/invitations/{into_none}")).status_code == 204
    assert [item["id"] for item in (await admin.get(path)).json()["items"]] == [items[1]["id"]]
    good = [(await api.client.get("/accept", params={"token": token})).status_code for token in (*links, nowhere)]
    assert good == [410, 200, 200, 410]


@pytest.mark.parametrize("how", ["removed", "demoted", "disabled"])
async def test_nobody_comes_back_by_an_invitation_made_before_they_had_to_go(api: Api, how: str) -> None:
    project, other, email = await api.make_project(), await api.make_project(), await api.make_user()
    for each in (project, other):
        await api.owner.put(f"/v1/projects/{each['slug']}/members/{email}", {"role": "admin"})
    admin = await api.signed_in(email)
    made = [
        token_of((await admin.post("/v1/invitations", {"email": address(), "project": each["slug"], "role": "admin"})).json()["link"])
        for each in (project, other)
    ]
    member = f"/v1/projects/{project['slug']}/members/{email}"
    if how == "removed":
        assert (await api.owner.delete(member)).status_code == 204
    elif how == "demoted":
        assert (await api.owner.put(member, {"role": "editor"})).status_code == 200
    else:
        assert (await api.owner.patch(f"/v1/users/{email}", {"disabled": True})).status_code == 200
    good = [(await api.client.get("/accept", params={"token": token})).status_code for token in made]
    assert good == [410, 410 if how == "disabled" else 200]
