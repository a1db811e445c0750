"""Bodies on their way to `POST /v1/events`: how long one may take, how many there may be, and who hangs up."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from analytics.api import events as events_module
from analytics.api.events import EventsIngest, IngestParts
from tests.fixtures.api import Api
from tests.fixtures.patience import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.anyio

EVENT = {"event": "e", "user_id": "u"}


def check_refusal(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "spool-full", "1")


@pytest.fixture
async def impatient(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """The way in of `api`, waiting for bodies for 0.3 s only."""
    services = api.services
    parts = IngestParts(services.event_path.ingestor, services.keys, services.key_rates, services.rate_limits, services.metrics)
    door = EventsIngest(api.app, lambda: parts, 20_000_000, body_seconds=0.3)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://service") as client:
        yield client


async def test_a_body_that_does_not_end_in_time_is_given_up(api: Api, impatient: httpx.AsyncClient) -> None:
    project = await api.make_project()

    async def slow(pieces: list[bytes]) -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece
        await asyncio.sleep(5)
        yield b"]"

    for pieces in ([], [b"["], [b"[", json.dumps(EVENT).encode()]):
        answer = await impatient.post("/v1/events", content=slow(pieces), headers={"x-write-key": project["write_key"]})
        assert (answer.status_code, answer.json()["code"]) == (408, "request-timeout")
    assert (await impatient.post("/v1/events", json=[EVENT], headers={"x-write-key": project["write_key"]})).status_code == 200


async def test_bodies_under_way_are_bounded_together_and_counted_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    headers = {"x-write-key": project["write_key"]}
    monkeypatch.setattr(events_module, "_BODIES_BYTES", 1_000_000)
    go = asyncio.Event()

    async def held(begun: asyncio.Event, size: int) -> AsyncIterator[bytes]:
        yield b"[" + b" " * size
        begun.set()
        await go.wait()
        yield b"]"

    for _ in range(2):  # the second time only works if all was counted back
        go.clear()
        begun = [asyncio.Event(), asyncio.Event()]
        tasks = [asyncio.create_task(api.client.post("/v1/events", content=held(event, 400_000), headers=headers)) for event in begun]
        for event in begun:
            await asyncio.wait_for(event.wait(), PATIENCE_SECONDS)
        check_refusal(await api.client.post("/v1/events", content=held(asyncio.Event(), 300_000), headers=headers))
        declared = await api.client.post("/v1/events", content=b" " * 300_000, headers=headers)
        check_refusal(declared)
        go.set()
        assert [(await task).status_code for task in tasks] == [200, 200]
        too_large = await api.client.post("/v1/events", content=b"x" * 20_000_001, headers=headers)
        assert too_large.status_code == 413
    whole = await api.client.post("/v1/events", content=b"[" + b" " * 900_000 + b"]", headers=headers)
    assert whole.status_code == 200


async def hung_up(api: Api) -> int:
    """How many senders hung up, as the metrics say."""
    text = (await api.nobody.get("/metrics")).text
    return sum(int(float(line.split()[-1])) for line in text.splitlines() if "ingest_requests" in line and 'status="499"' in line)


async def test_a_sender_that_hangs_up_leaves_nothing_behind(api: Api, api_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    monkeypatch.setattr(events_module, "_BODIES_BYTES", 1_000_000)
    head = f"POST /v1/events HTTP/1.1\r\nhost: x\r\nx-write-key: {project['write_key']}\r\ncontent-length: 500000\r\n\r\n".encode()
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", int(api_url.rpartition(":")[2]))
        writer.write(head + b"[" + b" " * 400_000)
        await writer.drain()
        writer.transport.abort()

    async def all_are_noticed() -> bool:
        return await hung_up(api) >= 5

    await eventually(all_are_noticed, "word of those who hung up")
    answer = await api.client.post("/v1/events", content=b"[" + b" " * 900_000 + b"]", headers={"x-write-key": project["write_key"]})
    assert answer.status_code == 200
