"""One segment file: reading records in order, finding the way past damage."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analytics.spool.chunk import HEADER_BYTES, RECORD_MARK, SEGMENT_MAGIC, RecordHeader, decode_header, payload_is_intact

_SCAN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the spool: number of the segment and byte offset in it. Ordered by age."""

    segment: int
    offset: int


START_OF_SEGMENT = len(SEGMENT_MAGIC)


@dataclass(frozen=True, slots=True)
class Record:
    """A whole record, with the place right behind it."""

    header: RecordHeader
    payload: bytes
    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a segment that is no record: torn (at the very end, never acknowledged) or corrupt."""

    start: Position
    end: Position


def segment_path(folder: Path, number: int) -> Path:
    """`folder/000000000042.spool`."""
    return folder / f"{number:012d}.spool"


def segment_numbers(folder: Path) -> list[int]:
    """Numbers of the segments in `folder`, oldest first."""
    return sorted(int(path.stem) for path in folder.glob("*.spool") if path.stem.isdigit())


def read_records(path: Path, start: Position, limit: int | None = None) -> Iterator[Record | Damage]:
    """Records from `start` up to byte `limit` (the end of the file if None), with any Damage between them, in order.

    Reads one record at a time: memory is bounded by the largest record.
    """
    number = start.segment
    with path.open("rb", buffering=0) as file:
        fd = file.fileno()
        end = os.fstat(fd).st_size if limit is None else limit
        offset = max(start.offset, START_OF_SEGMENT)
        while offset < end:
            header = decode_header(os.pread(fd, HEADER_BYTES, offset))
            if header is not None and offset + header.record_bytes <= end:
                payload = os.pread(fd, header.payload_bytes, offset + HEADER_BYTES)
                if payload_is_intact(header, payload):
                    yield Record(header, payload, Position(number, offset), Position(number, offset + header.record_bytes))
                    offset += header.record_bytes
                    continue
            found = _next_record(fd, offset + 1, end)
            yield Damage(Position(number, offset), Position(number, found))
            offset = found


def read_headers(path: Path, start: Position) -> Iterator[tuple[RecordHeader, Position]]:
    """Headers from `start` to the end of the file; payloads are neither read nor checked, but for the first behind a damaged header."""
    with path.open("rb", buffering=0) as file:
        fd = file.fileno()
        end = os.fstat(fd).st_size
        offset = max(start.offset, START_OF_SEGMENT)
        while offset < end:
            header = decode_header(os.pread(fd, HEADER_BYTES, offset))
            if header is None or offset + header.record_bytes > end:
                offset = _next_record(fd, offset + 1, end)
                continue
            yield header, Position(start.segment, offset)
            offset += header.record_bytes


def _next_record(fd: int, offset: int, end: int) -> int:
    """Offset of the next intact record at or behind `offset`, else `end`."""
    while offset < end:
        window = os.pread(fd, min(_SCAN_BYTES, end - offset), offset)
        if not window:
            return end
        found = window.find(RECORD_MARK)
        if found < 0:
            # A mark may straddle two windows.
            offset += max(1, len(window) - len(RECORD_MARK) + 1)
            continue
        candidate = offset + found
        header = decode_header(os.pread(fd, HEADER_BYTES, candidate))
        if header is not None and candidate + header.record_bytes <= end:
            payload = os.pread(fd, header.payload_bytes, candidate + HEADER_BYTES)
            if payload_is_intact(header, payload):
                return candidate
        offset = candidate + 1
    return end
