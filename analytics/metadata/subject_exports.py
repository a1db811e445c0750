"""Exports of persons in PostgreSQL: what was asked for, how far it is, on whose disk the file lies, and whose ids stand in it.

The one thing to know: no id stands here in clear. Until an export has ended its ids are encrypted, as those of erasures are; by keyed
hashes of all ids in its file an erasure finds it, also where another process has that file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg.types.json import Jsonb

from analytics.clock import Clock
from analytics.crypto.key_ring import KeyName, KeyRing, derive_key
from analytics.domain.erased_ids import IdHasher
from analytics.errors import ConflictError
from analytics.metadata.erasures import NODE_IS_GONE_AFTER
from analytics.metadata.pool import Change, Database, Row, required
from analytics.metadata.sealed_ids import SealedIds
from analytics.metadata.secrets import make_id
from analytics.statements import postgres

Status = Literal["requested", "running", "finished", "failed", "expired", "erased"]
MOST_WAITING = 100


@dataclass(frozen=True, slots=True)
class SubjectExport:
    """One export. `ids` is there for whoever makes it; `has_file`: something of it may be on the disk of `node`."""

    id: str
    project_id: str
    node: str
    status: Status
    phase: str
    requested_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    data_as_of: datetime | None
    attempts: int
    has_file: bool
    size_bytes: int | None
    ids: tuple[str, ...]
    receipt: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str | None = None


class SubjectExports:
    """Exports of all projects."""

    def __init__(self, database: Database, clock: Clock, ring: KeyRing) -> None:
        self._database = database
        self._clock = clock
        key = ring.active(KeyName.PERSONAL_HASH).material  # of the ring's keys the one that is never rotated
        self._hasher = IdHasher(derive_key(key, "analytics ids in exports v1"))
        self._sealed = SealedIds(derive_key(key, "analytics ids of exports under way v1"))
        self.on_request: Callable[[], None] = lambda: None

    async def request(self, actor: str, project_id: str, ids: Sequence[str], node: str) -> SubjectExport:
        """Ask for all that is kept of the person with `ids`, to be made on `node`. Raises ConflictError if too many wait already."""
        export_id = make_id("se")
        async with self._database.change(Change(actor, "subject-export.request", export_id, project_id)) as connection:
            added = await connection.run(
                postgres("subject_exports")["insert"],
                id=export_id,
                project_id=project_id,
                node=node,
                requested_at=self._clock.now(),
                subject=self._sealed.seal(export_id, ids),
                most=MOST_WAITING,
            )
            if not added:
                raise ConflictError(f"{MOST_WAITING} exports of this project wait already.")
            hashes = self._hashes(project_id, ids)
            await connection.run(postgres("subject_exports")["note_ids"], id=export_id, id_hashes=hashes)
        self.on_request()
        return await self.find(project_id, export_id)

    async def find(self, project_id: str, export_id: str) -> SubjectExport:
        """The one with this id. Raises NotFoundError."""
        async with self._database.read() as connection:
            row = required(await connection.one(postgres("subject_exports")["find"], project_id=project_id, id=export_id))
        return self._export(row)

    async def page(self, project_id: str, before: tuple[str, str] | None, limit: int) -> list[SubjectExport]:
        """At most `limit` of a project, newest first, after the key (requested_at as ISO 8601, id)."""
        requested_at, export_id = before or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("subject_exports")["page"],
                project_id=project_id,
                before_requested_at=requested_at,
                before_id=export_id,
                limit=limit,
            )
        return [self._export(row) for row in rows]

    # ---- making ------------------------------------------------------------------

    async def to_make(self, node: str) -> list[SubjectExport]:
        """What `node` is to make, oldest first. Raises UnsealError if the key ring is not theirs any more."""
        async with self._database.read() as connection:
            rows = await connection.all(postgres("subject_exports")["to_make"], node=node)
        return [self._export(row, to_make=True) for row in rows]

    async def begin(self, export: SubjectExport, data_as_of: datetime) -> SubjectExport | None:
        """From now on a file of it may be on the disk; None if it was called off."""
        async with self._database.bookkeeping() as connection:
            row = await connection.one(postgres("subject_exports")["begin"], id=export.id, data_as_of=data_as_of)
        return replace(export, status="running", data_as_of=data_as_of, has_file=True) if row else None

    async def begin_anew(self, node: str) -> None:
        """What `node` was making when it was killed is to be made again."""
        async with self._database.bookkeeping() as connection:
            await connection.run(postgres("subject_exports")["begin_anew"], node=node)

    async def say_phase(self, export: SubjectExport, phase: str) -> None:
        """What it does now."""
        if export.phase != phase:
            async with self._database.bookkeeping() as connection:
                await connection.run(postgres("subject_exports")["say_phase"], id=export.id, phase=phase)

    async def add_ids(self, export: SubjectExport, ids: Sequence[str]) -> SubjectExport:
        """The export with further ids of the same person."""
        every = (*export.ids, *ids)
        async with self._database.bookkeeping() as connection:
            await connection.run(postgres("subject_exports")["keep_ids"], id=export.id, subject=self._sealed.seal(export.id, every))
        await self.note_ids(export, ids)
        return replace(export, ids=every)

    async def note_ids(self, export: SubjectExport, ids: Iterable[str]) -> None:
        """Before they are written: these ids stand in its file."""
        hashes = self._hashes(export.project_id, ids)
        if hashes:
            async with self._database.bookkeeping() as connection:
                await connection.run(postgres("subject_exports")["note_ids"], id=export.id, id_hashes=hashes)

    async def finish(self, export: SubjectExport, keep: timedelta, size_bytes: int, receipt: Mapping[str, Any]) -> bool:
        """Its file is whole; False if it was called off meanwhile."""
        now = self._clock.now()
        change = Change("service", "subject-export.finish", export.id, export.project_id, after={"size_bytes": size_bytes})
        async with self._database.change(change) as connection:
            done = await connection.run(
                postgres("subject_exports")["finish"],
                id=export.id,
                finished_at=now,
                expires_at=now + keep,
                size_bytes=size_bytes,
                receipt=Jsonb(receipt),
            )
            if not done:
                connection.changes.clear()
        return bool(done)

    async def fail(self, export: SubjectExport, error: str) -> None:
        """It cannot be made."""
        change = Change("service", "subject-export.fail", export.id, export.project_id)
        async with self._database.change(change) as connection:
            if not await connection.run(postgres("subject_exports")["fail"], id=export.id, finished_at=self._clock.now(), error=error):
                connection.changes.clear()

    # ---- files -------------------------------------------------------------------

    async def expire(self, node: str) -> None:
        """Those on `node` whose time is over are no more to be had."""
        async with self._database.read() as connection:
            rows = await connection.all(postgres("subject_exports")["expired"], node=node, now=self._clock.now())
        for row in rows:
            async with self._database.change(Change("service", "subject-export.expire", row["id"], row["project_id"])) as connection:
                if not await connection.run(postgres("subject_exports")["expire"], id=row["id"]):
                    connection.changes.clear()

    async def files(self, node: str) -> dict[str, Status]:
        """Exports of which `node` may have a file, with their status."""
        async with self._database.read() as connection:
            return {row["id"]: row["status"] for row in await connection.all(postgres("subject_exports")["files"], node=node)}

    async def file_is_gone(self, export_id: str) -> None:
        """Nothing of it is on the disk any more. What is to be made again keeps the ids that it has."""
        async with self._database.bookkeeping() as connection:
            await connection.run(postgres("subject_exports")["file_is_gone"], id=export_id)
            await connection.run(postgres("subject_exports")["forget_ids"], id=export_id)

    # ---- erasure -----------------------------------------------------------------

    async def of_person(self, project_id: str, ids: Sequence[str]) -> list[tuple[str, str, bool]]:
        """Exports in which one of `ids` stands, or will stand: id, node, and whether a file may be there."""
        hashes = self._hashes(project_id, ids)
        async with self._database.read() as connection:
            rows = await connection.all(postgres("subject_exports")["of_person"], project_id=project_id, id_hashes=hashes)
        return [(row["id"], row["node"], row["has_file"]) for row in rows]

    async def erase(self, project_id: str, export_id: str, has_file: bool) -> None:
        """Call it off; its node removes the file, if there is one."""
        change = Change("service", "subject-export.erase", export_id, project_id)
        async with self._database.change(change) as connection:
            await connection.run(postgres("subject_exports")["erase"], id=export_id, project_id=project_id, now=self._clock.now())
            if not has_file:
                await connection.run(postgres("subject_exports")["forget_ids"], id=export_id)

    # ---- spools ------------------------------------------------------------------

    async def somebody_waits(self) -> bool:
        """Whether an export waits for what spools hold."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("subject_exports")["somebody_waits"])
        return bool(row and row["waits"])

    async def report_stored(self, node: str, stored_until: datetime) -> None:
        """All that `node` let in before `stored_until` is stored."""
        async with self._database.bookkeeping() as connection:
            statement = postgres("subject_exports")["report_stored"]
            await connection.run(statement, node=node, stored_until=stored_until, now=self._clock.now())

    async def spools_behind(self, instant: datetime) -> list[str]:
        """Names of the spools that may still hold what was answered before `instant`."""
        async with self._database.read() as connection:
            statement = postgres("subject_exports")["spools_behind"]
            return [row["node"] for row in await connection.all(statement, instant=instant, alive_since=self._alive_since())]

    async def stored_until(self) -> datetime:
        """All that was answered before this instant is stored. Ask once no spool is behind."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("subject_exports")["stored_until"], alive_since=self._alive_since())
        return row["stored_until"] if row and row["stored_until"] else self._clock.now()

    # ---- within ------------------------------------------------------------------

    def _alive_since(self) -> datetime:
        return self._clock.now() - NODE_IS_GONE_AFTER

    def _hashes(self, project_id: str, ids: Iterable[str]) -> list[bytes]:
        return [self._hasher.hash(project_id, text) for text in ids]

    def _export(self, row: Row, to_make: bool = False) -> SubjectExport:
        sealed = row.pop("subject")
        ids = self._sealed.open(row["id"], bytes(sealed)) if to_make and sealed is not None else ()
        return SubjectExport(ids=ids, **row)
