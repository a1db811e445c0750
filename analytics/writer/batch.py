"""A batch: a stretch of the spool that becomes one insert, and its verdict.

Fixed before the first attempt: which records (positions), which of their events are dropped as repeats, which are quarantined. The token is
made of the positions, so a retry of the same batch, in this process or the next, is the same insert to the engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics.errors import CorruptVerdictError
from analytics.spool.chunk import RecordKind
from analytics.spool.files import read_file, replace_file, seal, unseal
from analytics.spool.schema import EVENT_SCHEMA, REFUSED_SCHEMA, from_payload
from analytics.spool.segment import Damage, Position, Record
from analytics.spool.spool import Spool


class Verdict(msgspec.Struct, frozen=True):
    """What was decided about a batch, kept on disk from before its first insert until after its checkpoint."""

    token: str
    start: tuple[int, int]
    end: tuple[int, int]
    rows: int
    dropped: bytes  # positions among the batch's events, uint32 little-endian, ascending: repeats
    quarantined: bytes = b""  # likewise: refused by the warehouse
    reason: str = ""

    def dropped_rows(self) -> NDArray[np.uint32]:
        """Positions of the repeats."""
        return np.frombuffer(self.dropped, "<u4")

    def quarantined_rows(self) -> NDArray[np.uint32]:
        """Positions of the poison rows."""
        return np.frombuffer(self.quarantined, "<u4")

    def with_quarantine(self, rows: Sequence[int], reason: str) -> "Verdict":
        """The same verdict with rows put aside."""
        both = np.union1d(self.quarantined_rows(), np.asarray(rows, np.uint32))
        return msgspec.structs.replace(self, quarantined=both.astype("<u4").tobytes(), reason=reason)

    def without_drops(self, rows: Sequence[int]) -> "Verdict":
        """The same verdict with rows taken in after all."""
        left = np.setdiff1d(self.dropped_rows(), np.asarray(rows, np.uint32))
        return msgspec.structs.replace(self, dropped=left.astype("<u4").tobytes())


def other_copies(hashes: NDArray[np.uint64], dropped: NDArray[np.uint32], poisoned: Sequence[int]) -> list[int]:
    """The first dropped row of each id whose kept copy is poison: a good copy must not be lost for a bad one."""
    wanted = {int(hashes[row]) for row in poisoned}
    copies = dict[int, int]()
    for row in dropped.tolist():
        if int(hashes[row]) in wanted:
            copies.setdefault(int(hashes[row]), row)
    return list(copies.values())


@dataclass(slots=True)
class Batch:
    """Records of the spool from `start` to `end`; `events` has the columns of EVENT_SCHEMA plus project_id and received_at."""

    start: Position
    end: Position
    events: pa.Table | None
    refused: pa.Table | None
    oldest_received_ms: int
    taken: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])  # project -> bytes, rows
    damages: list[Damage] = field(default_factory=list[Damage])

    @property
    def rows(self) -> int:
        """Events in the batch, repeats included."""
        return 0 if self.events is None else self.events.num_rows


def read_batch(spool: Spool, start: Position, max_rows: int, end: Position | None = None) -> Batch | None:
    """The next batch from `start`: up to `max_rows` events (at least one record), or exactly up to `end`; None if nothing is there."""
    records = list[Record]()
    damages = list[Damage]()
    rows = 0
    last = start
    for item in spool.read(start):
        if end is not None and item.start >= end:
            break
        if isinstance(item, Damage):
            damages.append(item)
        else:
            if end is None and records and rows + item.header.rows > max_rows:
                break
            records.append(item)
            rows += item.header.rows
        last = item.end
    if not records and not damages:
        return None
    batch = Batch(start, last, None, None, records[0].header.received_ms if records else 0, damages=damages)
    for record in records:
        size, count = batch.taken.get(record.header.project_id, (0, 0))
        batch.taken[record.header.project_id] = (size + record.header.payload_bytes, count + record.header.rows)
    batch.events = _rows_of_kind(records, RecordKind.EVENTS, EVENT_SCHEMA)
    batch.refused = _rows_of_kind(records, RecordKind.REFUSED, REFUSED_SCHEMA)
    return batch


def _rows_of_kind(records: Sequence[Record], kind: RecordKind, schema: pa.Schema) -> pa.Table | None:
    chosen = [(r.header.project_id, r.header.received_ms, r.payload) for r in records if r.header.kind is kind]
    return rows_of(chosen, schema) if chosen else None


def rows_of(records: Sequence[tuple[str, int, bytes]], schema: pa.Schema) -> pa.Table:
    """The rows of records of one kind: project id, milliseconds of receipt and payload of each, at least one."""
    batches = [from_payload(payload, schema) for _, _, payload in records]
    counts = [batch.num_rows for batch in batches]
    table = pa.Table.from_batches(batches, schema)
    received = np.repeat(np.array([received_ms for _, received_ms, _ in records], np.int64), counts)
    projects = pa.array([project_id for project_id, _, _ in records]).dictionary_encode()
    project_column = pa.DictionaryArray.from_arrays(
        np.asarray(projects.indices)[np.repeat(np.arange(len(records)), counts)], projects.dictionary
    )
    return table.append_column("received_at", pa.array(received).cast(pa.timestamp("ms", tz="UTC"))).append_column(
        "project_id", project_column
    )


def token_of(node: str, start: Position, end: Position) -> str:
    """The token of a batch: unique among nodes, equal on every attempt."""
    return f"{node}:{start.segment}:{start.offset}:{end.segment}:{end.offset}"


def save_verdicts(folder: Path, verdicts: Sequence[Verdict], sync: bool) -> None:
    """Put the verdicts of the batches under way on disk, in their order, in place of those before."""
    replace_file(folder / "verdict", seal(msgspec.msgpack.encode(verdicts)), sync=sync)


def load_verdicts(folder: Path) -> list[Verdict]:
    """The verdicts that were saved last, in the order of their batches; batches behind the checkpoint may be among them.

    Raises CorruptVerdictError if the file is not what was written.
    """
    data = read_file(folder / "verdict")
    if data is None:
        return []
    content = unseal(data)
    if content is None:
        raise CorruptVerdictError("The verdict file of the spool is damaged.")
    return msgspec.msgpack.decode(content, type=list[Verdict])


__all__ = ["Batch", "Verdict", "load_verdicts", "read_batch", "save_verdicts", "token_of"]
