"""The one door to PostgreSQL, while it is away and afterwards."""

import asyncio
import time

import pytest

from analytics.errors import MetadataUnavailableError
from analytics.metadata.pool import MAX_WAITING, Database, open_database
from tests.fixtures.relay import Relay

pytestmark = pytest.mark.anyio


async def asks(database: Database) -> bool:
    try:
        async with database.read():
            return True
    except MetadataUnavailableError:
        return False


async def until_it_answers(database: Database) -> None:
    for _ in range(200):
        if await asks(database):
            return
        await asyncio.sleep(0.05)
    pytest.fail("PostgreSQL is there again, and nobody gets a connection")


async def test_however_many_asked_while_it_was_away_it_is_found_again(postgres_url: str) -> None:
    async with Relay.to_postgres(postgres_url) as relay, open_database(relay.url, wait_seconds=0.5) as database:
        assert await asks(database)
        await relay.cut()
        for _ in range(2):
            assert not any(await asyncio.gather(*(asks(database) for _ in range(MAX_WAITING + 50))))
        await asyncio.sleep(1)  # the pool has given up
        await relay.mend()
        await until_it_answers(database)


async def test_while_it_is_away_one_waits_and_the_rest_are_told_at_once(postgres_url: str) -> None:
    async with Relay.to_postgres(postgres_url) as relay, open_database(relay.url, wait_seconds=1.0) as database:
        await relay.cut()
        assert not await asks(database)
        waiting = asyncio.create_task(asks(database))
        await asyncio.sleep(0)
        started = time.monotonic()
        assert not any([await asks(database) for _ in range(100)])
        assert not waiting.done(), f"they waited as long as the one who tries: {time.monotonic() - started:.1f} s"
        assert not await waiting
        await relay.mend()
        await until_it_answers(database)


async def test_a_pool_that_is_busy_is_not_away(postgres_url: str) -> None:
    async with open_database(postgres_url, max_connections=1, wait_seconds=0.3) as database:
        await until_it_answers(database)
        async with database.read():
            assert not any(await asyncio.gather(*(asks(database) for _ in range(5))))
            assert not database._is_away
        await until_it_answers(database)
