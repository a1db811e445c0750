"""The known ids, read back from the warehouse at a start."""

from datetime import datetime, timedelta

import numpy as np

from analytics.statements import clickhouse
from analytics.warehouse.client import Warehouse
from analytics.writer.known_ids import KnownIds

_HORIZON = timedelta(hours=24)
_SLICE_IDS = 2_000_000


def rebuild_known_ids(warehouse: Warehouse, known: KnownIds, now: datetime, steady_ms: int) -> tuple[int, datetime]:
    """Fill `known` with the latest ids that table `event_ids` holds (some days), up to `known.horizon_ids`, oldest first.

    Answers the number of ids, and since when (24 hours before `now` at the earliest) each is known. By which clock they were received is
    not asked: it may have been wrong, so none is forgotten earlier than those received at `steady_ms`. Reads slices of about two million
    ids, so memory stays bounded. Source: table `event_ids`, statements clickhouse/writer/id_*.
    """
    total = waiting = 0
    since = now - _HORIZON
    slices: list[tuple[datetime, datetime]] = []  # newest first
    for minute, ids in warehouse.query(clickhouse("writer/id_minutes").text(), lane="writer").rows:
        if total + waiting + ids > known.horizon_ids and slices:
            since = max(since, slices[-1][0])
            break
        end = minute + timedelta(minutes=1)
        if slices and waiting + ids <= _SLICE_IDS:
            slices[-1] = (minute, slices[-1][1])
            waiting += ids
        else:
            slices.append((minute, end))
            total, waiting = total + waiting, ids
    return sum(_read_slice(warehouse, known, start, end, steady_ms) for start, end in reversed(slices)), since


def _read_slice(warehouse: Warehouse, known: KnownIds, start: datetime, end: datetime, steady_ms: int) -> int:
    data = warehouse.query_arrow(clickhouse("writer/id_slice").text(), {"start": start, "end": end}, lane="writer")
    hashes = np.asarray(data.column("id_hash")).astype(np.uint64)
    checks = np.asarray(data.column("id_check")).astype(np.uint64)
    for at in range(0, len(hashes), 100_000):
        known.add(hashes[at : at + 100_000], checks[at : at + 100_000], steady_ms)
    return len(hashes)
