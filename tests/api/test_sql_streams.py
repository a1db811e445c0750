"""SQL over a real connection: failures in the middle, readers who leave or do not read, a fence that does not hold, a stop."""

import asyncio
import csv
import io
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import anyio.to_thread
import httpx
import pytest

from analytics.api import sql_answer
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api
from tests.fixtures.service import ServiceProcess

pytestmark = pytest.mark.anyio
SECONDS = 60.0
LONG_TEXT = "repeat('x', 1000)"
ENDLESS = "SELECT count() FROM numbers(1000000) AS a CROSS JOIN numbers(1000000) AS b WHERE sipHash64(a.number, b.number) % 7 = 9"


@pytest.fixture(scope="module")
async def school(api: Api) -> dict[str, Any]:
    project = await api.make_project()
    await send_events(api, project, [{"event": "signup", "user_id": "u-1", "properties": {"note": "=1+1"}}])
    return project


def headers(api: Api) -> dict[str, str]:
    return dict(api.owner.headers)


async def until_idle(api: Api) -> None:
    deadline = time.monotonic() + SECONDS
    while api.services.sql.queries.door.under_way:
        assert time.monotonic() < deadline, "a query goes on without its reader"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet", "arrow"])
async def test_a_failure_in_the_middle_breaks_the_connection(api: Api, api_url: str, school: dict[str, Any], kind: str) -> None:
    # Numbers that no format makes small: more than what is held back comes before the failure, in each format.
    hashes = ", ".join(f"sipHash64(number, {n}) AS h{n}" for n in range(4))
    question = {"sql": f"SELECT intDiv(1, toInt64(number) - 700000) AS t, {hashes} FROM numbers(800000)", "format": kind}
    async with httpx.AsyncClient(base_url=api_url, headers=headers(api), timeout=SECONDS) as client:
        try:
            async with client.stream("POST", f"/v1/projects/{school['slug']}/sql", json=question) as answer:
                assert answer.status_code == 200
                with pytest.raises(httpx.RemoteProtocolError):
                    async for _ in answer.aiter_bytes():
                        pass
        finally:
            await until_idle(api)
    (kept, *_) = (await api.owner.get(f"/v1/projects/{school['slug']}/sql/history")).json()["items"]
    assert (kept["status"], kept["code"]) == ("failed", "sql-failed")


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
async def test_a_failure_before_anything_is_sent_is_a_problem(api: Api, school: dict[str, Any], kind: str) -> None:
    answer = await api.owner.post(f"/v1/projects/{school['slug']}/sql", {"sql": "SELECT intDiv(1, number) FROM numbers(5)", "format": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "sql-failed")


async def test_a_reader_who_leaves_ends_the_query(api: Api, api_url: str, school: dict[str, Any]) -> None:
    question = {"sql": f"SELECT number, {LONG_TEXT} FROM numbers(200000)", "format": "csv"}
    async with (
        httpx.AsyncClient(base_url=api_url, headers=headers(api), timeout=SECONDS) as client,
        client.stream("POST", f"/v1/projects/{school['slug']}/sql", json=question) as answer,
    ):
        assert answer.status_code == 200
        async for _ in answer.aiter_bytes():
            break
    await until_idle(api)
    (kept, *_) = (await api.owner.get(f"/v1/projects/{school['slug']}/sql/history")).json()["items"]
    assert kept["status"] == "cancelled"


async def test_who_hangs_up_before_the_answer_ends_the_query(api: Api, api_url: str, school: dict[str, Any]) -> None:
    async with httpx.AsyncClient(base_url=api_url, headers=headers(api), timeout=SECONDS) as client:
        asking = asyncio.create_task(client.post(f"/v1/projects/{school['slug']}/sql", json={"sql": ENDLESS}))
        deadline = time.monotonic() + SECONDS
        while not api.services.sql.queries.door.under_way:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await until_idle(api)


async def test_a_reader_who_takes_nothing_is_cut_off(
    api: Api, api_url: str, school: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_answer, "SLOW_SECONDS", 0.3)
    parts = urlsplit(api_url)
    body = f'{{"sql": "SELECT number, {LONG_TEXT} FROM numbers(200000)", "format": "csv"}}'
    head = "".join(f"{name}: {value}\r\n" for name, value in headers(api).items())
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    request = f"POST /v1/projects/{school['slug']}/sql HTTP/1.1\r\nhost: x\r\n{head}\r\n{body}"
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await anyio.to_thread.run_sync(connection.sendall, request.encode())
        deadline = time.monotonic() + SECONDS
        while not api.services.sql.queries.door.under_way:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        await until_idle(api)


async def test_a_text_of_a_csv_is_no_formula(api: Api, school: dict[str, Any]) -> None:
    sql = "SELECT properties.note::String AS note, -5 AS n, '@x' AS `=name` FROM events"
    answer = await api.owner.post(f"/v1/projects/{school['slug']}/sql", {"sql": sql, "format": "csv"})
    assert answer.status_code == 200, answer.text
    assert list(csv.reader(io.StringIO(answer.text))) == [["note", "n", "'=name"], ["'=1+1", "-5", "'@x"]]


async def test_a_fence_that_does_not_hold_turns_sql_off_and_nothing_else(
    api: Api, school: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/v1/projects/{school['slug']}"
    monkeypatch.setattr(api.services.sql.fence, "reason", "files can be read by a function.")
    for answer in (
        await api.owner.post(f"{path}/sql", {"sql": "SELECT 1"}),
        await api.owner.post(f"{path}/sql/explain", {"sql": "SELECT 1"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "sql-off")
        assert "files can be read by a function." in answer.json()["detail"]
    assert (await api.owner.post(f"{path}/trends", {"date_from": "2026-01-01", "series": [{}]})).status_code == 200
    deadline = time.monotonic() + SECONDS
    while (await api.client.get("/readyz")).json()["checks"]["sql"]["ok"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    ready = await api.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["sql"]["detail"] == "Off: files can be read by a function."


@pytest.mark.parametrize("slug", ["..", "%2e%2e", "DEFAULT", "default'--"])
async def test_a_slug_of_tricks_is_no_project(api: Api, slug: str) -> None:
    answer = await api.owner.post(f"/v1/projects/{slug}/sql", {"sql": "SELECT 1"})
    assert answer.status_code in (404, 405)


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ({"sql": "SELECT 1" + " " * 99_000}, 400),
        ({"sql": "SELECT 1" + " " * 200_000}, 422),
        ({"sql": "SELECT 1", "params": {f"p{n}": 1 for n in range(300)}}, 422),
        ({"sql": "SELECT 1", "format": "xml"}, 422),
        ({"sql": "SELECT 1", "max_rows": 0}, 422),
        ({"sql": "SELECT 1", "query_id": "x"}, 422),
        ({"sql": ""}, 422),
        ({"sql": "SELECT 1", "settings": {}}, 422),
        ({"sql": "SELECT {fence_project:String}"}, 400),
        ({"sql": "SELECT 1", "params": {"fence_project": "p_other"}}, 422),
        ({"sql": "SELECT " + "(" * 3000 + "1" + ")" * 3000}, 400),
    ],
)
async def test_what_is_no_question_is_refused(api: Api, school: dict[str, Any], question: dict[str, Any], status: int) -> None:
    answer = await api.owner.post(f"/v1/projects/{school['slug']}/sql", question)
    assert answer.status_code == status, answer.text[:300]


async def test_a_query_id_is_good_once(api: Api, school: dict[str, Any]) -> None:
    question = {"sql": "SELECT 1", "query_id": str(uuid4())}
    answers = [await api.owner.post(f"/v1/projects/{school['slug']}/sql", question) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409]


async def test_a_stop_ends_what_runs_and_the_process_ends_well(start_service: Callable[..., ServiceProcess]) -> None:
    service = await anyio.to_thread.run_sync(lambda: start_service().wait_ready())
    sign_in = {"username": service.ready["admin_email"], "password": service.ready["admin_password"]}
    async with httpx.AsyncClient(base_url=service.url, timeout=SECONDS) as client:
        token = (await client.post("/v1/auth/token", data=sign_in)).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        asking = asyncio.create_task(client.post("/v1/projects/default/sql", json={"sql": ENDLESS}))
        deadline = time.monotonic() + SECONDS
        while not [item for item in (await client.get("/v1/projects/default/sql/history")).json()["items"] if item["status"] == "running"]:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        code = await anyio.to_thread.run_sync(service.stop)
        assert (code, (await asking).status_code) == (0, 503)
