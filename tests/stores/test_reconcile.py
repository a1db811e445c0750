"""Late repeats go, rollups are put right, and nothing else changes: on the real engine, sabotaged behind the writer's back."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from analytics.domain.project import Project
from analytics.migrate.clickhouse import migrate_clickhouse
from analytics.reconcile.run import RunOptions, reconcile
from analytics.reconcile.session import InterruptedRunError, Pause, Session
from analytics.statements import Statement, clickhouse
from analytics.warehouse.client import Warehouse, open_warehouse
from tests.factories.reconciliations import NONE, NOW, Runs, assert_whole, drift, filled
from tests.factories.stored_events import StoredEvent, make_event, make_project, store_events
from tests.fixtures.patience import wait_for
from tests.stores.counted_session import CountedSession

TABLES = ("events", "event_counts", "user_days", "user_timeline", "event_ids", "reconciliations")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One ClickHouse for the tests of this module."""
    opened = open_warehouse(None, tmp_path_factory.mktemp("reconcile"))
    migrate_clickhouse(opened)
    yield opened
    opened.close()


@pytest.fixture
def tables(engine: Warehouse) -> Warehouse:
    """It, with its tables empty."""
    for table in TABLES:
        engine.command(f"TRUNCATE TABLE {table}")
    return engine


def test_what_is_right_stays_as_it_is(tables: Warehouse) -> None:
    stored = filled(tables)
    runs = Runs(tables)
    for full in (False, False, True):
        ended = runs.run(full)
        assert (ended.removed, ended.drift) == (0, NONE)
    assert_whole(tables, stored)


def test_a_late_repeat_goes_whatever_it_carries(tables: Warehouse) -> None:
    stored = filled(tables)
    runs = Runs(tables)
    runs.run()
    project, first = stored[5]
    late = NOW + timedelta(minutes=30)
    changes: Sequence[dict[str, object]] = (
        {"timestamp": first.timestamp + timedelta(days=40)},  # another month
        {"timestamp": first.timestamp + timedelta(minutes=1)},  # the same month
        {"user_id": "somebody else"},
        {"event": "another name"},
        {"expires_on": date(2100, 1, 1)},
        {},  # but for its receipt the same: a merge would take it too
    )
    for change in changes:
        store_events(tables, project, [replace(first, **{"received_at": late, **change})])  # type: ignore[arg-type]
    ended = runs.run()
    assert ended.removed == len(changes)
    assert all(ended.drift[table] for table in TABLES[1:4])
    assert_whole(tables, stored)
    again = runs.run()
    assert (again.removed, again.drift) == (0, NONE)


def test_the_first_received_stays_also_if_it_was_stored_last(tables: Warehouse) -> None:
    project = make_project()
    second = make_event("second", received_at=NOW, timestamp=NOW - timedelta(days=60))
    first = replace(second, event="first", received_at=NOW - timedelta(seconds=1), timestamp=NOW)
    store_events(tables, project, [second])
    store_events(tables, project, [first])
    assert Runs(tables).run().removed == 1
    assert_whole(tables, [(project, first)])


def test_exact_copies_go_in_one_block_and_in_others(tables: Warehouse) -> None:
    project = make_project()
    events = [make_event(user_id=f"u-{number}", received_at=NOW) for number in range(20)]
    store_events(tables, project, [*events, events[3], events[3]])
    store_events(tables, project, events[:6])
    assert Runs(tables).run().removed == 8
    assert_whole(tables, [(project, event) for event in events])


def test_an_id_of_one_project_is_no_repeat_in_another(tables: Warehouse) -> None:
    event = make_event(received_at=NOW)
    stored = [(make_project(), event), (make_project(), event)]  # factories give all projects one seed: the hashes are equal
    for project, _ in stored:
        store_events(tables, project, [event])
    assert Runs(tables).run(full=True).removed == 0
    assert_whole(tables, stored)


def test_a_repeat_from_before_the_last_run_is_found_by_a_full_one(tables: Warehouse) -> None:
    stored = filled(tables)
    runs = Runs(tables)
    runs.run()
    project, first = stored[0]
    store_events(tables, project, [replace(first, event="again", received_at=NOW - timedelta(days=2))])
    assert runs.run().removed == 0
    assert runs.run(full=True).removed == 1
    assert_whole(tables, stored)


def test_a_rollup_that_saw_a_collapsed_repeat_is_put_right(tables: Warehouse) -> None:
    stored = filled(tables)
    project, first = stored[7]
    store_events(tables, project, [first])
    for month in ("202610", "202611"):
        tables.command(f"OPTIMIZE TABLE events PARTITION ID '{month}' FINAL")
    ended = Runs(tables).run()
    assert (ended.removed, ended.drift) == (0, drift(1, 1, 1))
    assert_whole(tables, stored)


TOO_FEW = "DELETE FROM {table} WHERE event = 'event-1'"
NO_MONTH = "ALTER TABLE {table} DROP PARTITION ID '202611'"
NOTHING = "TRUNCATE TABLE {table}"
DOUBLED = "INSERT INTO {table} SELECT * FROM {table}"
FOREIGN = "INSERT INTO {table} SELECT * REPLACE ('nobody sent this' AS event) FROM {table}"
OTHER_EXPIRY = "INSERT INTO {table} SELECT * REPLACE (toDate('2100-01-01') AS expires_on) FROM {table}"


@pytest.mark.parametrize(
    ("sabotage", "found"),
    [
        ((TOO_FEW, NOTHING, DOUBLED), (30, 120, 120)),
        ((FOREIGN, DOUBLED, NO_MONTH), (120, 120, 62)),
        ((NOTHING, FOREIGN, OTHER_EXPIRY), (120, 120, 120)),
    ],
)
def test_sabotaged_rollups_are_put_right(tables: Warehouse, sabotage: tuple[str, str, str], found: tuple[int, int, int]) -> None:
    stored = filled(tables)
    runs = Runs(tables)
    runs.run()
    for table, change in zip(TABLES[1:4], sabotage, strict=True):
        tables.command(change.format(table=table), settings={"insert_deduplicate": 0, "lightweight_deletes_sync": 2})
    ended = runs.run()
    assert_whole(tables, stored)
    assert (ended.removed, ended.drift) == (0, drift(*found))
    assert runs.run().drift == NONE


def test_a_key_that_sums_up_to_nothing_is_deleted(tables: Warehouse) -> None:
    project = make_project()
    event = make_event(user_id="u-1", received_at=NOW)
    store_events(tables, project, [event])
    for table in ("event_counts", "user_days"):
        for sign in (1, -1):
            change = f"'nobody' AS event, {sign} AS events"
            change += ", 'ghost' AS person" if table == "user_days" else ""
            tables.command(f"INSERT INTO {table} SELECT * REPLACE ({change}) FROM (SELECT * FROM {table} WHERE event != 'nobody')")
    tables.command("OPTIMIZE TABLE user_days FINAL")
    assert Runs(tables).run().drift == drift(1, 1, 0)
    assert_whole(tables, [(project, event)])


def test_a_foreign_project_and_odd_names_are_handled(tables: Warehouse) -> None:
    stored = filled(tables)
    odd = replace(stored[0][1], event='it\'s \\ "odd"\t{x:String}', user_id="ü'\\n🙂", event_id=uuid4().hex)
    project = replace(make_project(), id="o'dd\\project")
    store_events(tables, project, [odd])
    for table in TABLES[1:4]:
        tables.command(f"TRUNCATE TABLE {table}")
    tables.command("INSERT INTO user_days SELECT 'no such project', toDate('2026-11-03'), 'x', 1, 'p', 0, 5, toDate('2100-01-01')")
    assert Runs(tables).run().drift == drift(121, 126, 121)
    assert_whole(tables, [*stored, (project, odd)])


def test_what_expires_is_no_drift(tables: Warehouse) -> None:
    project = make_project()
    going, stays = (make_event(expires_on=NOW.date() + timedelta(days=days), received_at=NOW) for days in (2, 30))
    store_events(tables, project, [going, stays])
    for table in TABLES[1:4]:  # as the engine does, in one table sooner than in another
        tables.command(f"DELETE FROM {table} WHERE expires_on = '{going.expires_on}'")
    assert Runs(tables).run().drift == NONE


def test_many_small_slices_find_the_same(tables: Warehouse) -> None:
    stored = filled(tables)
    for project, event in stored[5:50:9]:
        store_events(tables, project, [replace(event, event="again", received_at=NOW)])
    tables.command(NO_MONTH.format(table="user_timeline"))
    ended = Runs(tables, options=RunOptions(settle_seconds=0, ids_a_slice=100, rows_a_slice=100)).run()
    assert ended.removed == 5
    assert ended.steps >= 4
    assert_whole(tables, stored)


def test_a_repeat_that_waited_in_the_spool_during_the_last_run_is_found(tables: Warehouse) -> None:
    stored = filled(tables)
    project, first = stored[0]
    received_at = NOW - timedelta(hours=5)
    runs = Runs(tables, lag=timedelta(hours=6))  # what was received since is not stored yet when the run begins
    runs.run()
    store_events(tables, project, [replace(first, event="again", received_at=received_at)])
    assert runs.run().removed == 1
    assert_whole(tables, stored)


# ---- the writer goes on meanwhile ----------------------------------------------


class HalfStored:
    """A writer with a batch under way: `events` has it, the rollups do not yet. Held, it finishes the batch first, as the writer does."""

    def __init__(self, warehouse: Warehouse, project: Project, batch: Sequence[StoredEvent]) -> None:
        self._warehouse = warehouse
        feeds = warehouse.query("SELECT name, as_select FROM system.tables WHERE engine = 'MaterializedView'").rows
        this_batch = f"(SELECT * FROM events WHERE event = '{batch[0].event}')"
        self._left = [(name.removesuffix("_feed"), select.replace("default.events", this_batch)) for name, select in feeds]
        for name, _ in feeds:
            warehouse.command(f"DETACH TABLE {name}")
        store_events(warehouse, project, batch)
        for name, _ in feeds:
            warehouse.command(f"ATTACH TABLE {name}")

    def finish(self) -> None:
        while self._left:
            table, select = self._left.pop()
            self._warehouse.command(f"INSERT INTO {table} {select}")

    @contextmanager
    def held(self) -> Iterator[Pause]:
        self.finish()
        yield self

    def intact(self) -> bool:
        return True


def test_a_batch_under_way_is_no_drift_since_the_writer_is_held(tables: Warehouse) -> None:
    stored = filled(tables)
    project = stored[0][0]
    batch = [make_event("half stored", user_id=f"u-{number}", received_at=NOW) for number in range(9)]
    writer = HalfStored(tables, project, batch)
    assert Runs(tables, writer.held).run().drift == NONE
    assert_whole(tables, [*stored, *((project, event) for event in batch)])


def test_without_the_hold_a_batch_under_way_would_be_taken_for_drift(tables: Warehouse) -> None:
    stored = filled(tables)
    batch = [make_event("half stored", user_id=f"u-{number}", received_at=NOW) for number in range(9)]
    writer = HalfStored(tables, stored[0][0], batch)
    assert Runs(tables).run().drift == drift(9, 9, 9)
    writer.finish()
    assert Runs(tables, writer.held).run().drift == drift(9, 9, 9), "counted twice, until the next run"
    assert_whole(tables, [*stored, *((stored[0][0], event) for event in batch)])


def test_a_question_sees_all_its_tables_as_they_were_when_the_writer_was_held(tables: Warehouse) -> None:
    project = make_project()
    store_events(tables, project, [make_event(received_at=NOW) for _ in range(30)])
    slow = Statement(
        "slow",
        "SELECT sum(a) AS a, sum(b) AS b FROM (SELECT toInt64(countIf(sleepEachRow(0.05) = 0)) AS a, toInt64(0) AS b FROM events "
        "UNION ALL SELECT toInt64(0), sum(events) FROM event_counts)",
        frozenset(),
        frozenset(),
    )

    class Held:
        def intact(self) -> bool:
            return True

    @contextmanager
    def hold() -> Iterator[Pause]:
        yield Held()
        store_events(tables, project, [make_event(received_at=NOW)])  # as soon as the writer may, and long before the answer

    session = Session(tables, hold)
    assert session.ask_at_rest(slow, {}).to_pylist() == [{"a": 30, "b": 30}]
    assert session.ask(slow, {}).to_pylist() == [{"a": 31, "b": 31}]
    session.close()


def test_a_hold_that_was_passed_is_tried_again_and_then_given_up(tables: Warehouse) -> None:
    store_events(tables, make_project(), [make_event(received_at=NOW)])

    class Passed:
        def intact(self) -> bool:
            return False

    @contextmanager
    def hold() -> Iterator[Pause]:
        yield Passed()

    runs = Runs(tables, hold)
    ended = runs.reconciliations.run(runs.records.request(False, "asked"))
    assert (ended.status, ended.drift) == ("failed", NONE)
    assert "too busy" in ended.error


# ---- broken off ----------------------------------------------


class BrokenOffError(Exception):
    """The process is gone."""


class BreakingSession(CountedSession):
    """Ends the run at its n-th change: before it, or after it was handed over and before anybody knows of it."""

    def end(self) -> None:
        raise BrokenOffError

    def insert(self, *arguments: Any) -> None:
        self.change()
        super().insert(*arguments)


def test_a_run_that_is_broken_off_anywhere_is_finished_by_later_ones(tables: Warehouse) -> None:
    stored = filled(tables, 20)
    for project, event in stored[3:30:5]:
        store_events(tables, project, [replace(event, timestamp=event.timestamp + timedelta(days=20), received_at=NOW), event])
    for table in TABLES[1:4]:
        tables.command(f"INSERT INTO {table} SELECT * FROM {table} WHERE event = 'event-1'", settings={"insert_deduplicate": 0})
        tables.command(f"INSERT INTO {table} SELECT * REPLACE ('nobody sent this' AS event) FROM (SELECT * FROM {table} LIMIT 5)")
        tables.command(f"ALTER TABLE {table} DROP PARTITION ID '202611'")
    changes = -1
    while True:
        changes += 2
        session = BreakingSession(tables, changes)
        try:
            reconcile(session, NOW, False, None, RunOptions(settle_seconds=0), lambda progress: None)
            break
        except BrokenOffError:
            pass
        finally:
            session.close()
    assert changes > 5
    assert_whole(tables, stored)


def test_a_run_is_interrupted_within_a_question(tables: Warehouse) -> None:
    session = Session(tables, None)
    text = "SELECT count() AS n FROM numbers(1000000000000) WHERE sipHash64(number) = {hash:UInt64}"
    endless = Statement("endless", text, frozenset({"hash"}), frozenset())
    threading.Timer(0.3, session.stop).start()
    with pytest.raises(InterruptedRunError):
        session.ask(endless, {"hash": 1})
    with pytest.raises(InterruptedRunError):
        session.ask(clickhouse("reconcile/parts"), {})
    session.close()


def test_an_interrupted_run_says_so_and_the_next_one_begins_where_it_began(tables: Warehouse) -> None:
    stored = filled(tables, 10)
    project, first = stored[0]
    store_events(tables, project, [replace(first, event="again", received_at=NOW)])
    runs = Runs(tables)
    runs.reconciliations.stop()
    ended = runs.reconciliations.run(runs.records.request(False, "asked"))
    assert (ended.status, ended.removed) == ("interrupted", 0)
    assert ended.finished_at is not None
    assert Runs(tables).run().removed == 1
    assert_whole(tables, stored)


# ---- what nobody needs any more ----------------------------------------------


def test_ids_leave_by_themselves_when_the_horizon_is_long_past(tables: Warehouse) -> None:
    for days in range(6):
        tables.command(f"INSERT INTO event_ids SELECT today() - {days}, now() - {days} * 86400, number, number FROM numbers(10)")
    days_left = "SELECT arraySort(groupUniqArray(today() - received_on)) FROM event_ids"
    wait_for(lambda: tables.query(days_left).rows[0][0] == [0, 1, 2], "the end of old ids")
