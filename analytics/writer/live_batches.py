"""A stored batch, added up for the live counters."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from analytics.cache.live_batch import LiveBatch, count_batches
from analytics.domain.columns import Array, distinct_texts


def live_batches(events: pa.RecordBatch) -> list[LiveBatch]:
    """One LiveBatch a project. The hashes are those of the engine (`xxh3`), so a recount from the warehouse counts the same."""
    project_codes, projects = distinct_texts(events.column("project_id"))
    name_codes, names = distinct_texts(events.column("event"))
    return count_batches(
        projects,
        np.asarray(project_codes).astype(np.int32),
        np.asarray(events.column("received_at").cast(pa.int64())) // 1000,
        names,
        np.asarray(name_codes).astype(np.int32),
        _hashes(pc.coalesce(events.column("user_id"), events.column("anonymous_id"))),
        _hashes(events.column("session_id")),
    )


def _hashes(column: Array) -> NDArray[np.uint64]:
    """xxh3 of each text, 0 for none. Most are of few events: looking for those that are equal would take longer than hashing all."""
    texts = column.cast(pa.binary()).to_pylist()
    return np.fromiter((xxh3_64_intdigest(text) if text else 0 for text in texts), np.uint64, len(texts))
