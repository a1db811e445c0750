"""Projects and write keys in memory, against a real PostgreSQL that changes, lies still, and goes away."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
import pytest

from analytics.clock import SystemClock
from analytics.errors import MetadataUnavailableError
from analytics.metadata import key_directory
from analytics.metadata.key_directory import KeyDirectory, open_key_directory
from analytics.metadata.keys import WriteKeys
from analytics.metadata.pool import open_database
from analytics.metadata.projects import Projects, new_project
from tests.fixtures.patience import eventually
from tests.fixtures.relay import Relay

pytestmark = pytest.mark.anyio
CLOCK = SystemClock()


@asynccontextmanager
async def process(url: str) -> AsyncIterator[tuple[KeyDirectory, Projects, WriteKeys]]:
    """What one service process has of it."""
    async with open_database(url) as database, open_key_directory(url, database) as directory:
        yield directory, Projects(database, directory, CLOCK), WriteKeys(database, directory, CLOCK)


async def test_a_change_counts_at_once_here_and_soon_there(postgres_url: str) -> None:
    async with process(postgres_url) as (here, projects, keys), process(postgres_url) as (there, _, _):
        project = new_project("school", "School", "UTC", CLOCK)
        first = await projects.create("a test", project)
        assert here.project_of_key(first.key) == project
        await eventually(lambda: there.project_of_key(first.key) == project)
        assert there.project_by_id(project.id) == there.project_by_slug("school") == project
        assert there.all() == (project,)

        await keys.revoke("a test", project.id, first.id)
        assert here.project_of_key(first.key) is None
        await eventually(lambda: there.project_of_key(first.key) is None)
        assert there.project_by_slug("school") == project


def test_the_next_look_is_soon_enough_for_the_promise() -> None:
    assert key_directory.POLL_SECONDS <= 0.5  # "effective within 1 s", also when every notification is lost


async def test_a_notification_is_not_needed(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:  # as behind a pooler, which swallows them
        connection.execute(
            "CREATE OR REPLACE FUNCTION note_directory_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN UPDATE directory_version SET version = version + 1; RETURN NULL; END $$"
        )
    async with process(postgres_url) as (_, projects, _), process(postgres_url) as (there, _, _):
        key = await projects.create("a test", new_project("school", "School", "UTC", CLOCK))
        await eventually(lambda: there.project_of_key(key.key) is not None)


async def test_a_notification_is_faster_than_the_next_look(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_directory, "POLL_SECONDS", 60.0)
    async with process(postgres_url) as (_, projects, _), process(postgres_url) as (there, _, _):
        key = await projects.create("a test", new_project("school", "School", "UTC", CLOCK))
        await eventually(lambda: there.project_of_key(key.key) is not None)


async def test_a_change_by_hand_is_seen_too(postgres_url: str) -> None:
    async with process(postgres_url) as (here, projects, _):
        key = await projects.create("a test", new_project("school", "School", "UTC", CLOCK))
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("UPDATE projects SET ip_policy = 'drop'")
            await eventually(lambda: [p.ip_policy for p in here.all()] == ["drop"])
            connection.execute("DELETE FROM projects")
        await eventually(lambda: here.project_of_key(key.key) is None and here.all() == ())


async def test_keys_stay_good_while_postgresql_is_away_and_catch_up_when_it_is_back(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(Relay.to_postgres(postgres_url))
        here, projects, keys = await stack.enter_async_context(process(relay.url))
        key = await projects.create("a test", new_project("school", "School", "UTC", CLOCK))
        assert here.loaded

        await relay.cut()
        with pytest.raises(MetadataUnavailableError):
            await keys.create("a test", "p_unknown", "x")
        await eventually(lambda: here.stale_seconds > 1.0)
        assert here.project_of_key(key.key) is not None

        other_database = await stack.enter_async_context(process(postgres_url))
        await other_database[2].revoke("a test", key.project_id, key.id)
        await relay.mend()
        await eventually(lambda: here.project_of_key(key.key) is None)
        await eventually(lambda: here.stale_seconds < 1.0)
        await keys.create("a test", key.project_id, "the pool has healed too")


async def test_without_postgresql_there_is_no_directory(postgres_url: str) -> None:
    async with Relay.to_postgres(postgres_url) as relay:
        await relay.cut()
        with pytest.raises(MetadataUnavailableError):
            async with process(relay.url):
                pass
