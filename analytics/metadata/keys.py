"""Write keys in PostgreSQL: made, listed, rotated, revoked. Whether one is good is asked of the KeyDirectory, in memory."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analytics.clock import Clock
from analytics.metadata.key_directory import KeyDirectory
from analytics.metadata.pool import Change, Connection, Database, Row, required
from analytics.metadata.secrets import make_id, make_write_key
from analytics.statements import postgres


@dataclass(frozen=True, slots=True)
class WriteKeyRecord:
    """One write key; `revoked_at` is None while it is good, `ends_at` unless it was rotated."""

    id: str
    project_id: str
    name: str
    key: str
    created_at: datetime
    revoked_at: datetime | None = None
    ends_at: datetime | None = None
    allowed_origins: tuple[str, ...] = ()


class WriteKeys:
    """The write keys of all projects."""

    def __init__(self, database: Database, directory: KeyDirectory, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    async def create(self, actor: str, project_id: str, name: str, allowed_origins: tuple[str, ...] = ()) -> WriteKeyRecord:
        """A new key, good at once in this process and within a second in all."""
        async with self._database.change(Change(actor, "key.create", name, project_id)) as connection:
            record = await insert_write_key(connection, project_id, name, self._clock, allowed_origins=allowed_origins)
            connection.change.target, connection.change.after = record.id, _said(record)
        await self._directory.catch_up()
        return record

    async def page(self, project_id: str, after: tuple[str, str] | None, limit: int) -> list[WriteKeyRecord]:
        """At most `limit` keys of the project, oldest first, after the key (created_at as ISO 8601, id)."""
        created_at, key_id = after or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("write_keys")["page"], project_id=project_id, after_created_at=created_at, after_id=key_id, limit=limit
            )
        return [_record_of(row) for row in rows]

    async def change(
        self, actor: str, project_id: str, key_id: str, name: str | None, allowed_origins: tuple[str, ...] | None
    ) -> WriteKeyRecord:
        """Name a key anew or let other origins send with it; None: as it was. Raises NotFoundError, also for a revoked one."""
        origins = None if allowed_origins is None else list(allowed_origins)
        async with self._database.change(Change(actor, "key.change", key_id, project_id)) as connection:
            connection.change.before = await connection.one(postgres("write_keys")["find"], id=key_id, project_id=project_id)
            row = required(
                await connection.one(postgres("write_keys")["update"], id=key_id, project_id=project_id, name=name, allowed_origins=origins)
            )
            connection.change.after = {"name": row["name"], "allowed_origins": row["allowed_origins"]}
        await self._directory.catch_up()
        return _record_of(row)

    async def rotate(self, actor: str, project_id: str, key_id: str, overlap_seconds: int) -> tuple[WriteKeyRecord, datetime]:
        """A new key in place of this one, which ends by itself after the overlap; the new one and the end of the old.

        Raises NotFoundError, also for one that was ended or rotated before.
        """
        ends_at = self._clock.now() + timedelta(seconds=overlap_seconds)
        async with self._database.change(Change(actor, "key.rotate", key_id, project_id)) as connection:
            old = required(await connection.one(postgres("write_keys")["find_good"], id=key_id, project_id=project_id))
            await connection.run(postgres("write_keys")["end_at"], id=key_id, project_id=project_id, ends_at=ends_at)
            record = await insert_write_key(connection, project_id, old["name"], self._clock, allowed_origins=tuple(old["allowed_origins"]))
            connection.change.after = {"successor": record.id, "ends_at": ends_at.isoformat()}
        await self._directory.catch_up()
        return record, ends_at

    async def revoke(self, actor: str, project_id: str, key_id: str) -> None:
        """End a key, at once in this process and within a second in all. Raises NotFoundError, also for one that was ended before."""
        async with self._database.change(Change(actor, "key.revoke", key_id, project_id)) as connection:
            ended = required(
                await connection.one(postgres("write_keys")["revoke"], id=key_id, project_id=project_id, now=self._clock.now())
            )
            connection.change.before, connection.change.after = {"name": ended["name"], "good": True}, {"good": False}
        await self._directory.catch_up()


async def insert_write_key(
    connection: Connection, project_id: str, name: str, clock: Clock, key: str | None = None, allowed_origins: tuple[str, ...] = ()
) -> WriteKeyRecord:
    """Write a new key, `key` or a made one."""
    record = WriteKeyRecord(make_id("k"), project_id, name, key or make_write_key(), clock.now(), allowed_origins=allowed_origins)
    await connection.run(
        postgres("write_keys")["insert"],
        id=record.id,
        project_id=record.project_id,
        name=record.name,
        key=record.key,
        created_at=record.created_at,
        allowed_origins=list(record.allowed_origins),
    )
    return record


def _said(record: WriteKeyRecord) -> dict[str, Any]:
    return {"name": record.name, "allowed_origins": list(record.allowed_origins)}


def _record_of(row: Row) -> WriteKeyRecord:
    return WriteKeyRecord(allowed_origins=tuple(row.pop("allowed_origins")), **row)
