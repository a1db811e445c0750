"""Fill the data folder of a stopped service with many events, spread over days: faster than the front door, for large tables.

    python -m benchmarks.preload DATA_DIR PROJECT_ID EVENTS

A million events of the benchmark's data go in as the writer would put them; the engine copies them to earlier days with other ids.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from analytics.telemetry.logging import configure_logging
from analytics.warehouse.client import open_warehouse
from benchmarks.calibrate import BATCH_ROWS, make_batches

BASE_ROWS = 1_000_000
DAYS = 30

_COPY = """
INSERT INTO events SELECT stored.* REPLACE (
    stored.date - {days} AS date, stored.local_date - {days} AS local_date, stored.timestamp - toIntervalDay({days}) AS timestamp,
    stored.received_at - toIntervalDay({days}) AS received_at, concat(stored.event_id, '-{copy}') AS event_id,
    sipHash64(stored.id_hash, {copy}) AS id_hash, sipHash64(stored.id_check, {copy}) AS id_check)
FROM events AS stored WHERE stored.received_at >= fromUnixTimestamp64Milli({since_ms})
"""


def preload(data_dir: Path, project_id: str, events: int) -> dict[str, float]:
    """Insert `events` events (a multiple of a million is best) of `project_id`; what was done."""
    base = min(events, BASE_ROWS)
    since_ms = time.time_ns() // 1_000_000 - 1_000
    names, streams = make_batches(base // BATCH_ROWS, project_id)
    warehouse = open_warehouse(None, data_dir / "clickhouse")
    started = time.perf_counter()
    try:
        for number, stream in enumerate(streams):
            warehouse.insert_arrow("events", names, stream, token=f"preload-{number}")
        copies = events // base - 1
        for copy in range(1, copies + 1):
            days = 1 + (copy - 1) % (DAYS - 1)
            warehouse.execute(_COPY.format(days=days, copy=copy, since_ms=since_ms), settings={"max_threads": 2, "max_execution_time": 0})
        rows = int(warehouse.query("SELECT count() FROM events").rows[0][0])
        if rows != base * (copies + 1):
            raise RuntimeError(f"{rows} rows are stored of {base * (copies + 1)}")
    finally:
        warehouse.close()
    return {"rows": rows, "seconds": round(time.perf_counter() - started, 1)}


if __name__ == "__main__":
    configure_logging("console", "warning")
    folder = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="analytics-preload-") as scratch:
        os.chdir(scratch)
        print(json.dumps(preload(folder, sys.argv[2], int(sys.argv[3]))))
