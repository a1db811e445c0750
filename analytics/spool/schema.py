"""The columns of spooled events and refusals, as Arrow: what the way in writes and the writer reads.

Derived columns (browser, page path and so on) are not here: the writer makes them for a whole batch at once.
"""

import pyarrow as pa

EVENT_SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string()),
        pa.field("id_hash", pa.uint64()),
        pa.field("id_check", pa.uint64()),
        pa.field("event", pa.string()),
        pa.field("timestamp", pa.timestamp("ms", tz="UTC")),
        pa.field("local_date", pa.date32()),
        pa.field("expires_on", pa.uint16()),  # days since 1970-01-01, as ClickHouse keeps a Date
        pa.field("user_id", pa.string()),
        pa.field("anonymous_id", pa.string()),
        pa.field("session_id", pa.string()),
        pa.field("properties", pa.string()),
        pa.field("ip", pa.string()),
        pa.field("country", pa.string()),
        pa.field("user_agent", pa.string()),
        pa.field("page_url", pa.string()),
        pa.field("page_title", pa.string()),
        pa.field("referrer", pa.string()),
        pa.field("campaign_source", pa.string()),
        pa.field("campaign_medium", pa.string()),
        pa.field("campaign_name", pa.string()),
        pa.field("campaign_term", pa.string()),
        pa.field("campaign_content", pa.string()),
        pa.field("locale", pa.string()),
        pa.field("timezone", pa.string()),
        pa.field("context_extra", pa.string()),
    ]
)

REFUSED_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("status", pa.string()),
        pa.field("code", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("event_id", pa.string()),
        pa.field("body", pa.string()),
        pa.field("body_bytes", pa.uint64()),
    ]
)


def to_payload(batch: pa.RecordBatch) -> bytes:
    """One record batch as an Arrow IPC message; the schema is not repeated, it belongs to the version of the segment."""
    return batch.serialize().to_pybytes()


def from_payload(payload: bytes, schema: pa.Schema) -> pa.RecordBatch:
    """The record batch of `to_payload`; it shares the memory of `payload`."""
    return pa.ipc.read_record_batch(pa.py_buffer(payload), schema)
