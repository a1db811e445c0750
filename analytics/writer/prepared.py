"""A batch made ready for the engine: what of it goes in, as the streams that are sent."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics.warehouse.arrow_stream import to_stream
from analytics.writer.batch import Batch, Verdict
from analytics.writer.prepare import by_months, enriched, without_rows


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch and its verdict. `events` are the rows that go in (None: none do), `streams` the same as Arrow streams, one an insert;
    `refused` is the stream of its refused events."""

    batch: Batch
    verdict: Verdict
    events: pa.RecordBatch | None
    streams: tuple[pa.Buffer, ...]
    refused: tuple[tuple[str, ...], pa.Buffer] | None

    @property
    def waiting_rows(self) -> int:
        """Events it takes out of the spool, refused and repeated ones included."""
        return sum(rows for _, rows in self.batch.taken.values())

    def ids(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """id_hash and id_check of the rows that go in."""
        if self.events is None:
            return np.empty(0, np.uint64), np.empty(0, np.uint64)
        return np.asarray(self.events.column("id_hash")), np.asarray(self.events.column("id_check"))


def prepared(batch: Batch, verdict: Verdict) -> PreparedBatch:
    """Make `batch` ready as `verdict` says."""
    events: pa.RecordBatch | None = None
    streams: tuple[pa.Buffer, ...] = ()
    refused: tuple[tuple[str, ...], pa.Buffer] | None = None
    if batch.events is not None:
        kept = without_rows(batch.events, verdict.dropped_rows(), verdict.quarantined_rows())
        if kept.num_rows:
            events = enriched(kept)
            streams = tuple(to_stream(part) for part in by_months(events))
    if batch.refused is not None:
        rows = batch.refused.append_column("version", pa.array(np.ones(batch.refused.num_rows, np.uint64)))
        refused = tuple(rows.schema.names), to_stream(rows.combine_chunks().to_batches()[0])
    return PreparedBatch(batch, verdict, events, streams, refused)
