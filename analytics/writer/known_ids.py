"""Which event ids have been stored of late: certain for the latest millions, a filter that never forgets for the rest.

An id is its 128-bit hash, as two uint64 columns (id_hash, id_check). `RecentIds` says "known" with certainty, and "new" too while it has
forgotten nothing. From then on `IdFilter` says "surely new" or "maybe"; the few "maybe" are looked up in the warehouse. Neither is saved:
both are rebuilt from table `event_ids` at a start.
"""

import contextlib
import mmap
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_WAYS = 8
_GROWTH = 16
_MOST_SPILLED = 200_000


class RecentIds:
    """A set-associative table of the latest ids, exact on all 128 bits; the oldest of a bucket makes way.

    Grows in few large steps while it fills, up to `capacity` slots of 16 bytes: an idle service stays small, and no step moves so many
    ids that the writer would be late. What has to make way before the table is full is kept beside it, and `complete` stays True: it then
    knows every id that was ever added.
    """

    def __init__(self, capacity: int, initial: int = 1 << 16, most_spilled: int = _MOST_SPILLED) -> None:
        self._capacity = 1 << max(initial.bit_length() - 1, (capacity - 1).bit_length())
        self._most_spilled = most_spilled
        self.complete = True
        self._allocate(min(initial, self._capacity))

    def known(self, hashes: Hashes, checks: Hashes) -> NDArray[np.bool_]:
        """Which of the ids are in the table."""
        buckets = (hashes >> self._shift).astype(np.int64)
        found = np.zeros(len(hashes), np.bool_)
        rows, ways = np.nonzero(self._hashes[buckets] == hashes[:, None])  # a bucket's hashes are one cache line
        found[rows[self._checks[buckets[rows], ways] == checks[rows]]] = True
        if len(self._spilled_hashes):
            at = np.searchsorted(self._spilled_hashes, hashes)
            at[at == len(self._spilled_hashes)] = 0
            for row in np.flatnonzero((self._spilled_hashes[at] == hashes) & ~found):
                same = slice(at[row], np.searchsorted(self._spilled_hashes, hashes[row], "right"))
                found[row] = bool((self._spilled_checks[same] == checks[row]).any())
        return found

    def add(self, hashes: Hashes, checks: Hashes) -> None:
        """Remember ids; distinct, and not known before."""
        self._count += len(hashes)
        while self._count > self._slots // 4 and self._slots < self._capacity:
            self._grow()
        self._put(hashes, checks)

    def discard(self, hashes: Hashes) -> None:
        """Forget ids, whatever their checks."""
        buckets = (hashes >> self._shift).astype(np.int64)
        rows, ways = np.nonzero(self._hashes[buckets] == hashes[:, None])
        self._hashes[buckets[rows], ways] = 0
        self._checks[buckets[rows], ways] = 0
        kept = ~np.isin(self._spilled_hashes, hashes)
        self._spilled_hashes, self._spilled_checks = self._spilled_hashes[kept], self._spilled_checks[kept]

    @property
    def size_bytes(self) -> int:
        """Memory of the table."""
        spilled = self._spilled_hashes.nbytes + self._spilled_checks.nbytes
        return self._hashes.nbytes + self._checks.nbytes + self._turns.nbytes + spilled

    def _put(self, hashes: Hashes, checks: Hashes) -> None:
        if not len(hashes):
            return
        buckets = (hashes >> self._shift).astype(np.int64)
        order = np.argsort(buckets, kind="stable")
        ordered, hashes, checks = buckets[order], hashes[order], checks[order]
        # Ids that share a bucket take the next ways in turn: the rank of each within its run of equal buckets.
        first = np.concatenate(([True], ordered[1:] != ordered[:-1]))
        starts = np.flatnonzero(first)
        lengths = np.diff(np.append(starts, len(ordered)))
        rank = np.arange(len(ordered)) - np.repeat(starts, lengths)
        fits = rank >= np.repeat(lengths, lengths) - _WAYS
        if not fits.all():
            self._spill(hashes[~fits], checks[~fits])
            ordered, hashes, checks, rank = ordered[fits], hashes[fits], checks[fits], rank[fits]
        ways = (self._turns[ordered] + rank) % _WAYS
        gone, gone_checks = self._hashes[ordered, ways], self._checks[ordered, ways]
        used = (gone != 0) | (gone_checks != 0)
        if used.any():
            self._spill(gone[used], gone_checks[used])
        self._hashes[ordered, ways] = hashes
        self._checks[ordered, ways] = checks
        last = np.concatenate((ordered[1:] != ordered[:-1], [True]))
        self._turns[ordered[last]] = ((ways[last] + 1) % _WAYS).astype(np.uint8)

    def _spill(self, hashes: Hashes, checks: Hashes) -> None:
        if not self.complete:
            return
        # In the order of their hashes: looking a batch up in hundreds of thousands that have none would take longer than all else about it.
        order = np.argsort(hashes)
        at = np.searchsorted(self._spilled_hashes, hashes[order])
        self._spilled_hashes = np.insert(self._spilled_hashes, at, hashes[order])
        self._spilled_checks = np.insert(self._spilled_checks, at, checks[order])
        if len(self._spilled_hashes) > self._most_spilled:
            self.complete = False
            self._spilled_hashes = self._spilled_checks = np.empty(0, np.uint64)

    def _allocate(self, slots: int) -> None:
        self._slots = slots
        buckets = slots // _WAYS
        self._shift = np.uint64(64 - (buckets.bit_length() - 1))
        self._hashes = _zeros(slots).reshape(buckets, _WAYS)
        self._checks = _zeros(slots).reshape(buckets, _WAYS)
        self._turns = np.zeros(buckets, np.uint8)
        self._spilled_hashes = self._spilled_checks = np.empty(0, np.uint64)
        self._count = 0

    def _grow(self) -> None:
        old_hashes, old_checks = self._hashes.ravel(), self._checks.ravel()
        used = (old_hashes != 0) | (old_checks != 0)
        hashes = np.concatenate((self._spilled_hashes, old_hashes[used]))
        checks, wanted = np.concatenate((self._spilled_checks, old_checks[used])), self._count
        self._allocate(min(self._slots * _GROWTH, self._capacity))
        self._put(hashes, checks)
        self._count = wanted


@dataclass(slots=True)
class _Generation:
    """A blocked Bloom filter: all bits of an id lie in one 64-bit word."""

    words: NDArray[np.uint64]
    capacity: int
    count: int = 0
    first_ms: int = 0
    last_ms: int = 0


_BITS_PER_ID = 40
_FEWEST_WORDS = 1 << 17  # 1 MiB, 210,000 ids
_MOST_WORDS = 1 << 24  # 128 MiB, 27 million ids
_SIX = np.uint64(63)
_ONE = np.uint64(1)


class IdFilter:
    """Bloom filters in generations that grow: 5 bytes an id; the oldest generation goes when the horizon has passed it."""

    def __init__(self, horizon_ids: int, horizon_ms: int = 24 * 3600 * 1000) -> None:
        self._horizon_ids = horizon_ids
        self._horizon_ms = horizon_ms
        self._generations: list[_Generation] = []

    def maybe_known(self, hashes: Hashes, checks: Hashes) -> NDArray[np.bool_]:
        """False: surely new. True: known, or one of a few errors in 50,000."""
        masks = _masks(checks)
        found = np.zeros(len(hashes), np.bool_)
        for generation in self._generations:
            words = generation.words[(hashes & np.uint64(len(generation.words) - 1)).astype(np.int64)]
            found |= (words & masks) == masks
        return found

    def add(self, hashes: Hashes, checks: Hashes, received_ms: int) -> None:
        """Remember ids received at about `received_ms`."""
        generation = self._current(received_ms, len(hashes))
        at = (hashes & np.uint64(len(generation.words) - 1)).astype(np.int64)
        np.bitwise_or.at(generation.words, at, _masks(checks))
        generation.count += len(hashes)
        generation.last_ms = max(generation.last_ms, received_ms)
        self._forget(received_ms)

    @property
    def count(self) -> int:
        """Ids in the filter."""
        return sum(generation.count for generation in self._generations)

    @property
    def size_bytes(self) -> int:
        """Memory of the filter."""
        return sum(generation.words.nbytes for generation in self._generations)

    def horizon_ms(self, now_ms: int, complete_since_ms: int) -> int:
        """How far back every id is known: `complete_since_ms` is when the filter's knowledge began."""
        begin = complete_since_ms if not self._forgotten_until else self._forgotten_until
        return max(0, min(self._horizon_ms, now_ms - max(begin, complete_since_ms)))

    _forgotten_until = 0

    def _current(self, received_ms: int, adding: int) -> _Generation:
        last = self._generations[-1] if self._generations else None
        if last is None or last.count + adding > last.capacity:
            words = _FEWEST_WORDS if last is None else min(_MOST_WORDS, len(last.words) * 4)
            while words * 64 // _BITS_PER_ID < adding and words < _MOST_WORDS:
                words *= 2
            last = _Generation(_zeros(words), words * 64 // _BITS_PER_ID, first_ms=received_ms, last_ms=received_ms)
            self._generations.append(last)
        return last

    def _forget(self, now_ms: int) -> None:
        while len(self._generations) > 1:
            oldest = self._generations[0]
            if oldest.last_ms >= now_ms - self._horizon_ms and self.count - oldest.count < self._horizon_ids:
                return
            self._forgotten_until = oldest.last_ms
            del self._generations[0]


def _zeros(count: int) -> Hashes:
    """`count` zeros in huge pages where the system has them: ids fall anywhere in a table, and each would otherwise be the first to touch
    a page of it, and then miss the processor's list of pages."""
    memory = mmap.mmap(-1, count * 8)
    with contextlib.suppress(OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    zeros = np.frombuffer(memory, np.uint64)
    zeros[:: mmap.PAGESIZE // 8] = 0  # now, in one go, and not a page at a time under way
    return zeros


def _masks(checks: Hashes) -> Hashes:
    """Six bits of a word for each id."""
    masks = _ONE << (checks & _SIX)
    for shift in (6, 12, 18, 24, 30):
        masks |= _ONE << ((checks >> np.uint64(shift)) & _SIX)
    return masks


class KnownIds:
    """Both together: what the writer asks about a batch and tells after its verdict."""

    def __init__(self, horizon_ids: int, recent_ids: int = 16_000_000) -> None:
        self.horizon_ids = horizon_ids
        self.recent = RecentIds(recent_ids)
        self.filter = IdFilter(horizon_ids)

    def classify(self, hashes: Hashes, checks: Hashes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(surely known, maybe known but not surely) for each id."""
        known = self.recent.known(hashes, checks)
        if self.recent.complete:
            return known, np.zeros(len(hashes), np.bool_)
        return known, self.filter.maybe_known(hashes, checks) & ~known

    def add(self, hashes: Hashes, checks: Hashes, received_ms: int) -> None:
        """Remember ids that are about to be stored; distinct, and not known before."""
        if len(hashes):
            self.recent.add(hashes, checks)
            self.filter.add(hashes, checks, received_ms)

    def discard(self, hashes: Hashes) -> None:
        """Let ids of quarantined events come again."""
        self.recent.discard(hashes)


def first_occurrences(hashes: Hashes, checks: Hashes) -> NDArray[np.bool_]:
    """True for the first of each id within a batch."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    equal = ordered[1:] == ordered[:-1]
    first = np.ones(len(hashes), np.bool_)
    if not equal.any():
        return first
    # Rare from here on: equal first halves, compared with their second halves by a stable sort of both.
    order = np.lexsort((np.arange(len(hashes)), checks, hashes))
    same = (hashes[order][1:] == hashes[order][:-1]) & (checks[order][1:] == checks[order][:-1])
    first[order[1:][same]] = False
    return first
