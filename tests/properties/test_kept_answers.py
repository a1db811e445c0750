"""A kept answer holds what a new one would, but for the last second.

Under inserts by two processes that die now and then, late events, erasures, and a Redis that is emptied, hangs and dies.
"""

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import psutil
import pytest
import redis

from analytics.cache.answers import SLACK_SECONDS
from analytics.embedded.engines import EmbeddedEngines
from tests.factories.kept_answers import DAY, Asking, Changing, Table
from tests.fixtures.patience import eventually, wait_for

pytestmark = pytest.mark.anyio
NODES = ("node-1", "node-2")
USERS = 12
HITS = 60
PHASE_SECONDS = 2.5
RANGES = (None, (DAY - 3, DAY + 3), (DAY, DAY), (DAY - 3, DAY - 1))
NEVER = 3_600.0


@dataclass
class History:
    """What was answered when, and who is erased: (user, number) is a row's id as `user-number`."""

    table: Table = field(default_factory=Table)
    answered: dict[str, float] = field(default_factory=dict[str, float])
    erasing: set[str] = field(default_factory=set[str])
    erased: set[str] = field(default_factory=set[str])
    sending: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)
    failures: list[BaseException] = field(default_factory=list[BaseException])

    def required(self, days: tuple[int, int] | None) -> set[str]:
        """What an answer to a question of now must hold."""
        now = time.monotonic()
        seen = self.table.ids("p1", days)
        return {row for row in seen if self.answered[row] < now - SLACK_SECONDS}


def user_of(row: str) -> str:
    return row.partition("-")[0]


class Node(threading.Thread):
    """Receives rows, inserts them in batches and dies now and then; what it received is inserted by its next life."""

    def __init__(self, name: str, url: str, history: History, seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self.url = url
        self.history = history
        self.random = random.Random(f"{name}{seed}")
        self.changing = self._live()
        self.sent = 0

    def _live(self) -> Changing:
        return Changing(self.url, self.history.table, node=self.name, lease_seconds=1.0, patient=False)

    def run(self) -> None:
        try:
            while not self.history.stop.is_set():
                self._batch()
        except BaseException as error:
            self.history.failures.append(error)
        self.changing.marks.stop()

    def _batch(self) -> None:
        with self.history.sending:  # an erasure waits for what is on its way, and later rows are refused
            received = time.monotonic()
            rows: list[tuple[str, int, str]] = []
            for _ in range(self.random.randint(1, 4)):
                user = f"u{self.random.randrange(USERS)}"
                if user not in self.history.erasing:
                    row = f"{user}-{self.name}.{self.sent}"
                    self.sent += 1
                    rows.append(("p1", DAY + self.random.choice([0, 0, 0, self.random.randint(-3, 3)]), row))
                    self.history.answered[row] = time.monotonic()
            time.sleep(self.random.choice([0.0, 0.02, 0.1, 1.3]) if self.random.random() < 0.3 else 0.01)
            dies = self.random.random() < 0.03
            for alive in (False, True) if dies else (True,):
                token = self.changing.begin(days={day for _, day, _ in rows} or {DAY}, age_seconds=time.monotonic() - received)
                for row in rows if alive else rows[: len(rows) // 2]:
                    time.sleep(self.random.choice([0.0, 0.002, 0.02]))
                    self.history.table.add(row)
                if alive:
                    self.changing.marks.end(token)
                else:
                    self.changing.die()
                    self.changing = self._live()
        time.sleep(self.random.random() * 0.1)


class Eraser(threading.Thread):
    """Erases one user after the other."""

    def __init__(self, url: str, history: History) -> None:
        super().__init__(daemon=True)
        self.changing = Changing(url, history.table, node="node-3", lease_seconds=1.0, patient=False)
        self.history = history

    def run(self) -> None:
        try:
            for number in range(USERS // 2):
                if self.history.stop.wait(1.0 + 2.0 * number):
                    break
                self._erase(f"u{number}")
            self.history.stop.wait()
        except BaseException as error:
            self.history.failures.append(error)
        self.changing.marks.stop()

    def _erase(self, user: str) -> None:
        self.history.erasing.add(user)
        with self.history.sending:
            pass
        with self.changing.marks.changing("p1"):
            for _, _, row in sorted(self.history.table.rows):
                if user_of(row) == user:
                    self.history.table.remove("p1", row)
        self.history.erased.add(user)


async def ask_again_and_again(asking: Asking, history: History, seed: str) -> None:
    chance = random.Random(seed)
    asking.before_reading = lambda: asyncio.sleep(chance.choice([0.0, 0.001, 0.05]))
    while not history.stop.is_set():
        days = chance.choice(RANGES)
        required, erased = history.required(days), set(history.erased)
        held = set(await asking.ids(days=days))
        missing = {row for row in required - held if user_of(row) not in history.erasing}
        assert not missing, f"missing: {missing}"
        back = {row for row in held if user_of(row) in erased}
        assert not back, f"erased, and here again: {back}"
        await asyncio.sleep(chance.random() * 0.02)


class Trouble:
    """What happens to Redis. From the main thread, where children are started."""

    def __init__(self, engines: EmbeddedEngines, askers: list[Asking]) -> None:
        self.engines = engines
        self.askers = askers
        self.url = engines.redis_url or ""

    async def restarted_with_old_data(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.save()
        await asyncio.sleep(0.3)
        await self._lost(self._killed)

    async def emptied(self) -> None:
        await self._lost(self._flushed)

    async def hung(self) -> None:
        pid = self.engines.pids()["valkey"]
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(0.8)
        os.kill(pid, signal.SIGCONT)

    async def _lost(self, lose: Callable[[], Awaitable[None]]) -> None:
        """The time after which readers trust a new Redis is the one it takes until all have told their marks: no luck of this machine's."""
        for asking in self.askers:
            asking.store._quiet = NEVER
        await lose()

        def all_are_known() -> bool:
            try:
                with redis.Redis.from_url(self.url) as client:
                    held = client.hkeys("answers:writers")
            except redis.RedisError:
                return False
            return all(f"of={node}".encode() in held for node in (*NODES, "node-3"))  # type: ignore[operator]

        await eventually(all_are_known, "the marks of all")
        for asking in self.askers:
            asking.store._quiet = 0.0

    async def _killed(self) -> None:
        psutil.Process(self.engines.pids()["valkey"]).kill()
        wait_for(lambda: "valkey" not in self.engines.pids(), "its end")

        def is_back() -> bool:
            self.engines.revive()
            return "valkey" in self.engines.pids()

        await eventually(is_back, "another Valkey")
        await asyncio.sleep(0)

    async def _flushed(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@pytest.mark.parametrize("seed", range(2))
async def test_a_kept_answer_holds_what_a_new_one_would_but_for_the_last_second(own_valkey: EmbeddedEngines, seed: int) -> None:
    url = own_valkey.redis_url
    assert url is not None
    history = History()
    threads: list[threading.Thread] = [*(Node(node, url, history, seed) for node in NODES), Eraser(url, history)]
    askers = [Asking(url, history.table) for _ in range(2)]
    async with AsyncExitStack() as stack:
        for asking in askers:
            stack.push_async_callback(asking.close)
        await under_trouble(history, threads, askers, Trouble(own_valkey, askers), seed)


async def under_trouble(history: History, threads: list[threading.Thread], askers: list[Asking], trouble: Trouble, seed: int) -> None:
    def hits() -> float:
        return sum(asking.metrics.answer_cache_questions.labels("hit")._value.get() for asking in askers)

    for thread in threads:
        thread.start()
    asked = [asyncio.create_task(ask_again_and_again(asking, history, f"{seed}{n}")) for n, asking in enumerate(askers * 3)]

    async def answers_are_taken() -> bool:
        """For a while, and many; False if one was wrong."""
        least, end = hits() + HITS, time.monotonic() + PHASE_SECONDS
        await eventually(lambda: (hits() >= least and time.monotonic() > end) or any(task.done() for task in asked), "answers taken")
        return not any(task.done() for task in asked)

    try:
        for happens in (trouble.emptied, trouble.restarted_with_old_data, trouble.hung):
            if await answers_are_taken():
                await happens()
        if await answers_are_taken():
            await eventually(lambda: history.erased, "an erasure")
    finally:
        history.stop.set()
        ends = await asyncio.gather(*asked, *(asyncio.to_thread(thread.join) for thread in threads), return_exceptions=True)
    failures = [*history.failures, *(end for end in ends if isinstance(end, BaseException))]
    if failures:
        raise failures[0]
    for days in RANGES:
        kept = await askers[0].ids(days=days)
        assert await askers[1].ids(days=days) == kept == history.table.ids("p1", days)
