"""Redis, as something that may be away: short timeouts, and a breaker so that nobody waits for it twice.

The one thing to know: nothing in Redis is the only copy of anything, so every caller can go on without it. A call either answers within a
fraction of a second or raises CacheUnavailableError, and while the breaker is open it raises at once.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import redis
import redis.asyncio
import structlog
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from analytics.errors import CacheUnavailableError
from analytics.telemetry.metrics import Metrics

T = TypeVar("T")
_log = structlog.get_logger("analytics.cache")

CONNECT_SECONDS = 0.15
ANSWER_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0


class Breaker:
    """After a failure nobody tries for a while (twice as long each time); then one caller does. Safe from many threads."""

    def __init__(self, first_pause_seconds: float = FIRST_PAUSE_SECONDS, longest_pause_seconds: float = LONGEST_PAUSE_SECONDS) -> None:
        self._first = first_pause_seconds
        self._longest = longest_pause_seconds
        self._pause = 0.0
        self._until = 0.0
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Whether this caller may try now. While broken, True is given to one caller per pause."""
        if self._pause == 0.0:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return False
            self._until = now + self._pause
            return True

    @property
    def closed(self) -> bool:
        """Whether the last call succeeded."""
        return self._pause == 0.0

    def succeeded(self) -> None:
        """The store answers: everybody may try."""
        self._pause = 0.0

    def failed(self) -> None:
        """The store did not answer."""
        with self._lock:
            self._pause = min(self._longest, max(self._first, self._pause * 2))
            self._until = time.monotonic() + self._pause


class Cache:
    """An open Redis (or Valkey): `call` from threads, `acall` from the event loop. Opening it connects to nothing."""

    def __init__(
        self,
        url: str | None,
        metrics: Metrics | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """`url`: `redis://`, `rediss://` or `unix:///path?db=0`; None: there is no Redis, and every call says so."""
        options: dict[str, Any] = {
            "socket_connect_timeout": connect_seconds,
            "socket_timeout": answer_seconds,
            "protocol": 2,
            "driver_info": None,  # saves two round trips at each connect
        }
        self.configured = url is not None
        url = url or "redis://127.0.0.1:0"
        self._sync = redis.Redis.from_url(url, **options, retry=Retry(NoBackoff(), 0))
        self._async = redis.asyncio.Redis.from_url(url, **options, retry=AsyncRetry(NoBackoff(), 0))
        self._metrics = metrics
        self._answer_seconds = answer_seconds
        self.breaker = Breaker()

    def call(self, work: "Callable[[redis.Redis], T]") -> T:
        """Do `work` with the client, on this thread. Raises CacheUnavailableError."""
        self._check()
        try:
            answer = work(self._sync)
        except (RedisError, OSError) as error:
            raise self._failed(error) from error
        self.breaker.succeeded()
        return answer

    async def acall(self, work: "Callable[[redis.asyncio.Redis], Awaitable[T]]") -> T:
        """Do `work` with the client, on the event loop. Raises CacheUnavailableError."""
        self._check()
        return await self._try(work)

    async def probe(self) -> None:
        """Ask whether Redis answers, also while the breaker is open, which closes when it does. Raises CacheUnavailableError."""

        async def ping(client: "redis.asyncio.Redis") -> object:
            return await client.execute_command("PING")

        if not self.configured:
            raise CacheUnavailableError("No Redis is configured.")
        await self._try(ping)

    async def aclose(self) -> None:
        """Close all connections. One whose end does not come in time has been let go of all the same."""
        try:
            await self._async.aclose()
        except (RedisError, OSError) as error:
            _log.warning("a connection to Redis did not end in time", reason=str(error))
        self._sync.close()

    async def _try(self, work: "Callable[[redis.asyncio.Redis], Awaitable[T]]") -> T:
        try:
            # The client's own limits are per read; this one is for the whole.
            async with asyncio.timeout(2 * self._answer_seconds):
                answer = await work(self._async)
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            raise self._failed(error) from error
        self.breaker.succeeded()
        return answer

    def _check(self) -> None:
        if not self.configured:
            raise CacheUnavailableError("No Redis is configured.")
        if not self.breaker.allows():
            if self._metrics is not None:
                self._metrics.cache_errors.inc()
            raise CacheUnavailableError("Redis is away; it is tried again shortly.", retry_after_seconds=1)

    def _failed(self, error: Exception) -> CacheUnavailableError:
        if self._metrics is not None:
            self._metrics.cache_errors.inc()
        if isinstance(error, ResponseError):  # it answers, and refuses: out of memory, read-only replica
            self.breaker.succeeded()
            return CacheUnavailableError(f"Redis refused a command: {str(error)[:200]}")
        self.breaker.failed()
        return CacheUnavailableError(f"Redis does not answer: {type(error).__name__}.")
