"""Sign-ins of browsers in PostgreSQL: an opaque token in a cookie, of which only the hash is kept.

The one thing to know: a session is of a family as refresh tokens are, so what ends families (sign-out, another password, being shut out)
ends it at its next request.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from analytics.clock import Clock
from analytics.domain.access import Person
from analytics.metadata.pool import Database
from analytics.metadata.refresh_tokens import KnownPassword, begin_family
from analytics.metadata.secrets import make_id, make_token, token_hash
from analytics.metadata.users import person_of
from analytics.statements import postgres

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=14)
NOTE_USE_EVERY = timedelta(minutes=1)  # a write per request would cost more than the request


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A good session: whose it is and when it is over, however busy."""

    person: Person
    expires_at: datetime


class BrowserSessions:
    """The sessions of all browsers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, known: KnownPassword) -> str:
        """The token of a new session. Raises UnauthenticatedError as `begin_family`."""
        family_id, token, now = make_id("f"), make_token("bs"), self._clock.now()
        async with self._database.change(known.signed_in(family_id)) as connection:
            await begin_family(connection, family_id, known, self._clock)
            await connection.run(
                postgres("browser_sessions")["insert"],
                token_hash=token_hash(token),
                family_id=family_id,
                now=now,
                expires_at=now + LONGEST,
            )
        return token

    async def find(self, token: str) -> BrowserSession | None:
        """The session behind a token; None if it is unknown, over, idle for too long, or ended."""
        now = self._clock.now()
        statements = postgres("browser_sessions")
        async with self._database.read() as connection:
            row = await connection.one(statements["person"], token_hash=token_hash(token), now=now, idle_since=now - IDLE)
            if row is None:
                return None
            if now - row["last_seen_at"] >= NOTE_USE_EVERY:
                await connection.run(statements["seen"], token_hash=token_hash(token), now=now)
        return BrowserSession(replace(person_of(row), sign_in=row["family_id"]), row["expires_at"])
