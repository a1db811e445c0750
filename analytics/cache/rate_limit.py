"""How many requests a caller may make: counted in Redis, for all processes together, or in this process alone while Redis is away.

The one thing to know: `POST /v1/events` with a good key is not counted here, since a round trip a request is more than it costs to take
one; its limits are those of ingest/pace.py and cache/key_rates.py.
"""

import hashlib
import math
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import cast

import redis.asyncio

from analytics.cache.connection import Cache
from analytics.cache.scripts import script
from analytics.domain.rate import RateMemory, RateStand
from analytics.errors import CacheUnavailableError, RateLimitedError

WINDOW_SECONDS = 60
HOUR_SECONDS = 3600


class CallerKind(StrEnum):
    """What is counted."""

    ADDRESS = "address"
    USER = "user"
    TOKEN = "token"  # noqa: S105 a word
    WRITE_KEY = "write-key"


class OverRateError(RateLimitedError):
    """As RateLimitedError, with how the caller stands."""

    def __init__(self, detail: str, stand: RateStand) -> None:
        super().__init__(detail, stand.retry_after_seconds)
        self.stand = stand


class RateLimits:
    """The limits of each kind of caller, in requests a minute. For the event loop."""

    def __init__(self, cache: Cache, per_minute: dict[CallerKind, int]) -> None:
        self._cache = cache
        self._per_minute = per_minute
        self._memory = RateMemory()

    async def charge(self, kind: CallerKind, who: str) -> RateStand:
        """Count one request of this caller. Raises OverRateError; then nothing is counted."""
        limit = self._per_minute[kind]
        stand = await self._charged(kind, who, limit, WINDOW_SECONDS)
        if stand.retry_after_seconds:
            raise OverRateError(f"More than {limit:,} requests a minute of this {kind.replace('-', ' ')}.", stand)
        return stand

    async def charge_hour(self, what: str, who: str, limit: int) -> RateStand:
        """Count one `what` of a caller, of which there may be `limit` an hour. Raises OverRateError; then nothing is counted."""
        stand = await self._charged(what, who, limit, HOUR_SECONDS)
        if stand.retry_after_seconds:
            raise OverRateError(f"More than {limit:,} {what} an hour.", stand)
        return stand

    async def _charged(self, what: str, who: str, limit: int, window_seconds: int) -> RateStand:
        caller = caller_of(what, who)
        try:
            return await self._in_redis(caller, limit, window_seconds)
        except CacheUnavailableError:
            return self._memory.charge(caller, limit, window_seconds, time.monotonic())

    async def _in_redis(self, caller: str, limit: int, window_seconds: int) -> RateStand:
        async def count(client: redis.asyncio.Redis) -> Sequence[Sequence[int]]:
            found = await script("rate_limit").arun(client, window_seconds * 1000, limit, keys=[f"rate:{caller}"])
            return cast(Sequence[Sequence[int]], found)

        remaining, reset_ms, wait_ms = (await self._cache.acall(count))[0]
        return RateStand(limit, remaining, math.ceil(reset_ms / 1000), max(1, math.ceil(wait_ms / 1000)) if wait_ms else 0)


def caller_of(what: str, who: str) -> str:
    """The name under which `what` of a caller is counted: nobody is named by it."""
    return f"{what}:{hashlib.sha256(who.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
