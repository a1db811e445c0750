"""Embedded chDB's merges wait while a burst of events comes in.

Merging a row costs as much as storing it, on the same processors. So while inserts take nearly all of the writer's time, new parts of the
three largest tables stay as they are, up to a number that questions still read quickly; then, or when the burst is over, they are merged as
ever. Over hours nothing is saved: a burst of two minutes is taken a fifth faster, and paid for after it.

The one thing to know: deletions and erasures are done by the threads that merge. A hold ends as soon as one waits; those who wait for
theirs begin merges by themselves, too; and a hold ends with the process.
"""

import logging
import time
from collections.abc import Callable

from analytics.errors import AnalyticsError
from analytics.statements import clickhouse
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Warehouse

log = logging.getLogger(__name__)

# Not event_counts and event_ids: small, so that merging them costs little, and asked all the time, by questions and for repeats.
TABLES = ("events", "user_days", "user_timeline")
LOOK_SECONDS = 2.0
BEGIN_SHARE = 0.7  # of the time goes to inserts: a burst
END_SHARE = 0.4
MOST_PARTS = 400  # of `events`, never merged: questions for raw events of today then take twice as long as where merges keep step
FEW_PARTS = 100  # below this a hold may begin


class MergeHold:
    """Holds merges of `warehouse` as `look` sees fit; for one thread. A server's merges are its own affair."""

    def __init__(self, warehouse: Warehouse, metrics: Metrics, now: Callable[[], float] = time.monotonic) -> None:
        """`now` in seconds."""
        self._warehouse = warehouse
        self._metrics = metrics
        self._now = now
        self._held = False
        self._looked_at = now()
        self._seen_seconds = 0.0

    def look(self, insert_seconds: float) -> None:
        """See whether merges should wait. To be called all the time; `insert_seconds` is what all inserts until now have taken."""
        now = self._now()
        elapsed = now - self._looked_at
        if not self._warehouse.embedded or elapsed < LOOK_SECONDS:
            return
        share = (insert_seconds - self._seen_seconds) / elapsed
        self._looked_at, self._seen_seconds = now, insert_seconds
        if share < (END_SHARE if self._held else BEGIN_SHARE):
            self.release()
            return
        try:
            parts, changes = self._warehouse.query(clickhouse("writer/unmerged_parts").text(), lane="control").rows[0]
        except AnalyticsError:
            self.release()
            return
        if changes or parts >= (MOST_PARTS if self._held else FEW_PARTS):
            self.release()
        elif not self._held:
            self._hold()

    def release(self) -> None:
        """Let merges go on. What the engine does not hear now it is told at the next look."""
        if self._held and self._command("START"):
            self._held = False
            self._metrics.merges_held.set(0)
            log.info("merges.go_on")

    def _hold(self) -> None:
        self._held = True
        if self._command("STOP"):
            self._metrics.merges_held.set(1)
            log.info("merges.wait")
        else:
            self.release()

    def _command(self, verb: str) -> bool:
        try:
            for table in TABLES:
                self._warehouse.command(f"SYSTEM {verb} MERGES {table}")
        except AnalyticsError as error:
            log.warning("merges.not_told", extra={"reason": error.detail})
            return False
        return True
