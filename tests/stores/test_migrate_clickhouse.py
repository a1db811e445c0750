"""Migrations of ClickHouse on a real engine."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import OperationalError

from analytics.errors import SchemaDriftError, WarehouseUnavailableError
from analytics.migrate.clickhouse import WarehouseSchema, migrate_clickhouse, pending_clickhouse
from analytics.migrate.plan import read_files
from analytics.migrate.postgres import migration_lock
from analytics.statements import data_folder
from analytics.warehouse.client import Warehouse

OURS = data_folder("migrations") / "clickhouse"
TABLE = "CREATE TABLE {} (a Int32) ENGINE = MergeTree ORDER BY a"


def write(folder: Path, *statements: str) -> Path:
    for number, statement in enumerate(statements, start=1):
        (folder / f"{number:04d}_make_t{number}.sql").write_text(statement)
    return folder


def states(warehouse: Warehouse) -> Sequence[tuple[Any, ...]]:
    return warehouse.query("SELECT name, state FROM schema_migrations ORDER BY number, recorded_at").rows


class Interrupted(Warehouse):
    """A warehouse whose engine goes away at a statement: before it takes effect, or after."""

    def __init__(self, inner: Warehouse, at: str, before: bool) -> None:
        self.__dict__.update(inner.__dict__)
        self._inner, self.at, self._before = inner, at, before

    def execute(self, sql: str, **options: Any) -> None:
        if self.at in sql and self._before:
            raise OperationalError("connection reset")
        self._inner.execute(sql, **options)
        if self.at in sql:
            raise OperationalError("connection reset")


def test_an_empty_engine_gets_every_file_and_a_second_run_does_nothing(empty_warehouse: Warehouse) -> None:
    names = tuple(file.name for file in read_files(OURS))
    assert [step.file.name for step in pending_clickhouse(empty_warehouse)] == list(names)
    assert migrate_clickhouse(empty_warehouse) == names
    assert migrate_clickhouse(empty_warehouse) == ()
    assert pending_clickhouse(empty_warehouse) == ()


def test_every_table_syncs_each_part_that_is_inserted_and_its_folder(warehouse: Warehouse) -> None:
    """A checkpoint of the spool lets go of what was inserted: a power cut must not take it then."""
    tables: dict[str, str] = dict(
        warehouse.query(
            "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' LIMIT 1000"
        ).rows
    )
    assert tables.keys() >= {"events", "event_counts", "user_days", "user_timeline", "event_ids", "rejected_events"}
    for setting in ("fsync_after_insert = 1", "fsync_part_directory = 1"):
        assert [name for name, definition in tables.items() if not re.search(rf"\b{setting}\b", definition)] == [], setting


def test_every_file_of_ours_holds_one_statement_that_may_run_twice() -> None:
    for file in read_files(OURS):
        statement = "\n".join(line for line in file.sql.splitlines() if not line.lstrip().startswith("--")).strip().rstrip(";")
        assert ";" not in re.sub(r"'(?:[^'\\]|\\.)*'", "''", statement), file.name
        words = statement.upper()
        # A setting may be set to the same value again.
        repeatable = any(mark in words for mark in (" IF EXISTS", " IF NOT EXISTS", " MODIFY SETTING"))
        assert words.startswith(("CREATE ", "INSERT ")) or repeatable, file.name


def test_two_processes_at_once_run_each_file_once(empty_warehouse: Warehouse, empty_postgres_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path, *(TABLE.format(f"t{n}") for n in range(1, 6)))
    lock = partial(migration_lock, empty_postgres_url)
    with ThreadPoolExecutor(2) as two:
        runs = list(two.map(lambda _: migrate_clickhouse(empty_warehouse, lock, folder), range(2)))
    assert sorted(map(len, runs)) == [0, 5]


@pytest.mark.parametrize("before", [True, False], ids=["before the statement", "after the statement"])
def test_a_file_that_died_half_way_is_run_to_its_end(empty_warehouse: Warehouse, tmp_path: Path, before: bool) -> None:
    folder = write(tmp_path, TABLE.format("t1"), TABLE.format("t2"), TABLE.format("t3"))
    with pytest.raises(WarehouseUnavailableError):
        migrate_clickhouse(Interrupted(empty_warehouse, "CREATE TABLE t2", before), folder=folder)
    assert states(empty_warehouse)[-1] == ("0002_make_t2", "begun")
    assert migrate_clickhouse(empty_warehouse, folder=folder) == ("0002_make_t2", "0003_make_t3")
    assert empty_warehouse.query("SELECT count() FROM system.tables WHERE database = 'default' AND name LIKE 't_'").rows == [(3,)]


def test_a_completion_that_was_not_recorded_is_recorded_by_the_next_run(empty_warehouse: Warehouse, tmp_path: Path) -> None:
    folder = write(tmp_path, TABLE.format("t1"))
    with pytest.raises(WarehouseUnavailableError):
        migrate_clickhouse(Interrupted(empty_warehouse, "'done')", before=True), folder=folder)
    assert migrate_clickhouse(empty_warehouse, folder=folder) == ("0001_make_t1",)
    assert states(empty_warehouse)[-1] == ("0001_make_t1", "done")


def test_a_backfill_that_died_half_way_does_not_count_twice(empty_warehouse: Warehouse, tmp_path: Path) -> None:
    target = TABLE.format("t1") + " SETTINGS non_replicated_deduplication_window = 100"
    folder = write(tmp_path, target, "INSERT INTO t1 SELECT number FROM numbers(10)")
    with pytest.raises(WarehouseUnavailableError):
        migrate_clickhouse(Interrupted(empty_warehouse, "INSERT INTO t1", before=False), folder=folder)
    migrate_clickhouse(empty_warehouse, folder=folder)
    assert empty_warehouse.query("SELECT count() FROM t1").rows == [(10,)]


def test_a_table_that_somebody_else_made_is_not_taken_for_ours(empty_warehouse: Warehouse, tmp_path: Path) -> None:
    empty_warehouse.execute("CREATE TABLE t1 (other String) ENGINE = Memory")
    for _ in range(2):  # a second try is no excuse either
        with pytest.raises(SchemaDriftError, match=r"0001_make_t1\.sql failed.*already exists"):
            migrate_clickhouse(empty_warehouse, folder=write(tmp_path, TABLE.format("t1")))


def test_a_file_that_failed_may_be_mended(empty_warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(SchemaDriftError, match=r"0001_make_t1\.sql failed"):
        migrate_clickhouse(empty_warehouse, folder=write(tmp_path, "CREATE TABLE t1 (a Nonsense) ENGINE = Memory"))
    assert migrate_clickhouse(empty_warehouse, folder=write(tmp_path, TABLE.format("t1"))) == ("0001_make_t1",)


def test_a_changed_old_file_is_named_and_nothing_runs(empty_warehouse: Warehouse, tmp_path: Path) -> None:
    migrate_clickhouse(empty_warehouse, folder=write(tmp_path, TABLE.format("t1")))
    write(tmp_path, TABLE.format("t1") + " ", TABLE.format("t2"))
    with pytest.raises(SchemaDriftError, match=r"0001_make_t1\.sql was changed"):
        migrate_clickhouse(empty_warehouse, folder=tmp_path)
    assert empty_warehouse.query("EXISTS t2").rows == [(0,)]


def test_an_engine_that_is_away_is_migrated_when_it_is_back(empty_warehouse: Warehouse, tmp_path: Path) -> None:
    folder = write(tmp_path, TABLE.format("t1"))
    engine = Interrupted(empty_warehouse, "", before=True)
    schema = WarehouseSchema(engine, folder=folder)
    assert not schema.try_bring_up()
    assert not schema.ready.is_set()
    assert isinstance(schema.failure, WarehouseUnavailableError)
    engine.at = "nothing any more"
    assert schema.try_bring_up()
    assert schema.ready.is_set()
    assert schema.failure is None
