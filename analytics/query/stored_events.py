"""Single events as they are stored: the newest received first, a page at a time, and whether one id is there.

The one thing to know: nothing is sorted by time of receipt, so a page is looked for in a window that ends at the cursor and is widened
until it holds enough; narrow columns first, whole rows only of the events on the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from analytics.clock import Clock
from analytics.domain.event_id import hash_id
from analytics.domain.project import Project
from analytics.domain.time_range import TimeRange
from analytics.errors import FieldError, InvalidRequestError
from analytics.query.compiler import compile_terms, engine_time
from analytics.statements import clickhouse
from analytics.warehouse.client import Warehouse

WINDOWS = (timedelta(seconds=10), timedelta(minutes=10), timedelta(hours=6), timedelta(days=7))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 4_000_000_000_000
_FAR = timedelta(days=2)

Key = tuple[int, int, int]  # ms of receipt, and both halves of the id's hash


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events to list; `span` is of event time. `user_forms` are further forms in which events may hold `user_id`."""

    event: str | None = None
    user_id: str | None = None
    event_id: str | None = None
    span: TimeRange | None = None
    user_forms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """One stored event: its place in the list, and its columns by name."""

    key: Key
    columns: Mapping[str, Any]


class StoredEvents:
    """Events of one project at a time, from the warehouse."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock

    async def newest(self, project: Project, wanted: EventFilter, limit: int, after: Key | None) -> list[ListedEvent]:
        """At most `limit` events that follow the key `after` (None: from the start), newest received first; fewer only at the end.

        Events that arrive meanwhile stand before the cursor and move nothing. Raises InvalidRequestError for a key out of bounds.
        """
        if after is not None and not (0 <= after[0] < _LATEST_MS and min(after[1:]) >= 0 and max(after[1:]) < 2**64):
            raise InvalidRequestError("The cursor is not one of ours.", [FieldError("/query/cursor", "is not a cursor of this list")])
        now = self._clock.now()
        newest = now if after is None else min(now, _EPOCH + timedelta(milliseconds=after[0]))
        terms, parameters = _terms(project, wanted)
        parameters |= {
            "project_id": project.id,
            "today": now.date().isoformat(),
            "before": engine_time(now + _FAR if after is None else _EPOCH + timedelta(milliseconds=after[0])),
            "before_hash": 0 if after is None else after[1],
            "before_check": 0 if after is None else after[2],
            "rows": limit,
        }
        statement = clickhouse("events/newest_keys").text(filters=compile_terms(terms))
        rows: Sequence[tuple[Any, ...]] = []
        for since in await self._windows(project, wanted, newest):
            rows = (await self._warehouse.ask(statement, {**parameters, "since": engine_time(since)})).rows
            if len(rows) >= limit:
                break
        return await self._read(project, rows) if rows else []

    async def is_stored(self, project: Project, event_id: str) -> bool:
        """Whether the event is in the warehouse, however old it is."""
        if await self._received_of_late(project, event_id) is not None:
            return True
        first, second = hash_id(event_id, project.id_seed)
        values = {"id_hash": first, "id_check": second, "project_id": project.id}
        return bool((await self._warehouse.ask(clickhouse("events/find_id").text(), values)).rows)

    async def _windows(self, project: Project, wanted: EventFilter, newest: datetime) -> list[datetime]:
        """Where the windows of receipt start, one after the other."""
        if wanted.event_id is None:
            return [*(newest - window for window in WINDOWS), _EPOCH]
        received = await self._received_of_late(project, wanted.event_id)
        return [_EPOCH if received is None else received]

    async def _received_of_late(self, project: Project, event_id: str) -> datetime | None:
        """When an event was first received, to the second below, if that was in the last days."""
        first, second = hash_id(event_id, project.id_seed)
        rows = (await self._warehouse.ask(clickhouse("events/find_recent_id").text(), {"id_hash": first, "id_check": second})).rows
        return rows[0][0] if rows else None

    async def _read(self, project: Project, keys: Sequence[tuple[Any, ...]]) -> list[ListedEvent]:
        answer = await self._warehouse.ask(
            clickhouse("events/by_keys").text(),
            {
                "project_id": project.id,
                "dates": sorted({row[3].isoformat() for row in keys}),
                "names": sorted({row[4] for row in keys}),
                "since": engine_time(keys[-1][0]),
                "until": engine_time(keys[0][0]),
                "hashes": [row[1] for row in keys],
            },
        )
        whole = {(row["received_at"], row["id_hash"], row["id_check"]): row for row in answer.dicts()}
        return [
            ListedEvent((_milliseconds(at), first, second), whole[at, first, second])
            for at, first, second, *_ in keys
            if (at, first, second) in whole
        ]


def _terms(project: Project, wanted: EventFilter) -> tuple[list[LiteralString], dict[str, Any]]:
    terms: list[LiteralString] = []
    parameters: dict[str, Any] = {}
    if wanted.event is not None:
        terms.append("event = {event:String}")
        parameters["event"] = wanted.event
    if wanted.user_id is not None and wanted.user_forms:
        terms.append("has(arrayMap(form -> xxh3(form), {user_ids:Array(String)}), user_hash) AND has({user_ids:Array(String)}, user_id)")
        parameters["user_ids"] = [wanted.user_id, *wanted.user_forms]
    elif wanted.user_id is not None:
        terms.append("user_hash = xxh3({user_id:String}) AND user_id = {user_id:String}")  # the hash is quick to read, and in the key
        parameters["user_id"] = wanted.user_id
    if wanted.event_id is not None:
        terms.append("id_hash = {id_hash:UInt64} AND id_check = {id_check:UInt64}")
        parameters["id_hash"], parameters["id_check"] = hash_id(wanted.event_id, project.id_seed)
    if wanted.span is not None:
        terms.append(
            "date BETWEEN {first_date:Date} AND {last_date:Date}"
            " AND timestamp >= {start:DateTime64(3, 'UTC')} AND timestamp < {end:DateTime64(3, 'UTC')}"
        )
        parameters |= {
            "start": engine_time(wanted.span.start),
            "end": engine_time(wanted.span.end),
            "first_date": wanted.span.start.astimezone(UTC).date().isoformat(),
            "last_date": (wanted.span.end - timedelta(milliseconds=1)).astimezone(UTC).date().isoformat(),
        }
    return terms, parameters


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)
