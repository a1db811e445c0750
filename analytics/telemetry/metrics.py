"""Every number the service gives out about itself, on one registry that belongs to one running service.

The one thing to know: a project or an event name is never a label. Both are chosen by callers, and each value would be a time series of
its own for ever; what a label may hold is a short list known to the code.
"""

import platform
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from analytics.telemetry.bulk_histogram import BulkHistogram

EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SPACE = "analytics"

_FRESHNESS_BUCKETS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SYNC_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_INSERT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0)
_ROW_BUCKETS = (1, 10, 100, 1_000, 2_500, 5_000, 10_000, 20_000, 30_000, 40_000, 50_000, 100_000)
_CHECK_BUCKETS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_QUESTION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The instruments, as plain attributes: `metrics.events_stored.inc(n)`. Safe from many threads; nothing here is global.

    Durations are seconds, sizes bytes. Gauges that another part can answer at any time are better bound by `observe` than set in a loop.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._ingest()
        self._spool()
        self._writer()
        self._questions()
        self._answers()
        self._live()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.build_info = self._gauge("build_info", "Always 1; the labels say what is running.", "version", "python")
        self.build_info.labels(_own_version(), platform.python_version()).set(1)

    def render(self) -> bytes:
        """All of it in the Prometheus text format (`EXPOSITION_CONTENT_TYPE`)."""
        return generate_latest(self.registry)

    def observe(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Add the gauge `analytics_<name>`, read by calling `read` at each scrape.

        `read` is called from the thread that answers the scrape and must not block; while it fails, the gauge is absent.
        """
        self.registry.register(_Read(f"{_SPACE}_{name}", help_text, read))

    # ---- the groups ------------------------------------------------------

    def _ingest(self) -> None:
        self.ingest_events = self._counter("ingest_events", "Events read from requests, by verdict (accepted, rejected).", "verdict")
        self.ingest_rejected = self._counter("ingest_rejected", "Refused events, by the code of the verdict.", "code")
        self.ingest_requests = self._counter("ingest_requests", "Requests to POST /v1/events, by status of the answer.", "status")
        self.ingest_request_seconds = self._histogram(
            "ingest_request_seconds", "From the request's first byte to its answer.", _REQUEST_BUCKETS
        )
        self.ingest_body_bytes = self._counter("ingest_body_bytes", "Bytes of bodies received, before expansion.")
        # Hot path: `labels()` takes a lock and builds a key at each call, so the two usual children are held.
        self.events_accepted = self.ingest_events.labels("accepted")
        self.events_rejected = self.ingest_events.labels("rejected")

    def _spool(self) -> None:
        self.spool_bytes = self._gauge("spool_bytes", "Bytes of events waiting on disk.")
        self.spool_segments = self._gauge("spool_segments", "Files of the spool.")
        self.spool_rows = self._gauge("spool_rows", "Events waiting on disk.")
        self.spool_oldest_seconds = self._gauge("spool_oldest_seconds", "Age of the oldest event waiting on disk; 0 if none waits.")
        self.spool_sync_seconds = self._histogram("spool_sync_seconds", "One fdatasync of the spool.", _SYNC_BUCKETS)

    def _writer(self) -> None:
        self.insert_seconds = self._histogram("insert_seconds", "One insert of a batch into the warehouse.", _INSERT_BUCKETS)
        self.insert_rows = self._histogram("insert_rows", "Events in one insert.", _ROW_BUCKETS)
        self.inserts = self._counter(
            "inserts", "Inserts tried, by outcome (stored, unavailable, refused, rollup: a project's own rollup failed).", "outcome"
        )
        self.merges_held = self._gauge("merges_held", "1 while merges of the embedded engine wait for a burst of events to be stored.")
        self.events_stored = self._counter("events_stored", "Events stored in the warehouse.")
        self.events_duplicate = self._counter(
            "events_duplicate", "Repeats dropped before the insert, by where the first was seen (batch, recent, warehouse).", "where"
        )
        self.events_quarantined = self._counter("events_quarantined", "Events the warehouse refuses, kept in quarantine.")
        self.freshness_seconds = BulkHistogram(
            f"{_SPACE}_freshness_seconds", "From an event's receipt to the moment queries see it.", _FRESHNESS_BUCKETS, self.registry
        )
        self.duplicate_check_seconds = self._histogram(
            "duplicate_check_seconds", "The check of one batch against known event ids.", _CHECK_BUCKETS
        )
        self.dedup_horizon_seconds = self._gauge(
            "dedup_horizon_seconds", "How far back every event id is known; a repeat within it never counts twice."
        )
        self.dedup_filter_ids = self._gauge("dedup_filter_ids", "Event ids in the filter.")
        self.dedup_filter_bytes = self._gauge("dedup_filter_bytes", "Memory of the filter.")
        self.dedup_suspects = self._counter("dedup_suspects", "Ids the filter could not rule out, looked up in the warehouse.")
        self.reconcile_drift_rows = self._gauge(
            "reconcile_drift_rows", "Rows by which a table differed from the de-duplicated events at the last reconciliation.", "table"
        )
        self.reconcile_finished = self._gauge(
            "reconcile_finished_timestamp_seconds", "When the last reconciliation that ended well did, in Unix seconds; 0: never."
        )
        self.reconcile_removed = self._counter("reconcile_removed", "Late repeats removed by reconciliation.")

    def _questions(self) -> None:
        self.question_seconds = self._histogram("question_seconds", "One question to the warehouse, by kind.", _QUESTION_BUCKETS, "kind")
        self.question_errors = self._counter("question_errors", "Questions that failed, by problem code.", "code")
        self.http_requests = self._counter(
            "http_requests", "Requests to all other routes, by method and class of status.", "method", "status"
        )
        self.http_request_seconds = self._histogram(
            "http_request_seconds", "From a request to the head of its answer, all other routes.", _REQUEST_BUCKETS
        )

    def _answers(self) -> None:
        self.answer_cache_questions = self._counter(
            "answer_cache_questions", "Questions that may be answered from the cache, by outcome (hit, shared, computed).", "outcome"
        )
        self.answer_cache_bypassed = self._counter(
            "answer_cache_bypassed", "Looks that passed by the cache, by reason (redis-away, restarted, no-writer, writer-away).", "reason"
        )
        self.answer_cache_bytes = self._gauge("answer_cache_bytes", "Bytes of all kept answers, at the last that was computed here.")

        self.own_rollups = self._gauge("own_rollups", "Rollups that projects made, by state; a failed one waits for somebody.", "state")

    def _live(self) -> None:
        self.live_record_seconds = self._histogram("live_record_seconds", "Counting one stored batch in Redis.", _CHECK_BUCKETS)
        self.live_batches = self._counter("live_batches", "Stored batches, by what Redis said (counted, repeat, lost).", "outcome")
        self.live_streams = self._gauge("live_streams", "Open live streams.")
        self.cache_errors = self._counter("cache_errors", "Calls to Redis that failed or were not tried since it was away.")
        self.store_up = self._gauge("store_up", "1 if the last check of the store passed.", "store")

    # ---- making one ------------------------------------------------------

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(name, help_text, labels, namespace=_SPACE, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(name, help_text, labels, namespace=_SPACE, registry=self.registry)

    def _histogram(self, name: str, help_text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, help_text, labels, namespace=_SPACE, registry=self.registry, buckets=buckets)


class _Read(Collector):
    """A gauge read at the scrape."""

    def __init__(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        self._name = name
        self._help = help_text
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(self._name, self._help)]

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._help)
        try:
            family.add_metric([], float(self._read()))
        except Exception:  # a scrape shows the rest: one part that cannot answer must not hide all others
            return []
        return [family]


def _own_version() -> str:
    try:
        return version("analytics-service")
    except PackageNotFoundError:
        return "unknown"
