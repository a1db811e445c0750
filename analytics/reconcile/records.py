"""Reconciliations as they are kept: wanted, under way, ended. Each change is a new row of table `reconciliations`, the latest counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

import pyarrow as pa

from analytics.clock import Clock
from analytics.statements import clickhouse
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse

Status = Literal["requested", "running", "finished", "failed", "interrupted"]
Reason = Literal["daily", "asked", "quarantine"]
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_AFTER_ALL = datetime(2200, 1, 1, tzinfo=UTC)
_COUNTS = pa.map_(pa.string(), pa.uint64())


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One of them. `drift`: by how many events each table differed; `parts`: see reconcile/months.py, empty unless asked for."""

    id: str
    status: Status
    reason: Reason
    full: bool
    requested_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    complete_until: datetime | None = None  # what was received before was stored when it began
    phase: str = ""
    steps_done: int = 0
    steps: int = 0
    removed: int = 0
    drift: Mapping[str, int] = field(default_factory=dict[str, int])
    parts: Mapping[str, int] = field(default_factory=dict[str, int])
    error: str = ""


class ReconciliationRecords:
    """Reads and writes them. Methods block, and raise the errors of Warehouse."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock
        self._version = 0

    def request(self, full: bool, reason: Reason) -> Reconciliation:
        """Note that one is wanted."""
        wanted = Reconciliation(uuid4().hex, "requested", reason, full, self._clock.now())
        self.save(wanted)
        return wanted

    def save(self, record: Reconciliation) -> None:
        """Keep the record as it is now."""
        self._version = max(self._version + 1, self._clock.now_ms() * 1000)
        times = pa.timestamp("ms", "UTC")
        columns: dict[str, Any] = {
            **{name: pa.array([getattr(record, name)], pa.string()) for name in ("id", "status", "reason", "phase", "error")},
            "full": pa.array([int(record.full)], pa.uint8()),
            "requested_at": pa.array([record.requested_at], times),
            "started_at": pa.array([record.started_at or _NEVER], times),
            "finished_at": pa.array([record.finished_at or _NEVER], times),
            "complete_until": pa.array([record.complete_until or _NEVER], times),
            "steps_done": pa.array([record.steps_done], pa.uint32()),
            "steps": pa.array([record.steps], pa.uint32()),
            "removed": pa.array([record.removed], pa.uint64()),
            "drift": pa.array([list(record.drift.items())], _COUNTS),
            "parts": pa.array([list(record.parts.items())], _COUNTS),
            "version": pa.array([self._version], pa.uint64()),
        }
        batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        token = f"{record.id}/{self._version}"
        self._warehouse.insert_arrow("reconciliations", list(columns), to_stream(batch), token=token, lane="control")

    def newest(self, limit: int, after: tuple[datetime, str] | None = None) -> list[Reconciliation]:
        """At most `limit` after the key (requested_at, id), newest first."""
        return self._read(limit=limit, after=after)

    def find(self, record_id: str) -> Reconciliation | None:
        """The one with this id."""
        return next(iter(self._read(limit=1, record_id=record_id)), None)

    def open(self) -> list[Reconciliation]:
        """Those that are wanted or under way, oldest first."""
        return self._read(limit=1000, statuses=("requested", "running"))[::-1]

    def last_ended(self) -> Reconciliation | None:
        """The last that came to an end, whichever."""
        return next(iter(self._read(limit=1, statuses=("finished", "failed", "interrupted"))), None)

    def last_finished(self, with_parts: bool = False) -> Reconciliation | None:
        """The last that ended well."""
        return next(iter(self._read(limit=1, statuses=("finished",), with_parts=with_parts)), None)

    def first_event(self) -> datetime | None:
        """When the first event that is still here was received."""
        received_at: datetime = self._warehouse.query(clickhouse("reconcile/oldest_event").text(), lane="control").rows[0][0]
        return received_at if received_at > _NEVER else None

    def _read(
        self,
        *,
        limit: int,
        after: tuple[datetime, str] | None = None,
        record_id: str = "",
        statuses: Sequence[Status] = (),
        with_parts: bool = False,
    ) -> list[Reconciliation]:
        before, before_id = after or (_AFTER_ALL, "")
        values = {
            "before": before.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00"),
            "before_id": before_id,
            "id": record_id,
            "statuses": list(statuses),
            "with_parts": int(with_parts),
            "rows": limit,
        }
        answer = self._warehouse.query(clickhouse("reconcile/runs").text(), values, lane="control")
        return [_record(row) for row in answer.dicts()]


def _record(row: dict[str, Any]) -> Reconciliation:
    changed: dict[str, Any] = {name: row[name] if row[name] > _NEVER else None for name in ("started_at", "finished_at", "complete_until")}
    changed["full"] = bool(row["full"])
    return Reconciliation(**{**row, **changed})
