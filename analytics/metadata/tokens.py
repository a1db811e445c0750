"""API tokens in PostgreSQL: shown once, kept as a hash."""

from dataclasses import dataclass
from datetime import datetime

from analytics.clock import Clock
from analytics.domain.access import Token
from analytics.metadata.pool import Change, Database, Row, required
from analytics.metadata.secrets import make_id, make_token, token_hash
from analytics.metadata.token_uses import TokenUses
from analytics.statements import postgres


@dataclass(frozen=True, slots=True)
class ApiTokenRecord:
    """What is known of a token after it was shown."""

    id: str
    project_id: str
    name: str
    last_four: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None


class ApiTokens:
    """The API tokens of all projects."""

    def __init__(self, database: Database, clock: Clock, uses: TokenUses) -> None:
        self._database = database
        self._clock = clock
        self._uses = uses

    async def create(
        self, actor: str, project_id: str, name: str, scopes: tuple[str, ...], expires_at: datetime
    ) -> tuple[ApiTokenRecord, str]:
        """A new token and its secret, which is nowhere afterwards."""
        secret = make_token("at")
        record = ApiTokenRecord(make_id("t"), project_id, name, secret[-4:], scopes, self._clock.now(), expires_at)
        async with self._database.change(Change(actor, "token.create", record.id, project_id)) as connection:
            await connection.run(
                postgres("api_tokens")["insert"],
                id=record.id,
                project_id=project_id,
                name=name,
                token_hash=token_hash(secret),
                last_four=record.last_four,
                scopes=list(scopes),
                created_at=record.created_at,
                expires_at=expires_at,
            )
            connection.change.after = {"name": name, "scopes": scopes, "expires_at": expires_at.isoformat()}
        return record, secret

    async def page(self, project_id: str, after: tuple[str, str] | None, limit: int) -> list[ApiTokenRecord]:
        """At most `limit` tokens of the project, oldest first, after the token (created_at as ISO 8601, id)."""
        created_at, token_id = after or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("api_tokens")["page"], project_id=project_id, after_created_at=created_at, after_id=token_id, limit=limit
            )
        return [ApiTokenRecord(scopes=tuple(row.pop("scopes")), **row) for row in rows]

    async def delete(self, actor: str, project_id: str, token_id: str) -> None:
        """End a token at once, in every process. Raises NotFoundError."""
        async with self._database.change(Change(actor, "token.delete", token_id, project_id)) as connection:
            ended = required(await connection.one(postgres("api_tokens")["delete"], id=token_id, project_id=project_id))
            connection.change.before = {"name": ended["name"], "scopes": ended["scopes"], "expires_at": ended["expires_at"].isoformat()}

    async def principal(self, secret: str) -> Token | None:
        """Whose secret this is; None if nobody's or if it is over.

        It is asked of PostgreSQL each time: so a token that was ended is no good from the next request on, in every process.
        """
        async with self._database.read() as connection:
            row = await connection.one(postgres("api_tokens")["by_hash"], token_hash=token_hash(secret))
        return self._good(row)

    async def by_id(self, token_id: str) -> Token | None:
        """The token as it is now, for what was made with it; None if it was ended or is over."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("api_tokens")["by_id"], id=token_id)
        return self._good(row)

    def _good(self, row: Row | None) -> Token | None:
        if row is None or row["expires_at"] <= self._clock.now():
            return None
        self._uses.note(row["id"])
        return Token(row["id"], row["name"], row["project_id"], frozenset(row["scopes"]))
