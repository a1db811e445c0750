"""The audit in PostgreSQL: single records for what changes nothing here (reads), and the pages of what was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics.audit.log import AuditLog, AuditRow, Change
from analytics.audit.names import AuditNames, claimed
from analytics.audit.origin import Origin
from analytics.metadata.pool import Database
from analytics.statements import postgres


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record as it is kept: people are keyed hashes."""

    id: int
    at: datetime
    actor_kind: str
    actor: str
    action: str
    project_id: str | None
    target_kind: str
    target_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to list; None is any. `actor` and `target` are an e-mail address or an id, `start` and `end` a half-open range."""

    project_id: str | None = None
    action: str | None = None
    actor: str | None = None
    target: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class AuditTrail:
    """Adds to the audit and reads it. Changes in PostgreSQL add their own records, in `Database.change`."""

    def __init__(self, database: Database, log: AuditLog) -> None:
        self._database = database
        self._log = log

    @property
    def names(self) -> AuditNames:
        """What hashes people."""
        return self._log.names

    async def record(self, change: Change) -> None:
        """Keep a record of what is no change in PostgreSQL, before it is done. Raises MetadataUnavailableError if it cannot be kept."""
        await self.write([self._log.row(change)])

    async def record_failed_sign_in(self, email: str) -> None:
        """Keep that somebody who claimed this address was not let in; takes as long where nobody has the address."""
        person = await self._id_of(email)
        await self.record(Change(claimed(email), "sign-in.failed", person))

    def row(self, change: Change, origin: Origin, at: datetime) -> AuditRow:
        """A record for a later `write`."""
        return self._log.row(change, origin, at)

    async def write(self, rows: Sequence[AuditRow]) -> None:
        """Keep `rows`. Raises MetadataUnavailableError."""
        async with self._database.bookkeeping() as connection:
            await self._log.write(connection, rows)

    async def page(self, wanted: AuditFilter, before_id: int | None, limit: int) -> list[AuditRecord]:
        """At most `limit` records, newest first, before the one with this id."""
        target = wanted.target
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("audit")["page"],
                before_id=before_id,
                project_id=wanted.project_id,
                action=wanted.action,
                actors=await self._hashes(wanted.actor),
                target=target,
                target_hashes=await self._hashes(target),
                start=wanted.start,
                ends=wanted.end,
                limit=limit,
            )
        return [AuditRecord(**row) for row in rows]

    async def _hashes(self, name: str | None) -> list[str] | None:
        """Every hash under which somebody stands: as an address, and as the person who has it now."""
        if name is None:
            return None
        person = await self._id_of(name) if "@" in name else None
        return [name, self.names.actor(name), *([self.names.actor(person)] if person else [])]

    async def _id_of(self, email: str) -> str | None:
        async with self._database.read() as connection:
            row = await connection.one(postgres("users")["by_email"], email=email)
        return row["id"] if row else None
