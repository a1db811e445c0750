"""From the bodies of requests to records of the spool, and to what each request is told.

Neither disk nor clock nor rate limit is known here, so that it can be done in this process or in another (see decoder.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from analytics.domain.project import Project
from analytics.domain.verdict import Reason, Refusal
from analytics.ingest.batch import make_batch
from analytics.ingest.decode import Decoded, decode_body
from analytics.ingest.erased import ErasedIds
from analytics.ingest.personal import NOTHING_KEPT, Kept, PersonalFields, kept_by_index
from analytics.ingest.pipeline import Step
from analytics.ingest.record import event_payload
from analytics.ingest.refused import refused_payload
from analytics.ingest.sent_event import Context, Event, as_sent
from analytics.side_process import large_beside
from analytics.spool.chunk import RecordKind
from analytics.spool.spool import NewRecord


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: its project, its body without encodings, and what HTTP said of it."""

    project: Project
    body: bytes
    ndjson: bool = False
    sender_ip: str = ""  # of a browser; empty for servers, whose address says nothing about the user
    sender_agent: str = ""
    kept_values: Kept = NOTHING_KEPT  # personal values of ours that a replay brings back

    def __reduce__(self) -> tuple[object, ...]:
        return large_beside(self)


@dataclass(slots=True)
class Outcome:
    """What became of one request: of its `elements` so many `accepted`, the others refused, in their order. Or why it could not be taken:
    an error of ours, or one that nobody foresaw."""

    elements: int = 0
    accepted: int = 0
    refusals: Sequence[Refusal] = ()
    failure: Exception | None = None


@dataclass(slots=True)
class Recorded:
    """Outcomes in the order of the requests; records, each list with the positions of the requests that it holds."""

    outcomes: list[Outcome]
    records: list[tuple[list[NewRecord], list[int]]] = field(default_factory=list[tuple[list[NewRecord], list[int]]])


@dataclass(slots=True)
class _Job:
    """A request under work."""

    place: int
    sent: Sent
    outcome: Outcome
    decoded: Decoded = field(default_factory=Decoded)


class Recorder:
    """Decodes requests and makes one record per project of all of them: small requests share the cost of their columns."""

    def __init__(
        self, steps: Sequence[Step], max_events: int, personal: PersonalFields | None = None, erased: ErasedIds | None = None
    ) -> None:
        self._steps = tuple(steps)
        self._max_events = max_events
        self._personal = personal
        self._erased = erased

    def record(self, requests: Sequence[Sent], received_ms: int) -> Recorded:
        """Take the requests, received at `received_ms`. An error is the outcome of its request; it hurts no other."""
        recorded = Recorded([Outcome() for _ in requests])
        by_project = dict[str, list[_Job]]()
        for place, sent in enumerate(requests):
            job = _Job(place, sent, recorded.outcomes[place])
            if self._decode(job):
                by_project.setdefault(sent.project.id, []).append(job)
        for jobs in by_project.values():
            self._record_project(jobs, received_ms, recorded)
        return recorded

    def _decode(self, job: _Job) -> bool:
        sent = job.sent
        try:
            job.decoded = decode_body(sent.body, sent.ndjson, self._max_events, sent.project.event_max_bytes)
        except Exception as error:
            job.outcome.failure = error
            return False
        job.outcome.elements = len(job.decoded.events) + len(job.decoded.refusals)
        return True

    def _record_project(self, jobs: list[_Job], received_ms: int, recorded: Recorded) -> None:
        try:
            records = self._records(jobs, received_ms)
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].outcome.failure = error
                return
            # One request broke the common work: the others must not suffer for it.
            for job in jobs:
                if self._decode(job):  # anew: refusals of the common work are among the old ones
                    self._record_project([job], received_ms, recorded)
            return
        for job in jobs:
            job.outcome.refusals = job.decoded.refusals
            # Thousands of small objects: freed here and now, where they were made. Freed by the event loop they would hold up every
            # answer, and come back to this thread through another processor's cache.
            job.decoded.events = []
        if records:
            recorded.records.append((records, [job.place for job in jobs]))

    def _records(self, jobs: list[_Job], received_ms: int) -> list[NewRecord]:
        project = jobs[-1].sent.project
        records = list[NewRecord]()
        events = [event for job in jobs for event in job.decoded.events]
        if events:
            for job in jobs:
                if job.sent.sender_agent:
                    _take_agent(job.decoded.events, job.sent.sender_agent)
            senders = [job.sent.sender_ip for job in jobs for _ in job.decoded.events]
            batch = make_batch(project, received_ms, events, senders)
            if any(job.sent.kept_values for job in jobs):
                batch.kept_values = kept_by_index([(len(job.decoded.events), job.sent.kept_values) for job in jobs])
            for step in self._steps:
                step(batch)
            _share_out(jobs, batch.refused)
            payload, rows = event_payload(batch)
            if rows:
                records.append(NewRecord(RecordKind.EVENTS, project.id, received_ms, rows, payload))
        refusals = [refusal for job in jobs for refusal in job.decoded.refusals]
        if refusals:
            kept = [job.sent.kept_values for job in jobs for _ in job.decoded.refusals]
            if self._erased is not None:
                refusals = self._erased.forget(project.id, refusals)
            refused = refused_payload(project, refusals, self._personal, kept)
            records.append(NewRecord(RecordKind.REFUSED, project.id, received_ms, len(refusals), refused))
        return records


def _share_out(jobs: list[_Job], refused: dict[int, tuple[Reason, str]]) -> None:
    """Give each request its part of the refusals of the common batch."""
    start = 0
    for job in jobs:
        count = len(job.decoded.events)
        job.outcome.accepted = count
        if refused:
            for index in range(start, start + count):
                if index in refused:
                    event = job.decoded.events[index - start]
                    reason, detail = refused[index]
                    place = job.decoded.position(index - start)
                    job.decoded.refusals.append(Refusal(place, event.event_id, reason, detail, as_sent(event)))
                    job.outcome.accepted -= 1
        job.decoded.refusals.sort(key=lambda refusal: refusal.index)
        start += count


def _take_agent(events: Sequence[Event], agent: str) -> None:
    """Browsers say who they are in a header: it stands for what their events do not say."""
    for event in events:
        if event.context is None:
            event.context = Context(user_agent=agent)
        elif event.context.user_agent is None:
            event.context.user_agent = agent
