"""Refresh tokens in PostgreSQL: each is good once and names its successor; a second use ends the whole family.

The one thing to know: the end of a family is committed before the error rises, or it would be rolled back with it.
"""

from datetime import timedelta

from analytics.clock import Clock
from analytics.errors import UnauthenticatedError
from analytics.metadata.pool import Change, Connection, Database
from analytics.metadata.secrets import make_id, make_token, token_hash
from analytics.statements import postgres

REFRESH_DAYS = 30


class RefreshTokens:
    """The sessions of all people."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, user_id: str) -> str:
        """The first token of a new family, for a person who has just signed in."""
        family_id = make_id("f")
        async with self._database.change(Change(user_id, "session.begin", family_id)) as connection:
            now = self._clock.now()
            await connection.run(postgres("refresh_tokens")["forget_old"], user_id=user_id, now=now)
            await connection.run(postgres("refresh_tokens")["insert_family"], id=family_id, user_id=user_id, created_at=now)
            return await self._next(connection, family_id)

    async def rotate(self, token: str) -> tuple[str, str]:
        """The id of the person and the next token, for a token that has not been used.

        Raises UnauthenticatedError for one that is unknown, over, of an ended family, or used: the last ends its family.
        """
        statements = postgres("refresh_tokens")
        now = self._clock.now()
        async with self._database.change(Change("refresh", "session.refresh", "token")) as connection:
            row = await connection.one(statements["find"], token_hash=token_hash(token))
            if row is not None and row["revoked_at"] is None and row["used_at"] is not None:
                await connection.run(statements["revoke_family"], family_id=row["family_id"], now=now, because="reuse")
            elif row is not None and row["revoked_at"] is None and row["expires_at"] > now:
                await connection.run(statements["use"], token_hash=token_hash(token), now=now)
                return row["user_id"], await self._next(connection, row["family_id"])
        raise UnauthenticatedError("The refresh token is not good; sign in again.")

    async def _next(self, connection: Connection, family_id: str) -> str:
        token = make_token("rt")
        now = self._clock.now()
        await connection.run(
            postgres("refresh_tokens")["insert"],
            token_hash=token_hash(token),
            family_id=family_id,
            created_at=now,
            expires_at=now + timedelta(days=REFRESH_DAYS),
        )
        return token
