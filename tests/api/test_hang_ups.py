"""Whoever hangs up before the answer takes the question along, out of the engine."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from analytics.warehouse.client import LANE_SIZES, Rows
from tests.factories.endless_questions import ENDLESS, ENDLESS_SETTINGS, end_endless, endless_under_way
from tests.fixtures.api import Api
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
TRENDS = {"date_from": "2026-01-01", "date_to": "2026-01-02", "interval": "day", "series": [{"event": "*"}]}


@pytest.fixture
def endless(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Questions of people have no end."""
    warehouse = api.services.warehouse
    real = warehouse.query

    def query(sql: str, parameters: Any = None, **named: Any) -> Rows:
        return (
            real(ENDLESS, {}, **{**named, "settings": ENDLESS_SETTINGS}) if named["lane"] == "question" else real(sql, parameters, **named)
        )

    # What asks in the control lane in this file names no other.
    monkeypatch.setattr(warehouse, "query", query)
    yield monkeypatch
    end_endless(warehouse)


async def under_way(api: Api, number: int) -> None:
    async def are_there() -> bool:
        return await asyncio.to_thread(endless_under_way, api.services.warehouse) == number

    await eventually(are_there, f"{number} questions under way")


@pytest.mark.parametrize(
    ("method", "path", "body"), [("POST", "trends", TRENDS), ("GET", "events", None), ("GET", "rejected-events?limit=5", None)]
)
async def test_a_question_ends_with_the_connection_of_its_asker(
    api: Api, api_url: str, endless: pytest.MonkeyPatch, method: str, path: str, body: object
) -> None:
    project = await api.make_project()
    sent = b"" if body is None else json.dumps(body).encode()
    head = f"{method} /v1/projects/{project['slug']}/{path} HTTP/1.1\r\nhost: x\r\nauthorization: {api.owner.headers['authorization']}\r\n"
    request = head.encode() + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(sent) + sent
    writers = []
    for _ in range(LANE_SIZES["question"]):
        _, writer = await asyncio.open_connection("127.0.0.1", int(api_url.rpartition(":")[2]))
        writer.write(request)
        await writer.drain()
        writers.append(writer)
    await under_way(api, len(writers))
    for writer in writers:
        writer.transport.abort()
    await under_way(api, 0)
    endless.undo()
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/trends", TRENDS)  # and their handles are free
    assert answer.status_code == 200, answer.text
