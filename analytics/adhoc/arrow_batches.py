"""Arrow record batches from the engine's bytes.

The one thing to know: a server sends one IPC stream, the embedded engine one for each block: both are read here, one after the other.
"""

import io
from collections.abc import Iterator
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 250_000


class _Pulled(io.RawIOBase):
    """Chunks as a file that is read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def has_more(self) -> bool:
        """Whether there is anything left to read."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._rest = memoryview(chunk)
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        filled = 0
        while filled < len(buffer) and self.has_more():
            size = min(len(buffer) - filled, len(self._rest))
            buffer[filled : filled + size] = self._rest[:size]
            self._rest = self._rest[size:]
            filled += size
        return filled


class _Growing(io.RawIOBase):
    """A file that is only ever added to; what was written can be taken out, and counts on for `tell`."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        part = bytes(data)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size

    def drained(self) -> bytes:
        """What was written since the last call."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


class Batches:
    """The batches of all streams in `chunks`. Raises pa.ArrowInvalid for one that is cut short."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._source = _Pulled(chunks)
        self._reader = pa.ipc.open_stream(self._source)
        self.schema = self._reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        yield from self._reader
        while self._source.has_more():
            yield from pa.ipc.open_stream(self._source)


def arrow_stream(schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, as_file: bool = False) -> Iterator[bytes]:
    """One IPC stream, or file."""
    sink = _Growing()
    with (pa.ipc.new_file if as_file else pa.ipc.new_stream)(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield sink.drained()
    yield sink.drained()


def parquet_file(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """One Parquet file, a row group at a time."""
    sink = _Growing()
    with pq.ParquetWriter(cast("IO[bytes]", sink), schema, compression="zstd") as writer:
        group: list[pa.RecordBatch] = []
        rows = 0
        for batch in batches:
            group.append(batch)
            rows += batch.num_rows
            if rows >= ROW_GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(group, schema))
                group, rows = [], 0
                yield sink.drained()
        if group:
            writer.write_table(pa.Table.from_batches(group, schema))
    yield sink.drained()
