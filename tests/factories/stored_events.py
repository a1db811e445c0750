"""Events as rows of the warehouse, for tests of questions: complete rows into `events`, whose views fill the rollups."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pyarrow as pa
from xxhash import xxh3_64_intdigest

from analytics.domain.event_id import hash_id
from analytics.domain.project import Project
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_TEXTS = (
    "session_id",
    "ip",
    "user_agent",
    "browser",
    "browser_version",
    "os",
    "device",
    "country",
    "page_url",
    "page_host",
    "page_path",
    "page_title",
    "referrer",
    "referrer_host",
    "campaign_source",
    "campaign_medium",
    "campaign_name",
    "campaign_term",
    "campaign_content",
    "locale",
    "timezone",
    "context_extra",
)


def make_project(slug: str = "school", timezone: str = "UTC", **changes: Any) -> Project:
    """A project with an id of its own."""
    return Project(f"prj_{uuid4().hex[:12]}", slug, slug.title(), timezone, datetime(2026, 1, 1, tzinfo=UTC), id_seed=7, **changes)


@dataclass(frozen=True)
class StoredEvent:
    """One event as it will stand in `events`; `columns` are further columns by name."""

    event: str = "page_view"
    timestamp: datetime = NOON
    user_id: str = ""
    anonymous_id: str = ""
    properties: Mapping[str, Any] | str = field(default_factory=dict[str, Any])
    event_id: str = field(default_factory=lambda: uuid4().hex)
    received_at: datetime | None = None
    expires_on: date = date(2149, 1, 1)
    is_bot: bool = False
    columns: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def person(self) -> str:
        return self.user_id or self.anonymous_id

    @property
    def properties_text(self) -> str:
        return self.properties if isinstance(self.properties, str) else json.dumps(self.properties, ensure_ascii=False)


def make_event(event: str = "page_view", user_id: str = "u-1", **changes: Any) -> StoredEvent:
    """An event with defaults: a page view of user u-1 at noon."""
    return StoredEvent(event=event, user_id=user_id, **changes)


def store_events(warehouse: Warehouse, project: Project, events: Iterable[StoredEvent], token: str | None = None) -> None:
    """Insert the events as one batch."""
    rows = list(events)
    if rows:
        batch = event_batch(project, rows)
        warehouse.insert_arrow("events", batch.schema.names, to_stream(batch), token=token or uuid4().hex)


def event_batch(project: Project, rows: Sequence[StoredEvent]) -> pa.RecordBatch:
    """The events as the writer inserts them."""
    hashes = [hash_id(row.event_id, project.id_seed) for row in rows]
    zone = ZoneInfo(project.timezone)
    times = pa.timestamp("ms", "UTC")
    columns: dict[str, pa.Array] = {
        "project_id": _texts([project.id] * len(rows)),
        "date": pa.array([row.timestamp.astimezone(UTC).date() for row in rows], pa.date32()),
        "local_date": pa.array([row.timestamp.astimezone(zone).date() for row in rows], pa.date32()),
        "expires_on": pa.array([row.expires_on for row in rows], pa.date32()),
        "timestamp": pa.array([row.timestamp for row in rows], times),
        "received_at": pa.array([row.received_at or row.timestamp for row in rows], times),
        "user_hash": pa.array([xxh3_64_intdigest(row.person.encode()) for row in rows], pa.uint64()),
        "id_hash": pa.array([first for first, _ in hashes], pa.uint64()),
        "id_check": pa.array([second for _, second in hashes], pa.uint64()),
        "is_bot": pa.array([int(row.is_bot) for row in rows], pa.uint8()),
        "event": _texts([row.event for row in rows]),
        "event_id": _texts([row.event_id for row in rows]),
        "person": _texts([row.person for row in rows]),
        "user_id": _texts([row.user_id for row in rows]),
        "anonymous_id": _texts([row.anonymous_id for row in rows]),
        "properties": _texts([row.properties_text for row in rows]),
        **{name: _texts([row.columns.get(name, "") for row in rows]) for name in _TEXTS},
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _texts(values: Sequence[str]) -> pa.Array:
    return pa.array(values, pa.string())
