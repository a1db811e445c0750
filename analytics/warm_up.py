"""One made-up event through every code path before the first real one: parsers compiled, modules loaded, the engine's insert used once.

Nothing of it is kept: the rows go into a scratch table that is dropped again.
"""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from analytics.domain.project import Project
from analytics.ingest.batch import make_batch
from analytics.ingest.decode import decode_body
from analytics.ingest.pipeline import door_steps
from analytics.ingest.record import event_payload
from analytics.spool.schema import EVENT_SCHEMA, from_payload
from analytics.warehouse.client import Warehouse
from analytics.warehouse.scratch import drop_left_over_scratch, scratch_table
from analytics.writer.prepare import enriched, to_stream

_EVENT = b"""[{"event": "warm_up", "user_id": "u", "timestamp": "2026-01-01T00:00:00.000Z", "properties": {"a": 1},
"context": {"user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
"page": {"url": "https://example.com/a?utm_source=b", "referrer": "https://example.org/"}}}]"""
_NO_DEDUPLICATION = {"insert_deduplicate": 0}


def warm_up_events() -> pa.RecordBatch:
    """The Python side: from a body to the columns of table `events`."""
    project = Project("warm-up", "warm-up", "warm-up", "Europe/London", datetime.now(UTC))
    events = decode_body(_EVENT, False, 10, 100_000).events
    batch = make_batch(project, 1_767_225_600_000, events, [""] * len(events))
    for step in door_steps(None):
        step(batch)
    payload, rows = event_payload(batch)
    table = pa.Table.from_batches([from_payload(payload, EVENT_SCHEMA)])
    table = table.append_column("received_at", pa.array(np.full(rows, batch.received_ms)).cast(pa.timestamp("ms", tz="UTC")))
    return enriched(table.append_column("project_id", pa.array([project.id] * rows).dictionary_encode()))


def warm_up_warehouse(warehouse: Warehouse) -> None:
    """The engine's side: one insert into a copy of table `events`. Raises StoreError if the warehouse is away."""
    drop_left_over_scratch(warehouse)
    events = warm_up_events()
    with scratch_table(warehouse) as scratch:
        warehouse.insert_arrow(scratch, events.schema.names, to_stream(events), settings=_NO_DEDUPLICATION)
