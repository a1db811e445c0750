"""Records for the spool: small, each different from every other."""

from dataclasses import dataclass
from pathlib import Path

from analytics.spool.chunk import RecordKind
from analytics.spool.segment import Damage, Position, Record, read_records, segment_path
from analytics.spool.spool import NewRecord, Spool


def make_record(number: int, project_id: str = "p1", rows: int = 1, size: int = 40, reserved: int = 0) -> NewRecord:
    """A record that tells its number: received at that millisecond, and in its payload."""
    payload = f"{number:08d}:".encode().ljust(size, b"x")
    return NewRecord(RecordKind.EVENTS, project_id, number, rows, payload, reserved)


def number_of(record: Record) -> int:
    """The number it was made with; fails if it is not as it was made."""
    number = record.header.received_ms
    assert record.payload.startswith(f"{number:08d}:".encode())
    return number


@dataclass(frozen=True)
class Reading:
    """What a segment's file says: numbers of the records, and the stretches that are none."""

    numbers: list[int]
    damages: list[tuple[int, int]]


def read_segment(path: Path) -> Reading:
    """Read a whole segment. Fails unless records and damage cover it without a gap."""
    numbers: list[int] = []
    damages: list[tuple[int, int]] = []
    at = 8
    for item in read_records(path, Position(1, 0)):
        assert item.start.offset == at
        at = item.end.offset
        if isinstance(item, Damage):
            damages.append((item.start.offset, item.end.offset))
        else:
            numbers.append(number_of(item))
    assert at == max(8, path.stat().st_size)
    return Reading(numbers, damages)


def write_segment(folder: Path, records: list[NewRecord]) -> tuple[Path, list[tuple[int, int]]]:
    """A segment with `records`, and where each lies."""
    spool = Spool(folder, 100_000_000, sync=False)
    places: list[tuple[int, int]] = []
    for record in records:
        start = spool.committed.offset
        spool.append([record])
        places.append((start, spool.committed.offset))
    number = spool.committed.segment
    spool.close()
    return segment_path(folder, number), places
