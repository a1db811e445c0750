"""What the live view gets of each stored batch: its counts for Redis, a few of its events for the feed.

For the writer's thread, after the insert. The one thing to know: it never raises, since nothing of it is worth
a batch: what is stored is stored.
"""

from typing import cast

import pyarrow as pa
import structlog

from analytics.cache.live import LiveCounters
from analytics.cache.live_feed import LiveFeed, SampledEvent
from analytics.writer.live_batches import live_batches

_LOOKED_AT = 1_000  # of a large batch the end is enough, and its newest
_log = structlog.get_logger("analytics.live")
_COLUMNS = ("event_id", "event", "timestamp", "received_at", "user_id", "anonymous_id", "session_id", "properties")


class LiveSink:
    """`stored` and `idle` of the Writer."""

    def __init__(self, counters: LiveCounters, feed: LiveFeed) -> None:
        self._counters = counters
        self._feed = feed

    def stored(self, token: str, events: pa.RecordBatch, at_rest: bool) -> None:
        """Count a stored batch and show some of its events; `at_rest`: the tables hold nothing of the next batch."""
        try:
            if self._counters.record(token, live_batches(events), may_recount=at_rest) != "repeat":
                self._sample(events)
        except Exception as error:
            _log.error("a stored batch is missing in the live view", exc_info=error)

    def wants_rest(self) -> bool:
        """Whether the counters wait to be counted anew."""
        return self._counters.stale

    def idle(self) -> None:
        """Nothing to store: a time to repair the counters."""
        try:
            self._counters.tick()
        except Exception as error:
            _log.error("the live counters could not be looked after", exc_info=error)

    def _sample(self, events: pa.RecordBatch) -> None:
        first = max(0, events.num_rows - _LOOKED_AT)
        rows_of: dict[str, list[int]] = {}
        for at, project_id in enumerate(cast(list[str], events.column("project_id").slice(first).to_pylist())):
            rows_of.setdefault(project_id, []).append(first + at)
        for project_id, rows in rows_of.items():
            wanted = self._feed.wanted(project_id)
            if wanted:
                step = max(1, len(rows) // wanted)
                self._feed.publish(project_id, [_sampled(events, row) for row in rows[::-step][:wanted][::-1]])


def _sampled(events: pa.RecordBatch, row: int) -> SampledEvent:
    values = {name: events.column(name)[row] for name in _COLUMNS}
    return SampledEvent(
        event_id=values["event_id"].as_py() or "",
        event=values["event"].as_py(),
        timestamp_ms=values["timestamp"].cast(pa.int64()).as_py(),
        received_ms=values["received_at"].cast(pa.int64()).as_py(),
        user_id=values["user_id"].as_py() or "",
        anonymous_id=values["anonymous_id"].as_py() or "",
        session_id=values["session_id"].as_py() or "",
        properties=values["properties"].as_py() or "{}",
    )
