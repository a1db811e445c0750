"""Signing in by an identity provider: a real one, in a process of its own, that also does wrong what a test wishes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.to_thread
import httpx
import psycopg
import pytest

from analytics.cli.doctor_oidc import oidc_findings
from analytics.embedded.engines import EmbeddedEngines
from analytics.errors import SettingsError, UnauthenticatedError
from analytics.oidc import provider as provider_module
from analytics.oidc.flow import begin_flow
from analytics.oidc.provider import IdentityProvider
from analytics.settings import load_settings
from tests.factories.second_factors import enrol
from tests.fixtures.api import PASSWORD, Api, make_settings, started
from tests.fixtures.engines import _database
from tests.fixtures.oidc_provider import OidcProvider
from tests.fixtures.oidc_provider_process import CLIENT_ID, CLIENT_SECRETS
from tests.fixtures.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio
PATH = "/v1/auth/oidc"
FLOW_COOKIE, SESSION_COOKIE = "__Host-analytics_oidc", "__Host-analytics_session"


@pytest.fixture(scope="module")
async def api(
    engines: EmbeddedEngines,
    postgres_template: str,
    tmp_path_factory: pytest.TempPathFactory,
    oidc_provider: OidcProvider,
    anyio_backend: object,
) -> AsyncIterator[Api]:
    """The application with our client at the provider."""
    with contextmanager(_database)(engines, postgres_template) as postgres_url:
        settings = make_settings(
            tmp_path_factory.mktemp("service"),
            postgres_url,
            engines.redis_url,
            public_url="https://service",
            oidc_issuer=oidc_provider.issuer,
            oidc_client_id=CLIENT_ID["confidential"],
            oidc_client_secret=CLIENT_SECRETS["confidential"],
        )
        async with started(settings, "192.0.2.230") as running:
            yield running


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with new_browser(api) as client:
        yield client


@pytest.fixture(autouse=True)
def honest_again(oidc_provider: OidcProvider) -> Iterator[None]:
    yield
    oidc_provider.wish(None)


def new_browser(api: Api) -> httpx.AsyncClient:
    """With a cookie jar of its own."""
    transport = httpx.ASGITransport(api.app, client=("192.0.2.231", 1))
    return httpx.AsyncClient(transport=transport, base_url="https://service")


def user_of(email: str, **more: Any) -> dict[str, Any]:
    return {"sub": f"id of {email}", "email": email, "email_verified": True, **more}


def forget(api: Api) -> None:
    """Have the provider asked anew what it is, and for its keys."""
    ours = api.services.oidc
    assert ours is not None
    ours._document_at = ours._keys_at = float("-inf")
    ours._not_before.clear()


async def away(browser: httpx.AsyncClient, **asked: str) -> str:
    """Where the browser is sent to."""
    answer = await browser.get(PATH, params=asked)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def back(browser: httpx.AsyncClient, provider: OidcProvider, **asked: str) -> str:
    """Where the provider sends the browser back to."""
    return await anyio.to_thread.run_sync(provider.authorize, await away(browser, **asked))


async def sign_in(browser: httpx.AsyncClient, provider: OidcProvider, user: dict[str, Any] | None, **wrong: Any) -> httpx.Response:
    """All of it: what the browser is answered in the end."""
    await anyio.to_thread.run_sync(partial(provider.wish, user, **wrong))
    return await browser.get(await back(browser, provider))


def assert_refused(answer: httpx.Response, browser: httpx.AsyncClient) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), answer.text
    assert SESSION_COOKIE not in browser.cookies


def recorded(api: Api, actor: str) -> list[tuple[str, Any]]:
    assert api.settings.postgres_url is not None
    with psycopg.connect(api.settings.postgres_url.get_secret_value()) as connection:
        hashed = api.services.metadata.audit.names.actor(actor)
        return connection.execute("SELECT action, after FROM audit_records WHERE actor = %s ORDER BY id", (hashed,)).fetchall()


async def test_it_ends_with_the_same_session_as_a_password(api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider) -> None:
    email = await api.make_user()
    user = user_of(email.upper())
    answer = await sign_in(browser, oidc_provider, user)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"csrf_token", "expires_at", "idle_seconds"}
    assert FLOW_COOKIE not in browser.cookies
    me = (await browser.get("/v1/me")).json()
    assert me["email"] == email
    assert (await browser.get("/v1/auth/session")).json()["csrf_token"] == answer.json()["csrf_token"]
    assert (await browser.delete("/v1/auth/session")).status_code == 403
    assert (await browser.delete("/v1/auth/session", headers={"x-csrf-token": answer.json()["csrf_token"]})).status_code == 204
    assert recorded(api, me["id"])[:2] == [("oidc.bind", {"by": "oidc"}), ("sign-in.succeeded", {"by": "oidc"})]
    assert (await sign_in(browser, oidc_provider, user)).status_code == 200
    assert [action for action, _ in recorded(api, me["id"])].count("oidc.bind") == 1


async def test_the_browser_is_sent_with_pkce_and_keeps_the_rest_sealed(
    api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider
) -> None:
    answer = await browser.get(PATH)
    url = urlsplit(answer.headers["location"])
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{oidc_provider.issuer}/authorize"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == "https://service/v1/auth/oidc/callback"
    assert {"openid", "email"} == set(asked["scope"].split())
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == FLOW_COOKIE
    assert {part.strip().lower() for part in rest.split(";")[1:]} == {"httponly", "max-age=600", "path=/", "samesite=lax", "secure"}
    assert not [word for word in (asked["state"], asked["nonce"], "verifier") if word in rest]


async def test_the_browser_goes_back_to_a_path_of_this_site(api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider) -> None:
    oidc_provider.wish(user_of(await api.make_user()))
    answer = await browser.get(await back(browser, oidc_provider, return_to="/boards?id=1&x=%2F"))
    assert (answer.status_code, answer.headers["location"]) == (303, "https://service/boards?id=1&x=%2F")
    assert (await browser.get("/v1/me")).status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil",
        "",
        "/a\r\nset-cookie: a=b",
        "/" + "a" * 600,
        "/é",
    ],
)
async def test_nobody_is_sent_elsewhere(browser: httpx.AsyncClient, elsewhere: str) -> None:
    answer = await browser.get(PATH, params={"return_to": elsewhere})
    assert answer.status_code == 422
    assert "location" not in answer.headers
    assert not browser.cookies


@pytest.mark.parametrize(
    "wrong",
    [
        {"claims": {"nonce": "another"}},
        {"claims": {"nonce": None}},
        {"claims": {"aud": "another client"}},
        {"claims": {"aud": None}},
        {"claims": {"aud": [CLIENT_ID["confidential"], "another client"]}},
        {"claims": {"aud": [CLIENT_ID["confidential"], "another client"], "azp": "another client"}},
        {"claims": {"azp": "another client"}},
        {"claims": {"iss": "https://another.example"}},
        {"claims": {"iss": None}},
        {"times": {"exp": -3600}},
        {"claims": {"exp": None}},
        {"times": {"iat": 3600}},
        {"times": {"nbf": 3600}},
        {"claims": {"sub": None}},
        {"claims": {"sub": ""}},
        {"claims": {"sub": 17}},
        {"claims": {"sub": "a\0b"}},
        {"claims": {"sub": "\u00e4"}},
        {"signing": "none"},
        {"signing": "public key as secret"},
        {"signing": "client secret"},
        {"signing": "stranger's key"},
        {"signing": "key of its own header"},
        {"signing": "altered"},
        {"claims": {"email_verified": False}},
        {"claims": {"email_verified": None}},
        {"claims": {"email_verified": "true"}},
        {"claims": {"email": 17}},
        {"claims": {"email": None}, "userinfo": {"sub": "somebody else"}},
        {"claims": {"email": None}, "userinfo": {"email_verified": False}},
        {"claims": {"email": None, "email_verified": True}, "userinfo": {"email_verified": None}},
        {"iss": "https://another.example"},
        {"document": {"authorization_response_iss_parameter_supported": True}},
    ],
    ids=str,
)
async def test_what_is_wrong_signs_nobody_in(
    api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider, wrong: dict[str, Any]
) -> None:
    forget(api)
    user = user_of(await api.make_user())
    assert_refused(await sign_in(browser, oidc_provider, user, **wrong), browser)
    forget(api)
    assert (await sign_in(browser, oidc_provider, user)).status_code == 200, "the same without the wrong is good"


@pytest.mark.parametrize(
    "right",
    [
        {"signing": "without kid"},
        {"claims": {"aud": [CLIENT_ID["confidential"]]}},
        {"claims": {"aud": [CLIENT_ID["confidential"], "another"], "azp": CLIENT_ID["confidential"]}},
        {"times": {"exp": -1, "iat": -300}},  # clocks differ by so much
        {"claims": {"email": None}},  # the userinfo endpoint has it
        {"iss": None},
    ],
    ids=str,
)
async def test_what_the_standard_allows_is_good(
    api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider, right: dict[str, Any]
) -> None:
    answer = await sign_in(browser, oidc_provider, user_of(await api.make_user()), **right)
    assert answer.status_code == 200, answer.text


async def test_only_the_browser_that_went_comes_back(api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider) -> None:
    oidc_provider.wish(user_of(await api.make_user()))
    callback = await back(browser, oidc_provider)
    state = parse_qs(urlsplit(callback).query)["state"][0]
    for other in (callback.replace(state, "another"), callback.replace(f"state={state}", ""), callback.replace(state, state[:-1])):
        assert_refused(await browser.get(other), browser)
    async with new_browser(api) as stranger:
        assert_refused(await stranger.get(callback), stranger)
        await stranger.get(PATH)
        assert_refused(await stranger.get(callback), stranger)
        for value in ("x", "s1::", browser.cookies[FLOW_COOKIE][:-2] + "xx", "é"):
            answer = await stranger.get(callback, headers={"cookie": f"{FLOW_COOKIE}={value}".encode()})
            assert_refused(answer, stranger)
    assert (await browser.get(callback)).status_code == 200


async def test_a_code_of_another_sign_in_is_refused(api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider) -> None:
    """Whoever slips their own code to somebody, or has somebody's, has not what the sign-in was begun with."""
    oidc_provider.wish(user_of(await api.make_user()))
    callback = await back(browser, oidc_provider)
    async with new_browser(api) as attacker:
        stolen = parse_qs(urlsplit(callback).query)["code"][0]
        own = await back(attacker, oidc_provider)
        own_code = parse_qs(urlsplit(own).query)["code"][0]
        assert_refused(await attacker.get(own.replace(own_code, stolen)), attacker)
        assert_refused(await browser.get(callback.replace(stolen, own_code)), browser)


async def test_a_callback_is_good_once(api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider) -> None:
    """Also with another code of the same sign-in, which the provider would take."""
    oidc_provider.wish(user_of(await api.make_user()))
    url = await away(browser)
    first, second = oidc_provider.authorize(url), oidc_provider.authorize(url)
    sealed = browser.cookies[FLOW_COOKIE]
    assert (await browser.get(first)).status_code == 200
    browser.cookies.clear()
    for again in (first, second):
        answer = await browser.get(again, headers={"cookie": f"{FLOW_COOKIE}={sealed}"})
        assert_refused(answer, browser)


async def test_who_comes_back_late_begins_anew(
    api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    oidc_provider.wish(user_of(await api.make_user()))
    callback = await back(browser, oidc_provider)
    with monkeypatch.context() as later:
        later.setattr(api.services.clock, "_offset", 601.0)
        assert_refused(await browser.get(callback), browser)


async def test_a_provider_that_says_no_signs_nobody_in(api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider) -> None:
    answer = await sign_in(browser, oidc_provider, None)
    assert "error=access_denied" in str(answer.request.url)
    assert_refused(answer, browser)
    await api.services.metadata.audit_queue.flush()
    assert "access.refused" in [action for action, _ in recorded(api, "anybody")]


async def test_nobody_is_made_and_who_is_shut_out_stays_out(api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider) -> None:
    unknown = await sign_in(browser, oidc_provider, user_of("stranger@example.org"))
    assert_refused(unknown, browser)
    assert ("sign-in.failed", {"by": "oidc"}) in recorded(api, "stranger@example.org")
    for signed_in_before in (False, True):
        email = await api.make_user()
        if signed_in_before:
            assert (await sign_in(browser, oidc_provider, user_of(email))).status_code == 200
            browser.cookies.clear()
        await api.owner.patch(f"/v1/users/{email}", {"disabled": True})
        refused = await sign_in(browser, oidc_provider, user_of(email))
        assert_refused(refused, browser)
        assert refused.json() == unknown.json()


async def test_the_first_sign_in_binds_and_then_no_address_counts(
    api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider
) -> None:
    email = await api.make_user()
    assert (await sign_in(browser, oidc_provider, user_of(email, sub="first"))).status_code == 200
    browser.cookies.clear()
    assert_refused(await sign_in(browser, oidc_provider, user_of(email, sub="who has the address now")), browser)
    moved = user_of("another@example.org", sub="first", email_verified=False)
    assert (await sign_in(browser, oidc_provider, moved)).status_code == 200
    assert (await browser.get("/v1/me")).json()["email"] == email
    browser.cookies.clear()
    assert (await api.owner.delete(f"/v1/users/{email}/oidc")).status_code == 204
    assert (await api.owner.delete(f"/v1/users/{email}/oidc")).status_code == 404
    assert_refused(await sign_in(browser, oidc_provider, moved), browser)
    assert (await sign_in(browser, oidc_provider, user_of(email, sub="who has the address now"))).status_code == 200


async def test_an_address_that_only_the_database_takes_for_the_same_binds_nobody(
    api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider
) -> None:
    """PostgreSQL's lower() makes a plain i of a dotted capital one, which is another mailbox."""
    email = f"i-{await api.make_user()}"
    body = {"email": email, "password": PASSWORD, "name": "Somebody"}
    assert (await api.owner.post("/v1/users", body)).status_code == 201
    assert_refused(await sign_in(browser, oidc_provider, user_of(email.replace("i-", "\u0130-"))), browser)
    assert (await sign_in(browser, oidc_provider, user_of(email.replace("i-", "I-")))).status_code == 200


async def test_the_provider_stands_for_the_second_factor_too(api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider) -> None:
    email = await api.make_user()
    await enrol(api, email)
    assert (await sign_in(browser, oidc_provider, user_of(email))).status_code == 200


@pytest.mark.parametrize("kind", ["RSA", "EC"])
async def test_a_new_key_of_the_provider_is_looked_up_when_it_is_met(
    api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_module, "ANOTHER_LOOK_SECONDS", 3600.0)
    user = user_of(await api.make_user())
    assert (await sign_in(browser, oidc_provider, user)).status_code == 200
    looked = oidc_provider.asked().count("/jwks")
    assert (await sign_in(browser, oidc_provider, user)).status_code == 200
    assert oidc_provider.asked().count("/jwks") == looked, "its keys are kept"
    oidc_provider.rotate_keys(kind)
    assert (await sign_in(browser, oidc_provider, user)).status_code == 401, "so soon nobody makes us ask again"
    assert oidc_provider.asked().count("/jwks") == looked
    monkeypatch.setattr(provider_module, "ANOTHER_LOOK_SECONDS", 0.0)
    assert (await sign_in(browser, oidc_provider, user)).status_code == 200
    assert oidc_provider.asked().count("/jwks") == looked + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"broken": ["/token"]},
        {"broken": ["/jwks"]},
        {"broken": ["/.well-known/openid-configuration"]},
        {"moved": ["/token"]},
        {"moved": ["/jwks"]},
        {"bloated": ["/jwks"]},
        {"bloated": ["/.well-known/openid-configuration"]},
        {"dripping": ["/token"]},
        {"dripping": ["/.well-known/openid-configuration"]},
        {"document": {"issuer": "https://another.example"}},
        {"document": {"token_endpoint": "http://192.0.2.1/token"}},
        {"document": {"jwks_uri": None}},
    ],
    ids=str,
)
async def test_a_provider_that_is_away_or_not_itself_is_said_so(
    api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider, wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "dripping" in wrong:
        monkeypatch.setattr(provider_module, "ANSWER_SECONDS", 0.5)
    user = user_of(await api.make_user())
    oidc_provider.wish(user)
    callback = await back(browser, oidc_provider)
    oidc_provider.wish(user, **wrong)
    forget(api)
    with anyio.fail_after(PATIENCE_SECONDS):
        answer = await browser.get(callback)
    forget(api)
    assert (answer.status_code, answer.json()["code"]) == (503, "identity-provider-unavailable")
    assert "retry-after" in answer.headers
    assert SESSION_COOKIE not in browser.cookies


async def test_nobody_waits_in_line_for_a_provider_that_is_away(
    api: Api, browser: httpx.AsyncClient, oidc_provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_module, "AGAIN_SECONDS", 3600.0)
    oidc_provider.wish(None, broken=["/.well-known/openid-configuration"])
    forget(api)
    asked = len(oidc_provider.asked())
    for _ in range(3):
        assert (await browser.get(PATH)).status_code == 503
    assert len(oidc_provider.asked()) == asked + 1
    forget(api)
    oidc_provider.wish(None)
    assert (await browser.get(PATH)).status_code == 302


@pytest.mark.parametrize("client", ["confidential", "public", "posting"])
async def test_each_kind_of_client_is_known_to_the_provider(api: Api, oidc_provider: OidcProvider, client: str) -> None:
    methods = {"document": {"token_endpoint_auth_methods_supported": ["client_secret_post"]}} if client == "posting" else {}
    oidc_provider.wish(user_of("ada@example.org"), **methods)
    ours = IdentityProvider(oidc_provider.issuer, CLIENT_ID[client], CLIENT_SECRETS[client], "https://service")
    try:
        flow = begin_flow(None, api.services.clock.now())
        callback = oidc_provider.authorize(await ours.authorization_url(flow))
        code = parse_qs(urlsplit(callback).query)["code"][0]
        identity = await ours.identity(flow, code, None)
        assert (identity.subject, identity.email) == ("id of ada@example.org", "ada@example.org")
        with pytest.raises(UnauthenticatedError):
            await ours.identity(flow, code, None)
    finally:
        await ours.aclose()


async def test_the_doctor_looks_whether_it_is_there(api: Api, oidc_provider: OidcProvider) -> None:
    async def found() -> list[str]:
        return [finding.state for finding in await anyio.to_thread.run_sync(lambda: list(oidc_findings(api.settings)))]

    assert await found() == ["ok"]
    oidc_provider.wish(None, document={"issuer": "https://another.example"})
    assert await found() == ["broken"]
    assert not list(oidc_findings(make_settings(api.settings.data_dir, "postgresql://localhost", None)))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"oidc_issuer": "http://provider.example"}, "ANALYTICS_OIDC_ISSUER"),
        ({"oidc_issuer": "https://provider.example?x=1"}, "ANALYTICS_OIDC_ISSUER"),
        ({"oidc_issuer": "provider"}, "ANALYTICS_OIDC_ISSUER"),
        ({"oidc_issuer": "https://provider.example"}, "ANALYTICS_OIDC_CLIENT_ID"),
        ({"oidc_client_id": "x"}, "ANALYTICS_OIDC_CLIENT_ID"),
        ({"oidc_issuer": "https://provider.example", "oidc_client_id": "x"}, "ANALYTICS_OIDC_CLIENT_ID: needs ANALYTICS_PUBLIC_URL"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=f"^{named}"):
        load_settings(None, **settings)
