"""Erasures in PostgreSQL: what was asked for, how far it is, its receipt; and how far each spool has passed.

The one thing to know: no id stands here in clear. While an erasure runs its ids are encrypted under a key made from the key ring;
afterwards keyed hashes are all that is left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg.types.json import Jsonb

from analytics.clock import Clock
from analytics.crypto.key_ring import KeyName, KeyRing, derive_key
from analytics.domain.erased_ids import IdHasher
from analytics.metadata.key_directory import KeyDirectory
from analytics.metadata.pool import Change, Connection, Database, Row, required
from analytics.metadata.sealed_ids import SealedIds
from analytics.metadata.secrets import make_id
from analytics.statements import postgres

Status = Literal["requested", "running", "finished", "failed"]
NODE_IS_GONE_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure. `ids` is empty once it has ended; `work` is what a run must know of the one before it that was killed."""

    id: str
    project_id: str
    status: Status
    phase: str
    requested_at: datetime
    finished_at: datetime | None
    known_from: int
    ids: tuple[str, ...]
    receipt: Mapping[str, Any] = field(default_factory=dict[str, Any])
    work: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str | None = None


class Erasures:
    """Erasures of all projects, and the ids that are refused since."""

    def __init__(self, database: Database, directory: KeyDirectory, clock: Clock, ring: KeyRing) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        key = ring.active(KeyName.PERSONAL_HASH).material  # of the ring's keys the one that is never rotated
        self.hasher = IdHasher(derive_key(key, "analytics erased ids v1"))
        self.on_request: Callable[[], None] = lambda: None
        self._sealed = SealedIds(derive_key(key, "analytics ids of erasures under way v1"))

    async def request(self, actor: str, project_id: str, ids: Sequence[str]) -> Erasure:
        """Refuse events of `ids` from now on, and ask for the removal of what is there."""
        erasure_id, now = make_id("er"), self._clock.now()
        async with self._database.change(Change(actor, "erasure.request", erasure_id, project_id)) as connection:
            await self._refuse(connection, project_id, ids)
            await connection.run(
                postgres("erasures")["insert"],
                id=erasure_id,
                project_id=project_id,
                requested_at=now,
                subject=self._sealed.seal(erasure_id, ids),
            )
        await self._directory.catch_up()
        self.on_request()
        return await self.find(project_id, erasure_id)

    async def add_ids(self, erasure: Erasure, ids: Sequence[str]) -> Erasure:
        """The erasure with further ids of the same person, which are refused too from now on."""
        every = (*erasure.ids, *ids)
        async with self._database.change(Change("service", "erasure.link", erasure.id, erasure.project_id)) as connection:
            await self._refuse(connection, erasure.project_id, ids)
            row = required(
                await connection.one(postgres("erasures")["know_again"], id=erasure.id, subject=self._sealed.seal(erasure.id, every))
            )
        await self._directory.catch_up()
        return replace(erasure, ids=every, known_from=row["known_from"])

    async def save(self, erasure: Erasure) -> None:
        """Keep how far it is. Once it has ended its ids are gone."""
        if erasure.status not in ("finished", "failed"):
            async with self._database.bookkeeping() as connection:
                await self._save(connection, erasure, self._sealed.seal(erasure.id, erasure.ids))
            return
        change = Change("service", f"erasure.{erasure.status}", erasure.id, erasure.project_id)
        async with self._database.change(change) as connection:
            await self._save(connection, erasure, None)

    async def find(self, project_id: str, erasure_id: str) -> Erasure:
        """The one with this id. Raises NotFoundError."""
        async with self._database.read() as connection:
            row = required(await connection.one(postgres("erasures")["find"], project_id=project_id, id=erasure_id))
        return self._erasure(row)

    async def page(self, project_id: str, before: tuple[str, str] | None, limit: int) -> list[Erasure]:
        """At most `limit` of a project, newest first, after the key (requested_at as ISO 8601, id)."""
        requested_at, erasure_id = before or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("erasures")["page"],
                project_id=project_id,
                before_requested_at=requested_at,
                before_id=erasure_id,
                limit=limit,
            )
        return [self._erasure(row) for row in rows]

    async def open(self) -> list[Erasure]:
        """Those of all projects that have not ended, oldest first. Raises UnsealError if the key ring is not theirs any more."""
        async with self._database.read() as connection:
            return [self._erasure(row, to_run=True) for row in await connection.all(postgres("erasures")["open"])]

    # ---- spools ------------------------------------------------------------------

    async def report_node(self, node: str, passed_version: int) -> None:
        """All that `node` let in before it knew `passed_version` of the directory is stored, and out of its spool."""
        async with self._database.read() as connection:
            await connection.run(postgres("erasures")["report_node"], node=node, passed_version=passed_version, now=self._clock.now())

    async def nodes_behind(self, version: int) -> list[str]:
        """Names of the spools that may still hold what was let in before `version` was known."""
        async with self._database.read() as connection:
            alive_since = self._clock.now() - NODE_IS_GONE_AFTER
            rows = await connection.all(postgres("erasures")["nodes_behind"], version=version, alive_since=alive_since)
        return [row["node"] for row in rows]

    # ---- within ----------------------------------------------------------------------

    async def _refuse(self, connection: Connection, project_id: str, ids: Sequence[str]) -> None:
        hashes = [self.hasher.hash(project_id, text) for text in ids]
        await connection.run(postgres("erasures")["refuse_ids"], project_id=project_id, id_hashes=hashes)

    async def _save(self, connection: Connection, erasure: Erasure, subject: bytes | None) -> None:
        await connection.run(
            postgres("erasures")["save"],
            id=erasure.id,
            status=erasure.status,
            phase=erasure.phase,
            finished_at=erasure.finished_at,
            subject=subject,
            receipt=Jsonb(erasure.receipt),
            work=Jsonb(erasure.work),
            error=erasure.error,
        )

    def _erasure(self, row: Row, to_run: bool = False) -> Erasure:
        sealed = row.pop("subject")
        ids = self._sealed.open(row["id"], bytes(sealed)) if to_run and sealed is not None else ()
        return Erasure(ids=ids, **row)
