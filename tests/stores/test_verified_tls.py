"""The way to each store by TLS: the right certificate is taken, an impostor's and one for another name are not.

The wheels of PostgreSQL and Valkey are built without TLS, so a front takes it off before the real store.
"""

import socket
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

from analytics.cache.connection import Cache
from analytics.errors import CacheUnavailableError, MetadataUnavailableError, WarehouseUnavailableError
from analytics.metadata.pool import open_database
from analytics.migrate.postgres import pending_postgres
from analytics.warehouse.client import open_warehouse
from tests.fixtures.clickhouse_server import PASSWORD, USER, ClickHouseServer
from tests.fixtures.tls import make_certificates, tls_front

pytestmark = pytest.mark.anyio

CASES = [("localhost", True, True), ("localhost", False, False), ("other.example.org", True, False)]
IDS = ["a certificate for its name from a known authority", "an unknown authority", "another name"]


def unix_socket(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    return made


@pytest.mark.parametrize(("name", "is_known", "is_good"), CASES, ids=IDS)
async def test_postgresql_is_verified(name: str, is_known: bool, is_good: bool, postgres_url: str, tmp_path: Path) -> None:
    parts = urlsplit(postgres_url)
    options = {option: values[0] for option, values in parse_qs(parts.query).items()}
    folder = f"{options['host']}/.s.PGSQL.{options['port']}"
    shown, known = make_certificates(tmp_path / "a", name), make_certificates(tmp_path / "b", name)
    authority = (shown if is_known else known).authority
    with tls_front(shown, lambda: unix_socket(folder), postgres=True) as port:
        url = (
            f"postgresql://{parts.username}:{parts.password}@localhost:{port}{parts.path}"
            f"?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={quote(str(authority), safe='')}"
        )
        if is_good:
            assert pending_postgres(url) == ()
        else:
            with pytest.raises(MetadataUnavailableError, match="certificate"):
                pending_postgres(url)
        async with open_database(url, wait_seconds=1.0) as database:
            assert await database.ping() is is_good


@pytest.mark.parametrize(("name", "is_known", "is_good"), CASES, ids=IDS)
async def test_redis_is_verified(name: str, is_known: bool, is_good: bool, redis_url: str, tmp_path: Path) -> None:
    parts = urlsplit(redis_url)
    path = unquote(parts.path)
    shown, known = make_certificates(tmp_path / "a", name), make_certificates(tmp_path / "b", name)
    authority = (shown if is_known else known).authority
    with tls_front(shown, lambda: unix_socket(path)) as port:
        url = f"rediss://:{parts.password}@localhost:{port}/0?ssl_ca_certs={quote(str(authority), safe='')}"
        cache = Cache(url, connect_seconds=5.0, answer_seconds=5.0)
        try:
            if is_good:
                await cache.probe()
                assert cache.call(lambda client: client.ping())
            else:
                with pytest.raises(CacheUnavailableError):
                    await cache.probe()
                cache.breaker.succeeded()
                with pytest.raises(CacheUnavailableError):
                    cache.call(lambda client: client.ping())
        finally:
            await cache.aclose()


@pytest.mark.parametrize(("name", "is_known", "is_good"), CASES, ids=IDS)
def test_clickhouse_is_verified(name: str, is_known: bool, is_good: bool, clickhouse_server: ClickHouseServer, tmp_path: Path) -> None:
    shown, known = make_certificates(tmp_path / "a", name), make_certificates(tmp_path / "b", name)
    authority = (shown if is_known else known).authority
    with tls_front(shown, lambda: socket.create_connection(("127.0.0.1", clickhouse_server.http_port))) as port:
        credentials = f"{USER}:{quote(PASSWORD, safe='')}"
        url = f"https://{credentials}@localhost:{port}/default?ca_cert={quote(str(authority), safe='')}"
        warehouse = open_warehouse(url, tmp_path)
        try:
            if is_good:
                assert warehouse.query("SELECT 1").rows == [(1,)]
            else:
                with pytest.raises(WarehouseUnavailableError):
                    warehouse.query("SELECT 1")
        finally:
            warehouse.close()
