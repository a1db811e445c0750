"""The writer: one thread that takes events from the spool to the warehouse, each once.

For each batch: read it, decide which events are repeats, put that verdict on disk, insert with the batch's token, checkpoint. A batch is
retried, with the same verdict and token, until it is stored; nothing behind it is touched before. The one thing to know: duplicates are
decided once. A replay that asked the warehouse again would find its own rows and leave the views without them.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics.clock import Clock
from analytics.errors import AnalyticsError, CorruptVerdictError, InsertRejectedError, SpoolFullError
from analytics.spool.segment import Position
from analytics.spool.spool import Spool
from analytics.statements import clickhouse
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Warehouse
from analytics.writer.batch import Batch, Verdict, load_verdict, other_copies, read_batch, save_verdict, token_of
from analytics.writer.completion import complete_landed, finish
from analytics.writer.gate import Gate, Hold
from analytics.writer.known_ids import KnownIds, first_occurrences
from analytics.writer.prepare import by_months, enriched, to_stream, without_rows
from analytics.writer.quarantine import find_poison, quarantined_rows
from analytics.writer.rebuild import rebuild_known_ids

log = logging.getLogger(__name__)

_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_SUSPECTS_A_LOOKUP = 5_000
_LONGEST_LAST_INSERT = 10.0  # seconds a stop waits for the insert under way; what is then not checkpointed is replayed


_T = TypeVar("_T")


class _Stopped(Exception):
    """The writer was told to stop while it waited."""


@dataclass(frozen=True, slots=True)
class WriterState:
    """How the writer is doing: `failing_since_ms` and `failure` say since when and why nothing is stored (None: it is)."""

    ready: bool
    failing_since_ms: int | None
    failure: str | None
    horizon_seconds: float


class Writer:
    """Drains `spool` into `warehouse`."""

    def __init__(
        self,
        spool: Spool,
        warehouse: Warehouse,
        clock: Clock,
        metrics: Metrics,
        folder: Path,
        *,
        batch_max_rows: int,
        batch_max_wait_seconds: float,
        horizon_ids: int,
        sync: bool = True,
        prepare: Callable[[], None] = lambda: None,
        stored: Callable[[str, pa.RecordBatch], None] = lambda token, events: None,
        idle: Callable[[], None] = lambda: None,
        quarantined: Callable[[], None] = lambda: None,
        damaged: Callable[[], None] = lambda: None,
    ) -> None:
        """`prepare` makes the warehouse ready before the first insert; `stored` is told of each stored batch, `idle` when there is none,
        `quarantined` of a batch that was stored without some of its rows: parts of them may have reached a rollup."""
        self._spool = spool
        self._warehouse = warehouse
        self._clock = clock
        self._metrics = metrics
        self._folder = folder
        self._batch_max_rows = batch_max_rows
        self._batch_max_wait_seconds = batch_max_wait_seconds
        self._sync = sync
        self._prepare = prepare
        self._stored = stored
        self._idle = idle
        self._quarantined = quarantined
        self._damaged = damaged
        self._gate = Gate()
        self._known = KnownIds(horizon_ids)
        self._known_since_ms = 0
        self._stopping = threading.Event()
        self._drain_until = 0.0
        self._ready = False
        self._failing_since_ms: int | None = None
        self._failure: str | None = None
        self._pause = _SHORTEST_PAUSE
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    # ---- from outside -----------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, drain_seconds: float) -> None:
        """Store what waits, `drain_seconds` at most, then end; the rest waits on disk for the next start."""
        self._drain_until = time.monotonic() + drain_seconds
        self._stopping.set()
        self._spool.wake()
        if self._thread.is_alive():
            self._thread.join(drain_seconds + _LONGEST_LAST_INSERT)

    def state(self) -> WriterState:
        """How it is doing."""
        horizon = self._known.filter.horizon_ms(self._clock.now_ms(), self._known_since_ms) / 1000 if self._ready else 0.0
        return WriterState(self._ready, self._failing_since_ms, self._failure, horizon)

    def takes_events(self) -> bool:
        """Whether waiting for it makes sense: it is ready and its last insert went well."""
        return self._ready and self._failing_since_ms is None

    def paused(self, wait_seconds: float = 30.0) -> AbstractContextManager[Hold]:
        """Hold it between two batches, for seconds at most (see `Hold.intact`): inside, no batch is half stored.

        Entering raises WarehouseUnavailableError if the batch under way does not end within `wait_seconds`, or if the writer has ended.
        """
        return self._gate.held(wait_seconds)

    # ---- the thread -------------------------------------------------------

    def _run(self) -> None:
        try:
            self._until_done(self._prepare)
            self._recover()
            while True:
                self._one_round()
        except _Stopped:
            pass
        except Exception:
            log.critical("writer.died", exc_info=True)
            self._damaged()
        finally:
            self._gate.close()

    def _recover(self) -> None:
        """Finish the batch that was under way when the last process ended, then learn the known ids."""
        checkpoint = self._spool.checkpoint
        try:
            verdict = load_verdict(self._folder)
            end = None if verdict is None else Position(*verdict.end)
            under_way = verdict is not None and Position(*verdict.start) == checkpoint
        except CorruptVerdictError:
            log.error("writer.verdict_damaged")
            verdict, end, under_way = None, None, True
        if under_way and (batch := read_batch(self._spool, checkpoint, self._batch_max_rows, end)) is not None:
            if verdict is not None and batch.end == end and batch.rows == verdict.rows:
                log.info("writer.replays_batch", extra={"token": verdict.token, "rows": batch.rows})
                self._store(batch, verdict, tried=True)
            elif batch.events is not None:
                # The disk lost a part of the batch, or what was decided about it. What of it has landed is made whole here, so that its
                # ids are known; all that is left is then decided anew.
                log.error("writer.batch_changed", extra={"start": str(batch.start)})
                first = first_occurrences(np.asarray(batch.events.column("id_hash")), np.asarray(batch.events.column("id_check")))
                events = enriched(batch.events.filter(pa.array(first)))
                self._until_done(lambda: complete_landed(self._warehouse, events))
        now = self._clock.now()
        count = self._until_done(lambda: rebuild_known_ids(self._warehouse, self._known, now))
        self._known_since_ms = int((now - timedelta(hours=24)).timestamp() * 1000)
        self._ready = True
        self._gate.end()
        log.info("writer.ready", extra={"known_ids": count})

    def _one_round(self) -> None:
        rows = self._spool.wait_for_rows(1, 1.0)
        if self._stopping.is_set() and (not rows or time.monotonic() >= self._drain_until):
            raise _Stopped
        if not rows:
            self._idle()
            return
        if rows < self._batch_max_rows and not self._stopping.is_set():
            waited = (self._clock.now_ms() - (self._spool.oldest_received_ms() or self._clock.now_ms())) / 1000
            self._spool.wait_for_rows(self._batch_max_rows, max(0.0, min(1.0, self._batch_max_wait_seconds - waited)))
        self._gate.begin()
        self._one_batch()
        self._gate.end()

    def _one_batch(self) -> None:
        committed = self._spool.committed  # asked first: what comes in meanwhile must not be passed over
        batch = read_batch(self._spool, self._spool.checkpoint, self._batch_max_rows)
        if batch is None:
            # Counted, but not there to be read.
            self._until_done(lambda: self._spool.advance(committed, {}))
            return
        for damage in batch.damages:
            log.error("spool.damaged", extra={"start": str(damage.start), "end": str(damage.end)})
        self._store(batch, self._judge(batch))

    # ---- one batch --------------------------------------------------------

    def _judge(self, batch: Batch) -> Verdict:
        """Decide which events are repeats, and put that on disk."""
        started = time.perf_counter()
        dropped = np.empty(0, np.uint32)
        if batch.events is not None and batch.rows:
            hashes = np.asarray(batch.events.column("id_hash"))
            checks = np.asarray(batch.events.column("id_check"))
            dropped = self._repeats(hashes, checks)
        token = token_of(self._spool.node, batch.start, batch.end)
        verdict = Verdict(
            token,
            (batch.start.segment, batch.start.offset),
            (batch.end.segment, batch.end.offset),
            batch.rows,
            dropped.astype("<u4").tobytes(),
        )
        self._until_done(lambda: save_verdict(self._folder, verdict, self._sync))
        self._metrics.duplicate_check_seconds.observe(time.perf_counter() - started)
        return verdict

    def _repeats(self, hashes: NDArray[np.uint64], checks: NDArray[np.uint64]) -> NDArray[np.uint32]:
        known, maybe = self._known.classify(hashes, checks)
        suspects = np.flatnonzero(maybe)
        if len(suspects):
            self._metrics.dedup_suspects.inc(len(suspects))
            stored = self._until_done(lambda: self._stored_ids(hashes[suspects], checks[suspects]))
            self._metrics.events_duplicate.labels("warehouse").inc(int(stored.sum()))
            known = known.copy()
            known[suspects[stored]] = True
        self._metrics.events_duplicate.labels("recent").inc(int(known.sum()) - int(known[suspects].sum()))
        first = first_occurrences(hashes, checks)
        self._metrics.events_duplicate.labels("batch").inc(int((~first & ~known).sum()))
        fresh = first & ~known
        self._known.add(hashes[fresh], checks[fresh], self._clock.now_ms())
        return np.flatnonzero(~fresh).astype(np.uint32)

    def _stored_ids(self, hashes: NDArray[np.uint64], checks: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of the ids the warehouse has."""
        found = set[tuple[int, int]]()
        start = self._clock.now() - timedelta(hours=25)
        wanted = np.unique(hashes)
        for at in range(0, len(wanted), _SUSPECTS_A_LOOKUP):
            rows = self._warehouse.query(
                clickhouse("writer/stored_ids").text(),
                {"start": start, "hashes": wanted[at : at + _SUSPECTS_A_LOOKUP].tolist()},
                lane="writer",
            ).rows
            found.update((row[0], row[1]) for row in rows)
        return np.fromiter(((int(h), int(c)) in found for h, c in zip(hashes, checks, strict=True)), np.bool_, len(hashes))

    def _store(self, batch: Batch, verdict: Verdict, tried: bool = False) -> None:
        """Insert until it is done, then checkpoint. `tried`: an earlier attempt may have left a part of it in the warehouse."""
        tries = 0
        while True:
            try:
                events = self._insert(batch, verdict, tried)
                break
            except InsertRejectedError as error:
                tried = True
                self._metrics.inserts.labels("refused").inc()
                verdict = self._quarantine(batch, verdict, error, tries)
                tries += 1
            except AnalyticsError as error:
                tried = True
                self._metrics.inserts.labels("unavailable").inc()
                self._note_failure(error)
        self._recovered()
        self._until_done(lambda: self._spool.advance(batch.end, batch.taken))
        self._count(batch, verdict, events)
        if events is not None:
            self._stored(verdict.token, events)
        if verdict.quarantined:
            self._quarantined()

    def _insert(self, batch: Batch, verdict: Verdict, tried: bool) -> pa.RecordBatch | None:
        started = time.perf_counter()
        events: pa.RecordBatch | None = None
        if batch.events is not None:
            kept = without_rows(batch.events, verdict.dropped_rows(), verdict.quarantined_rows())
            if kept.num_rows:
                events = enriched(kept)
                self._insert_events(events, verdict.token, tried)
            if len(verdict.quarantined):
                rows = quarantined_rows(batch.events.take(verdict.quarantined_rows()), verdict, self._clock.now_ms())
                self._insert_rejected(rows, f"{verdict.token}/q", tried)
        if batch.refused is not None:
            refused = batch.refused.append_column("version", pa.array(np.ones(batch.refused.num_rows, np.uint64)))
            self._insert_rejected(refused.combine_chunks().to_batches()[0], f"{verdict.token}/r", tried)
        self._metrics.insert_seconds.observe(time.perf_counter() - started)
        return events

    def _insert_events(self, events: pa.RecordBatch, token: str, tried: bool) -> None:
        if tried:
            filled = finish(self._warehouse, events, token)
            log.info("writer.batch_completed", extra={"token": token, "filled": filled})
            return
        for number, part in enumerate(by_months(events)):
            self._warehouse.insert_arrow("events", part.schema.names, to_stream(part), token=f"{token}/{number}")

    def _insert_rejected(self, rows: pa.RecordBatch, token: str, tried: bool) -> None:
        """A further attempt goes in whatever the engine thinks of it: repeats of these rows replace each other."""
        stream = to_stream(rows)
        if tried:
            self._warehouse.insert_arrow("rejected_events", rows.schema.names, stream, settings={"insert_deduplicate": 0})
        else:
            self._warehouse.insert_arrow("rejected_events", rows.schema.names, stream, token=token)

    def _quarantine(self, batch: Batch, verdict: Verdict, error: InsertRejectedError, tries: int) -> Verdict:
        """A verdict with the rows that the warehouse refuses put aside; waits if the rows are not at fault."""
        log.error("writer.insert_refused", extra={"token": verdict.token, "reason": error.detail})
        if batch.events is None or tries >= 3:
            self._note_failure(error)
            return verdict
        rows = np.setdiff1d(np.arange(batch.rows, dtype=np.uint32), np.union1d(verdict.dropped_rows(), verdict.quarantined_rows()))
        try:
            poison = find_poison(self._warehouse, enriched(batch.events.take(rows)))
        except AnalyticsError as away:
            self._note_failure(away)
            return verdict
        if not poison:
            self._note_failure(error)
            return verdict
        poisoned = [int(rows[index]) for index in poison]
        hashes = np.asarray(batch.events.column("id_hash"))
        changed = verdict.with_quarantine(poisoned, error.detail).without_drops(other_copies(hashes, verdict.dropped_rows(), poisoned))
        self._until_done(lambda: save_verdict(self._folder, changed, self._sync))
        self._known.discard(hashes[changed.quarantined_rows()])
        self._metrics.events_quarantined.inc(len(poison))
        return changed

    def _count(self, batch: Batch, verdict: Verdict, events: pa.RecordBatch | None) -> None:
        self._metrics.inserts.labels("stored").inc()
        self._metrics.dedup_filter_ids.set(self._known.filter.count)
        self._metrics.dedup_filter_bytes.set(self._known.filter.size_bytes + self._known.recent.size_bytes)
        self._metrics.dedup_horizon_seconds.set(self.state().horizon_seconds)
        if events is None:
            return
        self._metrics.insert_rows.observe(events.num_rows)
        self._metrics.events_stored.inc(events.num_rows)
        received = np.asarray(events.column(events.schema.get_field_index("received_at")).cast(pa.int64()))
        starts, counts = np.unique(received, return_counts=True)
        self._metrics.freshness_seconds.observe_many((self._clock.now_ms() - starts) / 1000, counts)

    # ---- waiting ----------------------------------------------------------

    def _until_done(self, work: Callable[[], _T]) -> _T:
        """`work`, again and again with growing pauses while a store is away or the disk full."""
        while True:
            try:
                result = work()
            except AnalyticsError as error:
                self._note_failure(error)
                continue
            except OSError as error:  # of the spool's small files, each written anew at every attempt
                self._note_failure(SpoolFullError(f"The disk of the spool does not take more: {error.strerror}."))
                continue
            self._recovered()
            return result

    def _note_failure(self, error: AnalyticsError) -> None:
        if self._failing_since_ms is None:
            self._failing_since_ms = self._clock.now_ms()
            log.warning("writer.waits_for_warehouse", extra={"reason": error.detail})
        self._failure = error.detail
        if self._stopping.is_set() and time.monotonic() + self._pause >= self._drain_until:
            raise _Stopped
        self._stopping.wait(self._pause) if not self._stopping.is_set() else time.sleep(self._pause)
        self._pause = min(_LONGEST_PAUSE, self._pause * 2)

    def _recovered(self) -> None:
        self._pause = _SHORTEST_PAUSE
        if self._failing_since_ms is not None:
            log.info("writer.warehouse_is_back")
            self._failing_since_ms = None
            self._failure = None
