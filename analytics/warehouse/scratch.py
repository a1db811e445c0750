"""Tables for a moment: empty copies of `events`, with its columns, defaults and constraints, and without views.

The one thing to know: several services may share a server, so there each copy has a name of its own, and those that a killed process left
are dropped by whoever starts next.
"""

from collections.abc import Generator
from contextlib import contextmanager
from uuid import uuid4

from analytics.warehouse.client import Warehouse

_LEFT_OVER = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND match(name, '^events_scratch_[0-9a-f]{32}$') AND metadata_modification_time < now() - INTERVAL 1 HOUR
ORDER BY name LIMIT 1000
"""


@contextmanager
def scratch_table(warehouse: Warehouse) -> Generator[str]:
    """The name of an empty copy of `events`, dropped at the end. Raises WarehouseUnavailableError."""
    name = "events_scratch" if warehouse.embedded else f"events_scratch_{uuid4().hex}"
    warehouse.command(f"DROP TABLE IF EXISTS {name} SYNC")  # embedded: a killed process may have left it
    warehouse.command(f"CREATE TABLE {name} AS events")
    try:
        yield name
    finally:
        warehouse.command(f"DROP TABLE IF EXISTS {name} SYNC")


def drop_left_over_scratch(warehouse: Warehouse) -> None:
    """Drop what processes that were killed left on a server, once it is an hour old. Raises StoreError."""
    for (name,) in warehouse.query(_LEFT_OVER, lane="control").rows:
        warehouse.command(f"DROP TABLE IF EXISTS {name} SYNC")
