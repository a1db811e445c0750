"""The guard of this folder itself."""

import asyncio
import contextlib
import socket

import clickhouse_connect
import psycopg
import pytest

from tests.fixtures.no_connections import connections_forbidden


def test_a_connection_fails_a_unit_test_even_where_errors_are_swallowed() -> None:
    with (
        connections_forbidden() as attempts,
        pytest.raises(pytest.fail.Exception),
        socket.socket() as client,
        contextlib.suppress(Exception),
    ):
        client.connect(("127.0.0.1", 9))
    assert attempts == ["socket"]


def test_an_event_loop_connection_fails_a_unit_test() -> None:
    with connections_forbidden() as attempts, pytest.raises(pytest.fail.Exception):
        asyncio.run(asyncio.open_connection("127.0.0.1", 9))
    assert attempts == ["socket"]


def test_the_stores_drivers_fail_a_unit_test() -> None:
    with connections_forbidden() as attempts:
        with pytest.raises(pytest.fail.Exception):
            psycopg.connect("postgresql://127.0.0.1:9/x")
        with pytest.raises(pytest.fail.Exception):
            clickhouse_connect.get_client(host="127.0.0.1", port=9)
    assert attempts == ["PostgreSQL", "ClickHouse"]
