"""Rows the warehouse refuses: found on scratch copies of `events` and its views, put aside with their reason.

The batch itself is never split: it may have landed in part. What is left of it goes in under the batch's own token. A row that only a view
refuses is in `events` by then: it is taken out again.
"""

import uuid
from datetime import datetime
from typing import cast

import numpy as np
import pyarrow as pa
from msgspec.json import encode

from analytics.domain.columns import Array
from analytics.domain.sent_context import sent_context
from analytics.errors import InsertRejectedError
from analytics.statements import clickhouse
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse
from analytics.warehouse.scratch import scratch_table
from analytics.writer.batch import Verdict

_NO_DEDUPLICATION = {"insert_deduplicate": 0}


def find_poison(warehouse: Warehouse, events: pa.RecordBatch) -> list[int]:
    """Positions of the rows that table `events` or a view on it refuses by themselves; empty if none does, or if all do.

    All rows refused means that something else is wrong (a column missing, say): that must be mended, not quarantined.
    Raises StoreError if the warehouse goes away.
    """
    with scratch_table(warehouse, with_views=True) as scratch:
        poison = _search(warehouse, scratch, events, 0)
        if len(poison) == events.num_rows and not _takes_a_plain_row(warehouse, scratch, events):
            return []
        return poison


def remove_quarantined(warehouse: Warehouse, events: pa.Table) -> None:
    """Take what an attempt of before has left of quarantined `events` out of `events` and of the known ids. May be broken off and called
    again; what is left in the rollups is reconciled. Raises StoreError."""
    received = cast(list[datetime], events.column("received_at").to_pylist())
    values = {
        "project_ids": sorted(set(cast(list[str], events.column("project_id").to_pylist()))),
        "first": min(received),
        "last": max(received),
        "hashes": events.column("id_hash").to_pylist(),
        "checks": events.column("id_check").to_pylist(),
    }
    # The ids first: they are found by what is in `events`.
    if warehouse.query(clickhouse("writer/count_quarantined").text(), values, lane="writer").rows[0][0]:
        for statement in ("writer/delete_quarantined_ids", "writer/delete_quarantined_events"):
            warehouse.command(clickhouse(statement).text(), values)


def quarantined_rows(events: pa.Table, verdict: Verdict, now_ms: int) -> pa.RecordBatch:
    """The rows for table `rejected_events`."""
    rows = events.to_pylist()
    count = len(rows)
    bodies = [_body(row) for row in rows]
    return pa.RecordBatch.from_arrays(
        [
            pa.array([row["project_id"] for row in rows]),
            pa.array([row["received_at"] for row in rows], pa.timestamp("ms", tz="UTC")),
            pa.array([uuid.uuid5(uuid.NAMESPACE_OID, f"{verdict.token}/{row['id_hash']}/{row['id_check']}").hex for row in rows]),
            pa.array(["quarantined"] * count),
            pa.array(["quarantined"] * count),
            pa.array([verdict.reason] * count),
            pa.array([row["event_id"] for row in rows]),
            pa.array(bodies),
            pa.array(np.array([len(body.encode()) for body in bodies], np.uint64)),
            pa.array(np.ones(count, np.uint64)),
        ],
        names=["project_id", "received_at", "id", "status", "code", "detail", "event_id", "body", "body_bytes", "version"],
    )


def _search(warehouse: Warehouse, scratch: str, events: pa.RecordBatch, offset: int) -> list[int]:
    try:
        warehouse.insert_arrow(scratch, events.schema.names, to_stream(events), settings=_NO_DEDUPLICATION)
        return []
    except InsertRejectedError:
        if events.num_rows == 1:
            return [offset]
    half = events.num_rows // 2
    return _search(warehouse, scratch, events.slice(0, half), offset) + _search(warehouse, scratch, events.slice(half), offset + half)


def _takes_a_plain_row(warehouse: Warehouse, scratch: str, events: pa.RecordBatch) -> bool:
    """Whether the table takes a row of the same columns that holds nothing but a project, a name and a person."""
    plain = {"project_id": "quarantine-test", "event": "quarantine-test", "user_id": "quarantine-test", "event_id": "quarantine-test"}
    columns = list[Array]()
    for field in events.schema:
        if field.name in plain:
            columns.append(pa.array([plain[field.name]]))
        elif field.name in ("timestamp", "received_at", "local_date"):
            columns.append(events.column(field.name).slice(0, 1))
        else:
            columns.append(pa.array([None], field.type))
    row = pa.RecordBatch.from_arrays(columns, names=events.schema.names)
    try:
        warehouse.insert_arrow(scratch, row.schema.names, to_stream(row), settings=_NO_DEDUPLICATION)
        return True
    except InsertRejectedError:
        return False


def _body(row: dict[str, object]) -> str:
    """The event as it could be sent again."""
    names = ("event_id", "event", "user_id", "anonymous_id", "session_id")
    members = {name: row[name] for name in names if row[name]}
    context = sent_context(row)
    head = encode({**members, "timestamp": row["timestamp"], **({"context": context} if context else {})}).decode()
    return f'{head[:-1]},"properties":{row["properties"]}}}'
