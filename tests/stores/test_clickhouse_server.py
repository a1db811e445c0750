"""The warehouse on a real ClickHouse server: what the embedded engine does is done there too."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from analytics.errors import QueryTimeoutError, WarehouseUnavailableError
from analytics.migrate.clickhouse import WarehouseSchema, migrate_clickhouse, pending_clickhouse
from analytics.migrate.plan import read_files
from analytics.statements import data_folder
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse, open_warehouse
from analytics.warehouse.server import prepare_server
from analytics.warm_up import warm_up_warehouse
from tests.architecture.test_statements import explain_every_statement
from tests.factories.stored_events import make_event, make_project, store_events
from tests.fixtures.clickhouse_server import LIMITED, PASSWORD, ClickHouseServer

TABLES = ("events", "event_counts", "user_days", "user_timeline", "event_ids")
_numbers = count(1)


@pytest.fixture
def database() -> str:
    """The name of a database of the test's own, which is not there yet."""
    return f"test {next(_numbers)}`'\"\\"


@pytest.fixture
def on_server(clickhouse_server: ClickHouseServer, database: str) -> Iterator[Warehouse]:
    """A migrated database of the test's own on the server."""
    opened = open_warehouse(clickhouse_server.url(database), Path())
    WarehouseSchema(opened).bring_up()
    yield opened
    opened.close()


def rows(warehouse: Warehouse, table: str) -> int:
    counted = "sum(events)" if table in ("event_counts", "user_days") else "count()"
    return int(warehouse.query(f"SELECT {counted} FROM {table}").rows[0][0])


def one_batch(number: int = 0) -> pa.RecordBatch:
    return pa.record_batch({"number": pa.array([number], pa.uint64()), "name": ["x"]})


# ---- before the first use --------------------------------------------------


def test_a_missing_database_is_made_under_any_name(clickhouse_server: ClickHouseServer, database: str) -> None:
    warehouse = open_warehouse(clickhouse_server.url(database), Path())
    try:
        with pytest.raises(WarehouseUnavailableError, match="has no database"):
            warehouse.version()
        prepare_server(warehouse)
        prepare_server(warehouse)
        assert warehouse.query("SELECT currentDatabase()").rows == [(database,)]
    finally:
        warehouse.close()


def test_a_user_who_may_not_make_the_database_is_told_what_to_do(clickhouse_server: ClickHouseServer) -> None:
    warehouse = open_warehouse(clickhouse_server.url("nowhere", LIMITED), Path())
    with pytest.raises(WarehouseUnavailableError, match=r"no database nowhere, and the user may not make it.*CREATE DATABASE nowhere"):
        prepare_server(warehouse)


@pytest.mark.parametrize(("user", "password"), [("analytics", "wrong-secret"), ("nobody", PASSWORD)])
def test_a_wrong_user_or_password_is_named_by_its_setting_and_not_shown(
    clickhouse_server: ClickHouseServer, user: str, password: str
) -> None:
    warehouse = open_warehouse(clickhouse_server.url("default", user, password), Path())
    with pytest.raises(WarehouseUnavailableError, match="does not accept the user or the password of ANALYTICS_CLICKHOUSE_URL") as caught:
        prepare_server(warehouse)
    assert password not in str(caught.value)
    assert not warehouse.ping()


def test_what_keeps_a_server_from_being_used_is_said_once_and_not_at_every_attempt(clickhouse_server: ClickHouseServer) -> None:
    schema = WarehouseSchema(open_warehouse(clickhouse_server.url("default", password="wrong-secret"), Path()))
    with capture_logs() as logs:
        assert [schema.try_bring_up() for _ in range(3)] == [False] * 3
    assert [(line["log_level"], "does not accept" in line["detail"]) for line in logs] == [("warning", True)]


def test_migrations_run_once_on_a_server_older_than_the_embedded_engine(clickhouse_server: ClickHouseServer, database: str) -> None:
    warehouse = open_warehouse(clickhouse_server.url(database), Path())
    prepare_server(warehouse)
    names = tuple(file.name for file in read_files(data_folder("migrations") / "clickhouse"))
    assert migrate_clickhouse(warehouse) == names
    assert migrate_clickhouse(warehouse) == ()
    assert pending_clickhouse(warehouse) == ()
    warehouse.close()


def test_every_statement_explains_on_a_server_older_than_the_embedded_engine(on_server: Warehouse) -> None:
    explain_every_statement(on_server)
    warm_up_warehouse(on_server)


# ---- questions ---------------------------------------------------------------


def test_values_arrive_as_they_were_sent_though_the_server_lives_in_another_zone(on_server: Warehouse) -> None:
    assert on_server.query("SELECT serverTimezone() != 'UTC'").rows == [(1,)]
    now = datetime(2026, 3, 29, 1, 30, 0, 123000, UTC)
    sent = {
        "a": now,
        "b": ["x'y", "\\n\n\t\0", "é🦉"],
        "c": now.replace(microsecond=0),
        "d": date(2026, 3, 29),
        "e": 2**64 - 1,
        "f": "%s {f}",
    }
    sql = (
        "SELECT {a:DateTime64(3, 'UTC')} AS a, {b:Array(String)} AS b, {c:DateTime('UTC')} AS c, {d:Date} AS d, {e:UInt64} AS e, "
        "{f:String} AS f, toDate({a:DateTime64(3, 'UTC')}) AS day, today() = toDate(now('UTC')) AS same_day"
    )
    assert on_server.query(sql, sent).dicts() == [{**sent, "day": date(2026, 3, 29), "same_day": 1}]
    assert on_server.query_arrow(sql, sent).select(["a", "e"]).to_pylist() == [{"a": now, "e": 2**64 - 1}]


def test_an_answer_that_fails_on_its_way_is_no_answer(on_server: Warehouse) -> None:
    sql = "SELECT number, throwIf(number = 3000000) FROM numbers(4000000) SETTINGS max_block_size = 10000"
    for ask in (on_server.query, on_server.query_arrow):
        with pytest.raises(WarehouseUnavailableError):
            ask(sql, settings={"max_result_rows": 0})


def test_many_threads_get_each_their_own_answer(on_server: Warehouse) -> None:
    sql = "SELECT {number:UInt64}, count() FROM numbers({number:UInt64})"
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda number: on_server.query(sql, {"number": number}).rows[0], range(200)))
    assert answers == [(number, number) for number in range(200)]


def test_a_limit_of_ours_holds_whatever_the_users_profile_says(on_server: Warehouse) -> None:
    with pytest.raises(QueryTimeoutError):
        on_server.query("SELECT sleepEachRow(0.1) FROM numbers(100) SETTINGS max_block_size = 1", settings={"max_execution_time": 1})


def test_the_rows_and_bytes_that_a_question_read_are_reported(on_server: Warehouse) -> None:
    answer = on_server.query("SELECT count() FROM numbers(100000) WHERE number % 3 = 1")
    assert answer.rows_read == 100_000
    assert answer.bytes_read == 800_000


# ---- inserts -----------------------------------------------------------------


def test_a_repeat_of_an_insert_counts_once_in_every_table(on_server: Warehouse) -> None:
    project = make_project()
    now = datetime.now(UTC)  # event_ids keeps what was received of late
    events = [make_event(f"name-{number % 7}", f"u-{number % 50}", received_at=now) for number in range(300)]
    for _ in range(3):
        store_events(on_server, project, events, token="node:1:2")
    assert {table: rows(on_server, table) for table in TABLES} == dict.fromkeys(TABLES, 300)
    store_events(on_server, project, events[:100], token="node:2:3")
    assert {table: rows(on_server, table) for table in TABLES} == dict.fromkeys(TABLES, 400)


def test_an_insert_is_one_part_there_when_it_is_answered_though_the_user_has_asynchronous_inserts(on_server: Warehouse) -> None:
    assert on_server.query("SELECT getSetting('async_insert'), getSetting('max_insert_threads')").rows == [(True, 4)]
    store_events(on_server, make_project(), [make_event(f"name-{number}", f"u-{number}") for number in range(20_000)], token="a")
    parts = "SELECT table, count() FROM system.parts WHERE database = currentDatabase() AND level = 0 GROUP BY table"
    found = {table: number for table, number in on_server.query(parts).rows if table in TABLES}
    assert found == dict.fromkeys(TABLES, 1)
    assert rows(on_server, "user_days") == 20_000


@pytest.mark.parametrize("engine", ["server", "embedded"])
def test_an_insert_that_must_not_be_taken_for_a_repeat_is_not(engine: str, request: pytest.FixtureRequest) -> None:
    warehouse: Warehouse = request.getfixturevalue("on_server" if engine == "server" else "empty_warehouse")
    window = "ENGINE = MergeTree ORDER BY number SETTINGS non_replicated_deduplication_window = 100"
    warehouse.command(f"CREATE TABLE plain (number UInt64, name String) {window}")
    for _ in range(2):
        warehouse.insert_arrow("plain", ["number", "name"], to_stream(one_batch()), settings={"insert_deduplicate": 0})
    assert rows(warehouse, "plain") == 2
    for _ in range(2):
        warehouse.insert_arrow("plain", ["number", "name"], to_stream(one_batch()), token="t")
    assert rows(warehouse, "plain") == 3


def test_a_user_without_the_right_to_insert_keeps_events_waiting(
    clickhouse_server: ClickHouseServer, on_server: Warehouse, database: str
) -> None:
    limited = open_warehouse(clickhouse_server.url(database, LIMITED), Path())
    with pytest.raises(WarehouseUnavailableError, match="Not enough privileges"):
        store_events(limited, make_project(), [make_event()], token="a")
    limited.close()


# ---- the compose file --------------------------------------------------------

COMPOSE_CONFIG = Path(__file__).parents[2] / "docker" / "clickhouse" / "analytics.xml"
# The image's own: the server's logs about itself, kept for ever.
IMAGE_LOGS = ("query_log", "part_log", "error_log", "query_thread_log", "query_views_log", "metric_log", "trace_log", "query_metric_log")


def test_the_configuration_of_the_compose_file_is_taken_and_keeps_the_servers_own_logs_small(tmp_path: Path) -> None:
    one = "<{0}><database>system</database><table>{0}</table><partition_by>toYYYYMM(event_date)</partition_by></{0}>"
    image = f"<clickhouse>{''.join(one.format(name) for name in IMAGE_LOGS)}</clickhouse>"
    server = ClickHouseServer(tmp_path / "server", config={"00-image.xml": image, "analytics.xml": COMPOSE_CONFIG.read_text("utf-8")})
    try:
        server.start()
        assert server.ask("SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage_to_ram_ratio'") == "0.7"
        server.ask("SYSTEM FLUSH LOGS")
        week = "engine_full LIKE '% TTL event_date + toIntervalDay(7) %'"
        kept = server.ask(f"SELECT name, {week} FROM system.tables WHERE name LIKE '%\\_log' ORDER BY name")
        assert kept.splitlines() == ["error_log\t1", "part_log\t1", "query_log\t1"]
    finally:
        server.kill()
