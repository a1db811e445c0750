"""Checks of the stores: reachable, recent enough, migrated. They only read."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import redis
from pydantic import SecretStr

from analytics.cli.connection import trust
from analytics.cli.doctor_findings import Finding, broken, ok, skipped, warning
from analytics.cli.doctor_tls import tls_findings
from analytics.data_dir import DataDir, RunningService
from analytics.embedded.postgres import running_postgres_url
from analytics.errors import AnalyticsError
from analytics.migrate.clickhouse import pending_clickhouse
from analytics.migrate.postgres import pending_postgres
from analytics.settings import Settings
from analytics.telemetry.logging import mask_text
from analytics.warehouse.client import open_warehouse
from analytics.warehouse.server import check_server_version

OLDEST_POSTGRES = 140_000
OLDEST_REDIS = (6, 2)
_MIGRATE = "They are run at the next start of the service, or now by: analytics migrate"


def store_findings(settings: Settings) -> Iterator[Finding]:
    """All checks that ask a store."""
    data_dir = DataDir(settings.data_dir)
    running = data_dir.running_service()
    yield from postgres_findings(settings, data_dir.path)
    yield redis_finding(settings)
    yield from clickhouse_findings(settings)
    yield from tls_findings(settings)
    yield from service_findings(running, settings)


def postgres_findings(settings: Settings, data_dir: Path) -> Iterator[Finding]:
    """PostgreSQL: the server of the URL, or the one a running service keeps."""
    embedded = settings.postgres_url is None
    url = running_postgres_url(data_dir) if settings.postgres_url is None else settings.postgres_url.get_secret_value()
    if url is None:
        yield skipped("postgresql", "embedded: runs while the service runs")
        return
    remedy = f"See {data_dir / 'postgres' / 'server.log'}" if embedded else "Check ANALYTICS_POSTGRES_URL, and that the server runs."
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            version, name = connection.info.server_version, connection.info.parameter_status("server_version") or ""
    except psycopg.Error as error:
        yield broken("postgresql", mask_text(f"does not answer: {' '.join(str(error).split())}"), remedy)
        return
    if version < OLDEST_POSTGRES:
        yield broken("postgresql", f"version {name} is too old", "Use PostgreSQL 14 or later.")
        return
    yield ok("postgresql", f"{'embedded' if embedded else 'server'}, version {name}")
    try:
        pending = pending_postgres(url)
    except AnalyticsError as error:
        yield broken("postgresql migrations", error.detail, "Restore the migration files of this release.")
        return
    yield _pending("postgresql migrations", [step.file.name for step in pending])


def redis_finding(settings: Settings) -> Finding:
    """Redis or Valkey, where one is given."""
    if settings.redis_url is None:
        return skipped("redis", "embedded: see the running service below")
    remedy = "Check ANALYTICS_REDIS_URL, and that the server runs. Without it live counters and caches are off; no event is lost."
    try:
        with redis.Redis.from_url(settings.redis_url.get_secret_value(), socket_connect_timeout=5, socket_timeout=5) as client:
            information = client.info("server")
    except (redis.RedisError, ValueError) as error:
        return broken("redis", mask_text(f"does not answer: {error}"), remedy)
    version = str(information.get("valkey_version") or information.get("redis_version") or "?")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST_REDIS:
        return broken("redis", f"version {version} is too old", "Use Valkey 8 or Redis 6.2, or later.")
    return ok("redis", f"server, version {version}")


def clickhouse_findings(settings: Settings) -> Iterator[Finding]:
    """ClickHouse, where a server is given: embedded data is open in the running service and nowhere else."""
    if settings.clickhouse_cluster is not None:
        yield warning(
            "clickhouse cluster",
            "tables are made on the server of the URL alone; nothing is replicated or spread over the cluster",
            "Unset ANALYTICS_CLICKHOUSE_CLUSTER: it changes nothing yet.",
        )
    if settings.clickhouse_url is None:
        yield skipped("clickhouse", "embedded: see the running service below")
        return
    yield from _clickhouse("clickhouse", "ANALYTICS_CLICKHOUSE_URL", settings.clickhouse_url, with_migrations=True)
    if settings.clickhouse_readonly_url is not None:
        yield from _clickhouse(
            "clickhouse analysts", "ANALYTICS_CLICKHOUSE_READONLY_URL", settings.clickhouse_readonly_url, with_migrations=False
        )


def service_findings(running: RunningService | None, settings: Settings) -> Iterator[Finding]:
    """What the running service says of its own stores."""
    if running is None:
        yield skipped("service", "does not run on this data dir")
        return
    remedy = "See its log; `analytics status` shows its figures."
    try:
        response = httpx.get(f"{running.url}/readyz", timeout=10, verify=trust(running.url, settings))
        body = response.json()
        status, checks = str(body["status"]), dict(body["checks"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        yield broken("service", f"{running.url} does not answer as it should: {error or type(error).__name__}", remedy)
        return
    state = {"ready": ok("service", f"{running.url} is ready"), "degraded": warning("service", f"{running.url} is degraded", remedy)}
    yield state.get(status) or broken("service", f"{running.url} is {status}: it takes no events", remedy)
    for name, check in checks.items():
        detail = str(check.get("detail") or "")
        yield ok(f"service: {name}", detail or "ok") if check.get("ok") else broken(f"service: {name}", detail or "not ok", remedy)


def _clickhouse(name: str, setting: str, url: SecretStr, *, with_migrations: bool) -> Iterator[Finding]:
    warehouse = open_warehouse(url.get_secret_value(), Path())
    try:
        check_server_version(warehouse)
        yield ok(name, f"server, version {warehouse.version()}")
        if with_migrations:
            yield _pending(f"{name} migrations", [step.file.name for step in pending_clickhouse(warehouse)])
    except AnalyticsError as error:
        yield broken(
            name,
            mask_text(error.detail.replace("ANALYTICS_CLICKHOUSE_URL", setting)),
            f"Check {setting}, and that a recent enough server runs there.",
        )
    finally:
        warehouse.close()


def _pending(name: str, pending: list[str]) -> Finding:
    if not pending:
        return ok(name, "all are run")
    return warning(name, f"{len(pending)} to run: {', '.join(pending)}", _MIGRATE)
