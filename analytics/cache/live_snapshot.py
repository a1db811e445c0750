"""Reads the live counters of one project.

A window of minutes holds the running minute and the whole ones before it: "the last 5 minutes" are at least five and at most six.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis.asyncio

from analytics.cache.connection import Cache
from analytics.clock import Clock

RATE_SECONDS = 10
SERIES_SECONDS = 60
ACTIVE_USER_MINUTES = 5
SESSION_MINUTES = 30
TOP_EVENTS = 10
_HOUR_AGE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class EventCount:
    """Events of one name; '' stands for all names beyond those that are told apart."""

    event: str
    count: int


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """The counters at `at` (Unix seconds).

    `events_per_second` is the mean of the last RATE_SECONDS whole seconds of receipt; `per_second` has SERIES_SECONDS counts, oldest first,
    the last one of the second before `at`. Active users and sessions are exact while there are few; where they are not, `…_estimate` is
    True (HyperLogLog, standard error 0.8 %). `events_today` counts since 00:00 UTC, None if not known.
    """

    project_id: str
    at: int
    events_per_second: float
    per_second: tuple[int, ...]
    active_users: int
    active_users_estimate: bool
    active_sessions: int
    active_sessions_estimate: bool
    top_events: tuple[EventCount, ...]
    top_events_hour: tuple[EventCount, ...]
    events_today: int | None


class LiveReader:
    """Snapshots for the event loop."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._hours: dict[str, tuple[int, Counter[str]]] = {}

    async def snapshot(self, project_id: str) -> LiveSnapshot:
        """The counters of one project now. Raises CacheUnavailableError."""
        now = self._clock.now_ms() // 1000
        minute = now // 60
        base = f"live:{project_id}"
        user_from, session_from = (now - ACTIVE_USER_MINUTES * 60) // 60, (now - SESSION_MINUTES * 60) // 60

        async def read(client: redis.asyncio.Redis) -> list[Any]:
            pipe = client.pipeline(transaction=False)
            pipe.hgetall(f"{base}:seconds:{minute - 1}")
            pipe.hgetall(f"{base}:seconds:{minute}")
            pipe.get(f"{base}:day:{now // 86_400}")
            for kind, first in (("users", user_from), ("sessions", session_from)):
                pipe.get(f"{base}:{kind}:from")
                pipe.zcount(f"{base}:{kind}", first, "+inf")
                pipe.pfcount(*(f"{base}:{kind}:{at}" for at in range(first, minute + 1)))
            for at in range(user_from, minute + 1):
                pipe.hgetall(f"{base}:events:{at}")
            return await pipe.execute()

        answers = await self._cache.acall(read)
        seconds = _counts(answers[:2])
        series = tuple(seconds[str(second)] for second in range(now - SERIES_SECONDS, now))
        users, users_estimate = _members(answers[3:6], user_from)
        sessions, sessions_estimate = _members(answers[6:9], session_from)
        return LiveSnapshot(
            project_id=project_id,
            at=now,
            events_per_second=round(sum(series[-RATE_SECONDS:]) / RATE_SECONDS, 1),
            per_second=series,
            active_users=users,
            active_users_estimate=users_estimate,
            active_sessions=sessions,
            active_sessions_estimate=sessions_estimate,
            top_events=_top(_counts(answers[9:])),
            top_events_hour=_top(await self._hour(project_id, now)),
            events_today=_today(answers[2]),
        )

    async def _hour(self, project_id: str, now: int) -> Counter[str]:
        """Counts by name of the last 60 minutes, at most _HOUR_AGE_SECONDS old: sixty hashes are too many for each second."""
        held = self._hours.get(project_id)
        if held is not None and 0 <= now - held[0] < _HOUR_AGE_SECONDS:
            return held[1]

        async def read(client: redis.asyncio.Redis) -> list[Any]:
            pipe = client.pipeline(transaction=False)
            for at in range((now - 3_600) // 60, now // 60 + 1):
                pipe.hgetall(f"live:{project_id}:events:{at}")
            return await pipe.execute()

        counts = _counts(await self._cache.acall(read))
        self._hours = {key: value for key, value in self._hours.items() if now - value[0] < _HOUR_AGE_SECONDS}
        self._hours[project_id] = (now, counts)
        return counts


def _counts(hashes: Sequence[Mapping[bytes, bytes]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counts in hashes:
        for name, count in counts.items():
            total[name.decode("utf-8", "replace")] += int(count)
    return total


def _members(answers: Sequence[Any], first_minute: int) -> tuple[int, bool]:
    """Count, and whether it is an estimate, from the minute the exact set is whole from, its size, and the estimate."""
    whole_from, exact, estimate = answers
    if int(whole_from or 0) <= first_minute:
        return int(cast(int, exact)), False
    return int(cast(int, estimate)), True


def _today(answer: bytes | None) -> int | None:
    total = int(answer or 0)
    return None if total < 0 else total


def _top(counts: Counter[str]) -> tuple[EventCount, ...]:
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(EventCount(name, count) for name, count in order[:TOP_EVENTS])
