"""The key ring in PostgreSQL: made once, rotated with what is sealed, moved to another secret key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from analytics.clock import SystemClock
from analytics.crypto.key_ring import KeyName, KeyRing
from analytics.errors import SettingsError, UnsealError
from analytics.metadata.key_ring import KeyRings, rewrap_key_ring
from analytics.metadata.pool import Change, Database, open_database

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(url: str, secret_key: str = "a secret key") -> AsyncIterator[tuple[KeyRings, KeyRing, Database]]:
    async with open_database(url) as database:
        ring = KeyRing(secret_key)
        rings = KeyRings(database, ring, SystemClock())
        await rings.open()
        yield rings, ring, database


async def keep(rings: KeyRings, database: Database, project_id: str, purpose: str, text: str) -> None:
    async with database.change(Change("test", "secret.keep", purpose)) as connection:
        await rings.keep(connection, project_id, purpose, text)


async def test_the_ring_is_made_once_also_by_two_first_starts(postgres_url: str) -> None:
    async def start() -> set[str]:
        async with opened(postgres_url) as (_, ring, _):
            return {ring.active(name).id for name in KeyName}

    first, second = await asyncio.gather(start(), start())
    assert first == second == await start()
    assert len(first) == len(KeyName)


async def test_a_wrong_secret_key_stops_the_start_and_names_the_setting(postgres_url: str) -> None:
    async with opened(postgres_url):
        pass
    with pytest.raises(SettingsError, match=r"ANALYTICS_SECRET_KEY: .*analytics secrets reseal"):
        async with opened(postgres_url, "another secret key"):
            pass


async def test_a_rotation_seals_every_secret_anew_and_keeps_the_old_keys(postgres_url: str) -> None:
    async with opened(postgres_url) as (rings, ring, database):
        await keep(rings, database, "p1", "mail", "a password")
        await keep(rings, database, "", "webhook:1", "another")
        old = ring.active(KeyName.SECRETS)
        hash_key = ring.active(KeyName.PERSONAL_HASH)
        sealed = rings.secrets.seal("p1", "elsewhere", "kept elsewhere")
        rotation = await rings.rotate("test")
        assert rotation.resealed == 2
        assert rotation.keys == {name: ring.active(KeyName(name)).id for name in ("secrets", "personal-encrypt", "audit-seals")}
        assert ring.active(KeyName.SECRETS).id != old.id
        assert ring.active(KeyName.PERSONAL_HASH) == hash_key, "a person must stay the same person"
        assert rings.secrets.open("p1", "elsewhere", sealed) == "kept elsewhere"
        with psycopg.connect(postgres_url) as connection:
            kept = [row[0] for row in connection.execute("SELECT sealed FROM sealed_secrets").fetchall()]
        assert all(text.startswith(f"s1:{rotation.keys['secrets']}:") for text in kept)
    async with opened(postgres_url) as (rings, _, _):
        assert await rings.find("p1", "mail") == "a password"
        assert await rings.find("", "webhook:1") == "another"
        assert await rings.find("p2", "mail") is None


async def test_what_another_process_sealed_under_a_key_it_just_made_opens_at_once(postgres_url: str) -> None:
    async with opened(postgres_url) as (here, _, _), opened(postgres_url) as (there, _, database):
        await there.rotate("test")
        await keep(there, database, "p1", "mail", "a password")
        assert await here.find("p1", "mail") == "a password"


async def test_a_secret_moved_to_another_project_by_hand_does_not_open(postgres_url: str) -> None:
    async with opened(postgres_url) as (rings, _, database):
        await keep(rings, database, "p1", "mail", "a password")
        with psycopg.connect(postgres_url) as connection:
            connection.execute("UPDATE sealed_secrets SET project_id = 'p2'")
        with pytest.raises(UnsealError):
            await rings.find("p2", "mail")


async def test_a_forgotten_secret_is_gone(postgres_url: str) -> None:
    async with opened(postgres_url) as (rings, _, database):
        await keep(rings, database, "p1", "mail", "a password")
        async with database.change(Change("test", "secret.forget", "mail")) as connection:
            await rings.forget(connection, "p1", "mail")
        assert await rings.find("p1", "mail") is None


async def test_the_ring_moves_to_another_secret_key_whole_or_not_at_all(postgres_url: str) -> None:
    async with opened(postgres_url, "old") as (rings, _, database):
        await keep(rings, database, "p1", "mail", "a password")
    with pytest.raises(UnsealError):
        rewrap_key_ring(postgres_url, "wrong", "new")
    assert rewrap_key_ring(postgres_url, "old", "new") == (len(KeyName), 0)
    assert rewrap_key_ring(postgres_url, "old", "new") == (0, len(KeyName))
    async with opened(postgres_url, "new") as (rings, _, _):
        assert await rings.find("p1", "mail") == "a password"
    with pytest.raises(SettingsError):
        async with opened(postgres_url, "old"):
            pass
