"""The stores of the tests: real, empty, and each test's own."""

from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from analytics.warehouse.client import Warehouse


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_postgres_database_of_its_own(postgres_url: str, turn: int) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE only_mine (a int)")
        assert connection.execute("SELECT current_database()").fetchone() == (urlsplit(postgres_url).path[1:],)


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_an_empty_valkey(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("mine", turn)


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_empty_tables(warehouse: Warehouse, turn: int) -> None:
    assert warehouse.query("SELECT count() FROM events").rows == [(0,)]
    warehouse.execute("CREATE TABLE only_mine (a Int32) ENGINE = MergeTree ORDER BY a")
