"""The exposition: names, labels, numbers, and what must never be a label."""

import math

import numpy as np
import pytest
from prometheus_client import Histogram
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from analytics.telemetry.bulk_histogram import BulkHistogram
from analytics.telemetry.metrics import Metrics

PROMISED = [
    "ingest_events",
    "ingest_rejected",
    "ingest_requests",
    "ingest_request_seconds",
    "ingest_body_bytes",
    "spool_bytes",
    "spool_segments",
    "spool_rows",
    "spool_oldest_seconds",
    "spool_sync_seconds",
    "insert_seconds",
    "insert_rows",
    "inserts",
    "events_stored",
    "events_duplicate",
    "events_quarantined",
    "freshness_seconds",
    "duplicate_check_seconds",
    "dedup_horizon_seconds",
    "dedup_filter_ids",
    "dedup_filter_bytes",
    "reconcile_drift_rows",
    "reconcile_removed",
    "question_seconds",
    "question_errors",
    "build_info",
]


def families(metrics: Metrics) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}


def test_every_promised_metric_is_there_with_a_help_text() -> None:
    found = families(Metrics())
    for name in PROMISED:
        assert f"analytics_{name}" in found, name
        assert found[f"analytics_{name}"].documentation
    assert "process_resident_memory_bytes" in found


def test_two_services_in_one_process_do_not_share_numbers() -> None:
    first, second = Metrics(), Metrics()
    first.events_stored.inc(3)
    assert families(second)["analytics_events_stored"].samples[0].value == 0
    assert families(first)["analytics_events_stored"].samples[0].value == 3


def test_no_metric_is_labelled_by_project_event_or_user() -> None:
    metrics = Metrics()
    for name, instrument in vars(metrics).items():
        labels = getattr(instrument, "_labelnames", ())
        assert not {"project", "project_id", "event", "user", "user_id", "path"} & set(labels), name


def test_a_gauge_read_at_the_scrape_that_fails_hides_only_itself() -> None:
    metrics = Metrics()
    metrics.observe("keys_stale_seconds", "Age.", lambda: 1.5)

    def broken() -> float:
        raise OSError("away")

    metrics.observe("broken", "Broken.", broken)
    found = families(metrics)
    assert found["analytics_keys_stale_seconds"].samples[0].value == 1.5
    assert "analytics_broken" not in found
    assert "analytics_events_stored" in found


def test_the_bulk_histogram_counts_as_the_usual_one() -> None:
    bounds = (0.05, 0.1, 0.5, 1.0)
    values = np.round(np.random.default_rng(1).exponential(0.3, 500), 2)  # rounded: many lie exactly on a bound
    registry = CollectorRegistry()
    ours = BulkHistogram("ours", "Ours.", bounds, registry)
    theirs = Histogram("theirs", "Theirs.", buckets=bounds, registry=registry)
    ours.observe_many(values[:200])
    ours.observe_many(values[200:300], np.ones(100, np.int64))
    for value in values[300:]:
        ours.observe(float(value))
    for value in values:
        theirs.observe(float(value))
    collected = {
        family.name: [(s.name.split("_", 1)[1], s.labels, round(s.value, 6)) for s in family.samples] for family in registry.collect()
    }
    assert collected["ours"] == [sample for sample in collected["theirs"] if sample[0] != "created"]


def test_a_value_may_stand_for_many_events() -> None:
    histogram = BulkHistogram("one", "One.", (0.1, 1.0), CollectorRegistry())
    histogram.observe_many([0.05, 0.5, 9.0], [10, 989, 1])
    assert histogram.quantile(0.01) == pytest.approx(0.1)
    assert histogram.quantile(0.99) == pytest.approx(1.0)
    assert histogram.quantile(1.0) == math.inf


def test_an_empty_histogram_has_no_quantile() -> None:
    assert math.isnan(BulkHistogram("none", "None.", (0.1,), CollectorRegistry()).quantile(0.99))
