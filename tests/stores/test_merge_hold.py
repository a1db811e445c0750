"""Merges of the embedded engine wait while a burst comes in: not for long, and never while somebody waits for them."""

import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from analytics.errors import AnalyticsError, WarehouseUnavailableError
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse
from analytics.warehouse.merge_hold import FEW_PARTS, LOOK_SECONDS, MOST_PARTS, TABLES, MergeHold
from tests.factories.stored_events import StoredEvent, event_batch, make_project
from tests.fixtures.patience import wait_for


class Burst:
    """A hold, a clock, and inserts that take a share of its time."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.metrics = Metrics()
        self.time = 1000.0
        self.inserting = 0.0
        self.hold = MergeHold(warehouse, self.metrics, lambda: self.time)

    def look(self, share: float, seconds: float = LOOK_SECONDS) -> bool:
        """Whether merges wait after so many seconds, of which a share went to inserts."""
        self.time += seconds
        self.inserting += share * seconds
        self.hold.look(self.inserting)
        return self.held

    @property
    def held(self) -> bool:
        return self.metrics.registry.get_sample_value("analytics_merges_held") == 1


@pytest.fixture
def burst(warehouse: Warehouse) -> Burst:
    return Burst(warehouse)


def insert_parts(warehouse: Warehouse, count: int) -> None:
    chance = random.Random(count)
    for _ in range(count):
        rows = [StoredEvent(event_id=f"e-{chance.random()}", timestamp=datetime.now(UTC))]
        batch = event_batch(make_project(), rows)
        warehouse.insert_arrow("events", batch.schema.names, to_stream(batch))


def merges(warehouse: Warehouse, table: str) -> bool:
    """Whether the table's parts can be merged now."""
    insert_parts(warehouse, 2)
    with suppress(AnalyticsError):
        warehouse.command(f"OPTIMIZE TABLE {table} FINAL")
    parts = "SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = {table:String}"
    return warehouse.query(parts, {"table": table}).rows[0][0] == 1


def test_every_table_waits_in_a_burst_and_none_after_it(warehouse: Warehouse, burst: Burst) -> None:
    assert all(merges(warehouse, table) for table in TABLES)
    assert burst.look(0.9)
    assert not any(merges(warehouse, table) for table in TABLES)
    assert not burst.look(0.1)
    assert all(merges(warehouse, table) for table in TABLES)


@pytest.mark.parametrize("table", ["event_counts", "event_ids"])
def test_what_is_small_and_asked_all_the_time_is_merged_as_ever(warehouse: Warehouse, burst: Burst, table: str) -> None:
    assert burst.look(0.9)
    assert merges(warehouse, table)


def test_it_takes_much_to_begin_and_less_to_go_on(burst: Burst) -> None:
    assert [burst.look(share) for share in (0.6, 0.75, 0.5, 0.6, 0.3, 0.6, 0.9)] == [False, True, True, True, False, False, True]


def test_it_looks_now_and_then_and_at_all_that_was_between(burst: Burst) -> None:
    assert not burst.look(1.0, LOOK_SECONDS / 2)
    assert not burst.look(0.0, LOOK_SECONDS / 2)  # together: half
    assert not burst.look(1.0, LOOK_SECONDS * 0.9)
    assert burst.look(1.0, LOOK_SECONDS * 0.2)


def test_merges_go_on_when_many_parts_wait(warehouse: Warehouse, burst: Burst) -> None:
    assert burst.look(0.9)
    insert_parts(warehouse, MOST_PARTS - 1)
    assert burst.look(0.9)
    insert_parts(warehouse, 1)
    assert not burst.look(0.9)
    assert merges(warehouse, "events")


@pytest.mark.parametrize("parts", [FEW_PARTS - 1, FEW_PARTS])
def test_a_hold_begins_where_few_parts_wait(warehouse: Warehouse, burst: Burst, parts: int) -> None:
    warehouse.command("SYSTEM STOP MERGES events")  # so that it is known how many there are
    insert_parts(warehouse, parts)
    assert burst.look(0.9) is (parts < FEW_PARTS)


def test_merges_go_on_for_whoever_waits_for_a_change(warehouse: Warehouse, burst: Burst) -> None:
    insert_parts(warehouse, 1)
    assert burst.look(0.9)
    warehouse.command("ALTER TABLE user_days DELETE WHERE user_hash = 1", settings={"mutations_sync": 0})
    pending = "SELECT count() FROM system.mutations WHERE NOT is_done"
    assert warehouse.query(pending).rows[0][0] == 1
    assert not burst.look(0.9)
    wait_for(lambda: warehouse.query(pending).rows[0][0] == 0, "the change")
    assert burst.look(0.9)


def test_a_hold_does_not_begin_while_a_change_is_under_way(warehouse: Warehouse, burst: Burst) -> None:
    insert_parts(warehouse, 1)
    warehouse.command("SYSTEM STOP MERGES user_days")
    warehouse.command("ALTER TABLE user_days DELETE WHERE user_hash = 1", settings={"mutations_sync": 0})
    assert not burst.look(0.9)


def test_a_server_is_left_alone(warehouse: Warehouse, burst: Burst, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Warehouse, "embedded", False)
    assert not burst.look(0.9)
    assert all(merges(warehouse, table) for table in TABLES)


@pytest.mark.parametrize("failing", ["SYSTEM STOP MERGES user_days", "system.mutations"])
def test_what_the_engine_does_not_hear_leaves_nothing_held(
    warehouse: Warehouse, burst: Burst, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    command, query = warehouse.command, warehouse.query

    def fails(call: Any) -> Any:
        def called(sql: str, *given: Any, **options: Any) -> Any:
            if failing in sql:
                raise WarehouseUnavailableError("It is away.")
            return call(sql, *given, **options)

        return called

    monkeypatch.setattr(warehouse, "command", fails(command))
    monkeypatch.setattr(warehouse, "query", fails(query))
    assert not burst.look(0.9)
    monkeypatch.undo()
    assert all(merges(warehouse, table) for table in TABLES)


def test_a_release_that_was_not_heard_is_tried_again(warehouse: Warehouse, burst: Burst, monkeypatch: pytest.MonkeyPatch) -> None:
    assert burst.look(0.9)
    heard = list[str]()

    def deaf(sql: str, *given: Sequence[Any]) -> None:
        heard.append(sql)
        raise WarehouseUnavailableError("It is away.")

    monkeypatch.setattr(warehouse, "command", deaf)
    assert burst.look(0.1)
    assert heard == ["SYSTEM START MERGES events"]
    monkeypatch.undo()
    assert not burst.look(0.1)
    assert all(merges(warehouse, table) for table in TABLES)
