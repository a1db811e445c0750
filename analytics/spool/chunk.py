"""The spool's file format: segments of records, each with a checked header and a checked payload.

    segment = magic (8 bytes) record*
    record  = header (88 bytes, little-endian) payload
    header  = mark (8) | payload bytes u32 | rows u32 | kind u8 | 7 spare | received_ms i64 | project id (40, padded with NUL)
              | xxh3-64 of the payload u64 | xxh3-64 of all of the header before it u64

The mark lets a reader find the next record behind a damaged one. A record that ends beyond the end of the last segment was never
acknowledged: it is a torn write, not damage.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from xxhash import xxh3_64_intdigest

SEGMENT_MAGIC = b"EVSPOOL1"
RECORD_MARK = b"\xf5rec\x00\x01\xaa\x55"
_HEADER = struct.Struct("<8sIIB7xq40sQQ")
HEADER_BYTES = _HEADER.size
_CHECKED = HEADER_BYTES - 8
MAX_PROJECT_ID = 40


class RecordKind(IntEnum):
    """What a payload holds."""

    EVENTS = 1  # Arrow record batch, columns of `schema.EVENT_SCHEMA`
    REFUSED = 2  # Arrow record batch, columns of `schema.REFUSED_SCHEMA`


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """What is known of a record without its payload."""

    payload_bytes: int
    rows: int
    kind: RecordKind
    received_ms: int
    project_id: str
    payload_hash: int

    @property
    def record_bytes(self) -> int:
        """Header and payload together."""
        return HEADER_BYTES + self.payload_bytes


def encode_record(kind: RecordKind, project_id: str, received_ms: int, rows: int, payload: bytes) -> tuple[bytes, bytes]:
    """Header and payload, to be written one behind the other."""
    encoded = project_id.encode("ascii")
    if len(encoded) > MAX_PROJECT_ID:
        raise ValueError(f"project id longer than {MAX_PROJECT_ID} bytes")
    head = _HEADER.pack(RECORD_MARK, len(payload), rows, kind, received_ms, encoded, xxh3_64_intdigest(payload), 0)[:_CHECKED]
    return head + xxh3_64_intdigest(head).to_bytes(8, "little"), payload


def decode_header(data: bytes) -> RecordHeader | None:
    """The header in the first HEADER_BYTES of `data`, or None if it is damaged or cut."""
    if len(data) < HEADER_BYTES:
        return None
    mark, payload_bytes, rows, kind, received_ms, project, payload_hash, header_hash = _HEADER.unpack(data[:HEADER_BYTES])
    if mark != RECORD_MARK or xxh3_64_intdigest(data[:_CHECKED]) != header_hash:
        return None
    try:
        return RecordHeader(payload_bytes, rows, RecordKind(kind), received_ms, project.rstrip(b"\0").decode("ascii"), payload_hash)
    except ValueError:
        return None


def payload_is_intact(header: RecordHeader, payload: bytes) -> bool:
    """Whether the payload is whole and as it was written."""
    return len(payload) == header.payload_bytes and xxh3_64_intdigest(payload) == header.payload_hash
