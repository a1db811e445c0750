"""The history of SQL while its table is written anew: whoever waits for it holds up nobody else."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from analytics.audit.names import AuditNames
from analytics.clock import FixedClock
from analytics.errors import MetadataUnavailableError
from analytics.metadata import sql_history
from analytics.metadata.pool import open_database
from analytics.metadata.secrets import Passwords
from analytics.metadata.sql_history import SqlEnd, SqlHistory
from analytics.metadata.users import Users
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
WAITING = (
    "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database AND d.datname = current_database()"
    " WHERE NOT granted AND relation = 'sql_queries'::regclass"
)


async def test_while_its_table_is_locked_sign_in_finds_a_connection(postgres_url: str) -> None:
    clock = FixedClock(datetime(2026, 11, 22, tzinfo=UTC))
    connect = psycopg.AsyncConnection[Any].connect
    async with open_database(postgres_url) as database, await connect(postgres_url) as writer, await connect(postgres_url) as looker:
        users = Users(database, Passwords(), clock)
        await users.create("a test", "a@example.org", "long enough", "A")
        history = SqlHistory(database, AuditNames("secret"), clock)

        async def waiting() -> int:
            (number,) = await (await looker.execute(WAITING)).fetchone() or (0,)
            return number

        await writer.execute("LOCK TABLE sql_queries IN ACCESS EXCLUSIVE MODE")
        calls = [history.page("p", None, None, 1), history.asked_to_end([("p", "q")]), history.end("p", "q", SqlEnd("finished"))]
        asked = [asyncio.create_task(call) for call in (*calls, *(history.find("p", "q") for _ in range(7)))]
        await eventually(waiting, "nobody waits for the table")
        assert (await users.sign_in("a@example.org", "long enough")).user_id
        assert await waiting() <= 2, "they take the pool's connections from the others"
        await writer.rollback()
        for outcome in await asyncio.gather(*asked, return_exceptions=True):  # on a slow machine some waited too long
            assert outcome in (None, []) or isinstance(outcome, MetadataUnavailableError)
        assert await history.page("p", None, None, 1) == []


async def test_who_finds_no_place_is_told_so_and_the_place_comes_free_again(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_history, "_PLACE_SECONDS", 0.1)
    async with open_database(postgres_url) as database:
        history = SqlHistory(database, AuditNames("secret"), FixedClock(datetime(2026, 11, 22, tzinfo=UTC)))
        async with history._place(), history._place():
            with pytest.raises(MetadataUnavailableError):
                await history.find("p", "q")
        assert await history.find("p", "q") is None
