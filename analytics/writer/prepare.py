"""A batch's events to what the engine is given: repeats out, derived columns in, months together."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analytics.enrichment.steps import STEPS

# A month of UTC days may touch two months of local days, and the engine takes 100 partitions an insert.
_MOST_MONTHS = 48


def without_rows(events: pa.Table, *dropped: NDArray[np.uint32]) -> pa.Table:
    """The events but those at the given positions."""
    keep = np.ones(events.num_rows, np.bool_)
    for rows in dropped:
        keep[rows] = False
    return events if keep.all() else events.filter(pa.array(keep))


def enriched(events: pa.Table) -> pa.RecordBatch:
    """One record batch with all columns of table `events` that are not computed by the engine."""
    columns = {name: _one(events.column(name)) for name in events.column_names}
    for step in STEPS:
        step(columns)
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def by_months(events: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch, or its parts by groups of months, newest first, if it spans more months than one insert may."""
    times = events.column(events.schema.get_field_index("timestamp"))
    span = pc.min_max(times).as_py()
    if (span["max"].year - span["min"].year) * 12 + span["max"].month - span["min"].month < _MOST_MONTHS:
        yield events
        return
    months = np.asarray(pc.add(pc.multiply(pc.year(times), 12), pc.month(times)))
    distinct = np.unique(months)[::-1]
    for start in range(0, len(distinct), _MOST_MONTHS):
        yield events.filter(pa.array(np.isin(months, distinct[start : start + _MOST_MONTHS])))


def to_stream(batch: pa.RecordBatch) -> bytes:
    """An Arrow IPC stream of one record batch."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _one(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        combined = combined.chunk(0) if combined.num_chunks == 1 else pa.concat_arrays(combined.chunks)
    return combined


def column_names(batch: pa.RecordBatch) -> Sequence[str]:
    """Names of its columns, in order."""
    return batch.schema.names
