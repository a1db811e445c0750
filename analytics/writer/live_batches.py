"""A stored batch, added up for the live counters."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from analytics.cache.live_batch import LiveBatch, count_batches


def live_batches(events: pa.RecordBatch) -> list[LiveBatch]:
    """One LiveBatch a project. The hashes are those of the engine (`xxh3`), so a recount from the warehouse counts the same."""
    projects = events.column("project_id")
    names = pc.dictionary_encode(events.column("event"))
    persons = pc.coalesce(events.column("user_id"), events.column("anonymous_id"))
    return count_batches(
        projects.dictionary.to_pylist(),
        np.asarray(projects.indices).astype(np.int32),
        np.asarray(events.column("received_at").cast(pa.int64())) // 1000,
        names.dictionary.to_pylist(),
        np.asarray(names.indices).astype(np.int32),
        _hashes(persons),
        _hashes(events.column("session_id")),
    )


def _hashes(column: pa.Array) -> NDArray[np.uint64]:
    """xxh3 of each text, 0 for none."""
    encoded = pc.dictionary_encode(pc.fill_null(column, ""))
    texts: Sequence[str] = encoded.dictionary.to_pylist()
    hashes = np.fromiter((xxh3_64_intdigest(text.encode()) if text else 0 for text in texts), np.uint64, len(texts))
    return hashes[np.asarray(encoded.indices)] if len(texts) else np.zeros(len(column), np.uint64)
