"""Rows gathered into requests, and where each row of a request came from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from analytics.load.mapping import FieldMap, encode_event
from analytics.load.sender import Outgoing
from analytics.load.sources import Identity, Row, Source

BATCH_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the events of a batch came from: their row numbers, the rows that could not be sent, and the last row read by then."""

    source: Source
    numbers: tuple[int, ...]
    unsent: tuple[Row, ...]
    last: int


class _Peek(msgspec.Struct):
    event_id: msgspec.Raw | None = None


_peek = msgspec.json.Decoder(_Peek).decode


def gather(source: Source, rows: Iterable[Row], fields: FieldMap, identity: Identity, batch_events: int) -> Iterator[Outgoing]:
    """`rows` as batches of up to `batch_events` events and about 2 MB, each with its Origin as `tag`."""
    lines: list[bytes] = []
    numbers: list[int] = []
    unsent: list[Row] = []
    size = last = 0
    for row in rows:
        last = row.number
        if row.problem:
            unsent.append(row)
        else:
            line = event_line(row, fields, identity, from_text=source.format == "csv")
            lines.append(line)
            numbers.append(row.number)
            size += len(line)
        if len(lines) >= batch_events or size >= BATCH_BYTES or len(unsent) >= batch_events:
            yield Outgoing(tuple(lines), Origin(source, tuple(numbers), tuple(unsent), last))
            lines, numbers, unsent, size = [], [], [], 0
    if lines or unsent:
        yield Outgoing(tuple(lines), Origin(source, tuple(numbers), tuple(unsent), last))


def event_line(row: Row, fields: FieldMap, identity: Identity, from_text: bool) -> bytes:
    """The event of a row as JSON. A row without an id gets one that is the same whenever the file is loaded."""
    event_id = identity.id_of(row)
    if row.columns is not None:
        return encode_event(fields.event_of(row.columns, event_id, from_text))
    try:
        found = _peek(row.raw).event_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return row.raw  # the service will say what is wrong with it
    if found is not None:
        return row.raw
    rest = row.raw.lstrip()[1:].lstrip()
    return b'{"event_id":"%b"%b%b' % (event_id.encode(), b"" if rest[:1] == b"}" else b",", rest)
