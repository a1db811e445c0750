"""From a request's bytes to an answer that may be given: three threads beside the event loop.

`decode` thread: takes the requests that have come in, in groups, and has records made of them, by a process of its own where there is one
(see decoder.py). `collect` thread: takes the records, in the same order. `commit` thread: appends those that are ready, one fdatasync for
all, and lets the requests answer. The one thing to know: a future is only resolved with a verdict after the sync.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from analytics.clock import Clock
from analytics.domain.project import Project
from analytics.domain.verdict import Refusal
from analytics.errors import (
    AnalyticsError,
    PayloadTooLargeError,
    RateLimitedError,
    ShuttingDownError,
    SpoolFullError,
    SpoolWriteError,
)
from analytics.ingest.body import expand
from analytics.ingest.decoder import Decoder, DecoderGoneError, Decoders
from analytics.ingest.erased import ErasedIds
from analytics.ingest.pace import Pace
from analytics.ingest.personal import NOTHING_KEPT, Kept
from analytics.ingest.recorder import Outcome, Recorded, Recorder, Sent
from analytics.spool.spool import NewRecord, Spool
from analytics.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

_GROUP_BYTES = 600_000  # of bodies decoded together: more falls out of the processor's cache
_GROUP_REQUESTS = 256
_EXPANSION_GUESS = 4  # room reserved for a compressed body, until its size is known


@dataclass(frozen=True, slots=True)
class Request:
    """One request to be ingested: its project, its bytes as sent, and what HTTP said of them."""

    project: Project
    body: bytes
    content_encoding: str = ""
    ndjson: bool = False
    sender_ip: str = ""  # of a browser; empty for servers, whose address says nothing about the user
    sender_agent: str = ""
    kept_values: Kept = NOTHING_KEPT  # personal values of ours that a replay brings back


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a request: events accepted, and the refused ones in the order of the request."""

    accepted: int
    refusals: Sequence[Refusal]


@dataclass(slots=True, eq=False)
class _Job:
    request: Request
    future: "asyncio.Future[Verdict]"
    loop: asyncio.AbstractEventLoop
    reserved: int
    body: bytes = b""  # without its encodings
    failure: AnalyticsError | None = None
    outcome: Outcome = field(default_factory=Outcome)

    def sent(self) -> Sent:
        request = self.request
        return Sent(request.project, self.body, request.ndjson, request.sender_ip, request.sender_agent, request.kept_values)


@dataclass(slots=True)
class _Group:
    """Jobs on their way to the disk: sent to a `decoder`, or `recorded`; `records` when it is their turn."""

    jobs: list[_Job]
    received_ms: int
    decoder: Decoder | None = None
    recorded: Recorded | None = None
    records: list[NewRecord] = field(default_factory=list[NewRecord])

    @property
    def readable(self) -> list[_Job]:
        """Those that have not failed."""
        return [job for job in self.jobs if job.failure is None]


class Ingestor:
    """The way in. `submit` may be called from the event loop by any number of requests at once."""

    def __init__(
        self,
        spool: Spool,
        recorder: Recorder,
        clock: Clock,
        metrics: Metrics,
        pace: Pace,
        *,
        max_body_bytes: int,
        on_disk_failure: Callable[[], None],
        decoders: Decoders | None = None,
        erased: ErasedIds | None = None,
    ) -> None:
        self._spool = spool
        self._recorder = recorder
        self._decoders = decoders
        self._clock = clock
        self._metrics = metrics
        self._pace = pace
        self._max_body_bytes = max_body_bytes
        self._on_disk_failure = on_disk_failure
        self._erased = erased
        self._incoming: deque[_Job] = deque()
        self._taken: SimpleQueue[_Group | None] = SimpleQueue()  # None: the last
        self._ready: deque[_Group] = deque()
        self._arrived = threading.Semaphore(0)
        self._prepared = threading.Semaphore(0)
        self._room = threading.BoundedSemaphore(4)  # groups between the first thread and the last
        self._gate = threading.Lock()  # between `submit` and `stop`: what is let in is answered
        self._stopping = False
        self._decode_thread = threading.Thread(target=self._watched, args=(self._decode_loop,), name="ingest-decode", daemon=True)
        self._collect_thread = threading.Thread(target=self._watched, args=(self._collect_loop,), name="ingest-collect", daemon=True)
        self._commit_thread = threading.Thread(target=self._watched, args=(self._commit_loop,), name="ingest-commit", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._decode_thread.start()
        self._collect_thread.start()
        self._commit_thread.start()

    async def submit(self, request: Request) -> Verdict:
        """Take one request; returns once its accepted events are on disk.

        Raises UnreadableBodyError, UnsupportedEncodingError, PayloadTooLargeError, RateLimitedError, SpoolFullError, ShuttingDownError.
        """
        if not self._decode_thread.is_alive():
            raise ShuttingDownError("This process takes no events: it is stopping, or without the role `writer`.", retry_after_seconds=2)
        if self._stopping:
            raise ShuttingDownError("The service is stopping.", retry_after_seconds=2)
        if len(request.body) > self._max_body_bytes:
            raise PayloadTooLargeError(f"The body is larger than {self._max_body_bytes:,} bytes.")
        await self._pace.wait(request.project.id)
        reserved = len(request.body) * (_EXPANSION_GUESS if request.content_encoding else 1)
        self._spool.reserve(request.project.id, reserved)
        loop = asyncio.get_running_loop()
        job = _Job(request, loop.create_future(), loop, reserved)
        with self._gate:
            if self._stopping:
                self._spool.release(request.project.id, reserved)
                raise ShuttingDownError("The service is stopping.", retry_after_seconds=2)
            self._incoming.append(job)
        self._arrived.release()
        # A sender that hangs up does not undo what is under way: the future is resolved all the same.
        return await asyncio.shield(job.future)

    def stop(self) -> None:
        """Take nothing new, finish what was taken, end the threads."""
        with self._gate:
            if self._stopping:
                return
            self._stopping = True
        self._arrived.release()
        self._decode_thread.join()
        self._collect_thread.join()
        self._prepared.release()
        self._commit_thread.join()

    def _watched(self, loop: Callable[[], None]) -> None:
        """A thread that ends would leave every request without an answer: rather the process ends and is started again."""
        try:
            loop()
        except Exception:
            log.critical("ingest.thread_died", exc_info=True)
            self._on_disk_failure()

    # ---- decode ------------------------------------------------------------

    def _decode_loop(self) -> None:
        while True:
            self._arrived.acquire()
            jobs = self._take_jobs()
            if not jobs:
                if self._stopping and not self._incoming:
                    self._taken.put(None)
                    return
                continue
            received_ms = self._clock.now_ms()
            decoder = None if self._decoders is None else self._decoders.next()
            far = [] if decoder is None else [job for job in jobs if self._may_leave(job.request)]
            near = [job for job in jobs if job not in far] if far else jobs
            for group in (_Group(near, received_ms), _Group(far, received_ms, decoder)):
                if group.jobs:
                    self._room.acquire()
                    self._begin(group)

    def _may_leave(self, request: Request) -> bool:
        """Whether a process without keys and erasures can take it."""
        project = request.project
        return not (project.personal_fields or request.kept_values or (self._erased is not None and self._erased.are_known(project.id)))

    def _begin(self, group: _Group) -> None:
        """Have a group recorded: by its decoder if it has one, else here."""
        try:
            if group.decoder is not None:
                group.decoder.send([job.sent() for job in group.readable], group.received_ms)
        except DecoderGoneError:
            group.decoder = None
        if group.decoder is None:
            group.recorded = self._record(group.readable, group.received_ms)
        self._taken.put(group)

    def _record(self, jobs: Sequence[_Job], received_ms: int) -> Recorded:
        return self._recorder.record([job.sent() for job in jobs], received_ms)

    def _take_jobs(self) -> list[_Job]:
        jobs = list[_Job]()
        size = 0
        while self._incoming and len(jobs) < _GROUP_REQUESTS and size < _GROUP_BYTES:
            job = self._incoming.popleft()
            if jobs:
                self._arrived.acquire(blocking=False)
            jobs.append(job)
            size += self._expand(job)
        return jobs

    def _expand(self, job: _Job) -> int:
        """Size of the body once it is expanded: compressed requests of a few bytes must not add up to a group of gigabytes."""
        try:
            job.body = expand(job.request.body, job.request.content_encoding, self._max_body_bytes)
            if len(job.body) > job.reserved:
                self._spool.reserve(job.request.project.id, len(job.body) - job.reserved)
                job.reserved = len(job.body)
        except Exception as error:
            job.failure = _failure(error)
        return len(job.body)

    # ---- collect -----------------------------------------------------------

    def _collect_loop(self) -> None:
        while (group := self._taken.get()) is not None:
            self._collect(group)
            self._ready.append(group)
            self._prepared.release()

    def _collect(self, group: _Group) -> None:
        """Take what was made of the group; without the requests that are over the rate of their project."""
        recorded = group.recorded
        if group.decoder is not None:
            with contextlib.suppress(DecoderGoneError):
                recorded = group.decoder.receive()
        jobs = group.readable
        if recorded is None or (group.decoder is not None and not all(self._may_leave(job.request) for job in jobs)):
            # The decoder is gone; or an erasure has become known meanwhile, of which it knows nothing.
            recorded = self._record(jobs, group.received_ms)
        _tell(jobs, recorded)
        for job in jobs:
            self._charge(job)
        if any(isinstance(job.failure, RateLimitedError) for job in jobs):
            jobs = [job for job in jobs if job.failure is None]
            recorded = self._record(jobs, group.received_ms)
            _tell(jobs, recorded)
        for records, places in recorded.records:
            records[0] = replace(records[0], reserved_bytes=sum(jobs[place].reserved for place in places))
            group.records += records
            for place in places:  # from here on the reserved room belongs to the record
                jobs[place].reserved = 0

    def _charge(self, job: _Job) -> None:
        if job.failure is None:
            try:
                self._pace.charge(job.request.project.id, job.outcome.elements)
            except RateLimitedError as error:
                job.failure = error

    # ---- commit ------------------------------------------------------------

    def _commit_loop(self) -> None:
        while True:
            self._prepared.acquire()
            is_last = self._stopping and not self._collect_thread.is_alive()  # asked first: nothing is made ready after it
            groups = list[_Group]()
            while self._ready:
                groups.append(self._ready.popleft())
                self._room.release()
            if groups:
                self._commit(groups)
            if is_last:
                return

    def _commit(self, groups: list[_Group]) -> None:
        records = [record for group in groups for record in group.records]
        failure: AnalyticsError | None = None
        if records:
            started = time.perf_counter()
            try:
                self._spool.append(records)
                self._metrics.spool_sync_seconds.observe(time.perf_counter() - started)
            except Exception as error:
                for record in records:
                    self._spool.release(record.project_id, record.reserved_bytes)
                failure = SpoolFullError(error.detail) if isinstance(error, SpoolWriteError) else _failure(error)
                if isinstance(error, SpoolWriteError):
                    log.critical("spool.disk_failed", exc_info=error)
                    self._on_disk_failure()
        by_loop = dict[asyncio.AbstractEventLoop, list[_Job]]()
        for group in groups:
            for job in group.jobs:
                if job.reserved:
                    self._spool.release(job.request.project.id, job.reserved)
                job.failure = job.failure or failure
                by_loop.setdefault(job.loop, []).append(job)
        for loop, jobs in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_resolve, jobs)


def _tell(jobs: Sequence[_Job], recorded: Recorded) -> None:
    for job, outcome in zip(jobs, recorded.outcomes, strict=True):
        job.outcome = outcome
        job.failure = None if outcome.failure is None else _failure(outcome.failure)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.failure is not None:
            job.future.set_exception(job.failure)
            job.future.exception()  # a sender that hung up leaves nobody to ask
        else:
            job.future.set_result(Verdict(job.outcome.accepted, job.outcome.refusals))


def _failure(error: Exception) -> AnalyticsError:
    """What the sender is told; what nobody foresaw is for the log."""
    if isinstance(error, AnalyticsError):
        return error
    log.error("ingest.failed_unforeseen", exc_info=error)
    unforeseen = AnalyticsError("The events could not be taken.")
    unforeseen.__cause__ = error
    return unforeseen
