"""A batch's events to what the engine is given: repeats out, derived columns in, months together."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics.domain.columns import Array, ChunkedArray
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
    # numpy counts months since 1970 by itself
    months = np.asarray(times.cast(pa.int64())).astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    if int(months.max()) - int(months.min()) < _MOST_MONTHS:
        yield events
        return
    distinct = np.unique(months)[::-1]
    for start in range(0, len(distinct), _MOST_MONTHS):
        yield events.filter(pa.array(np.isin(months, distinct[start : start + _MOST_MONTHS])))


def _one(column: ChunkedArray) -> Array:
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)
