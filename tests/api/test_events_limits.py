"""How much `POST /v1/events` takes: the rate of a project and the room of the spool. Who is refused finds nothing stored."""

from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import Any

import anyio.to_thread
import httpx
import pytest

from analytics.embedded.engines import EmbeddedEngines
from tests.fixtures.api import Api, make_settings, started
from tests.fixtures.engines import _database

pytestmark = pytest.mark.anyio

RATE = 50
BURST = RATE * 10
SPOOL_BYTES = 10_000_000
EVENT = {"event": "e", "user_id": "u"}


@pytest.fixture(scope="module")
async def tight(
    engines: EmbeddedEngines, postgres_template: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: object
) -> AsyncIterator[Api]:
    """The application with a low rate, a small spool, and nobody who empties it."""
    with contextmanager(_database)(engines, postgres_template) as postgres_url:
        settings = make_settings(
            tmp_path_factory.mktemp("tight"), postgres_url, engines.redis_url,
            project_events_per_second=RATE, spool_max_bytes=SPOOL_BYTES,
        )  # fmt: skip
        async with started(settings) as running:
            await anyio.to_thread.run_sync(running.services.event_path.writer.stop, 0.0)
            yield running


async def send(api: Api, project: dict[str, Any], events: Any) -> httpx.Response:
    return await api.client.post("/v1/events", json=events, headers={"x-write-key": project["write_key"]})


def waiting(api: Api) -> int:
    return api.services.event_path.spool.pending_rows()


def check_refusal(answer: httpx.Response, status: int, code: str) -> int:
    """The seconds to wait that the answer names, twice."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert int(answer.headers["retry-after"]) == answer.json()["retry_after_seconds"] >= 1
    return answer.json()["retry_after_seconds"]


async def test_above_its_rate_a_project_is_told_to_wait_and_nothing_is_stored(tight: Api) -> None:
    project, other = await tight.make_project(), await tight.make_project()
    before = waiting(tight)
    assert (await send(tight, project, [EVENT] * BURST)).status_code == 200
    assert waiting(tight) == before + BURST
    for events, seconds in (([EVENT] * (BURST - 100), range(5, 9)), ([5] * (BURST - 100), range(5, 9))):
        assert check_refusal(await send(tight, project, events), 429, "rate-limited") in seconds
    assert waiting(tight) == before + BURST
    assert (await send(tight, other, [EVENT])).status_code == 200


async def test_one_request_above_the_burst_is_taken_where_nothing_was_spent(tight: Api) -> None:
    project = await tight.make_project()
    assert (await send(tight, project, [EVENT] * (3 * BURST))).status_code == 200
    check_refusal(await send(tight, project, [EVENT]), 429, "rate-limited")


async def test_a_full_spool_refuses_and_nothing_of_the_request_is_stored(tight: Api) -> None:
    project, other = await tight.make_project(event_max_bytes=1_000_000), await tight.make_project()
    big = [{**EVENT, "properties": {"a": "x" * 900_000}}]
    for _ in range(20):
        before = waiting(tight)
        answer = await send(tight, project, big)
        if answer.status_code != 200:
            break
        assert waiting(tight) == before + 1
    check_refusal(answer, 503, "spool-full")
    assert waiting(tight) == before
    assert (await send(tight, other, [EVENT])).status_code == 200, "one project's flood leaves room for others"
    assert (await tight.nobody.get("/readyz")).status_code == 200
