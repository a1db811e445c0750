"""What of a person goes into an export: one file a store, read a few days at a time, so that memory is bounded however much there is.

The one thing to know: an export is handed to the person, so only what counts for them is in it. What carries one of their ids but counts
for somebody else (a shared device) is left out and counted; an erasure removes it too.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder, decode, encode
from msgspec.json import format as compact

from analytics.domain.linked_ids import ALIAS
from analytics.ingest.erased import previous_id
from analytics.privacy.subject import Subject
from analytics.query.rejected_events import RejectedEvent
from analytics.query.revealed import RevealedValues
from analytics.query.shown_events import event_as_sent, rejected_as_sent
from analytics.statements import Statement, clickhouse
from analytics.warehouse.client import Warehouse

ROWS_A_BITE = 5_000
BYTES_A_BITE = 16_000_000
_QUESTION: Mapping[str, Any] = {"max_execution_time": 600}
_DERIVED = ("browser", "browser_version", "os", "device", "country")
_members = Decoder(dict[str, Raw])

NOT_EXPORTED: Mapping[str, str] = {
    "clickhouse:user_timeline": "the same events as in events.ndjson, narrower and in another order",
    "folder:spool": "waited for: what was answered before data_as_of is stored, and so in the files",
    "folder:exports": "exports such as this one: copies of what is in the files",
    "postgres:sql_queries": "questions of the team that name an id: what they asked, not what is kept of the person",
    "postgres:saved_queries": "questions of the team that name an id: what they ask, not what is kept of the person",
    "postgres:alerts": "questions of the team that name an id: what they watch, not what is kept of the person",
    "postgres:saved_query_versions": "questions of the team that name an id: what they asked, not what is kept of the person",
    "postgres:dashboards": "questions of the team that name an id: what they ask, not what is kept of the person",
    "postgres:dashboard_shares": "filters of the team that name an id",
    "postgres:rollups": "SELECTs of the team that name an id: what they count, not what is kept of the person",
    "memory:sql_schema": "samples of values, for a minute: copies of what is in events.ndjson",
    "redis:answers": "answers to questions of the team, for an hour: made of what is in the files",
    "memory:live_feed": "the latest events, for a moment: copies of what is in events.ndjson",
}
"""Stores of the registry that an export leaves out, and why; its manifest says so too."""


@dataclass(frozen=True, slots=True)
class Bite:
    """The rows of some days, or of one day those whose hash leaves `slice` when divided by `slices`."""

    first: date
    last: date
    slices: int = 1
    slice: int = 0


@dataclass(slots=True)
class Lines:
    """What was read: lines of NDJSON, the ids that stand in them, and how many entries were left out."""

    text: bytearray = field(default_factory=bytearray)
    lines: int = 0
    ids: set[str] = field(default_factory=set[str])
    withheld: int = 0

    def add(self, entry: object, *ids: object) -> None:
        """One line; `ids` that are no text, or empty, are none."""
        line = encode(entry)
        if b"\n" in line:  # JSON that was sent goes out as it is
            line = compact(line, indent=-1)
        self.text += line + b"\n"
        self.lines += 1
        self.ids.update(text for text in ids if isinstance(text, str) and text)


@dataclass(frozen=True, slots=True)
class ExportedTable:
    """One table of persons: `days` says how much there is, `rows` reads a bite of it, `show` makes a line of a row, or leaves it out."""

    name: str
    file: str
    days: Statement
    rows: Statement
    show: Callable[[Lines, Mapping[str, Any]], None]

    def bites(self, warehouse: Warehouse, subject: Subject, today: date) -> list[Bite]:
        """In the order of days. Blocks; raises WarehouseUnavailableError, QueryTimeoutError or LimitExceededError."""
        answer = warehouse.query(self.days.text(), self._parameters(subject, today, self.days), lane="reconcile", settings=_QUESTION)
        return list(bites_of([(row[0], int(row[1]), int(row[2])) for row in answer.rows]))

    def read(self, warehouse: Warehouse, subject: Subject, today: date, bite: Bite) -> Lines:
        """One bite. Blocks; raises as `bites`."""
        parameters = self._parameters(subject, today, self.rows) | {
            "first": bite.first.isoformat(),
            "last": bite.last.isoformat(),
            "slices": bite.slices,
            "slice": bite.slice,
        }
        lines = Lines()
        for row in warehouse.query(self.rows.text(), parameters, lane="reconcile", settings=_QUESTION).dicts():
            self.show(lines, row)
        return lines

    def _parameters(self, subject: Subject, today: date, statement: Statement) -> dict[str, Any]:
        every = {**subject.by_hash, "needles": list(subject.needles), "ids": list(subject.ids), "today": today.isoformat()}
        return {name: value for name, value in every.items() if name in statement.parameters}


def bites_of(days: Sequence[tuple[date, int, int]]) -> Iterator[Bite]:
    """Days (with rows and bytes, in order) together as long as they are few rows, and a large one in slices."""
    first: date | None = None
    last = date.min
    rows = size = 0
    for day, day_rows, day_size in days:
        slices = max(math.ceil(day_rows / ROWS_A_BITE), math.ceil(day_size / BYTES_A_BITE))
        if first is not None and (slices > 1 or rows + day_rows > ROWS_A_BITE or size + day_size > BYTES_A_BITE):
            yield Bite(first, last)
            first, rows, size = None, 0, 0
        if slices > 1:
            yield from (Bite(day, day, slices, number) for number in range(slices))
            continue
        first, last, rows, size = first or day, day, rows + day_rows, size + day_size
    if first is not None:
        yield Bite(first, last)


def exported_tables(subject: Subject, revealed: RevealedValues) -> tuple[ExportedTable, ...]:
    """What an export of `subject` holds, in the order of its files."""

    def show_event(lines: Lines, row: Mapping[str, Any]) -> None:
        shown = revealed.columns(row)
        derived = {name: row[name] for name in _DERIVED if row[name]} | ({"is_bot": True} if row["is_bot"] else {})
        lines.add(
            {**event_as_sent(shown), "derived": derived}, row["user_id"], row["anonymous_id"], _former_id(row["event"], row["properties"])
        )

    def show_day(lines: Lines, row: Mapping[str, Any]) -> None:
        kind = "anonymous_id" if row["is_anonymous"] else "user_id"
        lines.add({"day": row["local_date"], kind: row["person"], "event": row["event"], "events": row["events"]}, row["person"])

    def show_rejected(lines: Lines, row: Mapping[str, Any]) -> None:
        sent = _members_of(row["body"])
        counts_for = _text(sent, "user_id") or _text(sent, "anonymous_id")
        if not subject.is_one_of(counts_for):
            lines.withheld += 1
            return
        shown = rejected_as_sent(replace(RejectedEvent(**row), body=revealed.body(row["body"])))
        lines.add(shown, counts_for, _text(sent, "anonymous_id"), _former_id(_text(sent, "event"), sent.get("properties", "")))

    def table(name: str, show: Callable[[Lines, Mapping[str, Any]], None], days: Statement, rows: Statement) -> ExportedTable:
        return ExportedTable(f"clickhouse:{name}", f"{name}.ndjson", days, rows, show)

    return (
        table("events", show_event, clickhouse("privacy/export_events_days"), clickhouse("privacy/export_events")),
        table("user_days", show_day, clickhouse("privacy/export_user_days_days"), clickhouse("privacy/export_user_days")),
        table(
            "rejected_events",
            show_rejected,
            clickhouse("privacy/export_rejected_events_days"),
            clickhouse("privacy/export_rejected_events"),
        ),
    )


def count_of_others(warehouse: Warehouse, subject: Subject, today: date) -> int:
    """Events that carry one of the ids and count for somebody else. Blocks; raises as ExportedTable.bites."""
    parameters = {**subject.by_hash, "today": today.isoformat()}
    return int(warehouse.query(clickhouse("privacy/export_others").text(), parameters, lane="reconcile", settings=_QUESTION).rows[0][0])


def _members_of(body: str) -> Mapping[str, Raw]:
    """The members of what was sent, if it was an object."""
    try:
        return _members.decode(body)
    except (DecodeError, UnicodeError, RecursionError):
        return {}


def _text(members: Mapping[str, Raw], name: str) -> str | None:
    value = bytes(members.get(name, b""))
    return decode(value, type=str) if value[:1] == b'"' else None


def _former_id(event: str | None, properties: str | Raw) -> str | None:
    """The former id that an `$alias` names."""
    if event != ALIAS:
        return None
    return previous_id(properties.encode("utf-8", "replace") if isinstance(properties, str) else bytes(properties))
