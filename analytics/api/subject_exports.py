"""`/v1/projects/{project}/subject-exports`: all that is kept of a person, as a ZIP of NDJSON files.

The one thing to know: the file lies on the disk of the process that was asked for it, and is fetched from that process.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.file_answer import FileAnswer
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.subject_exports import SubjectExportAnswer, WantedExport
from analytics.domain.access import Permission
from analytics.errors import ConflictError
from analytics.metadata.pool import Change
from analytics.privacy.archive import whole_path

router = APIRouter(prefix="/v1/projects/{project}/subject-exports", tags=["privacy"])
MayExport = Annotated[Access, Allowed(Permission.EXPORT_SUBJECT)]
_ZIP = "application/zip"
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}}, "description": "The ZIP."}
}


@router.post("", status_code=202)
async def export_person(wanted: WantedExport, access: MayExport, services: OpenServices) -> SubjectExportAnswer:
    """Collect all that is kept of a person and of all ids linked to them; personal fields come out in clear."""
    # As they were sent, and as they are stored where the project hashes ids.
    forms = [form for text in wanted.all_ids() for form in services.metadata.personal.ids_as_stored(access.project, text)]
    ids = tuple(dict.fromkeys(forms))
    return SubjectExportAnswer.of(
        await services.metadata.subject_exports.request(access.actor, access.project.id, ids, services.exporting.node)
    )


@router.get("")
async def list_subject_exports(
    access: MayExport, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None
) -> Page[SubjectExportAnswer]:
    """Exports of persons, newest first."""
    rows = await services.metadata.subject_exports.page(access.project.id, decode_cursor_after(cursor), limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda export: (export.requested_at.isoformat(), export.id))
    return Page(items=[SubjectExportAnswer.of(export) for export in kept], next_cursor=next_cursor)


@router.get("/{export_id}")
async def read_subject_export(export_id: str, access: MayExport, services: OpenServices) -> SubjectExportAnswer:
    """How far one export is."""
    return SubjectExportAnswer.of(await services.metadata.subject_exports.find(access.project.id, export_id))


@router.get("/{export_id}/file", response_class=Response, responses=_FILE)
async def download_subject_export(export_id: str, access: MayExport, services: OpenServices) -> FileAnswer:
    """The ZIP. Each download is recorded before it begins."""
    export = await services.metadata.subject_exports.find(access.project.id, export_id)
    if export.status != "finished":
        raise ConflictError(f"There is no file: the export is {export.status}.")
    if export.node != services.exporting.node:
        raise ConflictError("The file is with another process: ask the one that was asked for the export.")
    file = await FileAnswer.opened(whole_path(services.exporting.folder, export.id), _ZIP, f"{access.project.slug}-{export.id}.zip")
    try:
        change = Change(access.actor, "subject-export.download", export.id, access.project.id)
        await services.metadata.audit.record(change)
    except BaseException:
        file.close()
        raise
    return file
