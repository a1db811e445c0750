"""Errors as RFC 9457 problems, request ids, and safe headers."""

import json

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from analytics.api.problems import install_problem_handlers
from analytics.api.request_context import RequestContext
from analytics.errors import InsertRejectedError, LimitExceededError, SpoolFullError
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "not-found"), ("PUT", "/v1/me", 405, "method-not-allowed"), ("GET", "/v1/me", 401, "unauthenticated")],
)
async def test_a_problem_has_every_member(api: Api, method: str, path: str, status: int, code: str) -> None:
    answer = await api.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "code", "instance"} <= set(body)
    assert (body["type"], body["status"], body["code"], body["instance"]) == (f"/problems/{code}", status, code, path)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "invalid-body"),
        (b"", JSON, 400, "invalid-body"),
        (b"\xff\xfe", JSON, 400, "invalid-body"),
        (b"[" * 100_000, JSON, 400, "invalid-body"),
        (b"[]", JSON, 422, "invalid-request"),
        (b"null", JSON, 422, "invalid-request"),
        (b'{"slug": "\\ud800"}', JSON, 422, "invalid-request"),
        (b'{"slug": NaN}', JSON, 422, "invalid-request"),
        (b'{"slug": "x"}', {"content-type": "text/plain"}, 415, "unsupported-encoding"),
        (b" " * 2_000_001, JSON, 413, "payload-too-large"),
    ],
)
async def test_a_body_that_cannot_be_used_says_why(api: Api, body: bytes, headers: dict[str, str], status: int, code: str) -> None:
    answer = await api.owner.post("/v1/projects", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_half_a_surrogate_pair_is_a_wrong_value_wherever_it_would_be_stored_or_looked_for(api: Api) -> None:
    path = f"/v1/projects/{(await api.make_project())['slug']}"
    alert = b'{"name": "\\ud800", "question": {"kind": "sql", "sql": "SELECT 1 AS n"}, "condition": {"kind": "no_data"}}'
    stored = await api.owner.post(f"{path}/alerts", content=alert, headers=JSON)
    looked_for = await api.owner.get(f"{path}/queries?cursor=WyJcdWQ4MDAiXQ")
    assert [(one.status_code, one.json()["code"]) for one in (stored, looked_for)] == [(422, "invalid-request")] * 2


async def test_a_body_of_unknown_length_is_bounded_too(api: Api) -> None:
    async def endless() -> object:
        for _ in range(100):
            yield b" " * 100_000

    answer = await api.owner.post("/v1/projects", content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload-too-large")


async def test_a_request_id_is_kept_if_plain_and_made_otherwise(api: Api) -> None:
    kept = await api.client.get("/v1/me", headers={"x-request-id": "trace-1.a:b"})
    assert kept.headers["x-request-id"] == "trace-1.a:b"
    for unfit in ("", "two words", "x" * 129, 'quote"'):
        made = (await api.client.get("/v1/me", headers={"x-request-id": unfit})).headers["x-request-id"]
        assert made != unfit
        assert len(made) == 32


async def test_answers_carry_safe_headers(api: Api) -> None:
    headers = (await api.client.get("/nowhere")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_the_documentation_is_served(api: Api) -> None:
    assert (await api.client.get("/docs")).status_code == 200
    paths = (await api.client.get("/openapi.json")).json()["paths"]
    assert {"/v1/projects", "/v1/auth/token", "/v1/me"} <= set(paths)


@pytest.fixture
def failing() -> httpx.AsyncClient:
    """An app whose routes raise."""
    app = FastAPI()
    errors = {
        "full": SpoolFullError("The spool is full.", retry_after_seconds=7),
        "limit": LimitExceededError("Too many rows.", limit="rows"),
        "ours": InsertRejectedError("column secret_column"),
        "unforeseen": RuntimeError("the password is swordfish"),
    }

    @app.get("/{which}")
    async def fail(which: str) -> None:
        raise errors[which]

    install_problem_handlers(app)
    app.add_middleware(RequestContext)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://failing")


async def test_what_is_not_the_callers_business_stays_here(failing: httpx.AsyncClient) -> None:
    for which, code in (("ours", "insert-rejected"), ("unforeseen", "internal")):
        with capture_logs() as logs:
            answer = await failing.get(f"/{which}", headers={"x-request-id": "r-1"})
        assert (answer.status_code, answer.json()["code"]) == (500, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"] == "r-1"
        assert "secret_column" not in answer.text
        assert "swordfish" not in answer.text
        assert [entry["log_level"] for entry in logs if entry.get("exc_info")] == ["error"]


async def test_extras_stand_in_body_and_header(failing: httpx.AsyncClient) -> None:
    full = await failing.get("/full")
    assert (full.status_code, full.headers["retry-after"], full.json()["retry_after_seconds"]) == (503, "7", 7)
    limit = await failing.get("/limit")
    assert (limit.status_code, json.loads(limit.content)["limit"]) == (422, "rows")
