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

from analytics.errors import WarehouseUnavailableError
from analytics.statements import Statement, clickhouse
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse
from analytics.warehouse.scratch import scratch_table
from analytics.writer.prepare import by_months

# Each of these inserts may fall apart: what is missing then is found at the next call.
_INSERT = {"insert_deduplicate": 0, "max_partitions_per_insert_block": 0}
_QUESTION = {"max_execution_time": 600}
_LONGEST_INSERT_SECONDS = 60.0

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


def finish(warehouse: Warehouse, events: pa.RecordBatch, token: str) -> dict[str, int]:
    """Store `events`, of which attempts under `token` may have left nothing, everything or any part; answers and raises as `complete`.

    An attempt of before may still be on its way to a server. It would not know of rows put in past its token, so where nothing has landed
    they go in under it; where something has, the attempt is there, and its note of the token may not be: nothing is repeated.
    """
    if not warehouse.embedded:
        for number, part in enumerate(by_months(events)):
            if _missing(warehouse, part).num_rows == part.num_rows:
                warehouse.insert_arrow("events", part.schema.names, to_stream(part), token=f"{token}/{number}")
    return complete(warehouse, events)


def complete(warehouse: Warehouse, events: pa.RecordBatch) -> dict[str, int]:
    """Put in what is missing of `events` (columns as for an insert, ids distinct): rows put in, by table, zeros left out.

    May be broken off anywhere and called again. Nobody else may be inserting these events. Raises InsertRejectedError, QueryTimeoutError
    or WarehouseUnavailableError.
    """
    _wait_for_running_inserts(warehouse)
    filled = {"events": _fill_events(warehouse, events)}
    span = _span_of(events)
    hashes = set(np.asarray(events.column("id_hash")).tolist())
    for derived in _derived_tables():
        filled[derived.table] = _fill_derived(warehouse, derived, span, hashes)
    return {table: rows for table, rows in filled.items() if rows}


def _span_of(events: pa.RecordBatch) -> _Span:
    received = cast(list[datetime], events.column("received_at").to_pylist())
    projects = cast(list[str], events.column("project_id").to_pylist())
    return {"project_ids": sorted(set(projects)), "first": min(received), "last": max(received)}


def _missing(warehouse: Warehouse, events: pa.RecordBatch) -> pa.RecordBatch:
    """Those of `events` that table `events` does not have."""
    names = ("id_hash", "id_check")
    landed = set(_keys(_ask(warehouse, clickhouse("writer/landed_events"), _span_of(events)), names))
    return events.filter(pa.array([key not in landed for key in _keys(pa.Table.from_batches([events]), names)], pa.bool_()))


def _fill_events(warehouse: Warehouse, events: pa.RecordBatch) -> int:
    missing = _missing(warehouse, events)
    if missing.num_rows:
        with scratch_table(warehouse) as landing:
            warehouse.insert_arrow(landing, missing.schema.names, to_stream(missing), settings=_INSERT)
            for (partition,) in warehouse.query(f"SELECT DISTINCT _partition_id FROM {landing}", lane="writer").rows:  # noqa: S608 our own
                warehouse.command(f"ALTER TABLE events ATTACH PARTITION ID '{partition}' FROM {landing}")
    return missing.num_rows


def _fill_derived(warehouse: Warehouse, derived: _Derived, span: _Span, hashes: set[int]) -> int:
    due = _ask(warehouse, derived.due, span)
    if derived.sums:
        # What `due` has seen of other nodes must not be taken for missing: theirs may be between `events` and the rollup.
        _wait_for_running_inserts(warehouse)
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


def complete_landed(warehouse: Warehouse, events: pa.RecordBatch) -> int:
    """`complete` for those of `events` that are in the table, where nobody knows what was decided about them; their number."""
    _wait_for_running_inserts(warehouse)
    missing = set(_keys(pa.Table.from_batches([_missing(warehouse, events)]), ("id_hash", "id_check")))
    keys = _keys(pa.Table.from_batches([events]), ("id_hash", "id_check"))
    landed = events.filter(pa.array([key not in missing for key in keys], pa.bool_()))
    if landed.num_rows:
        complete(warehouse, landed)
    return landed.num_rows


def _wait_for_running_inserts(warehouse: Warehouse) -> None:
    """Until each insert that a server is at now has ended, those of attempts that were given up included: none is half done then.

    Raises WarehouseUnavailableError if one takes too long. Nothing to do for embedded chDB: its one writer is here.
    """
    if warehouse.embedded:
        return
    statement = clickhouse("writer/running_inserts").text()
    deadline = time.monotonic() + _LONGEST_INSERT_SECONDS
    running: set[str] | None = None
    while running is None or running:
        now = {query_id for (query_id,) in warehouse.query(statement, lane="writer").rows}
        running = now if running is None else running & now
        if running:
            if time.monotonic() > deadline:
                raise WarehouseUnavailableError("An insert on the server does not end.")
            time.sleep(0.05)


def _ask(warehouse: Warehouse, statement: Statement, span: _Span) -> pa.Table:
    return warehouse.query_arrow(statement.text(), span, lane="writer", settings=_QUESTION)


def _keys(table: pa.Table, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """The values of some columns, row by row."""
    return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))
