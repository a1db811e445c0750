"""How many requests a write key may make at `POST /v1/events`: counted in memory, and shared with the other processes by Redis.

A round trip a request would cost more than it takes to decode one. So each process counts by itself, adds what it counted to the sums in
Redis twice a second, and takes over what all have counted together. The one thing to know: until then a key may make its burst in each
process, and while Redis is away each counts alone.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import cast

import redis.asyncio

from analytics.background import running
from analytics.cache.connection import Cache
from analytics.cache.rate_limit import OverRateError, caller_of
from analytics.cache.scripts import script
from analytics.domain.rate import RateMemory, RateStand
from analytics.errors import CacheUnavailableError

WINDOW_SECONDS = 10
SHARE_SECONDS = 0.5
_KEYS_A_CALL = 500


class KeyRates:
    """The requests of each write key. For the event loop."""

    def __init__(self, cache: Cache, requests_per_second: int) -> None:
        self._cache = cache
        self._limit = requests_per_second * WINDOW_SECONDS
        self._memory = RateMemory()
        self._counted = Counter[str]()  # since they were last shared

    def charge(self, key: str) -> RateStand:
        """Count one request with a key that is good. Raises OverRateError; then it is not counted."""
        stand = self._memory.charge(key, self._limit, WINDOW_SECONDS, time.monotonic())
        if stand.retry_after_seconds:
            raise OverRateError("Too many requests with this write key.", stand)
        self._counted[key] += 1
        return stand

    def shared(self) -> AbstractAsyncContextManager[object]:
        """Share the counts as long as the block runs."""
        return running(self._share_again(), "key-rates")

    async def share(self) -> None:
        """Add what was counted since the last time to what all have counted, and take that over."""
        counted, self._counted = self._counted, Counter[str]()
        keys = list(counted)
        for start in range(0, len(keys), _KEYS_A_CALL):
            some = keys[start : start + _KEYS_A_CALL]
            try:
                ahead_ms = await self._add(some, [counted[key] for key in some])
            except CacheUnavailableError:
                return  # whatever was counted here still holds here
            now = time.monotonic()
            for key, ahead in zip(some, ahead_ms, strict=True):
                self._memory.advance(key, now + ahead / 1000)

    async def _add(self, keys: Sequence[str], counts: Sequence[int]) -> Sequence[int]:
        """Milliseconds from now until each key's window is full again, with all that was counted."""

        async def add(client: redis.asyncio.Redis) -> Sequence[int]:
            names = [f"rate:{caller_of('key-requests', key)}" for key in keys]
            return cast(Sequence[int], await script("key_rates").arun(client, WINDOW_SECONDS * 1000, self._limit, *counts, keys=names))

        return await self._cache.acall(add)

    async def _share_again(self) -> None:
        while True:
            await asyncio.sleep(SHARE_SECONDS)
            await self.share()
