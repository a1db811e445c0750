"""The keys that sign access tokens, shared by processes on one PostgreSQL; and sign-ins that end in all of them."""

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest

from analytics.clock import FixedClock, SystemClock
from analytics.domain.access_token import ACCESS_SECONDS, TokenSigner
from analytics.errors import UnauthenticatedError
from analytics.metadata.bootstrap import BootstrapWishes
from analytics.metadata.store import open_metadata
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
WISHES = BootstrapWishes("default", None, "admin@example.com", "the admin's password")


async def test_processes_share_keys_and_learn_of_a_new_one(postgres_url: str, anyio_backend: object) -> None:
    clock = FixedClock(datetime.now(UTC))
    async with (
        open_metadata(postgres_url, clock, WISHES, "a secret") as one,
        open_metadata(postgres_url, clock, WISHES, "a secret") as other,
    ):
        signers = [TokenSigner("a secret", clock, part.directory.signing_keys) for part in (one, other)]
        assert len(one.directory.signing_keys()) == 1
        old = signers[0].for_person("u_1", "f_1")
        assert signers[1].read(old).user_id == "u_1"

        clock.advance(60)
        ring = await one.signing_keys.rotate("a test")
        await eventually(lambda: other.directory.signing_keys() == ring)
        clock.advance(10)
        new = signers[0].for_person("u_1", "f_1")
        for signer in signers:
            assert signer.read(new).user_id == signer.read(old).user_id == "u_1"


async def test_a_key_is_dropped_after_its_last_token(postgres_url: str, anyio_backend: object) -> None:
    clock = FixedClock(datetime.now(UTC))
    async with open_metadata(postgres_url, clock, WISHES, "a secret") as metadata:
        first = await metadata.signing_keys.rotate("a test")
        clock.advance(ACCESS_SECONDS)
        assert len(await metadata.signing_keys.rotate("a test")) == 3
        clock.advance(60)
        kept = await metadata.signing_keys.rotate("a test")
        assert first[1].id not in {key.id for key in kept}
        assert len(kept) == 3


async def test_two_first_starts_at_once_make_one_key(postgres_url: str, anyio_backend: object) -> None:
    async def start() -> tuple[str, ...]:
        async with open_metadata(postgres_url, SystemClock(), WISHES, "a secret") as metadata:
            return tuple(key.id for key in metadata.directory.signing_keys())

    one, other = await asyncio.gather(start(), start())
    assert one == other
    assert len(one) == 1


async def test_the_database_holds_no_key(postgres_url: str, anyio_backend: object) -> None:
    async with open_metadata(postgres_url, SystemClock(), WISHES, "a secret") as metadata:
        signer = TokenSigner("a secret", SystemClock(), metadata.directory.signing_keys)
        (key,) = metadata.directory.signing_keys()
        with psycopg.connect(postgres_url) as connection:
            row = connection.execute("SELECT salt FROM signing_keys").fetchone()
        assert row is not None
        assert bytes(row[0]) == key.salt != signer._key_of(key)


async def test_a_sign_in_that_ends_in_one_process_has_ended_in_all(postgres_url: str, anyio_backend: object) -> None:
    clock = SystemClock()
    async with (
        open_metadata(postgres_url, clock, WISHES, "a secret") as one,
        open_metadata(postgres_url, clock, WISHES, "a secret") as other,
    ):
        known = await one.users.sign_in("admin@example.com", "the admin's password")
        family_id, refresh = await one.refresh_tokens.begin(known)
        session = await one.browser_sessions.begin(known)
        assert await other.users.person(known.user_id, family_id) is not None
        assert await other.browser_sessions.find(session) is not None

        await one.refresh_tokens.end_all("a test", known.user_id)
        assert await other.users.person(known.user_id, family_id) is None
        assert await other.browser_sessions.find(session) is None
        with pytest.raises(UnauthenticatedError):
            await other.refresh_tokens.rotate(refresh)
