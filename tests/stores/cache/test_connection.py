"""The end of a connection to Redis."""

import asyncio
from typing import Any

import pytest

from analytics.cache.connection import Cache

pytestmark = pytest.mark.anyio


async def test_a_connection_that_does_not_end_in_time_holds_up_no_stop(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(redis_url, connect_seconds=0.1)
    await cache.probe()
    (connection,) = cache._async.connection_pool._available_connections
    never = asyncio.Event()

    async def hang(*_: Any) -> None:
        await never.wait()

    monkeypatch.setattr(type(connection._writer), "wait_closed", hang)
    await cache.aclose()
    assert not connection.is_connected
