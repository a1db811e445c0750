"""The service while a store is away: at its start, and later."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from analytics.errors import MetadataUnavailableError, SchemaDriftError
from analytics.services import Services
from tests.fixtures.api import make_settings, started
from tests.fixtures.patience import eventually
from tests.fixtures.relay import Relay

pytestmark = pytest.mark.anyio
EVENT = {"event": "lesson_completed", "user_id": "u-1"}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@asynccontextmanager
async def service(data_dir: Path, postgres_url: str, redis_url: str, **more: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Services]]:
    async with started(make_settings(data_dir, postgres_url, redis_url, drain_timeout_seconds=0, **more)) as running:
        yield running.client, running.services


async def test_with_a_clickhouse_server_away_at_the_start_events_are_taken(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    away = f"http://127.0.0.1:{closed_port()}"
    async with service(tmp_path, postgres_url, redis_url, clickhouse_url=away) as (client, services):
        assert not services.warehouse_schema.ready.is_set()
        answer = await client.post("/v1/events", json=EVENT, headers={"x-write-key": services.bootstrap.write_key})
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert not ready.json()["checks"]["migrations"]["ok"]


async def test_with_postgresql_away_at_the_start_the_service_says_so_and_can_be_started_again(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    async with Relay.to_postgres(postgres_url) as relay:
        await relay.cut()
        with pytest.raises(MetadataUnavailableError, match="PostgreSQL cannot be reached"):
            async with service(tmp_path, relay.url, redis_url):
                pass
        await relay.mend()
        async with service(tmp_path, relay.url, redis_url) as (client, _):
            assert (await client.get("/readyz")).status_code == 200


async def test_with_postgresql_away_later_events_are_taken_and_people_are_told(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    async with Relay.to_postgres(postgres_url) as relay, service(tmp_path, relay.url, redis_url) as (client, services):
        made = services.bootstrap
        signed_in = await client.post("/v1/auth/token", data={"username": made.admin_email, "password": made.admin_password})
        person = {"authorization": f"Bearer {signed_in.json()['access_token']}"}
        await relay.cut()

        sent = await client.post("/v1/events", json=EVENT, headers={"x-write-key": made.write_key})
        assert sent.status_code == 200
        told = await client.get("/v1/projects/default", headers=person)
        assert (told.status_code, told.json()["code"]) == (503, "metadata-unavailable")
        assert int(told.headers["retry-after"]) >= 1

        await relay.mend()

        async def is_found_again() -> bool:
            return (await client.get("/v1/projects/default", headers=person)).status_code == 200

        await eventually(is_found_again, "PostgreSQL")


async def test_a_changed_old_migration_stops_the_start(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = 'another' WHERE number = 2")
    with pytest.raises(SchemaDriftError, match=r"0002_create_write_keys\.sql was changed"):
        async with service(tmp_path, postgres_url, redis_url):
            pass
