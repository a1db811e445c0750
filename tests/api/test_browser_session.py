"""A browser's sign-in: a cookie that no script reads, and changes that only our own page can ask for."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.fixtures.api import PASSWORD, Api

pytestmark = pytest.mark.anyio
PATH = "/v1/auth/session"


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """With a cookie jar of its own, at an https address."""
    transport = httpx.ASGITransport(api.app, client=("192.0.2.200", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://service") as client:
        yield client


async def signed_in(browser: httpx.AsyncClient, email: str) -> str:
    """The CSRF token."""
    answer = await browser.post(PATH, json={"username": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return answer.json()["csrf_token"]


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(api: Api, browser: httpx.AsyncClient) -> None:
    answer = await browser.post(PATH, data={"username": await api.make_user(), "password": PASSWORD})
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "__Host-analytics_session"
    assert {part.strip().lower() for part in rest.split(";")[1:]} == {"httponly", "max-age=1209600", "path=/", "samesite=lax", "secure"}
    assert rest.split(";")[0] not in answer.text


async def test_without_https_the_cookie_is_plain(api: Api) -> None:
    answer = await api.client.post(PATH, json={"username": await api.make_user(), "password": PASSWORD})
    api.client.cookies.clear()
    assert answer.headers["set-cookie"].startswith("analytics_session=")
    assert "secure" not in answer.headers["set-cookie"].lower()


async def test_the_cookie_lets_in_and_a_page_finds_its_token_again(api: Api, browser: httpx.AsyncClient) -> None:
    email = await api.make_user()
    csrf = await signed_in(browser, email)
    assert (await browser.get("/v1/me")).json()["email"] == email
    again = (await browser.get(PATH)).json()
    assert (again["csrf_token"], again["idle_seconds"]) == (csrf, 43_200)


async def test_a_change_by_cookie_needs_the_token_of_this_session(api: Api, browser: httpx.AsyncClient) -> None:
    project, email = await api.make_project(), await api.make_user()
    await api.owner.put(f"/v1/projects/{project['slug']}/members/{email}", {"role": "admin"})
    another = await signed_in(browser, email)
    browser.cookies.clear()
    csrf = await signed_in(browser, email)
    path = f"/v1/projects/{project['slug']}"
    for headers in ({}, {"x-csrf-token": ""}, {"x-csrf-token": another}, {"x-csrf-token": csrf[:-1]}):
        for method, where, body in (
            ("POST", f"{path}/keys", {"name": "x"}),
            ("PATCH", path, {"name": "x"}),
            ("PUT", f"{path}/members/{email}", {"role": "viewer"}),
            ("DELETE", f"{path}/members/{email}", None),
            ("DELETE", PATH, None),
        ):
            refused = await browser.request(method, where, json=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (403, "csrf"), (method, where)
    assert (await browser.post(f"{path}/keys", json={"name": "x"}, headers={"x-csrf-token": csrf})).status_code == 201


async def test_an_authorization_header_counts_alone(api: Api, browser: httpx.AsyncClient) -> None:
    await signed_in(browser, await api.make_user())
    assert (await browser.get("/v1/me", headers={"authorization": "Bearer nonsense"})).status_code == 401
    assert (await browser.get("/v1/me", headers={"authorization": "Basic eDp5"})).status_code == 401
    made = await browser.post("/v1/projects", json={"slug": "by-bearer"}, headers=dict(api.owner.headers))
    assert made.status_code == 201


async def test_signing_out_ends_the_session_and_its_cookie(api: Api, browser: httpx.AsyncClient) -> None:
    csrf = await signed_in(browser, await api.make_user())
    kept = dict(browser.cookies)
    assert (await browser.delete(PATH, headers={"x-csrf-token": csrf})).status_code == 204
    assert not browser.cookies
    browser.cookies.update(kept)
    assert (await browser.get("/v1/me")).status_code == 401


async def test_a_wrong_password_begins_nothing_and_is_braked_like_any(api: Api, browser: httpx.AsyncClient) -> None:
    email = await api.make_user()
    for _ in range(5):
        assert (await browser.post(PATH, json={"username": email, "password": "wrong"})).status_code == 401
    assert not browser.cookies
    braked = await browser.post("/v1/auth/token", data={"username": email, "password": PASSWORD})
    assert braked.status_code == 429


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin", "origin": "https://service"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "https://service"}, 200),
        ({}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "https://service.evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_another_site_signs_nobody_in(api: Api, browser: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    answer = await browser.post(PATH, data={"username": await api.make_user(), "password": PASSWORD}, headers=headers)
    assert answer.status_code == status
    assert bool(browser.cookies) == (status == 200)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"username": "a@example.org"}', "application/json", 422),
        (b'{"username": 1, "password": 2}', "application/json", 422),
        (b'{"username": "a", "password": "\\ud800"}', "application/json", 422),
        (b"username=a", "application/x-www-form-urlencoded", 422),
        (b"x", "multipart/form-data; boundary=x", 400),
        (b"x", "text/plain", 415),
        (b"", "", 415),
    ],
)
async def test_a_body_that_is_no_form_is_said_so(browser: httpx.AsyncClient, body: bytes, kind: str, status: int) -> None:
    answer = await browser.post(PATH, content=body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text


async def test_a_made_up_cookie_is_nobodys(api: Api, browser: httpx.AsyncClient) -> None:
    for value in ("x", "bs_" + "A" * 43, "' OR true --", "%00", "é"):
        answer = await api.client.get("https://service/v1/me", headers={"cookie": f"__Host-analytics_session={value}".encode()})
        assert answer.status_code == 401, value


async def test_a_session_is_not_for_bearers(api: Api) -> None:
    assert (await api.owner.get(PATH)).status_code == 401
