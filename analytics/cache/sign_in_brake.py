"""The brake of `domain/sign_in_brake.py`, kept in Redis so that all processes count together; in this process alone while Redis is away."""

from typing import cast

import redis.asyncio

from analytics.cache.connection import Cache
from analytics.cache.scripts import script
from analytics.clock import Clock
from analytics.domain.sign_in_brake import FORGOTTEN_SECONDS, LONGEST_WAIT_SECONDS, MemoryBrake, counters, must_wait
from analytics.errors import CacheUnavailableError


class SignInBrake:
    """Tries of one kind of thing, such as signing in. For the event loop."""

    def __init__(self, cache: Cache, clock: Clock, what: str) -> None:
        self._cache = cache
        self._what = what
        self._memory = MemoryBrake(clock)

    async def attempt(self, name: str, place: str) -> None:
        """Count a try of `name` from the address `place`. Raises RateLimitedError, and counts nothing, while it must wait."""
        counted = counters(self._what, name, place)
        keys = [_key(counter.key) for counter in counted]
        values = [LONGEST_WAIT_SECONDS, FORGOTTEN_SECONDS, *(counter.free for counter in counted)]

        async def count(client: redis.asyncio.Redis) -> bytes:
            return cast(bytes, await script("attempt").arun(client, *values, keys=keys))

        try:
            wait = float(await self._cache.acall(count))
        except CacheUnavailableError:
            self._memory.attempt(counted)
            return
        if wait > 0:
            raise must_wait(wait)

    async def succeeded(self, name: str, place: str) -> None:
        """The try was good: those before it are forgiven to the name, and this one to the place."""
        await self._uncount(name, place, forgiving=True)

    async def taken_back(self, name: str, place: str) -> None:
        """The try proved nothing and was no guess: it alone is not counted."""
        await self._uncount(name, place, forgiving=False)

    async def _uncount(self, name: str, place: str, *, forgiving: bool) -> None:
        counted = counters(self._what, name, place)
        self._memory.succeeded(counted, forgiving=forgiving)

        async def uncount(client: redis.asyncio.Redis) -> object:
            for counter in counted:
                if counter.forgiven and forgiving:
                    await client.execute_command("DEL", _key(counter.key))
                elif await client.execute_command("HGET", _key(counter.key), "count"):
                    await client.execute_command("HINCRBY", _key(counter.key), "count", -1)
                    await client.execute_command("HDEL", _key(counter.key), "until")
            return None

        try:
            await self._cache.acall(uncount)
        except CacheUnavailableError:
            return


def _key(name: str) -> str:
    return f"brake:{name}"
