"""All projects, good write keys and signing keys in memory, so that the way in waits for no database.

A change is in here at once if this process made it, and within a second if another did: PostgreSQL notifies, and every half second the
number that each change raises is read, since a notification may be lost (a pooler in between swallows them all). The one thing to know:
while PostgreSQL is away the last picture stays good, so events are still accepted; a key that ends by itself ends all the same.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from analytics.background import running
from analytics.clock import Clock, SystemClock
from analytics.crypto.key_ring import KeyRing
from analytics.domain.access_token import SigningKey
from analytics.domain.project import Project
from analytics.errors import MetadataUnavailableError, UnsealError
from analytics.metadata.key_ring import kept_keys
from analytics.metadata.pool import Connection, Database, Row
from analytics.metadata.project_rows import project_of
from analytics.statements import postgres

POLL_SECONDS = 0.5
ANSWER_SECONDS = 5.0
RETRY_SECONDS = 0.5
_NONE: frozenset[bytes] = frozenset()
_log = structlog.get_logger("analytics.metadata")


@dataclass(frozen=True, slots=True)
class _Key:
    """A write key that is not revoked. `ends_at_ms`: from then on it is no good; `origins`: of which pages it is (none: of any)."""

    project: Project
    ends_at_ms: int | None
    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Picture:
    version: int = 0
    by_key: Mapping[str, _Key] = field(default_factory=dict[str, _Key])
    by_id: Mapping[str, Project] = field(default_factory=dict[str, Project])
    by_slug: Mapping[str, Project] = field(default_factory=dict[str, Project])
    signing_keys: tuple[SigningKey, ...] = ()
    erased: Mapping[str, frozenset[bytes]] = field(default_factory=dict[str, frozenset[bytes]])
    erased_count: int = 0


class KeyDirectory:
    """Look-ups are plain dictionary reads, good from any thread; the rest is for the event loop."""

    def __init__(self, database: Database, clock: Clock | None = None, ring: KeyRing | None = None) -> None:
        """`ring` shows the keys of the database from the first `refresh` on."""
        self._database = database
        self._clock = clock or SystemClock()
        self._ring = ring
        self._picture = _Picture()
        self._loading = asyncio.Lock()
        self._confirmed_at: float | None = None
        self._following = True

    # ---- look-ups --------------------------------------------------------

    def project_of_key(self, key: str) -> Project | None:
        """The project a good write key sends into."""
        found = self._picture.by_key.get(key)
        if found is None or (found.ends_at_ms is not None and found.ends_at_ms <= self._clock.now_ms()):
            return None
        return found.project

    def origins_of_key(self, key: str) -> frozenset[str]:
        """The origins whose pages may send with this key; none: those of any, and the key of nobody."""
        found = self._picture.by_key.get(key)
        return found.origins if found is not None else frozenset()

    def is_origin_of_any_key(self, origin: str) -> bool:
        """Whether there is a key with which pages of this origin may send: all that is known before the key is."""
        return any(not key.origins or origin in key.origins for key in self._picture.by_key.values())

    def project_by_id(self, project_id: str) -> Project | None:
        """The project with this id."""
        return self._picture.by_id.get(project_id)

    def project_by_slug(self, slug: str) -> Project | None:
        """The project with this slug."""
        return self._picture.by_slug.get(slug)

    def erased_of(self, project_id: str) -> frozenset[bytes]:
        """Keyed hashes of the erased ids of a project; empty for nearly all projects."""
        return self._picture.erased.get(project_id, _NONE)

    @property
    def erasures_known(self) -> tuple[int, int, Mapping[str, frozenset[bytes]]]:
        """The version of what is known, how many erased ids that includes, and these."""
        picture = self._picture
        return picture.version, picture.erased_count, picture.erased

    def all(self) -> tuple[Project, ...]:
        """Every project, by slug."""
        return tuple(self._picture.by_slug.values())

    def signing_keys(self) -> tuple[SigningKey, ...]:
        """The keys that sign access tokens, newest first."""
        return self._picture.signing_keys

    @property
    def loaded(self) -> bool:
        """Whether the keys have been read since the start: before that nobody can be let in."""
        return self._confirmed_at is not None

    @property
    def stale_seconds(self) -> float:
        """How long ago this was last known to be current; infinite before the first time. Normally under a second."""
        return float("inf") if self._confirmed_at is None else time.monotonic() - self._confirmed_at

    # ---- keeping current -------------------------------------------------

    async def refresh(self) -> None:
        """Read everything now. Raises MetadataUnavailableError."""
        statements = postgres("directory")
        async with self._loading, self._database.read() as connection:
            # The number first: what changes in between makes the picture newer than its number says, and it is read once more.
            version = await connection.one(statements["version"])
            projects = [project_of(row) for row in await connection.all(statements["projects"])]
            by_id = {project.id: project for project in projects}
            keys = await connection.all(statements["keys"])
            if self._ring is not None:
                # Before the projects are shown: whatever fields they name as personal, the keys are there.
                try:
                    self._ring.show(await kept_keys(connection))
                except UnsealError as error:
                    _log.error("the key ring was sealed under another secret key meanwhile: start again with that", detail=error.detail)
            erased_count, erased = await self._erased(connection)
            self._picture = _Picture(
                version["version"] if version else 0,
                {row["key"]: _key_of(row, by_id[row["project_id"]]) for row in keys if row["project_id"] in by_id},
                by_id,
                {project.slug: project for project in projects},
                tuple(
                    SigningKey(row["id"], bytes(row["salt"]), row["created_at"]) for row in await connection.all(statements["signing_keys"])
                ),
                erased,
                erased_count,
            )
            self._confirmed_at = time.monotonic()

    async def _erased(self, connection: Connection) -> tuple[int, Mapping[str, frozenset[bytes]]]:
        """They are only ever added: read again only if there are more."""
        statements = postgres("directory")
        row = await connection.one(statements["erased_count"])
        count = row["ids"] if row else 0
        if count == self._picture.erased_count:
            return count, self._picture.erased
        by_project: dict[str, set[bytes]] = {}
        rows = await connection.all(statements["erased"])
        for found in rows:
            by_project.setdefault(found["project_id"], set()).add(bytes(found["id_hash"]))
        return len(rows), {project_id: frozenset(hashes) for project_id, hashes in by_project.items()}

    async def catch_up(self) -> None:
        """`refresh` after a change of our own; if that fails the change is seen a little later."""
        with suppress(MetadataUnavailableError):
            await self.refresh()

    async def follow(self, url: str) -> None:
        """Stay current until cancelled, on a connection of its own to `url`."""
        while True:
            try:
                # With autocommit, and not from the pool: LISTEN belongs to one connection for as long as it lives.
                async with asyncio.timeout(ANSWER_SECONDS):
                    connection = await AsyncConnection[Row].connect(url, autocommit=True, row_factory=dict_row)
                async with connection:
                    await self._listen(connection)
            except (psycopg.Error, OSError, MetadataUnavailableError, TimeoutError) as error:
                if self._following:
                    _log.warning("projects and keys are as last known: PostgreSQL is away", error=" ".join(str(error).split())[:300])
                self._following = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, connection: AsyncConnection[Row]) -> None:
        statement = postgres("directory")["version"].sql.encode()
        async with asyncio.timeout(ANSWER_SECONDS):
            await connection.execute("LISTEN directory_changed")
        while True:
            async with asyncio.timeout(ANSWER_SECONDS):
                row = await (await connection.execute(statement)).fetchone()
            if row is None or row["version"] != self._picture.version:
                await self.refresh()
            self._confirmed_at = time.monotonic()
            if not self._following:
                self._following = True
                _log.info("projects and keys are current again")
            async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                pass


def _key_of(row: Row, project: Project) -> _Key:
    ends_at = row["ends_at"]
    return _Key(project, round(ends_at.timestamp() * 1000) if ends_at else None, frozenset(row["allowed_origins"]))


@asynccontextmanager
async def open_key_directory(
    url: str, database: Database, clock: Clock | None = None, ring: KeyRing | None = None
) -> AsyncGenerator[KeyDirectory]:
    """A directory that is loaded and follows. Raises MetadataUnavailableError if the first reading fails."""
    directory = KeyDirectory(database, clock, ring)
    await directory.refresh()
    async with running(directory.follow(url), "key-directory"):
        yield directory
