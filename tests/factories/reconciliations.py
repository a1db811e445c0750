"""Reconciliations of a warehouse in tests, and tables for them to look at."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from analytics.clock import FixedClock
from analytics.domain.project import Project
from analytics.reconcile.reconciliations import Reconciliations
from analytics.reconcile.records import Reconciliation, ReconciliationRecords
from analytics.reconcile.requests import ReconciliationRequests
from analytics.reconcile.run import RunOptions
from analytics.reconcile.session import Hold
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Warehouse
from tests.factories.rollup_oracle import expected_tables, stored_tables
from tests.factories.stored_events import StoredEvent, make_event, make_project, store_events

NOW = datetime.now(UTC).replace(microsecond=0)
Stored = list[tuple[Project, StoredEvent]]


class Runs:
    """Reconciliations of a warehouse, one after the other."""

    def __init__(
        self,
        warehouse: Warehouse,
        hold: Hold | None = None,
        options: RunOptions | None = None,
        lag: timedelta = timedelta(0),
    ) -> None:
        self.clock = FixedClock(NOW)
        self.metrics = Metrics()
        self.records = ReconciliationRecords(warehouse, self.clock)
        self.reconciliations = Reconciliations(
            warehouse,
            self.clock,
            self.metrics,
            ReconciliationRequests(self.records),
            hold=hold,
            watermark=lambda: self.clock.now() - lag,
            changing=nullcontext,
            options=options or RunOptions(settle_seconds=0),
        )

    def run(self, full: bool = False) -> Reconciliation:
        self.clock.advance(60)
        ended = self.reconciliations.run(self.records.request(full, "asked"))
        assert ended.status == "finished", ended.error
        assert self.records.find(ended.id) == replace(ended, parts={})
        return ended


def drift(counts: int, days: int, timeline: int, own: int = 0) -> dict[str, int]:
    return {"event_counts": counts, "user_days": days, "user_timeline": timeline, "own_rollups": own}


NONE = drift(0, 0, 0)


def filled(warehouse: Warehouse, events_a_project: int = 60) -> Stored:
    """Two projects, one of them in another zone, with events of five weeks, anonymous ones among them."""
    stored: Stored = []
    for project in (make_project(timezone="Australia/Sydney"), make_project()):
        for number in range(events_a_project):
            event = make_event(
                f"event-{number % 4}",
                user_id="" if number % 3 == 0 else f"u-{number % 7}",
                anonymous_id=f"a-{number % 5}",
                timestamp=datetime(2026, 10, 15, 7, 50, tzinfo=UTC) + timedelta(hours=14 * number),
                received_at=NOW - timedelta(days=3),
            )
            stored.append((project, event))
        store_events(warehouse, project, [event for owner, event in stored if owner is project])
    return stored


def assert_whole(warehouse: Warehouse, stored: Stored) -> None:
    assert stored_tables(warehouse) == expected_tables(stored)
