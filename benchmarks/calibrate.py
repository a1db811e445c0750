"""What the engine alone can do on this machine right now: a burst of Arrow inserts into the same tables, with all views, and no service.

    python -m benchmarks.calibrate [batches]

Batches of 50,000 rows of the benchmark's data are made beforehand, exactly as the writer makes them; only the inserts are timed, one after
the other, while the engine merges beside them. Runs in a process of its own, since chDB is one engine a process.
"""

import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from analytics.domain.project import Project
from analytics.ingest.pipeline import door_steps
from analytics.ingest.recorder import Recorder, Sent
from analytics.migrate.clickhouse import migrate_clickhouse
from analytics.spool.schema import EVENT_SCHEMA
from analytics.telemetry.logging import configure_logging
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import open_warehouse
from analytics.writer.batch import rows_of
from analytics.writer.prepare import enriched
from benchmarks.dataset import EventFactory

BATCH_ROWS = 50_000
_REQUEST_ROWS = 500


def make_batches(count: int, project_id: str = "p_calibration") -> tuple[list[str], list[pa.Buffer]]:
    """Column names, and `count` batches as Arrow streams."""
    factory = EventFactory(seed=2)
    project = Project(project_id, "calibration", "Calibration", "UTC", datetime.now(UTC), id_seed=1)
    recorder = Recorder(door_steps(None), 10_000)
    names: list[str] = []
    streams: list[pa.Buffer] = []
    for _ in range(count):
        now_ms = time.time_ns() // 1_000_000
        records: list[tuple[str, int, bytes]] = []
        for _ in range(BATCH_ROWS // _REQUEST_ROWS):
            recorded = recorder.record([Sent(project, factory.batch(_REQUEST_ROWS, now_ms=now_ms).array())], now_ms)
            records += [(record.project_id, record.received_ms, record.payload) for made, _ in recorded.records for record in made]
        whole = enriched(rows_of(records, EVENT_SCHEMA))
        names = whole.schema.names
        streams.append(to_stream(whole))
    return names, streams


def burst(count: int, folder: Path) -> dict[str, float]:
    """Rows a second of inserting `count` batches, after two that warm up, and the CPU that took."""
    names, streams = make_batches(count + 2)
    warehouse = open_warehouse(None, folder)
    try:
        migrate_clickhouse(warehouse)
        for number, stream in enumerate(streams[:2]):
            warehouse.insert_arrow("events", names, stream, token=f"warm-{number}")
        started, cpu = time.perf_counter(), time.process_time()
        for number, stream in enumerate(streams[2:]):
            warehouse.insert_arrow("events", names, stream, token=f"burst-{number}")
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        stored = int(warehouse.query("SELECT count() FROM events").rows[0][0])
        if stored != (count + 2) * BATCH_ROWS:
            raise RuntimeError(f"{stored} rows are stored of {(count + 2) * BATCH_ROWS}")
    finally:
        warehouse.close()
    rows = count * BATCH_ROWS
    return {
        "rows": rows,
        "rows_per_second": round(rows / seconds),
        "cpu_seconds_per_million": round(cpu / rows * 1e6, 2),
        "cores": round(cpu / seconds, 2),
    }


if __name__ == "__main__":
    configure_logging("console", "warning")
    with tempfile.TemporaryDirectory(prefix="analytics-calibrate-") as scratch:
        os.chdir(scratch)
        print(json.dumps(burst(int(sys.argv[1]) if len(sys.argv) > 1 else 30, Path(scratch) / "clickhouse")))
