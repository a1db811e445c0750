"""What the writer remembers of ids: nothing forgotten while it says so, nothing made up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.writer.known_ids import Hashes, KnownIds, RecentIds, first_occurrences


def ids(count: int, seed: int) -> tuple[Hashes, Hashes]:
    chance = np.random.default_rng(seed)
    return chance.integers(0, 2**64, count, np.uint64), chance.integers(0, 2**64, count, np.uint64)


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=8), st.integers(0, 1_000))
@settings(max_examples=60, deadline=None)
def test_a_complete_table_knows_every_id_and_no_other(batches: list[int], seed: int) -> None:
    recent = RecentIds(capacity=4_096, initial=64, most_spilled=100_000)
    added = [ids(count, seed * 100 + number) for number, count in enumerate(batches)]
    for hashes, checks in added:
        recent.add(hashes, checks)
    assert recent.complete
    for hashes, checks in added:
        assert recent.known(hashes, checks).all()
        assert not recent.known(hashes, checks + np.uint64(1)).any()
    assert not recent.known(*ids(1_000, seed * 100 + 99)).any()


def test_ids_that_crowd_one_bucket_are_all_known() -> None:
    recent = RecentIds(capacity=4_096, initial=64)
    hashes = np.arange(1, 101, dtype=np.uint64)  # the same leading bits, so the same bucket
    recent.add(hashes, hashes)
    assert recent.known(hashes, hashes).all()
    assert not recent.known(hashes, hashes + np.uint64(1)).any()


def test_ids_beside_the_table_that_share_a_hash_differ_by_their_checks() -> None:
    recent = RecentIds(capacity=64, initial=64)
    hashes = np.repeat(np.arange(1, 41, dtype=np.uint64), 3)
    checks = np.arange(1, 121, dtype=np.uint64)
    for at in range(0, 120, 7):
        recent.add(hashes[at : at + 7], checks[at : at + 7])
    assert recent.complete
    assert recent.known(hashes, checks).all()
    assert not recent.known(hashes, checks + np.uint64(200)).any()


def test_a_table_that_forgets_says_so_and_still_knows_the_latest() -> None:
    recent = RecentIds(capacity=1_024, initial=1_024, most_spilled=100)
    old, new = ids(5_000, 1), ids(100, 2)
    recent.add(*old)
    recent.add(*new)
    assert not recent.complete
    assert recent.known(*new).all()
    assert not recent.known(*old).all()
    assert recent.size_bytes < 30_000


def test_a_discarded_id_is_new_again_wherever_it_was_kept() -> None:
    recent = RecentIds(capacity=4_096, initial=64)
    hashes = np.arange(1, 101, dtype=np.uint64)
    recent.add(hashes, hashes)
    recent.discard(hashes)
    assert not recent.known(hashes, hashes).any()


@pytest.mark.parametrize("most_recent", [16_000_000, 1_024])
def test_no_id_is_called_new_that_was_added(most_recent: int) -> None:
    known = KnownIds(1_000_000, recent_ids=most_recent)
    hashes, checks = ids(300_000, 3)
    for at in range(0, 300_000, 50_000):
        known.add(hashes[at : at + 50_000], checks[at : at + 50_000], 1_000)
    surely, maybe = known.classify(hashes, checks)
    assert (surely | maybe).all()
    assert maybe.any() == (not known.recent.complete)


def test_the_first_of_each_id_in_a_batch_is_its_earliest() -> None:
    hashes = np.array([5, 7, 5, 5, 7], np.uint64)
    checks = np.array([1, 1, 1, 2, 1], np.uint64)
    assert first_occurrences(hashes, checks).tolist() == [True, True, False, True, False]
