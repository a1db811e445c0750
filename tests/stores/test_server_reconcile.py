"""Reconciliations on a real ClickHouse server, where statements go over HTTP and parameters in the address."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from analytics.migrate.clickhouse import WarehouseSchema
from analytics.warehouse.client import Warehouse, open_warehouse
from analytics.writer.gate import Gate, Hold
from tests.factories.reconciliations import NONE, NOW, Runs, assert_whole, drift, filled
from tests.factories.stored_events import make_project, store_events
from tests.fixtures.clickhouse_server import ClickHouseServer

# More at once than one address could name, and more.
MANY = (12_000, pytest.param(45_000, marks=pytest.mark.long))


@pytest.fixture
def on_server(clickhouse_server: ClickHouseServer) -> Iterator[Warehouse]:
    """A migrated database on the server."""
    opened = open_warehouse(clickhouse_server.url("it's a \\ database"), Path())
    WarehouseSchema(opened).bring_up()
    yield opened
    opened.close()


def held() -> AbstractContextManager[Hold]:
    """A writer at rest."""
    gate = Gate()
    gate.end()
    return gate.held(0)


@pytest.mark.parametrize("many", MANY)
def test_repeats_go_and_rollups_are_put_right(on_server: Warehouse, many: int) -> None:
    stored = filled(on_server)
    runs = Runs(on_server, held)
    assert runs.run().drift == NONE
    for project, event in stored[::10]:
        late = event.timestamp + timedelta(days=31)
        store_events(on_server, project, [replace(event, timestamp=late, received_at=NOW), event, event])
    on_server.command("TRUNCATE TABLE user_days")
    on_server.command("INSERT INTO user_timeline SELECT * FROM user_timeline WHERE event = 'event-1'", settings={"insert_deduplicate": 0})
    ended = runs.run()
    assert ended.removed == 36
    assert ended.drift["user_days"] == 120
    assert_whole(on_server, stored)
    assert runs.run().drift == NONE

    project = make_project()
    place = f"'{project.id}', toDate('2026-11-03'), number, toDateTime64('2026-11-03 10:00:00', 3, 'UTC'), number, 'foreign', 'p', 0, ''"
    on_server.command(f"INSERT INTO user_timeline SELECT {place}, toDate('2149-01-01') FROM numbers({many})")
    assert runs.run().drift == drift(0, 0, many)
    assert_whole(on_server, stored)
