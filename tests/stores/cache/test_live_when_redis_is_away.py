"""Redis may stop, hang, restart or be emptied: the writer is never held up, and the counters come back from the warehouse."""

import asyncio
import os
import signal
from datetime import UTC, datetime

import psutil
import pytest
import redis
from xxhash import xxh3_64_intdigest

from analytics.cache.connection import Breaker, Cache
from analytics.cache.live import LiveCounters
from analytics.cache.live_batch import LiveBatch
from analytics.cache.live_snapshot import LiveReader, LiveSnapshot
from analytics.cache.tickets import TicketGrant, Tickets
from analytics.clock import SystemClock
from analytics.embedded.engines import EmbeddedEngines
from analytics.errors import CacheUnavailableError
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Warehouse
from analytics.writer.live_recount import LiveRecount
from tests.factories.patient_cache import patient_cache
from tests.factories.stored_events import make_event, make_project, store_events
from tests.fixtures.patience import wait_for

PROJECT = make_project()
BATCH_EVENTS = 5


class School:
    """Stores batches and records them as the writer does, on its one thread."""

    def __init__(self, warehouse: Warehouse, url: str) -> None:
        self.warehouse = warehouse
        self.url = url
        self.clock = SystemClock()
        self.cache = patient_cache(url)
        self.counters = LiveCounters(self.cache, self.clock, Metrics(), LiveRecount(warehouse))
        self.stored = 0
        self._batches = 0
        self.last: tuple[str, LiveBatch] = ("", LiveBatch(PROJECT.id, {}, {}))

    def send(self) -> str:
        """One batch of BATCH_EVENTS events by as many users; what became of its count."""
        now = datetime.now(UTC)
        users = [f"u-{n}" for n in range(BATCH_EVENTS)]
        events = [make_event("lesson", user, timestamp=now, received_at=now, columns={"session_id": f"s-{user}"}) for user in users]
        self._batches += 1
        token = f"node:{self._batches}"
        store_events(self.warehouse, PROJECT, events, token)
        self.stored += len(events)
        second = int(now.timestamp())
        people = [xxh3_64_intdigest(user.encode()).to_bytes(8, "little") for user in users]
        sessions = [xxh3_64_intdigest(f"s-{user}".encode()).to_bytes(8, "little") for user in users]
        counted = LiveBatch(
            PROJECT.id, {second: len(events)}, {(second // 60, "lesson"): len(events)}, {second // 60: people}, {second // 60: sessions}
        )
        self.last = (token, counted)
        return self.counters.record(token, [counted])

    def snapshot(self) -> LiveSnapshot:
        async def read() -> LiveSnapshot:
            cache = patient_cache(self.url)
            try:
                return await LiveReader(cache, self.clock).snapshot(PROJECT.id)
            finally:
                await cache.aclose()

        return asyncio.run(read())

    def until_counted(self) -> None:
        """Idle as the writer does until the counters hold everything."""

        def all_is_counted() -> bool:
            self.counters.tick()
            try:
                return sum(event.count for event in self.snapshot().top_events) == self.stored
            except CacheUnavailableError:
                return False

        wait_for(all_is_counted, f"the count of {self.stored}")

    def check(self) -> None:
        snapshot = self.snapshot()
        assert sum(event.count for event in snapshot.top_events) == self.stored
        assert (snapshot.active_users, snapshot.active_users_estimate) == (BATCH_EVENTS, False)
        assert (snapshot.active_sessions, snapshot.active_sessions_estimate) == (BATCH_EVENTS, False)


@pytest.fixture
def school(warehouse: Warehouse, own_valkey: EmbeddedEngines) -> School:
    assert own_valkey.redis_url is not None
    return School(warehouse, own_valkey.redis_url)


def kill(engines: EmbeddedEngines) -> None:
    psutil.Process(engines.pids()["valkey"]).kill()
    wait_for(lambda: "valkey" not in engines.pids(), "its end")


def revive(engines: EmbeddedEngines) -> None:
    def is_back() -> bool:
        engines.revive()
        return "valkey" in engines.pids()

    wait_for(is_back, "another Valkey")


class PatientBreaker(Breaker):
    """After a failure nobody tries for an hour; says how many did before."""

    def __init__(self) -> None:
        super().__init__(3_600.0, 3_600.0)
        self.tries = 0

    def allows(self) -> bool:
        allowed = super().allows()
        self.tries += allowed
        return allowed


def test_a_killed_redis_costs_no_exception_and_no_time_and_the_counters_return(school: School, own_valkey: EmbeddedEngines) -> None:
    assert school.send() == "recounted"  # the first after a start asks the warehouse
    assert school.send() == "counted"
    kill(own_valkey)
    school.cache.breaker = PatientBreaker()
    assert {school.counters.record(f"lost-{n}", [school.last[1]]) for n in range(200)} == {"lost"}
    assert school.send() == "lost"
    assert school.cache.breaker.tries == 1, "the breaker asks once in a while"
    school.cache.breaker = Breaker()
    revive(own_valkey)
    school.until_counted()
    school.check()
    assert school.send() == "counted"
    school.check()


def test_a_hanging_redis_holds_up_one_batch_for_its_time_limit_and_counts_it_once(school: School, own_valkey: EmbeddedEngines) -> None:
    school.send()
    pid = own_valkey.pids()["valkey"]
    os.kill(pid, signal.SIGSTOP)
    try:
        school.cache.breaker = PatientBreaker()
        assert school.send() == "lost"  # it may have reached Redis: nobody knows
        assert {school.counters.record(f"x-{n}", [school.last[1]]) for n in range(50)} == {"lost"}
        assert school.cache.breaker.tries == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    school.cache.breaker = Breaker()
    school.until_counted()

    def outcome() -> str | None:
        found = school.counters.record(school.last[0], [school.last[1]])
        return None if found == "lost" else found

    assert wait_for(outcome, "another try") in ("recounted", "repeat")
    school.check()
    assert school.counters.record(school.last[0], [school.last[1]]) == "repeat"
    school.check()


def test_an_emptied_redis_is_counted_anew(school: School, own_valkey: EmbeddedEngines) -> None:
    for _ in range(3):
        school.send()
    with redis.Redis.from_url(school.url) as client:
        client.flushall()
    assert school.send() in ("recounted", "lost")
    school.until_counted()
    school.check()


def test_a_redis_restarted_with_an_old_snapshot_is_counted_anew(school: School, own_valkey: EmbeddedEngines) -> None:
    school.send()
    with redis.Redis.from_url(school.url) as client:
        client.save()
    school.send()
    kill(own_valkey)
    revive(own_valkey)
    school.until_counted()
    school.check()


def test_a_restarted_process_counts_what_its_predecessor_lost(school: School, warehouse: Warehouse, own_valkey: EmbeddedEngines) -> None:
    school.send()
    kill(own_valkey)
    assert school.send() == "lost"
    revive(own_valkey)
    school.cache = patient_cache(school.url)
    school.counters = LiveCounters(school.cache, school.clock, Metrics(), LiveRecount(warehouse))
    school.until_counted()
    assert school.counters.record(*(school.last[0], [school.last[1]])) in ("counted", "repeat")


def test_without_redis_configured_everything_says_so_and_nothing_breaks(warehouse: Warehouse) -> None:
    cache = Cache(None)
    counters = LiveCounters(cache, SystemClock(), Metrics(), LiveRecount(warehouse))
    assert counters.record("t", []) == "lost"
    counters.tick()
    with pytest.raises(CacheUnavailableError):
        cache.call(lambda client: client.ping())


def test_a_ticket_is_good_once_and_for_its_time_only(redis_url: str) -> None:
    async def run() -> None:
        cache = Cache(redis_url)
        tickets = Tickets(cache, seconds=1)
        grant = TicketGrant("p1", "u_1")
        ticket = await tickets.issue(grant)
        assert await Tickets(cache).redeem(ticket) == grant  # any process may take it
        assert await tickets.redeem(ticket) is None
        late = await tickets.issue(grant)
        await asyncio.sleep(1.2)
        assert await tickets.redeem(late) is None
        assert await tickets.redeem("made up \udcff") is None
        await cache.aclose()

    asyncio.run(run())


def test_while_redis_is_away_a_ticket_is_good_once_in_the_process_that_made_it() -> None:
    async def run() -> None:
        tickets = Tickets(Cache(None), seconds=60)
        grant = TicketGrant("p1", token_id="t_1")
        ticket = await tickets.issue(grant)
        assert await tickets.redeem(ticket) == grant
        with pytest.raises(CacheUnavailableError):
            await tickets.redeem(ticket)
        over = Tickets(Cache(None), seconds=0)
        assert await over.redeem(await over.issue(grant)) is None

    asyncio.run(run())
