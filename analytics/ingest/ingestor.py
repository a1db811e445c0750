"""From a request's bytes to an answer that may be given: two threads beside the event loop.

`decode` thread: takes the requests that have come in, and makes one record per project of all of them (small requests share the cost of
their columns). `commit` thread: appends the records that are ready, one fdatasync for all, and lets the requests answer. The one thing to
know: a future is only resolved with a verdict after the sync.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from analytics.clock import Clock
from analytics.domain.project import Project
from analytics.domain.verdict import Reason, Refusal
from analytics.errors import (
    AnalyticsError,
    PayloadTooLargeError,
    ShuttingDownError,
    SpoolFullError,
    SpoolWriteError,
)
from analytics.ingest.batch import make_batch
from analytics.ingest.body import expand
from analytics.ingest.decode import Decoded, decode_body
from analytics.ingest.erased import ErasedIds
from analytics.ingest.pace import Pace
from analytics.ingest.personal import NOTHING_KEPT, Kept, PersonalFields, kept_by_index
from analytics.ingest.pipeline import Step
from analytics.ingest.record import event_payload
from analytics.ingest.refused import refused_payload
from analytics.ingest.sent_event import Context, Event, as_sent
from analytics.spool.chunk import RecordKind
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


@dataclass(slots=True)
class _Job:
    request: Request
    future: "asyncio.Future[Verdict]"
    loop: asyncio.AbstractEventLoop
    reserved: int
    body: bytes = b""  # without its encodings
    decoded: Decoded = field(default_factory=Decoded)
    failure: AnalyticsError | None = None
    accepted: int = 0


@dataclass(slots=True)
class _Group:
    """Jobs whose records are made, waiting for the disk."""

    jobs: list[_Job]
    records: list[NewRecord]


class Ingestor:
    """The way in. `submit` may be called from the event loop by any number of requests at once."""

    def __init__(
        self,
        spool: Spool,
        steps: Sequence[Step],
        clock: Clock,
        metrics: Metrics,
        pace: Pace,
        *,
        max_body_bytes: int,
        max_events: int,
        on_disk_failure: Callable[[], None],
        personal: PersonalFields | None = None,
        erased: ErasedIds | None = None,
    ) -> None:
        self._spool = spool
        self._steps = tuple(steps)
        self._personal = personal
        self._clock = clock
        self._metrics = metrics
        self._pace = pace
        self._max_body_bytes = max_body_bytes
        self._max_events = max_events
        self._on_disk_failure = on_disk_failure
        self._erased = erased
        self._incoming: deque[_Job] = deque()
        self._ready: deque[_Group] = deque()
        self._arrived = threading.Semaphore(0)
        self._prepared = threading.Semaphore(0)
        self._room = threading.BoundedSemaphore(4)  # groups between the two threads
        self._gate = threading.Lock()  # between `submit` and `stop`: what is let in is answered
        self._stopping = False
        self._decode_thread = threading.Thread(target=self._watched, args=(self._decode_loop,), name="ingest-decode", daemon=True)
        self._commit_thread = threading.Thread(target=self._watched, args=(self._commit_loop,), name="ingest-commit", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._decode_thread.start()
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
                    return
                continue
            self._room.acquire()
            group = _Group(jobs, self._records_of(jobs))
            self._ready.append(group)
            self._prepared.release()

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

    def _records_of(self, jobs: list[_Job]) -> list[NewRecord]:
        received_ms = self._clock.now_ms()
        by_project = dict[str, list[_Job]]()
        for job in jobs:
            project = job.request.project
            try:
                if job.failure is None:
                    self._decode(job)
                    self._pace.charge(project.id, len(job.decoded.events) + len(job.decoded.refusals))
            except Exception as error:
                job.failure = _failure(error)
            if job.failure is None:
                by_project.setdefault(project.id, []).append(job)
        return [record for same in by_project.values() for record in self._records_or_failure(same, received_ms)]

    def _decode(self, job: _Job) -> None:
        job.decoded = decode_body(job.body, job.request.ndjson, self._max_events, job.request.project.event_max_bytes)

    def _records_or_failure(self, jobs: list[_Job], received_ms: int) -> list[NewRecord]:
        try:
            records = self._project_records(jobs, received_ms)
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].failure = _failure(error)
                return []
            # One request broke the common work: the others must not suffer for it.
            records = list[NewRecord]()
            for job in jobs:
                try:
                    self._decode(job)  # anew: refusals of the common work are among the old ones
                except Exception as again:
                    job.failure = _failure(again)
                else:
                    records += self._records_or_failure([job], received_ms)
            return records
        for job in jobs:
            # Thousands of small objects: freed here and now, where they were made. Freed by the event loop they would hold up every
            # answer, and come back to this thread through another processor's cache.
            job.decoded.events = []
            if records:  # from here on the reserved room belongs to the record
                job.reserved = 0
        return records

    def _project_records(self, jobs: list[_Job], received_ms: int) -> list[NewRecord]:
        project = jobs[-1].request.project
        records = list[NewRecord]()
        events = [event for job in jobs for event in job.decoded.events]
        if events:
            for job in jobs:
                if job.request.sender_agent:
                    _take_agent(job.decoded.events, job.request.sender_agent)
            senders = [job.request.sender_ip for job in jobs for _ in job.decoded.events]
            batch = make_batch(project, received_ms, events, senders)
            if any(job.request.kept_values for job in jobs):
                batch.kept_values = kept_by_index([(len(job.decoded.events), job.request.kept_values) for job in jobs])
            for step in self._steps:
                step(batch)
            self._share_out(jobs, batch.refused)
            payload, rows = event_payload(batch)
            if rows:
                records.append(NewRecord(RecordKind.EVENTS, project.id, received_ms, rows, payload))
        refusals = [refusal for job in jobs for refusal in job.decoded.refusals]
        if refusals:
            kept = [job.request.kept_values for job in jobs for _ in job.decoded.refusals]
            if self._erased is not None:
                refusals = self._erased.forget(project.id, refusals)
            refused = refused_payload(project, refusals, self._personal, kept)
            records.append(NewRecord(RecordKind.REFUSED, project.id, received_ms, len(refusals), refused))
        if records:
            records[0] = replace(records[0], reserved_bytes=sum(job.reserved for job in jobs))
        return records

    @staticmethod
    def _share_out(jobs: list[_Job], refused: dict[int, tuple[Reason, str]]) -> None:
        """Give each request its part of the refusals of the common batch."""
        start = 0
        for job in jobs:
            count = len(job.decoded.events)
            job.accepted = count
            if refused:
                for index in range(start, start + count):
                    if index in refused:
                        event = job.decoded.events[index - start]
                        reason, detail = refused[index]
                        place = job.decoded.position(index - start)
                        job.decoded.refusals.append(Refusal(place, event.event_id, reason, detail, as_sent(event)))
                        job.accepted -= 1
            job.decoded.refusals.sort(key=lambda refusal: refusal.index)
            start += count

    # ---- commit ------------------------------------------------------------

    def _commit_loop(self) -> None:
        while True:
            self._prepared.acquire()
            is_last = self._stopping and not self._decode_thread.is_alive()  # asked first: nothing is made ready after it
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


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.failure is not None:
            job.future.set_exception(job.failure)
            job.future.exception()  # a sender that hung up leaves nobody to ask
        else:
            job.future.set_result(Verdict(job.accepted, job.decoded.refusals))


def _failure(error: Exception) -> AnalyticsError:
    """What the sender is told; what nobody foresaw is for the log."""
    if isinstance(error, AnalyticsError):
        return error
    log.error("ingest.failed_unforeseen", exc_info=error)
    unforeseen = AnalyticsError("The events could not be taken.")
    unforeseen.__cause__ = error
    return unforeseen


def _take_agent(events: Sequence[Event], agent: str) -> None:
    """Browsers say who they are in a header: it stands for what their events do not say."""
    for event in events:
        if event.context is None:
            event.context = Context(user_agent=agent)
        elif event.context.user_agent is None:
            event.context.user_agent = agent
