"""What `Warehouse.insert_arrow` takes."""

import pyarrow as pa


def to_stream(batch: pa.RecordBatch) -> pa.Buffer:
    """An Arrow IPC stream of one record batch."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue()
