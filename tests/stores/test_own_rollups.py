"""The tables of own rollups on both engines: fed, computed anew, compared, and out of the way when they fail."""

import random
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analytics.domain.project import Project
from analytics.errors import AnalyticsError, WarehouseUnavailableError
from analytics.fence.catalog import SqlCatalog
from analytics.fence.parser import EngineParser
from analytics.fence.rollup_shape import RollupShapes
from analytics.migrate.clickhouse import WarehouseSchema
from analytics.reconcile.months import Window
from analytics.reconcile.session import Session
from analytics.rollups.feeds import OwnFeeds
from analytics.rollups.plan import RollupPlan, make_plan
from analytics.rollups.rebuild import Rebuild, chunks_of
from analytics.rollups.tables import OwnTable, OwnTables
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse, open_warehouse
from analytics.writer.completion import complete
from tests.factories.stored_events import StoredEvent, event_batch, make_event, make_project, store_events
from tests.fixtures.clickhouse_server import ClickHouseServer

DATABASE = "of own rollups"
GOING = datetime.now(UTC).date() + timedelta(days=2)  # rows that expired may be gone from the one side and not from the other
DAILY = (
    "SELECT toDate(timestamp, 'Europe/Berlin') AS day, event, properties.course AS course, count() AS n, uniqExact(person) AS people,"
    " sumIf(properties.v::Int64, event != 'b') AS total, min(properties.v::Int64) AS least FROM events WHERE event != 'noise'"
    " GROUP BY day, event, course"
)
THROWS = "SELECT toDate(timestamp) AS day, sum(toInt64(event)) AS total FROM events GROUP BY day"


class Kept:
    """An engine with own rollups on it."""

    def __init__(self, warehouse: Warehouse, parser: EngineParser, database: str) -> None:
        self.warehouse = warehouse
        self.feeds = OwnFeeds(OwnTables(warehouse))
        self.tables = self.feeds.tables
        self.shapes = RollupShapes(parser, database)
        self.catalog = SqlCatalog.of_database(database)
        self.rebuild = Rebuild(self.tables, None, 0.0)

    def make(self, project: Project, sql: str = DAILY, table: str = "analyst_table_00") -> tuple[OwnTable, RollupPlan]:
        plan = make_plan(self.warehouse, self.shapes.read(sql, project.id))
        assert RollupPlan.of(plan.document()) == plan
        made = self.tables.make(table, f"id of {table}", project.id, plan)
        self.tables.feed(table, plan)
        return made, plan

    def rows(self, project: Project, plan: RollupPlan, table: str = "analyst_table_00") -> list[Any]:
        text = self.catalog.rows_of(plan.asked_as("mine", table, ""))
        return list(self.warehouse.query(f"SELECT * FROM ({text}) ORDER BY ALL", {"fence_project": project.id}).rows)

    def truth(self, project: Project, plan: RollupPlan) -> list[Any]:
        """The SELECT over the events, its states added up by the engine without any table between."""
        merged = ", ".join(
            f"{column.merge}(`{column.name}`) AS `{column.name}`" if column.merge else column.name for column in plan.columns
        )
        names = ", ".join(column.name for column in plan.dimensions)
        text = f"SELECT {merged} FROM ({plan.feed}) WHERE expires_on > today() GROUP BY {names}"
        return list(self.warehouse.query(f"SELECT * FROM ({text}) ORDER BY ALL").rows)

    def differing(self, table: OwnTable, months: range = range(1, 13)) -> dict[date, int]:
        session = Session(self.warehouse, None)
        try:
            windows = [Window(date(2026, month, 1), date(2026, month, 28) + timedelta(days=3)) for month in months]
            found = [self.rebuild.differing(session, table, window, GOING) for window in windows]
        finally:
            session.close()
        return {day: off for one in found for day, off in one.items()}


@pytest.fixture(params=["embedded", "server"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    """On each engine; the embedded one parses for both."""
    if request.param == "embedded":
        embedded: Warehouse = request.getfixturevalue("warehouse")
        yield Kept(embedded, EngineParser(embedded), "default")
        return
    server: ClickHouseServer = request.getfixturevalue("clickhouse_server")
    opened = open_warehouse(server.url(DATABASE), Path())
    try:
        WarehouseSchema(opened).bring_up()
        for table in ("events", "event_counts", "user_days", "user_timeline", "event_ids"):
            opened.command(f"TRUNCATE TABLE {table}")
        yield Kept(opened, EngineParser(request.getfixturevalue("empty_warehouse")), DATABASE)
    finally:
        opened.close()


def some_events(chance: random.Random, number: int) -> list[StoredEvent]:
    return [
        make_event(
            chance.choice(("a", "b", "c", "noise")),
            f"u-{chance.randrange(9)}",
            timestamp=datetime(2026, chance.randrange(1, 5), chance.randrange(1, 29), chance.randrange(24), 30, tzinfo=UTC),
            properties={"course": chance.choice(("x", "y", None)), "v": chance.randrange(-5, 50)},
            received_at=datetime(2026, 11, 1, tzinfo=UTC),
            expires_on=chance.choice((date(2149, 6, 6), date(2148, 1, 1), date(2026, 5, 1))),
        )
        for _ in range(number)
    ]


def test_whatever_is_fed_filled_and_computed_again_holds_what_the_events_say(kept: Kept) -> None:
    project, other, chance = make_project(), make_project(), random.Random(5)
    store_events(kept.warehouse, other, some_events(chance, 60))
    store_events(kept.warehouse, project, some_events(chance, 150))
    table, plan = kept.make(project)
    store_events(kept.warehouse, project, some_events(chance, 150))
    store_events(kept.warehouse, other, some_events(chance, 60))
    assert kept.differing(table)
    for chunk in chunks_of(kept.tables.event_days(project.id)):
        kept.rebuild.compute(table, chunk.days)
        store_events(kept.warehouse, project, some_events(chance, 5))
    assert kept.differing(table) == {}
    assert kept.rows(project, plan) == kept.truth(project, plan)
    assert len(kept.rows(project, plan)) > 50
    assert kept.rows(other, plan) == []

    day = max(kept.tables.event_days(project.id), key=lambda found: found[1])[0]
    for _ in range(2):
        kept.tables.compute(table, [day, date(2026, 12, 24)])
    assert kept.rows(project, plan) == kept.truth(project, plan)
    kept.warehouse.command(f"ALTER TABLE events DELETE WHERE date = '{day}' AND expires_on > today()", settings={"mutations_sync": 1})
    assert day in kept.differing(table)
    kept.tables.compute(table, [day])
    assert kept.differing(table) == {}


def test_the_table_of_a_rollup_syncs_each_part_that_is_inserted_and_its_folder(kept: Kept) -> None:
    table, _ = kept.make(make_project())
    definition = kept.warehouse.query(f"SHOW CREATE TABLE {table.table}").rows[0][0]
    assert "fsync_after_insert = 1" in definition
    assert "fsync_part_directory = 1" in definition


def test_a_batch_that_was_broken_off_is_whole_in_a_rollup_wherever_it_was(kept: Kept) -> None:
    """Its events are there or not, its rows in the rollup are there, or not, or twice."""
    project, chance = make_project(), random.Random(6)
    table, plan = kept.make(project)
    store_events(kept.warehouse, project, some_events(chance, 80))
    for broken in range(3):
        batch = event_batch(project, some_events(chance, 30))
        if broken:
            kept.warehouse.command(f"DETACH TABLE {table.view}")
            kept.warehouse.insert_arrow("events", batch.schema.names, to_stream(batch.slice(0, 20)), token=f"broken-{broken}")
            kept.warehouse.command(f"ATTACH TABLE {table.view}")
        if broken == 2:
            kept.warehouse.command(f"INSERT INTO {table.table} {plan.feed}", settings={"insert_deduplicate": 0})
        complete(kept.warehouse, batch)
        assert kept.differing(table), "rows enter events past the views"
        kept.feeds.complete(pa.Table.from_batches([batch]))
        if broken == 2:
            kept.tables.compute(table, [day for day, _ in kept.tables.event_days(project.id)])
        assert kept.differing(table) == {}
        assert kept.rows(project, plan) == kept.truth(project, plan)


def test_only_the_rollup_whose_view_failed_loses_its_view_and_no_value_can_blame_another(kept: Kept) -> None:
    project = make_project()
    good, _ = kept.make(project)
    bad, _ = kept.make(project, THROWS, "analyst_table_07")
    told: list[tuple[str, str]] = []
    kept.feeds.on_failure = lambda rollup_id, reason: told.append((rollup_id, reason))
    lie = "while pushing to view default.analyst_table_00_feed"
    batch = event_batch(project, [make_event(lie, timestamp=datetime(2026, 1, 5, tzinfo=UTC))])
    with pytest.raises(AnalyticsError) as failed:
        kept.warehouse.insert_arrow("events", batch.schema.names, to_stream(batch), token="t")
    assert kept.feeds.blame(failed.value)
    by_name = {table.table: table for table in kept.tables.all()}
    assert (by_name[good.table].fed, by_name[good.table].failed) == (True, "")
    assert by_name[bad.table].fed is False
    assert "could not be read" in by_name[bad.table].failed
    assert "pushing" not in by_name[bad.table].failed
    assert told == [("id of analyst_table_07", by_name[bad.table].failed)]
    assert kept.feeds.is_away("id of analyst_table_07")
    assert not kept.feeds.is_away("id of analyst_table_00")
    complete(kept.warehouse, batch)
    kept.feeds.complete(pa.Table.from_batches([batch]))
    assert kept.warehouse.query("SELECT count() FROM events").rows[0][0] == 1
    assert kept.differing(good) == {}
    kept.tables.drop(good.table)
    kept.tables.drop(bad.table)
    assert kept.tables.all() == []


def test_what_is_computed_at_the_moment_of_cleaning_is_not_left_over(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a start the writer computes what a kill broke off, while whoever keeps the rollups drops what a kill left."""
    project, chance = make_project(), random.Random(6)
    store_events(kept.warehouse, project, some_events(chance, 80))
    table, plan = kept.make(project)
    put_in_place = kept.tables._put_in_place
    cleaning: list[threading.Thread] = []

    def cleaned_meanwhile(*arguments: Any) -> None:
        cleaning.append(threading.Thread(target=kept.tables.drop_left_over))
        cleaning[-1].start()
        cleaning[-1].join(0.3)  # it waits; if it did not, it would be through by now
        put_in_place(*arguments)

    monkeypatch.setattr(kept.tables, "_put_in_place", cleaned_meanwhile)
    kept.rebuild.compute(table, [day for day, _ in kept.tables.event_days(project.id)])
    for thread in cleaning:
        thread.join()
    assert len(cleaning) > 2
    assert kept.rows(project, plan) == kept.truth(project, plan)


def test_what_was_computed_and_is_gone_empties_no_month(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    project, chance = make_project(), random.Random(7)
    table, plan = kept.make(project)
    store_events(kept.warehouse, project, some_events(chance, 80))
    put_in_place = kept.tables._put_in_place

    def gone(name: str, beside: str, *arguments: Any) -> None:
        kept.warehouse.command(f"DROP TABLE {beside} SYNC")
        put_in_place(name, beside, *arguments)

    monkeypatch.setattr(kept.tables, "_put_in_place", gone)
    with pytest.raises(WarehouseUnavailableError, match="gone"):
        kept.rebuild.compute(table, [day for day, _ in kept.tables.event_days(project.id)])
    assert kept.rows(project, plan) == kept.truth(project, plan)
