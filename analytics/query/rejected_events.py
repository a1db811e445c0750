"""Events that were refused at the door or quarantined by the warehouse: listed, found, and marked as replayed."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import uuid4

import anyio.to_thread
import pyarrow as pa

from analytics.clock import Clock
from analytics.domain.project import Project
from analytics.errors import NotFoundError
from analytics.query.compiler import compile_terms, engine_time
from analytics.statements import clickhouse
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse

STATUSES = ("refused", "quarantined", "replayed")
_FAR = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """One of them. `body` is what was sent, cut at 64 KiB; `body_bytes` its whole size."""

    id: str
    received_at: datetime
    status: str
    code: str
    detail: str
    event_id: str
    body: str
    body_bytes: int
    version: int


class RejectedEvents:
    """Rejected events of one project at a time, from the warehouse."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock

    async def newest(
        self, project: Project, limit: int, after: tuple[datetime, str] | None = None, *, code: str | None = None, status: str | None = None
    ) -> list[RejectedEvent]:
        """At most `limit` after the key (time of receipt, id), newest received first."""
        terms: list[LiteralString] = []
        parameters = dict[str, str]()
        if code is not None:
            terms.append("code = {code:String}")
            parameters["code"] = code
        if status is not None:
            terms.append("status = {status:String}")
            parameters["status"] = status
        return await self._select(project, terms, parameters, limit, after)

    async def find(self, project: Project, rejected_id: str) -> RejectedEvent:
        """The one with this id. Raises NotFoundError."""
        found = await self._select(project, ["id = {id:String}"], {"id": rejected_id}, 1, None)
        if not found:
            raise NotFoundError
        return found[0]

    async def latest_of(self, project: Project, event_id: str) -> RejectedEvent | None:
        """The newest one that came with this event id."""
        found = await self._select(project, ["event_id = {event_id:String}"], {"event_id": event_id}, 1, None)
        return found[0] if found else None

    async def mark_replayed(self, project: Project, rejected: RejectedEvent) -> None:
        """Note that a corrected version of it was accepted."""
        marked = replace(rejected, status="replayed", version=max(rejected.version + 1, self._clock.now_ms()))
        await anyio.to_thread.run_sync(self._insert, project, marked)

    async def _select(
        self, project: Project, terms: list[LiteralString], parameters: dict[str, str], limit: int, after: tuple[datetime, str] | None
    ) -> list[RejectedEvent]:
        before, before_id = after or (self._clock.now() + _FAR, "")
        answer = await self._warehouse.ask(
            clickhouse("rejected_events/newest").text(filters=compile_terms(terms)),
            {**parameters, "project_id": project.id, "before": engine_time(before), "before_id": before_id, "rows": limit},
        )
        return [RejectedEvent(**row) for row in answer.dicts()]

    def _insert(self, project: Project, row: RejectedEvent) -> None:
        columns: dict[str, Any] = {
            "project_id": pa.array([project.id]),
            "received_at": pa.array([row.received_at.astimezone(UTC)], pa.timestamp("ms", "UTC")),
            **{name: pa.array([_text(getattr(row, name))]) for name in ("id", "status", "code", "detail", "event_id", "body")},
            "body_bytes": pa.array([row.body_bytes], pa.uint64()),
            "version": pa.array([row.version], pa.uint64()),
        }
        batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        self._warehouse.insert_arrow("rejected_events", list(columns), to_stream(batch), token=uuid4().hex, lane="control")


def _text(value: Any) -> str:
    # A body that was no UTF-8 was stored with replacement characters; whatever the driver makes of it must be writable again.
    return str(value).encode("utf-8", "replace").decode("utf-8")
