"""The known ids, read back from the warehouse at a start."""

from datetime import UTC, datetime, timedelta

import numpy as np

from analytics.statements import clickhouse
from analytics.warehouse.client import Warehouse
from analytics.writer.known_ids import KnownIds

_HORIZON = timedelta(hours=24)
_SLICE_IDS = 2_000_000


def rebuild_known_ids(warehouse: Warehouse, known: KnownIds, now: datetime) -> int:
    """Fill `known` with the ids received in the 24 hours before `now`, oldest first; the number of ids.

    Reads slices of about two million ids, so memory stays bounded. Source: table `event_ids`, statements clickhouse/writer/id_*.
    """
    minutes = warehouse.query(clickhouse("writer/id_minutes").text(), {"start": now - _HORIZON}, lane="writer").rows
    total = 0
    slices: list[tuple[datetime, datetime]] = []
    waiting = _SLICE_IDS
    for minute, ids in minutes:
        end = minute + timedelta(minutes=1)
        if waiting >= _SLICE_IDS:
            slices.append((minute, end))
            waiting = ids
        else:
            slices[-1] = (slices[-1][0], end)
            waiting += ids
    for start, end in slices:
        total += _read_slice(warehouse, known, start, end)
    return total


def _read_slice(warehouse: Warehouse, known: KnownIds, start: datetime, end: datetime) -> int:
    data = warehouse.query_arrow(clickhouse("writer/id_slice").text(), {"start": start, "end": end}, lane="writer")
    hashes = np.asarray(data.column("id_hash")).astype(np.uint64)
    checks = np.asarray(data.column("id_check")).astype(np.uint64)
    received_ms = int(end.astimezone(UTC).timestamp() * 1000)
    for at in range(0, len(hashes), 100_000):
        known.add(hashes[at : at + 100_000], checks[at : at + 100_000], received_ms)
    return len(hashes)
