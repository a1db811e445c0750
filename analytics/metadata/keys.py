"""Write keys in PostgreSQL: made, listed, revoked. Whether one is good is asked of the KeyDirectory, in memory."""

from dataclasses import dataclass
from datetime import datetime

from analytics.clock import Clock
from analytics.errors import NotFoundError
from analytics.metadata.key_directory import KeyDirectory
from analytics.metadata.pool import Change, Connection, Database
from analytics.metadata.secrets import make_id, make_write_key
from analytics.statements import postgres


@dataclass(frozen=True, slots=True)
class WriteKeyRecord:
    """One write key; `revoked_at` is None while it is good."""

    id: str
    project_id: str
    name: str
    key: str
    created_at: datetime
    revoked_at: datetime | None = None


class WriteKeys:
    """The write keys of all projects."""

    def __init__(self, database: Database, directory: KeyDirectory, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    async def create(self, actor: str, project_id: str, name: str) -> WriteKeyRecord:
        """A new key, good at once in this process and within a second in all."""
        async with self._database.change(Change(actor, "key.create", name, project_id)) as connection:
            record = await insert_write_key(connection, project_id, name, self._clock)
        await self._directory.catch_up()
        return record

    async def page(self, project_id: str, after: tuple[str, str] | None, limit: int) -> list[WriteKeyRecord]:
        """At most `limit` keys of the project, oldest first, after the key (created_at as ISO 8601, id)."""
        created_at, key_id = after or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("write_keys")["page"], project_id=project_id, after_created_at=created_at, after_id=key_id, limit=limit
            )
        return [WriteKeyRecord(**row) for row in rows]

    async def revoke(self, actor: str, project_id: str, key_id: str) -> None:
        """End a key, at once in this process and within a second in all. Raises NotFoundError, also for one that was ended before."""
        async with self._database.change(Change(actor, "key.revoke", key_id, project_id)) as connection:
            if not await connection.run(postgres("write_keys")["revoke"], id=key_id, project_id=project_id, now=self._clock.now()):
                raise NotFoundError
        await self._directory.catch_up()


async def insert_write_key(connection: Connection, project_id: str, name: str, clock: Clock, key: str | None = None) -> WriteKeyRecord:
    """Write a new key, `key` or a made one."""
    record = WriteKeyRecord(make_id("k"), project_id, name, key or make_write_key(), clock.now())
    await connection.run(
        postgres("write_keys")["insert"],
        id=record.id,
        project_id=record.project_id,
        name=record.name,
        key=record.key,
        created_at=record.created_at,
    )
    return record
