"""A batch is stored once on a ClickHouse server, whatever an earlier attempt left there: nothing, all of it, or any part."""

import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from analytics.migrate.clickhouse import WarehouseSchema
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse, open_warehouse
from analytics.warehouse.scratch import drop_left_over_scratch, scratch_table
from analytics.writer.completion import finish
from tests.factories.stored_events import event_batch, make_event, make_project
from tests.fixtures.clickhouse_server import ClickHouseServer
from tests.fixtures.patience import wait_for

TABLES = ("events", "event_counts", "user_days", "user_timeline", "event_ids")
TOKEN = "node:1:2"
EVENTS = 200


@pytest.fixture
def server(own_clickhouse_server: ClickHouseServer) -> ClickHouseServer:
    return own_clickhouse_server.start()


@pytest.fixture
def warehouse(server: ClickHouseServer) -> Iterator[Warehouse]:
    opened = open_warehouse(server.url("analytics"), Path())
    WarehouseSchema(opened).bring_up()
    yield opened
    opened.close()


@pytest.fixture
def batch() -> pa.RecordBatch:
    """Events of two months."""
    now = datetime.now(UTC)
    times = (datetime(2026, 8, 5, 12, tzinfo=UTC), datetime(2026, 9, 5, 12, tzinfo=UTC))
    events = [make_event(f"name-{n % 7}", f"u-{n % 50}", timestamp=times[n % 2], received_at=now) for n in range(EVENTS)]
    return event_batch(make_project(), events)


def attempt(warehouse: Warehouse, batch: pa.RecordBatch) -> None:
    warehouse.insert_arrow("events", batch.schema.names, to_stream(batch), token=f"{TOKEN}/0")


def counts(warehouse: Warehouse) -> dict[str, int]:
    """What each table holds, in events."""
    summed = ("event_counts", "user_days")
    sql = " UNION ALL ".join(f"SELECT '{t}', {'sum(events)' if t in summed else 'count()'} FROM {t}" for t in TABLES)
    return {table: int(number) for table, number in warehouse.query(sql).rows}


ONCE = dict.fromkeys(TABLES, EVENTS)


def parts(server: ClickHouseServer, table: str) -> list[Path]:
    folder = (server.folder / "data" / "data" / "analytics" / table).resolve()
    return [entry for entry in folder.iterdir() if (entry / "columns.txt").exists()]


def note(server: ClickHouseServer, table: str) -> Path:
    """Where the engine notes the tokens that a table has seen."""
    return (server.folder / "data" / "data" / "analytics" / table).resolve() / "deduplication_logs"


def test_of_an_attempt_that_never_arrived_all_is_stored(warehouse: Warehouse, batch: pa.RecordBatch) -> None:
    for _ in range(2):
        finish(warehouse, batch, TOKEN)
        assert counts(warehouse) == ONCE


@pytest.mark.parametrize("lost", [("events", "event_counts", "event_ids"), ("user_days", "user_timeline")])
def test_of_a_killed_server_what_it_had_noted_and_not_kept_is_stored(
    server: ClickHouseServer, warehouse: Warehouse, batch: pa.RecordBatch, lost: tuple[str, ...]
) -> None:
    attempt(warehouse, batch)
    server.kill()
    for table in lost:
        for part in parts(server, table):
            part.rename(part.with_name(f"tmp_insert_{part.name}"))  # as a kill between the note and the part leaves it
    server.start()
    attempt(warehouse, batch)
    assert counts(warehouse) == {**ONCE, **dict.fromkeys(lost, 0)}, "a mere repeat was enough: this test proves nothing"
    for _ in range(2):
        finish(warehouse, batch, TOKEN)
        assert counts(warehouse) == ONCE


def test_of_a_server_that_lost_its_notes_nothing_is_stored_again(
    server: ClickHouseServer, warehouse: Warehouse, batch: pa.RecordBatch
) -> None:
    attempt(warehouse, batch)
    server.kill()
    for table in TABLES:
        shutil.rmtree(note(server, table))
    server.start()
    finish(warehouse, batch, TOKEN)
    assert counts(warehouse) == ONCE
    attempt(warehouse, batch)
    assert counts(warehouse) != ONCE, "the notes were not lost: this test proves nothing"


def test_of_an_attempt_that_the_server_is_still_at_everything_is_stored_once(warehouse: Warehouse, batch: pa.RecordBatch) -> None:
    warehouse.command("CREATE TABLE slow (waited UInt8) ENGINE = Null")
    # A view's rows come in the order of their tables: the rollups after this one.
    warehouse.command("CREATE MATERIALIZED VIEW a_slow_feed TO slow AS SELECT sleepEachRow(0.005) AS waited FROM events")
    first = threading.Thread(target=attempt, args=(warehouse, batch))
    first.start()
    wait_for(lambda: (found := counts(warehouse))["events"] > 0 or found["user_timeline"] > 0 or not first.is_alive(), "the first attempt")
    finish(warehouse, batch, TOKEN)
    first.join()
    assert counts(warehouse) == ONCE


def test_an_attempt_that_reaches_the_server_late_counts_for_nothing(warehouse: Warehouse, batch: pa.RecordBatch) -> None:
    finish(warehouse, batch, TOKEN)
    attempt(warehouse, batch)
    assert counts(warehouse) == ONCE


def test_services_that_share_a_server_do_not_share_scratch_tables(warehouse: Warehouse) -> None:
    with scratch_table(warehouse) as one, scratch_table(warehouse) as other:
        assert one != other
        drop_left_over_scratch(warehouse)  # those in use are younger than what it drops
        assert warehouse.query(f"SELECT count() FROM {one}, {other}").rows == [(0,)]
    assert warehouse.query("SELECT count() FROM system.tables WHERE name LIKE 'events_scratch%'").rows == [(0,)]
