"""Refresh tokens in PostgreSQL: once each, and what is kept of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest

from analytics.clock import FixedClock
from analytics.errors import UnauthenticatedError
from analytics.metadata.pool import Database, open_database
from analytics.metadata.refresh_tokens import REFRESH_DAYS, RefreshTokens
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
async def user_id(database: Database, clock: FixedClock) -> str:
    return (await Users(database, Passwords(), clock).create("a test", "a@example.org", "long enough", "A")).id


async def test_each_token_names_its_successor(database: Database, clock: FixedClock, user_id: str) -> None:
    tokens = RefreshTokens(database, clock)
    token = await tokens.begin(user_id)
    for _ in range(3):
        whose, successor = await tokens.rotate(token)
        assert whose == user_id
        assert successor != token
        token = successor


async def test_of_two_uses_at_once_one_wins_and_the_family_ends(database: Database, clock: FixedClock, user_id: str) -> None:
    tokens = RefreshTokens(database, clock)
    token = await tokens.begin(user_id)
    outcomes = await asyncio.gather(tokens.rotate(token), tokens.rotate(token), return_exceptions=True)
    good = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert len(good) == 1
    assert isinstance(next(outcome for outcome in outcomes if outcome is not good[0]), UnauthenticatedError)
    with pytest.raises(UnauthenticatedError):
        await tokens.rotate(good[0][1])


async def test_a_token_is_over_after_its_days_and_each_use_gives_new_ones(database: Database, clock: FixedClock, user_id: str) -> None:
    tokens = RefreshTokens(database, clock)
    token = await tokens.begin(user_id)
    clock.advance((REFRESH_DAYS - 1) * 86_400)
    _, token = await tokens.rotate(token)
    clock.advance((REFRESH_DAYS - 1) * 86_400)
    _, token = await tokens.rotate(token)
    clock.advance(REFRESH_DAYS * 86_400)
    with pytest.raises(UnauthenticatedError):
        await tokens.rotate(token)


async def test_only_hashes_are_kept_and_not_for_ever(database: Database, clock: FixedClock, user_id: str, postgres_url: str) -> None:
    tokens = RefreshTokens(database, clock)
    token = await tokens.begin(user_id)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        rows = connection.execute("SELECT t::text FROM refresh_tokens t").fetchall()
        assert len(rows) == 1
        assert token not in str(rows)
        clock.advance((REFRESH_DAYS + 1) * 86_400)
        await tokens.begin(user_id)
        assert connection.execute("SELECT count(*) FROM refresh_families").fetchone() == (1,)


async def test_a_password_is_kept_as_argon2id(database: Database, user_id: str, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute("SELECT password_hash FROM users WHERE id = %s", (user_id,)).fetchone()
    assert row is not None
    assert row[0].startswith("$argon2id$")
    assert "long enough" not in row[0]
