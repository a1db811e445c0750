"""One made-up event through every code path before the first real one: parsers compiled, modules loaded, the engine's insert used once.

Nothing of it is kept: the rows go into a scratch table that is dropped again.
"""

from datetime import UTC, datetime

import pyarrow as pa

from analytics.domain.project import Project
from analytics.ingest.pipeline import door_steps
from analytics.ingest.recorder import Recorder, Sent
from analytics.spool.schema import EVENT_SCHEMA
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse
from analytics.warehouse.scratch import drop_left_over_scratch, scratch_table
from analytics.writer.batch import rows_of
from analytics.writer.prepare import enriched

_EVENT = b"""[{"event": "warm_up", "user_id": "u", "timestamp": "2026-01-01T00:00:00.000Z", "properties": {"a": 1},
"context": {"user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
"page": {"url": "https://example.com/a?utm_source=b", "referrer": "https://example.org/"}}}]"""
_NO_DEDUPLICATION = {"insert_deduplicate": 0}


def warm_up_events() -> pa.RecordBatch:
    """The Python side: from a body to the columns of table `events`."""
    project = Project("warm-up", "warm-up", "warm-up", "Europe/London", datetime.now(UTC))
    recorded = Recorder(door_steps(None), 10).record([Sent(project, _EVENT)], 1_767_225_600_000)
    records = [(record.project_id, record.received_ms, record.payload) for made, _ in recorded.records for record in made]
    return enriched(rows_of(records, EVENT_SCHEMA))


def warm_up_warehouse(warehouse: Warehouse) -> None:
    """The engine's side: one insert into a copy of table `events`. Raises StoreError if the warehouse is away."""
    drop_left_over_scratch(warehouse)
    events = warm_up_events()
    with scratch_table(warehouse) as scratch:
        warehouse.insert_arrow(scratch, events.schema.names, to_stream(events), settings=_NO_DEDUPLICATION)
