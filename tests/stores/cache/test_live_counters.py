"""Live counters on a real Valkey: the numbers, once per batch, bounded, and forgotten in time."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
import redis

from analytics.cache.live import LiveCounters, Recounted
from analytics.cache.live_batch import LiveBatch, count_batches
from analytics.cache.live_snapshot import LiveReader, LiveSnapshot
from analytics.cache.sketch import sketch
from analytics.clock import FixedClock
from analytics.telemetry.metrics import Metrics
from tests.factories.patient_cache import patient_cache

NOW = datetime(2026, 11, 22, 10, 30, 20, tzinfo=UTC)
SECOND = int(NOW.timestamp())
MINUTE = SECOND // 60


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as opened:
        yield opened


class Live:
    """Counters and their reader on one Valkey, at a clock that the test moves."""

    def __init__(self, url: str, start: datetime = NOW) -> None:
        self.clock = FixedClock(start)
        self.metrics = Metrics()
        self._url = url
        self.counters = self.new_counters()

    def new_counters(self) -> LiveCounters:
        """As after a restart of the process."""
        return LiveCounters(patient_cache(self._url), self.clock, self.metrics)

    def snapshot(self, project_id: str = "p1") -> LiveSnapshot:
        async def read() -> LiveSnapshot:
            cache = patient_cache(self._url)
            try:
                return await LiveReader(cache, self.clock).snapshot(project_id)
            finally:
                await cache.aclose()

        return asyncio.run(read())


@pytest.fixture
def live(redis_url: str) -> Live:
    return Live(redis_url)


def batch(
    events: int = 1, second: int = SECOND - 1, users: range = range(1, 2), name: str = "page_view", project_id: str = "p1"
) -> LiveBatch:
    members = np.array(list(users), np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return LiveBatch(project_id, {second: events}, {(second // 60, name): events}, {second // 60: members}, {second // 60: members})


def test_a_batch_recorded_again_counts_once(live: Live) -> None:
    assert live.counters.record("t1", [batch(7)]) == "counted"
    assert live.counters.record("t1", [batch(7)]) == "repeat"
    assert live.new_counters().record("t1", [batch(7)]) == "repeat"
    snapshot = live.snapshot()
    assert snapshot.events_today == 7
    assert snapshot.top_events[0].count == 7
    assert sum(snapshot.per_second) == 7
    assert live.counters.record("t2", [batch(7)]) == "counted"
    assert live.snapshot().events_today == 14


@pytest.mark.parametrize("seed", range(4))
def test_a_snapshot_equals_a_loop_over_the_events(live: Live, seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, ids, names = 3_000, ["p1", "p2"], [f"event {n}" for n in range(15)]
    projects = rng.integers(0, 2, size).astype(np.int32)
    events = np.minimum(rng.geometric(0.2, size) - 1, 14).astype(np.int32)
    seconds = SECOND - rng.integers(0, 4_200, size)  # some are older than every window
    users = rng.integers(1, 400, size).astype(np.uint64)
    sessions = rng.integers(0, 500, size).astype(np.uint64)
    for n, part in enumerate(np.array_split(rng.permutation(size), 7)):
        counted = count_batches(ids, projects[part], seconds[part], names, events[part], users[part], sessions[part])
        assert live.counters.record(f"t{n}", counted) == "counted"
    for code, project_id in enumerate(ids):
        own = projects == code
        per_second = Counter(seconds[own].tolist())
        recent, hour = own & (seconds // 60 >= (SECOND - 300) // 60), own & (seconds // 60 >= (SECOND - 3_600) // 60)
        in_session = own & (seconds // 60 >= (SECOND - 1_800) // 60) & (sessions > 0)
        top = sorted(Counter(names[e] for e in events[recent].tolist()).items(), key=lambda item: (-item[1], item[0]))[:10]
        top_hour = sorted(Counter(names[e] for e in events[hour].tolist()).items(), key=lambda item: (-item[1], item[0]))[:10]
        snapshot = live.snapshot(project_id)
        assert snapshot.per_second == tuple(per_second[s] for s in range(SECOND - 60, SECOND))
        assert snapshot.events_per_second == pytest.approx(sum(per_second[s] for s in range(SECOND - 10, SECOND)) / 10)
        assert (snapshot.active_users, snapshot.active_users_estimate) == (len(set(users[recent].tolist())), False)
        assert (snapshot.active_sessions, snapshot.active_sessions_estimate) == (len(set(sessions[in_session].tolist())), False)
        assert [(e.event, e.count) for e in snapshot.top_events] == top
        assert [(e.event, e.count) for e in snapshot.top_events_hour] == top_hour
        assert snapshot.events_today == own.sum()


def test_many_users_are_an_estimate_and_say_so(live: Live) -> None:
    for n in range(5):
        live.counters.record(f"t{n}", [batch(10_000, SECOND - n, range(n * 5_000 + 1, n * 5_000 + 10_001))])
    snapshot = live.snapshot()
    assert snapshot.active_users_estimate
    assert snapshot.active_users == pytest.approx(30_000, rel=0.04)  # five standard errors


def test_many_small_batches_become_an_estimate_too(live: Live, client: redis.Redis) -> None:
    for n in range(12):
        live.counters.record(f"t{n}", [batch(500, SECOND - n, range(n * 500 + 1, n * 500 + 501))])
    snapshot = live.snapshot()
    assert snapshot.active_users_estimate
    assert snapshot.active_users == pytest.approx(6_000, rel=0.04)
    assert client.zcard("live:p1:users") <= 4_500  # type: ignore[operator]


def test_after_a_rush_the_count_becomes_exact_again(live: Live) -> None:
    live.counters.record("rush", [batch(20_000, SECOND, range(1, 20_001))])
    assert live.snapshot().active_users_estimate
    for minute in range(1, 8):
        live.clock.advance(60)
        live.counters.record(f"calm{minute}", [batch(3, SECOND + minute * 60, range(1, 4))])
    snapshot = live.snapshot()
    assert (snapshot.active_users, snapshot.active_users_estimate) == (3, False)
    assert snapshot.active_sessions_estimate  # their window is longer


def test_many_projects_in_one_batch_stay_countable(live: Live) -> None:
    batches = [batch(60, SECOND, range(n * 60 + 1, n * 60 + 61), project_id=f"p{n}") for n in range(300)]
    assert live.counters.record("t", batches) == "counted"
    for n in (0, 150, 299):
        snapshot = live.snapshot(f"p{n}")
        assert snapshot.events_today == 60
        assert snapshot.active_users == pytest.approx(60, abs=2)


@pytest.mark.parametrize("members", [1, 10, 1_000, 30_000])
def test_a_sketch_and_pfadd_of_the_same_members_are_the_same(client: redis.Redis, members: int) -> None:
    hashes = np.random.default_rng(members).integers(0, 2**64, members, dtype=np.uint64)
    client.pfadd("added", *(h.tobytes() for h in hashes))
    client.set("made", sketch(hashes))
    assert client.pfcount("made") == client.pfcount("added") == client.pfcount("made", "added")


def test_names_beyond_the_bound_are_counted_together(live: Live, client: redis.Redis) -> None:
    names = {(MINUTE, f"event {n}"): 1 for n in range(1_000)}
    live.counters.record("t1", [LiveBatch("p1", {SECOND: 1_000}, names)])
    live.counters.record("t2", [LiveBatch("p1", {SECOND: 1_000}, names)])
    assert client.hlen(f"live:p1:events:{MINUTE}") == 301
    snapshot = live.snapshot()
    assert snapshot.top_events[0].event == ""
    assert snapshot.top_events[0].count == 1_400


def test_every_key_has_a_prefix_and_an_end(live: Live, client: redis.Redis) -> None:
    live.counters.record("t1", [batch(5), batch(9_000, SECOND - 70, range(1, 9_000))])
    live.counters.record("t2", [batch(5, SECOND - 1_200, range(1, 90)), batch(5, project_id="p2")])
    keys = [key.decode() for key in client.scan_iter(count=1_000)]  # type: ignore[union-attr]
    assert len(keys) > 15
    for key in keys:
        assert key.startswith(("live:p1:", "live:p2:", "live:batch:", "live:run")), key
        if key != "live:run":
            assert 0 < client.ttl(key) <= 2 * 86_400, key  # type: ignore[operator]
    for kind, window in (("seconds", 660), ("events", 3_660), ("users", 300), ("sessions", 1_800)):
        assert client.ttl(f"live:p1:{kind}:{MINUTE}") <= window + 180  # type: ignore[operator]


def test_events_outside_every_window_leave_no_keys(live: Live, client: redis.Redis) -> None:
    live.counters.record("t1", [batch(5, SECOND - 3 * 86_400)])
    assert {key.decode() for key in client.scan_iter()} == {"live:run", "live:batch:t1"}  # type: ignore[union-attr]


def test_a_project_nobody_has_sent_to_is_all_zero(live: Live) -> None:
    snapshot = live.snapshot("unknown")
    assert snapshot.events_per_second == snapshot.active_users == snapshot.active_sessions == snapshot.events_today == 0
    assert snapshot.top_events == ()
    assert not snapshot.active_users_estimate


def test_a_batch_of_fifty_thousand_is_recorded_fast(live: Live) -> None:
    rng = np.random.default_rng(1)
    size = 50_000
    names = [f"event {n}" for n in range(50)]
    seconds = SECOND - rng.integers(0, 2, size)
    codes = rng.integers(0, 50, size).astype(np.int32)
    users = rng.integers(1, 2**63, size).astype(np.uint64)
    counted = count_batches(["p1"], np.zeros(size, np.int32), seconds, names, codes, users, users // np.uint64(3))
    fastest = 1.0
    for n in range(10):
        before = live.metrics.registry.get_sample_value("analytics_live_record_seconds_sum") or 0.0
        live.counters.record(f"t{n}", counted)
        fastest = min(fastest, (live.metrics.registry.get_sample_value("analytics_live_record_seconds_sum") or 0.0) - before)
    assert fastest < 0.05  # 3 to 5 ms on a quiet machine: the bound is for a busy one


def test_what_the_warehouse_holds_replaces_what_redis_held(live: Live) -> None:
    asked: list[tuple[int, int]] = []

    def recount(first_minute: int, now: int) -> Recounted:
        asked.append((first_minute, now))
        return Recounted([batch(100, SECOND - 5, range(1, 4))], {"p1": 500})

    live.counters.record("t1", [batch(9, SECOND - 5, range(1, 3))])
    counters = LiveCounters(patient_cache(live._url), live.clock, live.metrics, recount)
    assert counters.record("t2", [batch(1)]) == "recounted"  # what it holds is in the recount
    assert asked == [(SECOND // 60 - 10, SECOND)]
    snapshot = live.snapshot()
    assert (sum(snapshot.per_second), snapshot.events_today, snapshot.active_users) == (100, 500, 3)
    assert counters.record("t2", [batch(1)]) == "repeat"
    assert counters.record("t3", [batch(1)]) == "counted"
    assert live.snapshot().events_today == 501


def test_a_total_that_is_not_known_stays_unknown(live: Live) -> None:
    counters = LiveCounters(patient_cache(live._url), live.clock, live.metrics, lambda first, now: Recounted([batch(4)], None))
    counters.tick()
    counters.record("t1", [batch(1)])
    snapshot = live.snapshot()
    assert snapshot.events_today is None
    assert sum(snapshot.per_second) == 5
