"""A batch whose first insert did not end well, or whose process died: what is missing of it, table by table, is put in.

The engine's deduplication by token is not enough here. It notes the token before it renames the part into place, and never syncs the
note: a process killed between the two leaves a token without rows (a repeat of the insert is dropped, acknowledged events are lost), and a
power cut may leave rows without their token (a repeat counts twice). So nothing is repeated: each table is asked what it has.

The one thing to know: rows enter `events` here by ATTACH, past its views; whoever adds a view adds its table to `_DERIVED`.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
import pyarrow as pa

from analytics.statements import Statement, clickhouse
from analytics.warehouse.client import Warehouse
from analytics.writer.prepare import to_stream

_LANDING = "events_landing"
# Each of these inserts may fall apart: what is missing then is found at the next call.
_INSERT = {"insert_deduplicate": 0, "max_partitions_per_insert_block": 0}
_QUESTION = {"max_execution_time": 600}
# On a server other nodes may be between their part in `events` and their part in a rollup: theirs must not be taken for missing.
_OTHERS_SECONDS = 5.0

_Span = Mapping[str, Any]  # project_ids, first, last: the events around the batch


@dataclass(frozen=True, slots=True)
class _Derived:
    """A table that a view fills from `events`: `due` says what it must hold of a span, `landed` what it does. With `sums`, its rows are
    keys with numbers of events; without, a row an event."""

    table: str
    keys: tuple[str, ...]
    sums: bool
    due: Statement
    landed: Statement


def _derived_tables() -> tuple[_Derived, ...]:
    """Every table that a view on `events` fills."""
    return (
        _Derived(
            "event_counts",
            ("project_id", "date", "event", "bucket", "expires_on"),
            True,
            clickhouse("writer/due_event_counts"),
            clickhouse("writer/landed_event_counts"),
        ),
        _Derived(
            "user_days",
            ("project_id", "local_date", "event", "user_hash", "person", "is_anonymous", "expires_on"),
            True,
            clickhouse("writer/due_user_days"),
            clickhouse("writer/landed_user_days"),
        ),
        _Derived(
            "user_timeline",
            ("project_id", "id_hash"),
            False,
            clickhouse("writer/due_user_timeline"),
            clickhouse("writer/landed_user_timeline"),
        ),
        _Derived("event_ids", ("id_hash", "id_check"), False, clickhouse("writer/due_event_ids"), clickhouse("writer/landed_event_ids")),
    )


def complete(warehouse: Warehouse, events: pa.RecordBatch) -> dict[str, int]:
    """Put in what is missing of `events` (columns as for an insert, ids distinct): rows put in, by table, zeros left out.

    May be broken off anywhere and called again. Nobody else may be inserting these events. Raises InsertRejectedError, QueryTimeoutError
    or WarehouseUnavailableError.
    """
    received = cast(list[datetime], events.column("received_at").to_pylist())
    projects = cast(list[str], events.column("project_id").to_pylist())
    span: _Span = {"project_ids": sorted(set(projects)), "first": min(received), "last": max(received)}
    filled = {"events": _fill_events(warehouse, events, span)}
    hashes = set(np.asarray(events.column("id_hash")).tolist())
    for derived in _derived_tables():
        filled[derived.table] = _fill_derived(warehouse, derived, span, hashes)
    return {table: rows for table, rows in filled.items() if rows}


def _fill_events(warehouse: Warehouse, events: pa.RecordBatch, span: _Span) -> int:
    names = ("id_hash", "id_check")
    landed = set(_keys(_ask(warehouse, clickhouse("writer/landed_events"), span), names))
    missing = events.filter(pa.array([key not in landed for key in _keys(pa.Table.from_batches([events]), names)], pa.bool_()))
    if missing.num_rows:
        warehouse.command(f"DROP TABLE IF EXISTS {_LANDING} SYNC")
        warehouse.command(f"CREATE TABLE {_LANDING} AS events")
        try:
            warehouse.insert_arrow(_LANDING, missing.schema.names, to_stream(missing), settings=_INSERT)
            for (partition,) in warehouse.query("SELECT DISTINCT _partition_id FROM events_landing", lane="writer").rows:
                warehouse.command(f"ALTER TABLE events ATTACH PARTITION ID '{partition}' FROM {_LANDING}")
        finally:
            warehouse.command(f"DROP TABLE IF EXISTS {_LANDING} SYNC")
    return missing.num_rows


def _fill_derived(warehouse: Warehouse, derived: _Derived, span: _Span, hashes: set[int]) -> int:
    due = _ask(warehouse, derived.due, span)
    if not warehouse.embedded and derived.sums:
        time.sleep(_OTHERS_SECONDS)
    landed = _ask(warehouse, derived.landed, span)
    keys = _keys(due, derived.keys)
    if derived.sums:
        counts = dict(zip(_keys(landed, derived.keys), cast(list[int], landed.column("events").to_pylist()), strict=True))
        wanted = cast(list[int], due.column("events").to_pylist())
        lacking = [number - counts.get(key, 0) for key, number in zip(keys, wanted, strict=True)]
        due = due.set_column(due.schema.get_field_index("events"), "events", pa.array(lacking, pa.int64()))
        missing = due.filter(pa.array([number > 0 for number in lacking], pa.bool_()))
    else:
        present = set(_keys(landed, derived.keys))
        ours = due.column("id_hash").to_pylist()
        missing = due.filter(pa.array([key not in present and h in hashes for key, h in zip(keys, ours, strict=True)], pa.bool_()))
    for batch in missing.combine_chunks().to_batches():
        warehouse.insert_arrow(derived.table, batch.schema.names, to_stream(batch), settings=_INSERT)
    return missing.num_rows


def _ask(warehouse: Warehouse, statement: Statement, span: _Span) -> pa.Table:
    return warehouse.query_arrow(statement.text(), span, lane="writer", settings=_QUESTION)


def _keys(table: pa.Table, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """The values of some columns, row by row."""
    return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))
