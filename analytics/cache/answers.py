"""Answers kept in Redis, each found again only while it is as good as a new one. What "as good" means:

An answer is taken if no change to the days it reads has begun since it was begun and none was under way then, or if all that has begun or
was under way came in within the last second (`SLACK_SECONDS`): it holds everything that was answered with 200 before that, and that a new
answer would hold. Whoever allows an age gets any answer of that age, unless history was rewritten. Changes are told by `change_marks.py`,
which also says why no crash makes this wrong; the whole judgement is in `find_answer.lua`, in one step of Redis and by its clock alone.

The one thing to know: an answer is worth what it was when its computation *began*. So `find` is called before, and what it gives goes
along with the answer.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast
from uuid import uuid4

import redis
import redis.asyncio

from analytics.cache.change_marks import LEASE_SECONDS
from analytics.cache.connection import Cache
from analytics.cache.scripts import script
from analytics.errors import CacheUnavailableError

SLACK_SECONDS = 1.0
QUIET_SECONDS = 5 * LEASE_SECONDS  # after a start of Redis: by then every process has told its marks again
LEAD_SECONDS = 3.0  # whoever computes says in this time that it still does
_EPOCH = date(1970, 1, 1)
_KEYS_A_CALL = 500
_LONGEST_SNAPSHOT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question of a project.

    `days`: the only ones (UTC, inclusive) that it reads, None: any. `volatile`: its answer depends on when it is asked.
    """

    project_id: str
    digest: str
    days: tuple[date, date] | None
    volatile: bool = False
    max_age_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AskedAt:
    """A moment of Redis's clock and how much had changed by then: what an answer must be true to."""

    moment: int
    changes: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A kept answer. `unchanged`: a new one would be the same."""

    body: bytes
    unchanged: bool


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Somebody computes it. `joinable`: and began recently enough for who asks."""

    leader: str
    joinable: bool
    asked: AskedAt


@dataclass(frozen=True, slots=True)
class Lead:
    """Who asked computes it, and gives this back with the answer."""

    leader: str
    record: tuple[bytes, ...]
    asked: AskedAt


@dataclass(frozen=True, slots=True)
class Bypass:
    """Nothing is kept or taken now; `reason` is a word."""

    reason: str


class AnswerStore:
    """Kept answers as bytes, of all processes. For the event loop, but what says otherwise."""

    def __init__(self, cache: Cache, *, most_bytes: int, most_answer_bytes: int, keep_seconds: float, quiet_seconds: float) -> None:
        """`most_bytes` of all together, `most_answer_bytes` of one."""
        self._cache = cache
        self._most_bytes = most_bytes
        self._most_answer_bytes = most_answer_bytes
        self._keep_ms = int(keep_seconds * 1000)
        self._quiet = quiet_seconds

    async def find(self, wanted: Wanted, asked: AskedAt | None) -> Hit | UnderWay | Lead | Bypass:
        """A kept answer, or who computes it. `asked`: when it was asked, as the first `find` said; None: now. Never raises."""
        leader = uuid4().hex
        first, last = _span(wanted.days)
        arguments = (
            wanted.project_id,
            wanted.digest,
            first,
            last,
            _microseconds(wanted.max_age_seconds),
            asked.moment if asked else "",
            asked.changes if asked else "",
            leader,
            uuid4().hex,
            "1" if wanted.volatile else "0",
            _microseconds(SLACK_SECONDS),
            _microseconds(self._quiet),
            int(LEAD_SECONDS * 1000),
        )
        try:
            found: Sequence[Any] = await self._cache.acall(lambda client: script("find_answer").arun(client, *arguments))
        except CacheUnavailableError:
            return Bypass("redis-away")
        kind = bytes(found[0]).decode()
        if kind == "hit":
            return Hit(found[1], bool(found[2]))
        if kind == "bypass":
            return Bypass(bytes(found[1]).decode())
        if kind == "lead":
            return Lead(leader, tuple(found[1:6]), AskedAt(*found[6:8]))
        return UnderWay(bytes(found[1]).decode(), kind == "join", AskedAt(*found[2:4]))

    async def keep(self, wanted: Wanted, lead: Lead, body: bytes | None) -> int | None:
        """Keep the answer that was led, if it is still worth it; with None, only say that nobody computes it any more.

        The bytes of all kept answers; None if Redis is away.
        """
        rewritten = lead.record[3] == b"0"  # while history is rewritten nothing is kept
        kept = b"" if body is None or rewritten or len(body) > self._most_answer_bytes else body
        arguments = (wanted.project_id, wanted.digest, lead.leader, *lead.record, kept, self._keep_ms, self._most_bytes)
        try:
            return int((await self._cache.acall(lambda client: script("keep_answer").arun(client, *arguments)))[1])
        except CacheUnavailableError:
            return None

    async def still_leads(self, wanted: Wanted) -> None:
        """Whoever computes it still does."""
        key = f"answers:f:{wanted.project_id}:{wanted.digest}"

        async def renew(client: redis.asyncio.Redis) -> object:
            return await client.pexpire(key, int(LEAD_SECONDS * 1000))

        try:
            await self._cache.acall(renew)
        except CacheUnavailableError:
            return

    # ---- from threads ---------------------------------------------------------------

    def count(self, project_id: str) -> int:
        """How many answers of a project are kept. Raises CacheUnavailableError."""
        if not self._cache.configured:
            return 0
        return len(self._cache.call(lambda client: _keys_of(client, project_id)))

    def forget(self, project_id: str) -> None:
        """Remove all answers of a project, also from the snapshot of a Redis on this machine. Raises CacheUnavailableError."""
        if not self._cache.configured:
            return

        def remove(client: redis.Redis) -> None:
            keys = _keys_of(client, project_id)
            if not keys:
                return
            for start in range(0, len(keys), _KEYS_A_CALL):
                script("forget_answers").run(client, *keys[start : start + _KEYS_A_CALL])
            if issubclass(client.connection_pool.connection_class, redis.UnixDomainSocketConnection):
                _write_snapshot(client)

        self._cache.call(remove)


def _keys_of(client: redis.Redis, project_id: str) -> list[bytes]:
    return cast(list[bytes], list(client.scan_iter(f"answers:a:{project_id}:*", count=1000)))


def _write_snapshot(client: redis.Redis) -> None:
    """In the place of the last one, which holds what is removed; where Redis keeps none this does nothing."""
    if not cast(dict[str, str], client.config_get("save")).get("save"):
        return
    before = cast(int, client.info("persistence")["rdb_saves"])
    client.execute_command("BGSAVE", "SCHEDULE")
    deadline = time.monotonic() + _LONGEST_SNAPSHOT_SECONDS
    while time.monotonic() < deadline:
        told = client.info("persistence")
        if not told["rdb_bgsave_in_progress"] and told["rdb_saves"] > before:
            return
        time.sleep(0.02)
    raise CacheUnavailableError("Redis does not write its snapshot anew.")


def _span(days: tuple[date, date] | None) -> tuple[int, int] | tuple[str, str]:
    return ("", "") if days is None else ((days[0] - _EPOCH).days, (days[1] - _EPOCH).days)


def _microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000)
