"""A person in the spool of this process: events and refusals that wait, and those in segments that are stored but still there."""

import time
from collections.abc import Iterator
from pathlib import Path

from analytics.domain.linked_ids import ALIAS
from analytics.errors import WarehouseUnavailableError
from analytics.privacy.subject import Subject
from analytics.spool.chunk import RecordKind
from analytics.spool.schema import EVENT_SCHEMA, REFUSED_SCHEMA, from_payload
from analytics.spool.segment import START_OF_SEGMENT, Position, Record, read_records, segment_numbers, segment_path
from analytics.spool.spool import Spool

LONGEST_WAIT_SECONDS = 10.0


class SpoolFolder:
    """`folder:spool`. What is in it goes by being stored: the tables come after it."""

    name = "folder:spool"

    def __init__(self, spool: Spool, folder: Path) -> None:
        self._spool = spool
        self._folder = folder

    def find(self, subject: Subject) -> int:
        return sum(_matches(record, subject) for record in self._records() if record.header.project_id == subject.project_id)

    def remove(self, subject: Subject) -> None:
        """Raises WarehouseUnavailableError if what waits cannot be stored, SpoolFullError or SpoolWriteError."""
        leave(self._spool)

    def _records(self) -> Iterator[Record]:
        for number in segment_numbers(self._folder):
            try:
                records = read_records(segment_path(self._folder, number), Position(number, START_OF_SEGMENT))
                yield from (item for item in records if isinstance(item, Record))
            except FileNotFoundError:  # stored meanwhile
                continue


def leave(spool: Spool, longest_seconds: float = LONGEST_WAIT_SECONDS) -> None:
    """Wait until everything that is in the spool now is stored, and its segments are removed. Raises as SpoolFolder.remove."""
    number = spool.turn()
    deadline = time.monotonic() + longest_seconds
    while spool.oldest_segment() < number:
        if time.monotonic() > deadline:
            raise WarehouseUnavailableError("What waits in the spool cannot be stored.")
        time.sleep(0.02)


def _matches(record: Record, subject: Subject) -> int:
    if record.header.kind is RecordKind.EVENTS:
        events = from_payload(record.payload, EVENT_SCHEMA)
        columns = (events.column(name).to_pylist() for name in ("user_id", "anonymous_id", "event", "properties"))
        return sum(_names(subject, *row) for row in zip(*columns, strict=True))
    refused = from_payload(record.payload, REFUSED_SCHEMA)
    texts = zip(*(refused.column(name).to_pylist() for name in ("body", "detail", "event_id")), strict=True)
    return sum(any(needle in (text or "") for needle in subject.needles for text in row) for row in texts)


def _names(subject: Subject, user_id: str | None, anonymous_id: str | None, event: str, properties: str) -> bool:
    if subject.is_one_of(user_id) or subject.is_one_of(anonymous_id):
        return True
    return event == ALIAS and any(needle in properties for needle in subject.quoted)
