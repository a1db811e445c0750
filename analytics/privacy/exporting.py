"""One export from beginning to end: wait until what is on its way is stored, follow the links of the ids, write the file bite by bite.

The one thing to know: the ids of a bite are noted in PostgreSQL before they are written, and no export is written while an erasure runs, in
any process. So an erasure finds every file in which the person stands, and none gets there behind its back.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
import structlog
from msgspec.json import encode
from msgspec.json import format as indented

from analytics.clock import Clock, iso_utc
from analytics.crypto.personal_values import PersonalValues
from analytics.domain.project import Project
from analytics.errors import AnalyticsError, ConflictError, StoreError
from analytics.metadata.claims import Claim, Job, claimed
from analytics.metadata.key_directory import KeyDirectory
from analytics.metadata.pool import Database
from analytics.metadata.subject_exports import SubjectExport, SubjectExports
from analytics.privacy.archive import Archive, DiskFullError, remove_files, remove_strangers
from analytics.privacy.exported import NOT_EXPORTED, Lines, count_of_others, exported_tables
from analytics.privacy.links import linked_ids
from analytics.privacy.subject import Subject
from analytics.query.revealed import RevealedValues
from analytics.warehouse.client import Warehouse

MOST_ATTEMPTS = 5
_T = TypeVar("_T")
_log = structlog.get_logger("analytics.privacy")

NOTES = (
    "An event counts for its user_id, or for its anonymous_id if it has none. Events that carry one of the ids and count for somebody "
    "else are left out (`withheld`), and so are rejected events that name an id elsewhere than in their own.",
    "Values that begin with h1: were hashed before they were kept; nobody can read them. Encrypted values are in clear.",
    "What the project's retention has removed is not there any more. Backups are not searched.",
)


class Exporting:
    """Makes exports on this node, one at a time; of all nodes one at a time does."""

    def __init__(
        self,
        exports: SubjectExports,
        database: Database,
        warehouse: Warehouse,
        directory: KeyDirectory,
        personal: PersonalValues,
        clock: Clock,
        *,
        folder: Path,
        node: str,
        keep_days: int,
    ) -> None:
        self.exports = exports
        self.folder = folder
        self.node = node
        self._database = database
        self._warehouse = warehouse
        self._directory = directory
        self._personal = personal
        self._clock = clock
        self._keep = timedelta(days=keep_days)

    # ---- files -----------------------------------------------------------------------

    async def recover(self) -> None:
        """At the start: what was being written is begun anew, and nothing of it stays."""
        await self.exports.begin_anew(self.node)
        whole = [export_id for export_id, status in (await self.exports.files(self.node)).items() if status == "finished"]
        await self._in_thread(remove_strangers, self.folder, whole)

    async def tidy(self) -> None:
        """Remove the files of exports that failed, were erased, or whose time is over."""
        await self.exports.expire(self.node)
        for export_id, status in (await self.exports.files(self.node)).items():
            if status not in ("finished", "running"):
                await self._in_thread(remove_files, self.folder, export_id)
                await self.exports.file_is_gone(export_id)

    # ---- making ----------------------------------------------------------------------

    async def make_all(self) -> bool:
        """Make what waits; False if something waits still. After an error `recover` comes first. Raises StoreError."""
        done = True
        for export in await self.exports.to_make(self.node):
            done = await self._make(export) and done
        return done

    async def _make(self, export: SubjectExport) -> bool:
        if behind := await self.exports.spools_behind(export.requested_at):
            await self.exports.say_phase(export, f"waiting for the spool of {', '.join(behind)}")
            return False
        async with claimed(self._database, Job.EXPORT) as claim:
            if claim is None:
                await self.exports.say_phase(export, "waiting for an erasure or another export")
                return False
            try:
                every = await self._with_all_ids(export)  # a store that is away is found out here, before it counts as an attempt
                begun = await self.exports.begin(every, await self.exports.stored_until())
                if begun is not None:
                    await self._write(begun, export.ids, claim)
            except DiskFullError:
                await self._failed(export, "There is too little room on the disk.")
            except StoreError:
                raise
            except AnalyticsError as error:
                await self._failed(export, error.detail)
            except OSError as error:
                await self._failed(export, f"The disk failed: {error.strerror}.")
        return True

    async def _with_all_ids(self, export: SubjectExport) -> SubjectExport:
        if export.attempts >= MOST_ATTEMPTS:
            raise ConflictError(f"It was broken off {MOST_ATTEMPTS} times.")
        further = await self._in_thread(linked_ids, self._warehouse, export.project_id, export.ids)
        return await self.exports.add_ids(export, further)

    async def _failed(self, export: SubjectExport, reason: str) -> None:
        _log.error("an export failed", export=export.id, detail=reason)
        await self.exports.fail(export, reason)

    async def _write(self, export: SubjectExport, asked: tuple[str, ...], claim: Claim) -> None:
        project = self._directory.project_by_id(export.project_id)
        if project is None:
            raise ConflictError("The project is not there any more.")
        with Archive(self.folder, export.id) as archive:
            receipt = await self._fill(archive, export, asked, project)
            if not await claim.holds():
                raise ConflictError("The connection to PostgreSQL broke meanwhile: ask again.")
            size = await self._in_thread(archive.finish)
        if await self.exports.finish(export, self._keep, size, receipt):
            _log.info("a person's data was exported", export=export.id, size_bytes=size)

    async def _fill(self, archive: Archive, export: SubjectExport, asked: tuple[str, ...], project: Project) -> dict[str, Any]:
        subject = Subject(export.project_id, export.ids)
        today = self._clock.now().date()
        files: dict[str, dict[str, Any]] = {}
        for table in exported_tables(subject, RevealedValues(self._personal, project)):
            await self.exports.say_phase(export, f"writing {table.file}")
            files[table.file] = {"store": table.name, "lines": 0, "withheld": 0}
            await self._in_thread(archive.begin_file, table.file)
            for bite in await self._in_thread(table.bites, self._warehouse, subject, today):
                lines = await self._in_thread(table.read, self._warehouse, subject, today, bite)
                await self.exports.note_ids(export, lines.ids)
                await self._in_thread(archive.write, lines.text)
                files[table.file]["lines"] += lines.lines
                files[table.file]["withheld"] += lines.withheld
        files["events.ndjson"]["withheld"] += await self._in_thread(count_of_others, self._warehouse, subject, today)
        lines = Lines()
        for text in export.ids:
            lines.add({"id": text, "linked": text not in asked})
        files["identities.ndjson"] = {
            "store": "the ids, as asked for and as linked by $identify and $alias",
            "lines": lines.lines,
            "withheld": 0,
        }
        await self._in_thread(self._end, archive, lines, _manifest(export, project, files, self._clock.now()))
        return {"files": files}

    def _end(self, archive: Archive, identities: Lines, manifest: bytes) -> None:
        archive.begin_file("identities.ndjson")
        archive.write(identities.text)
        archive.begin_file("manifest.json")
        archive.write(manifest)

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        return await anyio.to_thread.run_sync(partial(work, *arguments))


def _manifest(export: SubjectExport, project: Project, files: dict[str, dict[str, Any]], now: datetime) -> bytes:
    content = {
        "format": 1,
        "export": export.id,
        "project": project.slug,
        "requested_at": iso_utc(export.requested_at),
        "made_at": iso_utc(now),
        "data_as_of": iso_utc(export.data_as_of or export.requested_at),
        "files": files,
        "not_included": dict(NOT_EXPORTED),
        "notes": NOTES,
    }
    return indented(encode(content), indent=2) + b"\n"
