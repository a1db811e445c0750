"""A question that is given up ends in the engine too, embedded and on a server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.warehouse.client import LANE_SIZES, Warehouse, open_warehouse
from tests.factories.endless_questions import ENDLESS, ENDLESS_SETTINGS, end_endless, endless_under_way
from tests.fixtures.clickhouse_server import ClickHouseServer
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["embedded", "server"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    if request.param == "embedded":
        opened = open_warehouse(None, tmp_path / "clickhouse")
    else:
        server: ClickHouseServer = request.getfixturevalue("clickhouse_server")
        opened = open_warehouse(server.url("default"), Path())
    yield opened
    end_endless(opened)
    opened.close()


async def under_way(engine: Warehouse, number: int) -> None:
    async def are_there() -> bool:
        return await asyncio.to_thread(endless_under_way, engine) == number

    await eventually(are_there, f"{number} questions under way")


async def test_the_engine_stops_working_on_it_and_the_handles_are_free_again(engine: Warehouse) -> None:
    for _ in range(2):
        asked = [asyncio.create_task(engine.ask(ENDLESS, settings=ENDLESS_SETTINGS)) for _ in range(LANE_SIZES["question"])]
        await under_way(engine, len(asked))
        for task in asked:
            task.cancel()
        await asyncio.wait(asked)
        assert all(task.cancelled() for task in asked)
        assert await asyncio.to_thread(endless_under_way, engine) == 0
    assert (await engine.ask("SELECT 1")).rows == [(1,)]


async def test_one_that_still_waits_for_its_turn_never_begins(engine: Warehouse) -> None:
    asked = [asyncio.create_task(engine.ask(ENDLESS, settings=ENDLESS_SETTINGS)) for _ in range(LANE_SIZES["question"])]
    await under_way(engine, len(asked))
    waiting = asyncio.create_task(engine.ask(ENDLESS, settings=ENDLESS_SETTINGS))
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert await asyncio.to_thread(endless_under_way, engine) == len(asked)
    for task in asked:
        task.cancel()
    await asyncio.wait(asked)
    await under_way(engine, 0)
