"""Single-use tickets: a browser's EventSource cannot send a header, and a token in a URL would be good for too long.

A ticket is kept as its hash, in Redis so that any process can take it, and in this process while Redis is away.
"""

import hashlib
import secrets
import time
from dataclasses import dataclass

import msgspec
import redis.asyncio

from analytics.cache.connection import Cache
from analytics.errors import CacheUnavailableError

TICKET_SECONDS = 60
_MOST_HELD = 10_000


class TicketGrant(msgspec.Struct, frozen=True):
    """Whom a ticket stands for: a person or a token, asked for again at its use. `sign_in`: that of the person, with which it ends."""

    project_id: str
    user_id: str | None = None
    sign_in: str | None = None
    token_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    until: float
    grant: TicketGrant


class Tickets:
    """Tickets of one kind. For the event loop."""

    def __init__(self, cache: Cache, seconds: int = TICKET_SECONDS) -> None:
        self._cache = cache
        self._seconds = seconds
        self._held: dict[str, _Held] = {}

    @property
    def seconds(self) -> int:
        """How long a ticket is good for."""
        return self._seconds

    async def issue(self, grant: TicketGrant) -> str:
        """A new ticket for `grant`."""
        ticket = secrets.token_urlsafe(24)
        key = _key(ticket)
        payload = msgspec.json.encode(grant)

        async def keep(client: redis.asyncio.Redis) -> object:
            return await client.set(key, payload, ex=self._seconds)

        try:
            await self._cache.acall(keep)
        except CacheUnavailableError:
            now = time.monotonic()
            self._held = {k: held for k, held in self._held.items() if held.until > now}
            while len(self._held) >= _MOST_HELD:
                self._held.pop(next(iter(self._held)))
            self._held[key] = _Held(now + self._seconds, grant)
        return ticket

    async def redeem(self, ticket: str) -> TicketGrant | None:
        """What `ticket` grants, once; None if it is not good, over, or used. Raises CacheUnavailableError if that cannot be told."""
        key = _key(ticket)
        held = self._held.pop(key, None)
        if held is not None:
            return held.grant if held.until > time.monotonic() else None

        async def take(client: redis.asyncio.Redis) -> bytes | str | None:
            return await client.getdel(key)

        payload = await self._cache.acall(take)
        return None if payload is None else msgspec.json.decode(payload, type=TicketGrant)


def _key(ticket: str) -> str:
    return f"ticket:{hashlib.sha256(ticket.encode('utf-8', 'replace')).hexdigest()}"
