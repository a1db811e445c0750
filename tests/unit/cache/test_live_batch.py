"""Adding up a batch = a loop over its events."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from analytics.cache.live_batch import count_batches, hash_array
from analytics.cache.live_feed import LiveFeed, SampledEvent


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_is_added_up_as_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 400))
    ids = [f"p{n}" for n in range(4)]
    names = ["a", "b", "c"]
    projects = rng.integers(0, 3, size).astype(np.int32)  # the fourth has no events
    events = rng.integers(0, 3, size).astype(np.int32)
    seconds = 1_780_000_000 + rng.integers(0, 200, size)
    users = rng.integers(1, 50, size).astype(np.uint64)
    sessions = rng.integers(0, 20, size).astype(np.uint64)

    per_second: dict[str, Counter[int]] = defaultdict(Counter)
    per_event: dict[str, Counter[tuple[int, str]]] = defaultdict(Counter)
    user_sets: dict[tuple[str, int], set[int]] = defaultdict(set)
    session_sets: dict[tuple[str, int], set[int]] = defaultdict(set)
    for n in range(size):
        project, second = ids[projects[n]], int(seconds[n])
        per_second[project][second] += 1
        per_event[project][second // 60, names[events[n]]] += 1
        user_sets[project, second // 60].add(int(users[n]))
        if sessions[n]:
            session_sets[project, second // 60].add(int(sessions[n]))

    batches = count_batches(ids, projects, seconds, names, events, users, sessions)
    assert {batch.project_id for batch in batches} == set(per_second)
    for batch in batches:
        assert batch.per_second == per_second[batch.project_id]
        assert batch.per_minute_events == per_event[batch.project_id]
        for minute, members in batch.users_by_minute.items():
            assert set(hash_array(members).tolist()) == user_sets[batch.project_id, minute]
        for minute, members in batch.sessions_by_minute.items():
            assert set(hash_array(members).tolist()) == session_sets[batch.project_id, minute]


def test_an_empty_batch_counts_nothing() -> None:
    none = np.empty(0, np.int64)
    assert count_batches([], none.astype(np.int32), none, [], none.astype(np.int32), none.astype(np.uint64), none.astype(np.uint64)) == []


def test_hashes_may_come_as_bytes() -> None:
    numbers = [1, 2**63 + 5, 2**64 - 1]
    assert hash_array([n.to_bytes(8, "little") for n in numbers]).tolist() == numbers
    assert hash_array([]).tolist() == []


def sample(name: str) -> SampledEvent:
    return SampledEvent("id", name, 1, 2, "u", "", "", "{}")


def test_the_feed_takes_no_more_than_its_rate_and_says_so_before() -> None:
    feed = LiveFeed(per_second=3, kept_events=10)
    assert feed.wanted("p") == 3
    feed.publish("p", [sample(str(n)) for n in range(50)])
    number, events = feed.since("p", 0)
    assert 3 <= len(events) <= 6  # six where a second ended in between
    assert feed.since("p", number) == (number, [])
    assert feed.since("other", 0) == (0, [])


def test_the_feed_is_bounded_in_projects_and_events() -> None:
    feed = LiveFeed(per_second=100, kept_events=5, most_projects=2)
    for project in ("a", "b", "c"):
        feed.publish(project, [sample(str(n)) for n in range(9)])
    assert feed.since("a", 0)[1] == []
    assert [event.event for event in feed.since("c", 0)[1]] == ["4", "5", "6", "7", "8"]
    feed.forget("c")
    assert feed.since("c", 0)[1] == []
