"""Refresh tokens in PostgreSQL: once each, and what is kept of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest

from analytics.clock import FixedClock
from analytics.errors import UnauthenticatedError
from analytics.metadata.browser_sessions import IDLE, LONGEST, BrowserSessions
from analytics.metadata.pool import Database, open_database
from analytics.metadata.refresh_tokens import REFRESH_DAYS, KnownPassword, RefreshTokens
from analytics.metadata.secrets import Passwords
from analytics.metadata.users import Users

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
async def database(postgres_url: str, anyio_backend: object) -> AsyncIterator[Database]:
    async with open_database(postgres_url) as opened:
        yield opened


@pytest.fixture
async def known(database: Database, clock: FixedClock) -> KnownPassword:
    users = Users(database, Passwords(), clock)
    await users.create("a test", "a@example.org", "long enough", "A")
    return await users.sign_in("a@example.org", "long enough")


async def test_each_token_names_its_successor(database: Database, clock: FixedClock, known: KnownPassword) -> None:
    tokens = RefreshTokens(database, clock)
    _, token = await tokens.begin(known)
    for _ in range(3):
        whose, _, successor = await tokens.rotate(token)
        assert whose == known.user_id
        assert successor != token
        token = successor


async def test_of_two_uses_at_once_one_wins_and_the_family_ends(database: Database, clock: FixedClock, known: KnownPassword) -> None:
    tokens = RefreshTokens(database, clock)
    _, token = await tokens.begin(known)
    outcomes = await asyncio.gather(tokens.rotate(token), tokens.rotate(token), return_exceptions=True)
    good = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert len(good) == 1
    assert isinstance(next(outcome for outcome in outcomes if outcome is not good[0]), UnauthenticatedError)
    with pytest.raises(UnauthenticatedError):
        await tokens.rotate(good[0][2])


async def test_a_token_is_over_after_its_days_and_each_use_gives_new_ones(
    database: Database, clock: FixedClock, known: KnownPassword
) -> None:
    tokens = RefreshTokens(database, clock)
    _, token = await tokens.begin(known)
    clock.advance((REFRESH_DAYS - 1) * 86_400)
    *_, token = await tokens.rotate(token)
    clock.advance((REFRESH_DAYS - 1) * 86_400)
    *_, token = await tokens.rotate(token)
    clock.advance(REFRESH_DAYS * 86_400)
    with pytest.raises(UnauthenticatedError):
        await tokens.rotate(token)


async def test_only_hashes_are_kept_and_not_for_ever(
    database: Database, clock: FixedClock, known: KnownPassword, postgres_url: str
) -> None:
    tokens = RefreshTokens(database, clock)
    _, token = await tokens.begin(known)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        rows = connection.execute("SELECT t::text FROM refresh_tokens t").fetchall()
        assert len(rows) == 1
        assert token not in str(rows)
        clock.advance((REFRESH_DAYS + 1) * 86_400)
        await tokens.begin(known)
        assert connection.execute("SELECT count(*) FROM refresh_families").fetchone() == (1,)


async def test_a_password_is_kept_as_argon2id(database: Database, known: KnownPassword, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute("SELECT password_hash FROM users WHERE id = %s", (known.user_id,)).fetchone()
    assert row is not None
    assert row[0].startswith("$argon2id$")
    assert "long enough" not in row[0]


async def test_a_sign_in_that_was_being_checked_begins_nothing_after_the_credentials_changed(
    database: Database, clock: FixedClock, known: KnownPassword
) -> None:
    tokens = RefreshTokens(database, clock)
    await tokens.end_all("a test", known.user_id)
    with pytest.raises(UnauthenticatedError):
        await tokens.begin(known)
    with pytest.raises(UnauthenticatedError):
        await BrowserSessions(database, clock).begin(known)


async def test_many_sign_ins_of_one_person_at_once_all_begin(database: Database, clock: FixedClock, known: KnownPassword) -> None:
    tokens = RefreshTokens(database, clock)
    assert len({family_id for family_id, _ in await asyncio.gather(*(tokens.begin(known) for _ in range(8)))}) == 8


async def test_a_browser_session_ends_when_idle_and_at_its_end_however_busy(
    database: Database, clock: FixedClock, known: KnownPassword
) -> None:
    sessions = BrowserSessions(database, clock)
    idle, busy = await sessions.begin(known), await sessions.begin(known)
    begun = clock.now()
    while clock.now() - begun < LONGEST - IDLE:
        clock.advance(IDLE.total_seconds() - 1)
        assert await sessions.find(busy) is not None
    assert await sessions.find(idle) is None
    clock.instant = begun + LONGEST
    assert await sessions.find(busy) is None


async def test_a_session_is_kept_as_a_hash(database: Database, clock: FixedClock, known: KnownPassword, postgres_url: str) -> None:
    token = await BrowserSessions(database, clock).begin(known)
    with psycopg.connect(postgres_url) as connection:
        assert token not in str(connection.execute("SELECT s::text FROM browser_sessions s").fetchall())
