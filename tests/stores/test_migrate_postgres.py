"""Migrations of PostgreSQL on a real one."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from analytics.errors import MetadataUnavailableError, SchemaDriftError
from analytics.migrate.plan import read_files
from analytics.migrate.postgres import migrate_postgres, migration_lock, pending_postgres
from analytics.statements import data_folder

OURS = data_folder("migrations") / "postgres"


def ask(url: str, question: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(question.encode()).fetchall()


def test_an_empty_database_gets_every_file_and_a_second_run_does_nothing(empty_postgres_url: str) -> None:
    names = tuple(file.name for file in read_files(OURS))
    assert [step.file.name for step in pending_postgres(empty_postgres_url)] == list(names)
    assert migrate_postgres(empty_postgres_url) == names
    assert migrate_postgres(empty_postgres_url) == ()
    assert pending_postgres(empty_postgres_url) == ()
    assert [row[0] for row in ask(empty_postgres_url, "SELECT name FROM schema_migrations ORDER BY number")] == list(names)


def test_two_processes_at_once_run_each_file_once(empty_postgres_url: str, tmp_path: Path) -> None:
    for number in range(1, 6):  # slow files, so that the two surely overlap
        (tmp_path / f"{number:04d}_make_t{number}.sql").write_text(f"SELECT pg_sleep(0.05); CREATE TABLE t{number} (a int);")
    with ThreadPoolExecutor(2) as two:
        runs = list(two.map(lambda _: migrate_postgres(empty_postgres_url, tmp_path), range(2)))
    assert sorted(map(len, runs)) == [0, 5]


def test_a_changed_old_file_is_named_and_nothing_runs(empty_postgres_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    shutil.copytree(OURS, folder)
    migrate_postgres(empty_postgres_url, folder)
    changed = folder / "0002_create_write_keys.sql"
    changed.write_text(changed.read_text() + "-- a thought\n")
    (folder / f"{read_files(OURS)[-1].number + 1:04d}_make_more.sql").write_text("CREATE TABLE more (a int)")
    with pytest.raises(SchemaDriftError, match=r"0002_create_write_keys\.sql was changed"):
        migrate_postgres(empty_postgres_url, folder)
    assert ask(empty_postgres_url, "SELECT to_regclass('more')") == [(None,)]


def test_a_file_that_fails_leaves_nothing_of_itself(empty_postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_make_a.sql").write_text("CREATE TABLE a (x int)")
    (tmp_path / "0002_make_b.sql").write_text("CREATE TABLE b (x int); SELECT nonsense")
    with pytest.raises(SchemaDriftError, match=r"0002_make_b\.sql failed and was undone"):
        migrate_postgres(empty_postgres_url, tmp_path)
    assert ask(empty_postgres_url, "SELECT to_regclass('a') IS NULL, to_regclass('b') IS NULL") == [(False, True)]
    (tmp_path / "0002_make_b.sql").write_text("CREATE TABLE b (x int)")
    assert migrate_postgres(empty_postgres_url, tmp_path) == ("0002_make_b",)


def test_the_lock_for_clickhouse_has_one_holder(empty_postgres_url: str) -> None:
    inside: list[str] = []

    def take(name: str) -> None:
        with migration_lock(empty_postgres_url):
            inside.append(f"{name} in")
            ask(empty_postgres_url, "SELECT pg_sleep(0.1)")
            inside.append(f"{name} out")

    with ThreadPoolExecutor(2) as two:
        list(two.map(take, ("a", "b")))
    assert inside in (["a in", "a out", "b in", "b out"], ["b in", "b out", "a in", "a out"])


def test_a_server_that_is_away_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(MetadataUnavailableError, match="cannot be reached"):
        migrate_postgres(f"postgresql://nobody@/x?host={tmp_path}")


def test_statistics_of_texts_that_an_older_release_gathered_are_gone(empty_postgres_url: str, tmp_path: Path) -> None:
    for file in sorted(OURS.glob("*.sql")):
        if int(file.name[:4]) <= 82:
            shutil.copy(file, tmp_path)
    migrate_postgres(empty_postgres_url, tmp_path)
    kept = "SELECT count(*) FROM pg_stats WHERE tablename = 'sql_queries' AND attname IN ('statement', 'parameters')"
    with psycopg.connect(empty_postgres_url) as connection:
        connection.execute("INSERT INTO projects (id, slug, name, timezone, created_at, id_seed) VALUES ('p', 'p', 'p', 'UTC', now(), 1)")
        connection.execute(
            "INSERT INTO sql_queries (project_id, id, actor, started_at, status, format, statement, parameters, tables)"
            " SELECT 'p', n::text, 'u', now(), 'finished', 'json', 'SELECT person', '{\"id\": \"person\"}', '{}'"
            " FROM generate_series(1, 300) AS n"
        )
        connection.execute("ANALYZE sql_queries")
    assert ask(empty_postgres_url, kept) == [(2,)]
    migrate_postgres(empty_postgres_url)
    with psycopg.connect(empty_postgres_url) as connection:
        connection.execute("ANALYZE sql_queries")
    assert ask(empty_postgres_url, kept) == [(0,)]
