"""Columns of a batch to the payload of a spool record."""

from functools import lru_cache
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128_digest

from analytics.domain.columns import Array
from analytics.ingest.batch import EventBatch, Texts
from analytics.spool.schema import EVENT_SCHEMA, to_payload

_DAY_MS = 86_400_000
_LAST_DATE = 65_535  # 2149-06-06, the last day of ClickHouse's Date: kept for ever
_TIMESTAMP = pa.timestamp("ms", tz="UTC")


def event_payload(batch: EventBatch) -> tuple[bytes, int]:
    """The kept events of `batch` as a record payload, and their number (0: the payload is empty)."""
    kept = None if not batch.refused else [index for index in range(len(batch)) if index not in batch.refused]
    if kept is not None and not kept:
        return b"", 0

    def texts(column: Texts | None) -> Array:
        if column is None:
            return pa.nulls(len(batch), pa.string())
        return pa.array(column, pa.string())

    seed = batch.project.id_seed
    ids = cast(list[str], batch.event_id)
    digests = np.frombuffer(b"".join([xxh3_128_digest(event_id.encode(), seed) for event_id in ids]), ">u8").reshape(-1, 2)
    halves = digests.astype(np.uint64)
    times = pa.array(batch.timestamp_ms, pa.int64())
    campaign = batch.campaign
    columns = {
        "event_id": texts(ids),
        "id_hash": pa.array(np.ascontiguousarray(halves[:, 0])),
        "id_check": pa.array(np.ascontiguousarray(halves[:, 1])),
        "event": texts(batch.event),
        "timestamp": times.cast(_TIMESTAMP),
        "local_date": _local_dates(times, batch.project.timezone),
        "expires_on": _expiry(batch),
        "user_id": texts(batch.user_id),
        "anonymous_id": texts(batch.anonymous_id),
        "session_id": texts(batch.session_id),
        "properties": pa.array(batch.properties, pa.binary()).cast(pa.string()),
        "ip": texts(batch.ip),
        "country": texts(batch.country),
        "user_agent": texts(batch.user_agent),
        "page_url": texts(batch.page_url),
        "page_title": texts(batch.page_title),
        "referrer": texts(batch.referrer),
        "campaign_source": texts(campaign.get("source")),
        "campaign_medium": texts(campaign.get("medium")),
        "campaign_name": texts(campaign.get("name")),
        "campaign_term": texts(campaign.get("term")),
        "campaign_content": texts(campaign.get("content")),
        "locale": texts(batch.locale),
        "timezone": texts(batch.timezone),
        "context_extra": texts(batch.context_extra),
    }
    record = pa.RecordBatch.from_arrays([columns[name] for name in EVENT_SCHEMA.names], schema=EVENT_SCHEMA)
    if kept is not None:
        record = record.take(pa.array(kept, pa.int64()))
    return to_payload(record), record.num_rows


def _local_dates(times: Array, timezone: str) -> Array:
    """The day of each time in the zone."""
    if timezone == "UTC":
        return times.cast(pa.timestamp("ms")).cast(pa.date32())
    return pc.local_timestamp(cast(Any, times.cast(_zoned(timezone)))).cast(pa.date32())


@lru_cache(maxsize=256)
def _zoned(timezone: str) -> pa.DataType:
    return pa.timestamp("ms", tz=timezone)


def _expiry(batch: EventBatch) -> Array:
    """Days since 1970 of the first day without the event."""
    if batch.project.retention_days is None:
        return pa.array(np.full(len(batch), _LAST_DATE, np.uint16))
    days = batch.timestamp_ms // _DAY_MS + batch.project.retention_days + 1
    return pa.array(np.clip(days, 0, _LAST_DATE).astype(np.uint16))
