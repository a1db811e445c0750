"""Links to dashboards in PostgreSQL: shown once, kept as hashes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from analytics.clock import Clock
from analytics.errors import ConflictError
from analytics.metadata.pool import Change, Database, Row, required
from analytics.metadata.secrets import Passwords, make_id, make_token, token_hash
from analytics.metadata.storable import storable
from analytics.statements import postgres

MOST = 100  # of one dashboard


@dataclass(frozen=True, slots=True)
class Share:
    """One link. `filters`: values of filters that are fixed for whoever comes by it."""

    id: str
    project_id: str
    dashboard_id: str
    filters: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime
    password_hash: str | None = None

    @property
    def has_password(self) -> bool:
        """Whether the link alone is not enough."""
        return self.password_hash is not None


class DashboardShares:
    """The links of all projects. Methods raise MetadataUnavailableError."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    async def create(
        self, actor: str, project_id: str, dashboard_id: str, filters: Mapping[str, Any], expires_at: datetime, password: str | None
    ) -> tuple[Share, str]:
        """A new link and its token, which is nowhere afterwards. Raises ConflictError where there are too many, or nothing to show."""
        token = make_token("sh")
        hashed = None if password is None else await self._passwords.hash(password)
        share = Share(make_id("s"), project_id, dashboard_id, storable(dict(filters)), self._clock.now(), expires_at, hashed)
        told = {"dashboard": dashboard_id, "filters": sorted(filters), "expires_at": expires_at.isoformat(), "password": hashed is not None}
        async with self._database.change(Change(actor, "share.create", share.id, project_id, after=told)) as connection:
            counted = await connection.one(postgres("dashboard_shares")["count"], dashboard_id=dashboard_id)
            if counted is not None and counted["shares"] >= MOST:
                raise ConflictError(f"A dashboard may have {MOST} links; end some.")
            await connection.run(
                postgres("dashboard_shares")["insert"],
                id=share.id,
                project_id=project_id,
                dashboard_id=dashboard_id,
                token_hash=token_hash(token),
                password_hash=hashed,
                filters=Jsonb(share.filters),
                created_at=share.created_at,
                expires_at=expires_at,
            )
        return share, token

    async def page(self, project_id: str, dashboard_id: str, after: tuple[str, str] | None, limit: int) -> list[Share]:
        """At most `limit` links to a dashboard, oldest first, after the key (created_at as ISO 8601, id)."""
        created_at, share_id = after or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("dashboard_shares")["page"],
                project_id=project_id,
                dashboard_id=dashboard_id,
                after_created_at=created_at,
                after_id=share_id,
                limit=limit,
            )
        return [_share(row) for row in rows]

    async def delete(self, actor: str, project_id: str, dashboard_id: str, share_id: str) -> None:
        """End a link at once, in every process. Raises NotFoundError."""
        async with self._database.change(Change(actor, "share.delete", share_id, project_id)) as connection:
            ended = required(
                await connection.one(postgres("dashboard_shares")["delete"], project_id=project_id, dashboard_id=dashboard_id, id=share_id)
            )
            connection.change.before = {"dashboard": dashboard_id, "expires_at": ended["expires_at"].isoformat()}

    async def find(self, token: str) -> Share | None:
        """The link behind a token as it is now; None if there is none or it is over. Asked of PostgreSQL each time."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("dashboard_shares")["by_hash"], token_hash=token_hash(token))
        return None if row is None or row["expires_at"] <= self._clock.now() else _share(row)

    async def opens(self, share: Share, password: str) -> bool:
        """Whether it is the password of the link. Raises RateLimitedError where too many ask at once."""
        return await self._passwords.matches(password, share.password_hash)

    async def mentioning(self, project_id: str, words: Sequence[str]) -> list[tuple[str, Mapping[str, Any]]]:
        """Id and filters of the links in whose filters one of `words` stands."""
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("dashboard_shares")["mentioning"], project_id=project_id, words=[storable(word) for word in words]
            )
        return [(row["id"], row["filters"]) for row in rows]

    async def end(self, project_id: str, ids: Sequence[str]) -> None:
        """End these, from the disk too: what they are fixed to is a person who was erased."""
        change = Change("service", "share.erase", None, project_id, after={"links": len(ids)})
        async with self._database.change(change) as connection:
            await connection.run(postgres("dashboard_shares")["end"], project_id=project_id, ids=list(ids))
        await self._database.write_anew("dashboard_shares")


def _share(row: Row) -> Share:
    return Share(**row)
