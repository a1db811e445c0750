"""The one door to PostgreSQL, while it is away and afterwards."""

import asyncio
import time
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from analytics.embedded.engines import EmbeddedEngines
from analytics.errors import MetadataUnavailableError
from analytics.metadata.claims import Job, claimed
from analytics.metadata.pool import MAX_WAITING, Database, open_database, required
from analytics.statements import Statement
from tests.fixtures.patience import eventually
from tests.fixtures.relay import Relay

pytestmark = pytest.mark.anyio


async def asks(database: Database) -> bool:
    try:
        async with database.read():
            return True
    except MetadataUnavailableError:
        return False


async def until_it_answers(database: Database) -> None:
    for _ in range(200):
        if await asks(database):
            return
        await asyncio.sleep(0.05)
    pytest.fail("PostgreSQL is there again, and nobody gets a connection")


async def test_however_many_asked_while_it_was_away_it_is_found_again(postgres_url: str) -> None:
    async with Relay.to_postgres(postgres_url) as relay, open_database(relay.url, wait_seconds=0.5) as database:
        assert await asks(database)
        await relay.cut()
        for _ in range(2):
            assert not any(await asyncio.gather(*(asks(database) for _ in range(MAX_WAITING + 50))))
        await asyncio.sleep(1)  # the pool has given up
        await relay.mend()
        await until_it_answers(database)


async def test_while_it_is_away_one_waits_and_the_rest_are_told_at_once(postgres_url: str) -> None:
    async with Relay.to_postgres(postgres_url) as relay, open_database(relay.url, wait_seconds=1.0) as database:
        await relay.cut()
        assert not await asks(database)
        waiting = asyncio.create_task(asks(database))
        await asyncio.sleep(0)
        started = time.monotonic()
        assert not any([await asks(database) for _ in range(100)])
        assert not waiting.done(), f"they waited as long as the one who tries: {time.monotonic() - started:.1f} s"
        assert not await waiting
        await relay.mend()
        await until_it_answers(database)


async def test_a_pool_that_is_busy_is_not_away(postgres_url: str) -> None:
    async with open_database(postgres_url, max_connections=1, wait_seconds=0.3) as database:
        await until_it_answers(database)
        async with database.read():
            assert not any(await asyncio.gather(*(asks(database) for _ in range(5))))
            assert not database._is_away
        await until_it_answers(database)


async def test_a_connection_that_the_server_ended_is_not_handed_out(postgres_url: str) -> None:
    own = Statement("own", "SELECT pg_backend_pid() AS pid", frozenset(), frozenset())
    async with open_database(postgres_url, max_connections=1) as database:
        await until_it_answers(database)
        async with database.read() as connection:
            pid = required(await connection.one(own))["pid"]
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as other:
            await other.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
        async with database.read() as connection:
            assert required(await connection.one(own))["pid"] != pid


async def test_claims_and_cleaning_take_no_connection_of_the_pool(postgres_url: str) -> None:
    async with open_database(postgres_url, max_connections=1, wait_seconds=1.0) as database:
        async with (
            claimed(database, Job.ERASE) as first,
            claimed(database, Job.RECONCILE) as second,
            database.cleaning(),
            database.read(),  # all that the pool has
            claimed(database, Job.ERASE) as again,
        ):
            assert (first is not None, second is not None, again) == (True, True, None)
        async with claimed(database, Job.ERASE) as claim:
            assert claim is not None


async def test_a_claim_that_is_waited_for_is_had_once_it_is_left(postgres_url: str) -> None:
    async with open_database(postgres_url) as database:
        had = asyncio.Event()

        async def wait() -> None:
            async with claimed(database, Job.ERASE, again_seconds=0.01) as claim:
                assert claim is not None
                had.set()

        async with claimed(database, Job.ERASE):
            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0.1)
            assert not had.is_set()
        await waiting
        assert had.is_set()


async def test_where_the_log_of_writes_may_not_be_dropped_that_is_no_failure(engines: EmbeddedEngines, postgres_url: str) -> None:
    assert engines.postgres_superuser_url is not None
    here = make_conninfo(engines.postgres_superuser_url, dbname=conninfo_to_dict(postgres_url)["dbname"])
    async with open_database(postgres_url) as database, await psycopg.AsyncConnection[Any].connect(here, autocommit=True) as superuser:
        assert await database.cut_log()
        await superuser.execute("ALTER FUNCTION public.cut_log() OWNER TO analytics")
        assert not await database.cut_log()
        await superuser.execute("DROP FUNCTION public.cut_log()")
        assert not await database.cut_log()


async def test_writing_a_table_anew_waits_for_a_backup_and_lets_others_read_meanwhile(postgres_url: str) -> None:
    async with (
        open_database(postgres_url) as database,
        await psycopg.AsyncConnection[Any].connect(postgres_url) as backup,
        await psycopg.AsyncConnection[Any].connect(postgres_url, autocommit=True) as reader,
    ):
        await until_it_answers(database)
        await reader.execute("SET statement_timeout = '60s'")
        file_of = "SELECT pg_relation_filenode('sql_queries')"
        before = await (await reader.execute(file_of)).fetchone()
        await backup.execute("SELECT count(*) FROM sql_queries")  # its transaction has the table until it ends
        writing = asyncio.create_task(database.write_anew("sql_queries"))
        waits = (
            "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database AND d.datname = current_database()"
            " WHERE mode = 'AccessExclusiveLock' AND NOT granted AND relation = 'sql_queries'::regclass"
        )

        async def it_waits() -> bool:
            return await (await reader.execute(waits)).fetchone() == (1,)

        await eventually(it_waits, "nobody waits for the table")
        await reader.execute("SELECT count(*) FROM sql_queries")  # it would wait behind whoever waits
        assert not writing.done()
        await backup.rollback()
        await writing
        assert await (await reader.execute(file_of)).fetchone() != before
