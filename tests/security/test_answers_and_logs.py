"""What leaves the service: headers on every answer, the documentation under its policy; nothing secret in answers or logs."""

import asyncio
import io
import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from analytics.api.problems import install_problem_handlers
from analytics.api.request_context import RequestContext
from analytics.telemetry.logging import configure_logging
from tests.fixtures.api import PASSWORD, Api

pytestmark = pytest.mark.anyio
EVENT = {"event": "e", "user_id": "u"}
HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "x-frame-options",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
)


async def test_every_answer_carries_the_headers_whatever_its_status(api: Api) -> None:
    answers = [await api.owner.get(path) for path in ("/v1/me", "/docs", "/nowhere", "/healthz", "/v1/projects/default/keys")]
    answers += [await api.nobody.get("/v1/me"), await api.owner.post("/v1/projects", {}), await api.client.put("/v1/me")]
    assert {answer.status_code for answer in answers} == {200, 404, 401, 422, 405}
    for answer in answers:
        assert not set(HEADERS) - set(answer.headers), answer.request.url
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers
    events = await api.nobody.post("/v1/events", EVENT)
    assert events.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in events.headers["content-security-policy"]


async def test_over_https_browsers_are_told_to_stay_there(api: Api) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api.app), base_url="https://service") as client:
        for answer in (await client.get("/v1/me"), await client.post("/v1/events", json=EVENT)):
            assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_the_documentation_loads_only_what_its_policy_allows(api: Api) -> None:
    page = await api.client.get("/docs")
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["content-security-policy"].split(";"))
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.findall(r"<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=|javascript:", page.text)
    places = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(places) == 4
    for place in places:
        assert "//" not in place, "from elsewhere"
        part = await api.client.get(f"/{place}")
        assert part.status_code == 200
        assert len(part.content) > 50
    assert (await api.client.get("/docs/start.js")).headers["content-type"].startswith("text/javascript")
    assert (await api.client.get("/docs/unknown.js")).status_code == 422


def slow(seconds: float) -> httpx.AsyncClient:
    """An app with a limit of time and routes that do not keep it."""
    app = FastAPI()

    @app.get("/sleeps")
    async def sleeps() -> None:
        await asyncio.sleep(30)

    @app.post("/reads")
    async def reads(body: dict[str, int]) -> None:
        raise AssertionError(body)

    @app.get("/streams")
    async def streams() -> StreamingResponse:
        async def parts() -> Iterator[str]:  # type: ignore[misc]
            for _ in range(3):
                await asyncio.sleep(seconds)
                yield "part "

        return StreamingResponse(parts())

    install_problem_handlers(app)
    app.add_middleware(RequestContext, timeout_seconds=seconds)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://slow")


async def test_a_request_that_takes_too_long_is_ended(api: Api) -> None:
    async def never() -> Iterator[bytes]:  # type: ignore[misc]
        yield b"{"
        await asyncio.sleep(30)

    async with slow(0.5) as client:
        late = await client.get("/sleeps")
        assert (late.status_code, late.json()["code"]) == (503, "query-timeout")
        assert late.headers["retry-after"]
        silent = await client.post("/reads", content=never(), headers={"content-type": "application/json"})
        assert (silent.status_code, silent.json()["code"]) == (408, "request-timeout")
        assert (await client.get("/streams")).text == "part part part "


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, at the most talkative."""
    stream = io.StringIO()
    configure_logging("json", "debug", stream)
    yield stream
    configure_logging()


async def test_no_secret_is_logged_whatever_goes_wrong(api: Api, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}"
    token = (await api.owner.post(f"{path}/tokens", {"name": "x", "scopes": ["read"]})).json()["token"]
    email = await api.make_user()
    signed_in = (await api.client.post("/v1/auth/token", data={"username": email, "password": PASSWORD})).json()
    secrets = [token, signed_in["access_token"], signed_in["refresh_token"], project["write_key"]]

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"broken with {' and '.join(secrets)}")

    with monkeypatch.context() as patch:
        patch.setattr(type(api.services.metadata.api_tokens), "page", fail)
        assert (await api.owner.get(f"{path}/tokens")).status_code == 500
        patch.setattr(type(api.services.event_path.ingestor), "submit", fail)
        assert (await api.bearer(project["write_key"]).post(f"/v1/events?key={project['write_key']}", EVENT)).status_code == 500
    secrets.append(PASSWORD)
    for credential in secrets:
        await api.bearer(credential).get(f"{path}/nowhere?token={credential}")
        await api.client.post("/v1/auth/refresh", json={"refresh_token": credential, "more": credential})
        await api.client.post("/v1/auth/token", data={"username": credential, "password": credential})
    said = log.getvalue()
    assert "broken with" in said  # the errors are there, with their cause
    for secret in secrets:
        assert secret not in said, secret[:3]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/projects", b'{"slug": "\xff"}'),
        ("POST", "/v1/projects", b"[" * 50_000),
        ("GET", "/v1/projects/%00/events", None),
        ("GET", "/v1/projects/default/events?cursor=%ff%fe", None),
        ("GET", "/v1/projects/default/events?from=99999999999999999999", None),
        ("POST", "/v1/projects/default/trends", b'{"date_from": "x", "series": [{"event": "\\u0000"}]}'),
        ("GET", "/docs/..%2f..%2fapp.py", None),
        ("GET", "//etc/passwd", None),
    ],
)
async def test_answers_tell_no_traces_and_no_paths(api: Api, method: str, path: str, body: bytes | None) -> None:
    headers = {**api.owner.headers, "content-type": "application/json"}
    answer = await api.client.request(method, path, content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    for told in (
        "Traceback",
        'File "',
        "site-packages",
        "psycopg",
        "clickhouse_connect",
        "pydantic",
        "SELECT ",
        str(api.settings.data_dir),
    ):
        assert told not in answer.text
