"""Tables for a moment: empty copies of `events`, with its columns, defaults and constraints, and, if wanted, with copies of its views
(those of own rollups left out: they are paused where they refuse a row, and the row is stored).

The one thing to know: several services may share a server, so there each copy has a name of its own, and those that a killed process left
are dropped by whoever starts next.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from uuid import uuid4

from analytics.warehouse.client import Warehouse

_LEFT_OVER = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND match(name, '^events_scratch_[0-9a-f]{32}(_.+)?$')
  AND metadata_modification_time < now() - INTERVAL 1 HOUR
ORDER BY engine = 'MaterializedView' DESC, name LIMIT 1000
"""
_LEFT_OVER_EMBEDDED = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, 'events_scratch')
ORDER BY engine = 'MaterializedView' DESC, name LIMIT 1000
"""
_VIEWS = """
SELECT create_table_query, as_select FROM system.tables
WHERE database = currentDatabase() AND engine = 'MaterializedView' AND NOT startsWith(name, 'analyst_table_')
ORDER BY name LIMIT 1000
"""
_NAME = r"(?:`(?:[^`\\]|\\.)+`|\w+)"
_FROM_EVENTS = re.compile(rf"\bFROM (?:{_NAME}\.)?`?events`?(?!\w)")
_TARGET = re.compile(rf"CREATE MATERIALIZED VIEW {_NAME}(?:\.{_NAME})? TO (?:{_NAME}\.)?({_NAME})")


@contextmanager
def scratch_table(warehouse: Warehouse, *, with_views: bool = False) -> Generator[str]:
    """The name of an empty copy of `events`, dropped at the end; `with_views`: what goes into it goes through copies of the views on
    `events` into copies of their tables. Raises StoreError."""
    name = "events_scratch" if warehouse.embedded else f"events_scratch_{uuid4().hex}"
    if warehouse.embedded:
        _drop_all(warehouse, _LEFT_OVER_EMBEDDED)  # a killed process may have left it
    made = [name]
    try:
        warehouse.command(f"CREATE TABLE {name} AS events")
        if with_views:
            _copy_views(warehouse, name, made)
        yield name
    finally:
        for table in reversed(made):
            warehouse.command(f"DROP TABLE IF EXISTS {table} SYNC")


def drop_left_over_scratch(warehouse: Warehouse) -> None:
    """Drop what processes that were killed left on a server, once it is an hour old. Raises StoreError."""
    _drop_all(warehouse, _LEFT_OVER)


def _copy_views(warehouse: Warehouse, name: str, made: list[str]) -> None:
    for number, (statement, select) in enumerate(warehouse.query(_VIEWS, lane="control").rows):
        target = _TARGET.match(statement)
        if target is None or not _FROM_EVENTS.search(select):
            continue
        table, view = f"{name}_{number}", f"{name}_{number}_feed"
        made += [table, view]
        warehouse.command(f"CREATE TABLE {table} AS {target[1]}")
        warehouse.command(f"CREATE MATERIALIZED VIEW {view} TO {table} AS {_FROM_EVENTS.sub(f'FROM {name}', select)}")


def _drop_all(warehouse: Warehouse, which: str) -> None:
    for (name,) in warehouse.query(which, lane="control").rows:
        warehouse.command(f"DROP TABLE IF EXISTS {name} SYNC")
