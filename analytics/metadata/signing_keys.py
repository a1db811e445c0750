"""The ring of keys that sign access tokens, in PostgreSQL. What they are is kept in memory by the KeyDirectory of each process."""

import secrets

from analytics.clock import Clock
from analytics.domain.access_token import SigningKey, ends_at
from analytics.metadata.key_directory import KeyDirectory
from analytics.metadata.pool import Change, Connection, Database
from analytics.metadata.secrets import make_id
from analytics.statements import postgres

SALT_BYTES = 32


class SigningKeys:
    """The ring."""

    def __init__(self, database: Database, directory: KeyDirectory, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    async def rotate(self, actor: str) -> tuple[SigningKey, ...]:
        """Add a key, which signs from a few seconds on, and drop those that nothing is signed by any more; the ring now, newest first."""
        key = _new_key(self._clock)
        async with self._database.change(Change(actor, "signing-key.rotate", key.id)) as connection:
            await connection.one(postgres("signing_keys")["lock"])
            await _insert(connection, key)
            ring = await signing_keys(connection)
            for old in ring:
                over = ends_at(ring, old)
                if over is not None and over <= self._clock.now():
                    await connection.run(postgres("signing_keys")["drop"], id=old.id)
            ring = await signing_keys(connection)
        await self._directory.catch_up()
        return ring


async def ensure_signing_key(connection: Connection, clock: Clock) -> None:
    """Make the first key if there is none; within a transaction."""
    await connection.one(postgres("signing_keys")["lock"])
    if not await signing_keys(connection):
        await _insert(connection, _new_key(clock))


async def signing_keys(connection: Connection) -> tuple[SigningKey, ...]:
    """All keys, newest first."""
    rows = await connection.all(postgres("signing_keys")["all"])
    return tuple(SigningKey(row["id"], bytes(row["salt"]), row["created_at"]) for row in rows)


def _new_key(clock: Clock) -> SigningKey:
    return SigningKey(make_id("sk"), secrets.token_bytes(SALT_BYTES), clock.now())


async def _insert(connection: Connection, key: SigningKey) -> None:
    await connection.run(postgres("signing_keys")["insert"], id=key.id, salt=key.salt, created_at=key.created_at)
