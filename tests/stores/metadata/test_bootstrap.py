"""What a first start makes, and that later ones change nothing."""

import asyncio
from typing import Any

import psycopg
import pytest

from analytics.clock import SystemClock
from analytics.errors import SettingsError
from analytics.metadata.bootstrap import BootstrapResult, BootstrapWishes, bootstrap
from analytics.metadata.pool import open_database
from analytics.metadata.secrets import Passwords

pytestmark = pytest.mark.anyio
WISHES = BootstrapWishes("default", None, "admin@example.com", None)


async def start(url: str, wishes: BootstrapWishes = WISHES) -> BootstrapResult:
    async with open_database(url) as database:
        return await bootstrap(database, Passwords(), SystemClock(), wishes)


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def test_the_first_start_makes_project_key_and_owner_and_the_second_nothing(postgres_url: str) -> None:
    first = await start(postgres_url)
    assert first.write_key.startswith("wk_")
    assert first.admin_email == "admin@example.com"
    assert first.admin_password
    assert ask(postgres_url, "SELECT email, is_owner FROM users") == [("admin@example.com", True)]
    assert await start(postgres_url) == BootstrapResult("default", first.write_key)


async def test_two_first_starts_at_once_make_one_of_each(postgres_url: str) -> None:
    results = await asyncio.gather(*(start(postgres_url) for _ in range(3)))
    assert len({result.write_key for result in results}) == 1
    assert sum(result.admin_password is not None for result in results) == 1
    assert ask(postgres_url, "SELECT (SELECT count(*) FROM projects), (SELECT count(*) FROM write_keys), (SELECT count(*) FROM users)") == [
        (1, 1, 1)
    ]


async def test_wishes_are_taken_as_they_are(postgres_url: str) -> None:
    wishes = BootstrapWishes("school", "wk_0123456789", "head@example.org", "a wished password")
    assert await start(postgres_url, wishes) == BootstrapResult("school", "wk_0123456789", "head@example.org", "a wished password")
    assert await start(postgres_url, wishes) == BootstrapResult("school", "wk_0123456789")


async def test_what_is_there_is_not_changed(postgres_url: str) -> None:
    await start(postgres_url)
    ask(postgres_url, "UPDATE projects SET name = 'Mine'; UPDATE users SET password_hash = 'changed'")
    await start(postgres_url, BootstrapWishes("default", None, "admin@example.com", "another"))
    assert ask(postgres_url, "SELECT p.name, u.password_hash FROM projects p, users u") == [("Mine", "changed")]


async def test_a_second_wish_adds_to_what_is_there(postgres_url: str) -> None:
    first = await start(postgres_url)
    second = await start(postgres_url, BootstrapWishes("default", "wk_another_one", "second@example.org", None))
    assert (second.write_key, second.admin_email) == ("wk_another_one", "second@example.org")
    assert ask(postgres_url, "SELECT key FROM write_keys ORDER BY created_at") == [(first.write_key,), ("wk_another_one",)]


async def test_revoked_keys_do_not_come_back(postgres_url: str) -> None:
    wishes = BootstrapWishes("default", "wk_0123456789", "admin@example.com", None)
    await start(postgres_url, wishes)
    ask(postgres_url, "UPDATE write_keys SET revoked_at = now()")
    assert (await start(postgres_url, wishes)).write_key == ""
    assert (await start(postgres_url)).write_key == ""
    assert ask(postgres_url, "SELECT count(*) FROM write_keys WHERE revoked_at IS NULL") == [(0,)]


async def test_the_default_admin_does_not_come_back_beside_another_owner(postgres_url: str) -> None:
    await start(postgres_url, BootstrapWishes("default", None, "head@example.org", None))
    assert (await start(postgres_url)).admin_email is None
    ask(postgres_url, "DELETE FROM users")
    assert (await start(postgres_url)).admin_email == "admin@example.com"


async def test_the_key_of_another_project_stops_the_start(postgres_url: str) -> None:
    await start(postgres_url, BootstrapWishes("first", "wk_0123456789", "admin@example.com", None))
    with pytest.raises(SettingsError, match="ANALYTICS_BOOTSTRAP_WRITE_KEY"):
        await start(postgres_url, BootstrapWishes("second", "wk_0123456789", "admin@example.com", None))
    assert ask(postgres_url, "SELECT slug FROM projects") == [("first",)]
