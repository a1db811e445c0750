"""Which events of a batch are repeats.

The known ids, in memory, say "surely new" of almost all; the few others are looked up in the warehouse. The one thing to know: what is
found new is known from then on, so a batch is checked once, and in the order of the spool.
"""

import time
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics.clock import Clock
from analytics.statements import clickhouse
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Warehouse
from analytics.writer.known_ids import KnownIds, first_occurrences
from analytics.writer.rebuild import rebuild_known_ids

_SUSPECTS_A_LOOKUP = 5_000

Ids = tuple[NDArray[np.uint64], NDArray[np.uint64]]  # id_hash and id_check, row by row
Flags = NDArray[np.bool_]


class RepeatCheck:
    """For the writer's thread, but for `horizon_seconds`. `known` is empty, and filled by `rebuild`."""

    def __init__(self, warehouse: Warehouse, known: KnownIds, clock: Clock, metrics: Metrics) -> None:
        self._warehouse = warehouse
        self._known = known
        self._clock = clock
        self._metrics = metrics
        self._known_since_ms: int | None = None
        self._began, self._began_ms = time.monotonic(), clock.now_ms()

    @property
    def horizon_seconds(self) -> float:
        """For how long a repeat is surely recognised; 0 before `rebuild`."""
        if self._known_since_ms is None:
            return 0.0
        return self._known.filter.horizon_ms(self._steady_ms(), self._known_since_ms) / 1000

    def rebuild(self) -> int:
        """Learn the ids that the warehouse holds; their number. Raises StoreError."""
        count, since = rebuild_known_ids(self._warehouse, self._known, self._clock.now(), self._steady_ms())
        self._known_since_ms = _ms(since)
        return count

    def repeats(self, events: pa.Table, under_way: Ids | None, lookup: Callable[[Callable[[], Flags]], Flags]) -> NDArray[np.uint32]:
        """Positions of the repeats among `events`, ascending.

        `under_way` are ids that may not be in the warehouse yet. `lookup` does what asks the warehouse, until it has answered.
        """
        started = time.perf_counter()
        dropped = np.empty(0, np.uint32)
        if events.num_rows:
            dropped = self._repeats((np.asarray(events.column("id_hash")), np.asarray(events.column("id_check"))), under_way, lookup)
        self._metrics.duplicate_check_seconds.observe(time.perf_counter() - started)
        return dropped

    def forget(self, hashes: NDArray[np.uint64]) -> None:
        """These ids were not stored after all."""
        self._known.discard(hashes)

    def tell_size(self) -> None:
        """Set the metrics of what is known."""
        self._metrics.dedup_filter_ids.set(self._known.filter.count)
        self._metrics.dedup_filter_bytes.set(self._known.filter.size_bytes + self._known.recent.size_bytes)
        self._metrics.dedup_horizon_seconds.set(self.horizon_seconds)

    def _repeats(self, ids: Ids, under_way: Ids | None, lookup: Callable[[Callable[[], Flags]], Flags]) -> NDArray[np.uint32]:
        hashes, checks = ids
        known, maybe = self._known.classify(hashes, checks)
        suspects = np.flatnonzero(maybe)
        if len(suspects):
            self._metrics.dedup_suspects.inc(len(suspects))
            suspected = hashes[suspects], checks[suspects]
            stored = lookup(lambda: self._are_stored(suspected))
            if under_way is not None:
                stored |= _are_among(suspected, under_way)
            self._metrics.events_duplicate.labels("warehouse").inc(int(stored.sum()))
            known = known.copy()
            known[suspects[stored]] = True
        self._metrics.events_duplicate.labels("recent").inc(int(known.sum()) - int(known[suspects].sum()))
        first = first_occurrences(hashes, checks)
        self._metrics.events_duplicate.labels("batch").inc(int((~first & ~known).sum()))
        fresh = first & ~known
        self._known.add(hashes[fresh], checks[fresh], self._steady_ms())
        return np.flatnonzero(~fresh).astype(np.uint32)

    def _are_stored(self, ids: Ids) -> Flags:
        """Which of the ids the warehouse has."""
        found = set[tuple[int, int]]()
        wanted = np.unique(ids[0])
        for at in range(0, len(wanted), _SUSPECTS_A_LOOKUP):
            parameters = {"hashes": wanted[at : at + _SUSPECTS_A_LOOKUP].tolist()}
            rows = self._warehouse.query(clickhouse("writer/stored_ids").text(), parameters, lane="writer").rows
            found.update((row[0], row[1]) for row in rows)
        return _are_in(ids, found)

    def _steady_ms(self) -> int:
        """Milliseconds that only ever go on as time does: a clock that is put right must not let ids be forgotten early."""
        return self._began_ms + int((time.monotonic() - self._began) * 1000)


def _are_among(ids: Ids, others: Ids) -> Flags:
    return _are_in(ids, set(zip(others[0].tolist(), others[1].tolist(), strict=True)))


def _are_in(ids: Ids, found: set[tuple[int, int]]) -> Flags:
    return np.fromiter((pair in found for pair in zip(ids[0].tolist(), ids[1].tolist(), strict=True)), np.bool_, len(ids[0]))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
