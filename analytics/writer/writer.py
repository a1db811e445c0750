"""The writer: takes events from the spool to the warehouse, each once.

For each batch: read it, decide which events are repeats, put that verdict on disk, insert with the batch's token, checkpoint. While one
batch is inserted (see Inserter) the next is prepared; nothing of it is inserted before the one under way is stored. The one thing to know:
duplicates are decided once. A replay that asked the warehouse again would find its own rows and leave the views without them.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from analytics.clock import Clock
from analytics.errors import AnalyticsError, CorruptVerdictError, InsertRejectedError, SpoolFullError
from analytics.spool.segment import Position
from analytics.spool.spool import Spool
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse
from analytics.warehouse.merge_hold import MergeHold
from analytics.writer.batch import Batch, Verdict, load_verdicts, other_copies, read_batch, save_verdicts, token_of
from analytics.writer.completion import complete_landed, finish
from analytics.writer.gate import Gate, Hold
from analytics.writer.inserter import Inserter
from analytics.writer.known_ids import KnownIds, first_occurrences
from analytics.writer.own_rollups import NoOwnRollups, OwnRollups
from analytics.writer.prepare import enriched
from analytics.writer.prepared import PreparedBatch, prepared
from analytics.writer.quarantine import find_poison, quarantined_rows, remove_quarantined
from analytics.writer.repeat_check import RepeatCheck

log = logging.getLogger(__name__)

_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LONGEST_LAST_INSERT = 10.0  # seconds a stop waits for the insert under way; what is then not checkpointed is replayed
_GATHERING_PER_INSERT = 2.0
_LONGEST_GATHERING = 0.35  # seconds; preparing and inserting come after it, and events are to be seen within one
_MOST_UNDER_WAY = 2  # batches: one is inserted, one prepared

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
        known: KnownIds,
        sync: bool = True,
        own_rollups: OwnRollups | None = None,
        prepare: Callable[[], None] = lambda: None,
        inserting: Callable[[str, pa.RecordBatch], None] = lambda token, events: None,
        inserted: Callable[[str], None] = lambda token: None,
        stored: Callable[[str, pa.RecordBatch, bool], None] = lambda token, events, at_rest: None,
        wants_rest: Callable[[], bool] = lambda: False,
        idle: Callable[[], None] = lambda: None,
        quarantined: Callable[[], None] = lambda: None,
        died: Callable[[], None] = lambda: None,
    ) -> None:
        """`known` is empty, and filled from the warehouse. `prepare` makes the warehouse ready before the first insert; `idle` is told when
        there is nothing to do, `quarantined` of a batch that was stored without some of its rows: parts of them may have reached a rollup.

        `stored` is told of each stored batch, and whether the writer is at rest: the tables then hold this batch and those before it, and
        nothing of the next. Where `wants_rest` answers True, it will be. `inserting` is told of the events of each attempt before it
        begins, and `inserted` once one has ended well, on the thread that inserts. `died` is called when its thread ends by an error
        unforeseen.
        """
        self._spool = spool
        self._warehouse = warehouse
        self._clock = clock
        self._metrics = metrics
        self._folder = folder
        self._batch_max_rows = batch_max_rows
        self._batch_max_wait_seconds = batch_max_wait_seconds
        self._sync = sync
        self._own_rollups = own_rollups or NoOwnRollups()
        self._prepare = prepare
        self._inserting = inserting
        self._inserted = inserted
        self._stored = stored
        self._wants_rest = wants_rest
        self._idle = idle
        self._quarantined = quarantined
        self._died = died
        self._gate = Gate()
        self._repeat_check = RepeatCheck(warehouse, known, clock, metrics)
        self._stopping = threading.Event()
        self._drain_until = 0.0
        self._ready = False
        self._failing_since_ms: int | None = None
        self._failure: str | None = None
        self._pause = _SHORTEST_PAUSE
        self._alive_at = 0.0
        self._under_way: PreparedBatch | None = None
        self._insert_seconds = 0.0  # how long the last insert took, and
        self._all_insert_seconds = 0.0  # all of them
        self._merge_hold = MergeHold(warehouse, metrics)
        self._inserted_ms = 0  # when the last insert ended, and
        self._landed_ms = 0  # the last that was waited for
        self._read_at_ms = 0  # what waits behind the batch under way came after this
        self._inserter = Inserter(ended=spool.wake)
        self._saver = ThreadPoolExecutor(1, "verdict")
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    # ---- from outside -----------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._alive_at = time.monotonic()
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
        return WriterState(self._ready, self._failing_since_ms, self._failure, self._repeat_check.horizon_seconds)

    def silent_seconds(self) -> float:
        """Since when it gave no sign of life: neither began a round nor a call of the warehouse, nor saw one end. 0 if it does not run."""
        last = max(self._alive_at, self._warehouse.used_at("writer"))
        return time.monotonic() - last if self._thread.is_alive() else 0.0

    def patience(self) -> float:
        """How much longer than usual it may be silent: while it starts, and since a server that hangs is given up by its own limits."""
        return 10.0 if not self._ready else 1.0 if self._warehouse.embedded else 3.0

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
            self._inserter.finish()  # not checkpointed: the next start makes it whole
        except Exception:
            log.critical("writer.died", exc_info=True)
            self._died()
        finally:
            self._gate.close()

    def _recover(self) -> None:
        """Finish the batches that were under way when the last process ended, then learn the known ids."""
        try:
            verdicts = load_verdicts(self._folder)
            unsure = False
        except CorruptVerdictError:
            log.error("writer.verdict_damaged")
            verdicts, unsure = list[Verdict](), True
        while verdict := next((v for v in verdicts if Position(*v.start) == self._spool.checkpoint), None):
            end = Position(*verdict.end)
            batch = read_batch(self._spool, self._spool.checkpoint, self._batch_max_rows, end)
            if batch is None or batch.end != end or batch.rows != verdict.rows:
                log.error("writer.batch_changed", extra={"start": str(self._spool.checkpoint)})
                unsure = True
                break
            log.info("writer.replays_batch", extra={"token": verdict.token, "rows": batch.rows})
            work = self._store(prepared(batch, verdict), tried=True)
            self._landed_ms = self._inserted_ms
            # The batch behind it may have landed in part.
            self._settle(work, at_rest=all(Position(*other.start) != end for other in verdicts))
            if work.verdict is not verdict:  # with rows put aside, copies of which the next verdict may have dropped
                unsure = True
                break
        if unsure:
            self._complete_what_landed()
        count = self._until_done(self._repeat_check.rebuild)
        self._ready = True
        self._gate.end()
        log.info("writer.ready", extra={"known_ids": count})

    def _complete_what_landed(self) -> None:
        """The disk lost a part of a batch, or what was decided about it. What of it has landed, and of the one behind it, is made whole
        here, so that its ids are known; all that is left is then decided anew."""
        position = self._spool.checkpoint
        for _ in range(_MOST_UNDER_WAY):
            batch = read_batch(self._spool, position, self._batch_max_rows)
            if batch is None:
                return
            position = batch.end
            if batch.events is not None:
                first = first_occurrences(np.asarray(batch.events.column("id_hash")), np.asarray(batch.events.column("id_check")))
                events = enriched(batch.events.filter(pa.array(first)))
                self._inserting("recovery", events)
                self._until_done(partial(complete_landed, self._warehouse, events))
                self._until_done(partial(self._own_rollups.complete, batch.events))
                self._inserted("recovery")

    def _one_round(self) -> None:
        """Wait for events, or for the insert under way; then do what is due."""
        self._alive_at = time.monotonic()
        self._merge_hold.look(self._all_insert_seconds)
        if self._under_way is not None and self._inserter.done():
            self._settle(self._landed(self._under_way))
        rows = self._wait_for_rows(1, 1.0)
        if self._stopping.is_set() and (not rows or time.monotonic() >= self._drain_until):
            if self._under_way is None:
                raise _Stopped
            self._settle(self._landed(self._under_way))
        elif not rows:
            if self._under_way is None:
                self._until_done(self._spool.leave_read_segments)
                self._idle()
        elif rows < self._batch_max_rows and not self._stopping.is_set() and (wait := self._wait_for_more()) > 0:
            self._wait_for_rows(self._batch_max_rows, wait)
        else:
            self._next_batch()

    def _wait_for_rows(self, rows: int, timeout_seconds: float) -> int:
        """Wait until `rows` events wait behind the batch under way, or the time is over, or that batch is stored; their number."""
        under_way = 0 if self._under_way is None else self._under_way.waiting_rows
        ended = None if self._under_way is None else self._inserter.done
        return max(0, self._spool.wait_for_rows(under_way + rows, timeout_seconds, ended) - under_way)

    def _wait_for_more(self) -> float:
        """Seconds that the oldest event behind the batch under way may still wait for others."""
        now_ms = self._clock.now_ms()
        oldest_ms = self._spool.oldest_received_ms() or now_ms
        if self._under_way is not None:
            oldest_ms = max(oldest_ms, self._read_at_ms)
        # An insert has a price of its own beside that of its rows: while inserts are slow, batches are larger.
        longest = max(self._batch_max_wait_seconds, min(_LONGEST_GATHERING, _GATHERING_PER_INSERT * self._insert_seconds))
        # A clock that was set back since the receipt says nothing of how long the event has waited.
        return min(1.0, longest - (now_ms - oldest_ms) / 1000) if now_ms >= oldest_ms else 0.0

    def _next_batch(self) -> None:
        """Prepare the next batch, and hand it to the inserter when the one under way is stored."""
        committed = self._spool.committed  # asked first: what comes in meanwhile must not be passed over
        before = self._under_way
        self._read_at_ms = self._clock.now_ms()
        batch = read_batch(self._spool, self._spool.checkpoint if before is None else before.batch.end, self._batch_max_rows)
        if batch is None:
            if before is not None:
                self._settle(self._landed(before))
            else:
                # Counted, but not there to be read.
                self._until_done(lambda: self._spool.advance(committed, {}))
            return
        for damage in batch.damages:
            log.error("spool.damaged", extra={"start": str(damage.start), "end": str(damage.end)})
        following = self._decided(batch)
        landed = None if before is None else self._landed(before)
        if landed is not None and landed.verdict.quarantined:
            # Copies of what is quarantined now are no repeats.
            self._repeat_check.forget(following.ids()[0])
            following = self._decided(batch)
        if landed is not None and self._wants_rest():
            self._settle(landed)
            landed = None
        self._gate.begin()
        self._inserter.launch(partial(self._insert, following, tried=False))
        self._under_way = following
        if landed is not None:
            self._settle(landed, at_rest=False)

    def _landed(self, work: PreparedBatch) -> PreparedBatch:
        """The batch under way, once it is stored: by its first attempt or by as many as it takes."""
        try:
            self._inserter.wait()
        except AnalyticsError as error:
            work = self._store(work, tried=True, error=error)
        self._recovered()
        self._gate.end()
        self._under_way = work
        self._landed_ms = self._inserted_ms
        return work

    def _settle(self, work: PreparedBatch, at_rest: bool = True) -> None:
        """Checkpoint behind a stored batch, and tell of it."""
        self._until_done(lambda: self._spool.advance(work.batch.end, work.batch.taken))
        if self._under_way is work:
            self._under_way = None
        self._count(work.events)
        if work.events is not None:
            self._stored(work.verdict.token, work.events, at_rest)
        if work.verdict.quarantined:
            self._quarantined()

    # ---- one batch --------------------------------------------------------

    def _decided(self, batch: Batch) -> PreparedBatch:
        """Decide about a batch, put that on disk, and meanwhile make the batch ready."""
        verdict = self._judge(batch)
        verdicts = [verdict] if self._under_way is None else [self._under_way.verdict, verdict]
        saving = self._saver.submit(save_verdicts, self._folder, verdicts, self._sync)
        following = prepared(batch, verdict)
        try:
            saving.result()
        except OSError:
            self._until_done(lambda: save_verdicts(self._folder, verdicts, self._sync))
        return following

    def _judge(self, batch: Batch) -> Verdict:
        """Decide which events are repeats."""
        dropped = np.empty(0, np.uint32)
        if batch.events is not None:
            under_way = None if self._under_way is None else self._under_way.ids()
            dropped = self._repeat_check.repeats(batch.events, under_way, self._until_done)
        return Verdict(
            token_of(self._spool.node, batch.start, batch.end),
            (batch.start.segment, batch.start.offset),
            (batch.end.segment, batch.end.offset),
            batch.rows,
            dropped.astype("<u4").tobytes(),
        )

    def _store(self, work: PreparedBatch, *, tried: bool, error: AnalyticsError | None = None) -> PreparedBatch:
        """Insert until it is done; the batch as it was stored in the end.

        `tried`: an earlier attempt may have left a part of it in the warehouse; `error` is what became of that attempt.
        """
        tries = 0
        while True:
            if error is None:
                try:
                    self._insert(work, tried=tried)
                except AnalyticsError as failure:
                    error = failure
                else:
                    self._recovered()
                    return work
            tried = True
            if self._until_done(partial(self._own_rollups.blame, error)):
                self._metrics.inserts.labels("rollup").inc()
            elif isinstance(error, InsertRejectedError):
                self._metrics.inserts.labels("refused").inc()
                work = self._quarantine(work, error, tries)
                tries += 1
            else:
                self._metrics.inserts.labels("unavailable").inc()
                self._note_failure(error)
            error = None

    def _insert(self, work: PreparedBatch, *, tried: bool) -> None:
        """One attempt; also on the inserter's thread."""
        started = time.perf_counter()
        batch, verdict = work.batch, work.verdict
        touched = work.events if not tried or batch.events is None else batch.events.combine_chunks().to_batches()[0]
        if touched is not None:
            self._inserting(verdict.token, touched)
        if tried and batch.events is not None and len(verdict.quarantined):
            remove_quarantined(self._warehouse, batch.events.take(verdict.quarantined_rows()))
        if work.events is not None:
            self._insert_events(work.events, work.streams, verdict.token, tried)
        if tried and batch.events is not None:
            self._own_rollups.complete(batch.events)
        if batch.events is not None and len(verdict.quarantined):
            rows = quarantined_rows(batch.events.take(verdict.quarantined_rows()), verdict, self._clock.now_ms())
            self._insert_rejected(rows.schema.names, to_stream(rows), f"{verdict.token}/q", tried)
        if work.refused is not None:
            self._insert_rejected(*work.refused, f"{verdict.token}/r", tried)
        self._inserted_ms = self._clock.now_ms()
        if touched is not None:
            self._inserted(verdict.token)
        self._insert_seconds = time.perf_counter() - started
        self._all_insert_seconds += self._insert_seconds
        self._metrics.insert_seconds.observe(self._insert_seconds)

    def _insert_events(self, events: pa.RecordBatch, streams: Sequence[pa.Buffer], token: str, tried: bool) -> None:
        if tried:
            filled = finish(self._warehouse, events, token)
            log.info("writer.batch_completed", extra={"token": token, "filled": filled})
            return
        for number, stream in enumerate(streams):
            self._warehouse.insert_arrow("events", events.schema.names, stream, token=f"{token}/{number}")

    def _insert_rejected(self, names: Sequence[str], stream: pa.Buffer, token: str, tried: bool) -> None:
        """A further attempt goes in whatever the engine thinks of it: repeats of these rows replace each other."""
        if tried:
            self._warehouse.insert_arrow("rejected_events", names, stream, settings={"insert_deduplicate": 0})
        else:
            self._warehouse.insert_arrow("rejected_events", names, stream, token=token)

    def _quarantine(self, work: PreparedBatch, error: InsertRejectedError, tries: int) -> PreparedBatch:
        """The batch with the rows that the warehouse refuses put aside; waits if the rows are not at fault."""
        batch, verdict = work.batch, work.verdict
        log.error("writer.insert_refused", extra={"token": verdict.token, "reason": error.detail})
        if batch.events is None or tries >= 3:
            self._note_failure(error)
            return work
        rows = np.setdiff1d(np.arange(batch.rows, dtype=np.uint32), np.union1d(verdict.dropped_rows(), verdict.quarantined_rows()))
        try:
            poison = find_poison(self._warehouse, enriched(batch.events.take(rows)))
        except AnalyticsError as away:
            self._note_failure(away)
            return work
        if not poison:
            self._note_failure(error)
            return work
        poisoned = [int(rows[index]) for index in poison]
        hashes = np.asarray(batch.events.column("id_hash"))
        changed = verdict.with_quarantine(poisoned, error.detail).without_drops(other_copies(hashes, verdict.dropped_rows(), poisoned))
        self._until_done(lambda: save_verdicts(self._folder, [changed], self._sync))
        self._repeat_check.forget(hashes[changed.quarantined_rows()])
        self._metrics.events_quarantined.inc(len(poison))
        return prepared(batch, changed)

    def _count(self, events: pa.RecordBatch | None) -> None:
        self._metrics.inserts.labels("stored").inc()
        self._repeat_check.tell_size()
        if events is None:
            return
        self._metrics.insert_rows.observe(events.num_rows)
        self._metrics.events_stored.inc(events.num_rows)
        received = np.asarray(events.column(events.schema.get_field_index("received_at")).cast(pa.int64()))
        starts, counts = np.unique(received, return_counts=True)
        self._metrics.freshness_seconds.observe_many((self._landed_ms - starts) / 1000, counts)

    # ---- waiting ----------------------------------------------------------

    def _until_done(self, work: Callable[[], _T]) -> _T:
        """`work`, again and again with growing pauses while a store is away or the disk full."""
        while True:
            self._alive_at = time.monotonic()
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
        self._merge_hold.release()
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
