"""A process that reconciles the tables of a folder and kills itself at one of its changes: see test_reconcile_kills.py."""

import os
import pickle
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analytics.migrate.clickhouse import migrate_clickhouse
from analytics.reconcile.run import Progress, RunOptions, reconcile
from analytics.warehouse.client import Warehouse, open_warehouse
from tests.factories.rollup_oracle import expected_tables, stored_tables
from tests.factories.stored_events import make_event, make_project, store_events
from tests.stores.counted_session import CountedSession

ROLLUPS = ("event_counts", "user_days", "user_timeline")


class KilledSession(CountedSession):
    """Dies at the n-th change: before it, after it was handed over, or after it."""

    def end(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def insert(self, *arguments: Any) -> None:
        super().insert(*arguments)
        self.change()


def prepare(warehouse: Warehouse, note: Path) -> None:
    """Events with late repeats, and rollups with rows too few, too many and foreign."""
    migrate_clickhouse(warehouse)
    project = make_project(timezone="America/New_York")
    begin = datetime(2026, 10, 25, 1, tzinfo=UTC)
    events = [
        make_event(f"event-{number % 4}", user_id=f"u-{number % 5}", timestamp=begin + timedelta(hours=7 * number)) for number in range(40)
    ]
    store_events(warehouse, project, events)
    for event in events[::9]:
        late = event.timestamp + timedelta(days=30)
        store_events(warehouse, project, [replace(event, timestamp=late, received_at=late), event])
    for table in ROLLUPS:
        warehouse.command(f"INSERT INTO {table} SELECT * FROM {table} WHERE event = 'event-1'", settings={"insert_deduplicate": 0})
        warehouse.command(f"INSERT INTO {table} SELECT * REPLACE ('nobody sent this' AS event) FROM (SELECT * FROM {table} LIMIT 5)")
        warehouse.command(f"DELETE FROM {table} WHERE event = 'event-2'")
    note.write_bytes(pickle.dumps([(project, event) for event in events]))


def main(folder: Path, changes: int) -> None:
    """Prepare the folder if it is new, reconcile it, and say whether all tables are as they must be."""
    note = folder / "stored"
    warehouse = open_warehouse(None, folder)
    if not note.exists():
        prepare(warehouse, note)
    session = KilledSession(warehouse, changes)

    def tell(progress: Progress) -> None:
        pass

    reconcile(session, datetime.now(UTC), True, None, RunOptions(settle_seconds=0), tell)
    session.close()
    stored = pickle.loads(note.read_bytes())
    print("whole" if stored_tables(warehouse) == expected_tables(stored) else "not whole")
    warehouse.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
