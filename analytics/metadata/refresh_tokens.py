"""Sign-ins and their refresh tokens in PostgreSQL: a token is good once and names its successor; a second use ends the whole family.

The one thing to know: the end of a family is committed before the error rises, or it would be rolled back with it.
"""

from dataclasses import dataclass
from datetime import timedelta

from analytics.clock import Clock
from analytics.errors import UnauthenticatedError
from analytics.metadata.pool import Change, Connection, Database
from analytics.metadata.secrets import make_id, make_token, token_hash
from analytics.statements import postgres

REFRESH_DAYS = 30


@dataclass(frozen=True, slots=True)
class KnownPassword:
    """A person whose password was right, at this version of their credentials.

    Who has a second factor is let in by `SecondFactors.admit` alone, which says in `second_factor` what was shown of it.
    """

    user_id: str
    credentials_version: int
    has_second_factor: bool = False
    second_factor: str | None = None
    by: str | None = None
    """What was shown in place of a password."""

    def signed_in(self, family_id: str) -> Change:
        """What the audit says of the sign-in."""
        after = {name: said for name, said in (("second_factor", self.second_factor), ("by", self.by)) if said}
        return Change(self.user_id, "sign-in.succeeded", family_id, after=after or None)


async def begin_family(connection: Connection, family_id: str, known: KnownPassword, clock: Clock) -> None:
    """Begin a sign-in. Raises UnauthenticatedError if meanwhile the person was shut out or got another password."""
    now = clock.now()
    if not await connection.run(postgres("users")["signed_in"], id=known.user_id, credentials_version=known.credentials_version, now=now):
        raise UnauthenticatedError("The user name or the password is wrong.")
    await connection.run(postgres("refresh_tokens")["forget_old"], user_id=known.user_id, now=now)
    await connection.run(postgres("refresh_tokens")["insert_family"], id=family_id, user_id=known.user_id, created_at=now)


async def end_families(connection: Connection, user_id: str, because: str, clock: Clock, keep: str | None = None) -> None:
    """End all sign-ins of a person but `keep`: refresh tokens, access tokens and browser sessions alike."""
    await connection.run(postgres("refresh_tokens")["revoke_all"], user_id=user_id, because=because, now=clock.now(), keep=keep)


class RefreshTokens:
    """The sessions of all people."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, known: KnownPassword) -> tuple[str, str]:
        """A new family and its first token, for a person who has just shown a password. Raises UnauthenticatedError as `begin_family`."""
        family_id = make_id("f")
        async with self._database.change(known.signed_in(family_id)) as connection:
            await begin_family(connection, family_id, known, self._clock)
            return family_id, await self._next(connection, family_id)

    async def end(self, user_id: str, family_id: str) -> None:
        """Sign out: nothing of this family is good any more, in any process."""
        async with self._database.change(Change(user_id, "session.end", family_id)) as connection:
            await connection.run(
                postgres("refresh_tokens")["revoke_family"], family_id=family_id, now=self._clock.now(), because="sign-out"
            )

    async def end_all(self, actor: str, user_id: str) -> None:
        """Sign a person out everywhere."""
        async with self._database.change(Change(actor, "session.end-all", user_id)) as connection:
            await connection.run(postgres("users")["raise_version"], id=user_id)
            await end_families(connection, user_id, "sign-out-everywhere", self._clock)

    async def rotate(self, token: str) -> tuple[str, str, str]:
        """The ids of the person and the family and the next token, for a token that has not been used.

        Raises UnauthenticatedError for one that is unknown, over, of an ended family, or used: the last ends its family.
        """
        statements = postgres("refresh_tokens")
        now = self._clock.now()
        async with self._database.change(Change("refresh", "session.refresh", "token")) as connection:
            row = await connection.one(statements["find"], token_hash=token_hash(token))
            if row is None:
                connection.changes.clear()  # a word that is no token of ours says nothing about anybody
            else:
                connection.change.actor, connection.change.target = row["user_id"], row["family_id"]
                connection.change.action = "session.refuse"
            if row is not None and row["revoked_at"] is None and row["used_at"] is not None:
                connection.change.action = "session.reuse"
                await connection.run(statements["revoke_family"], family_id=row["family_id"], now=now, because="reuse")
            elif row is not None and row["revoked_at"] is None and row["expires_at"] > now:
                await connection.run(statements["use"], token_hash=token_hash(token), now=now)
                connection.change.action = "session.refresh"
                return row["user_id"], row["family_id"], await self._next(connection, row["family_id"])
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
