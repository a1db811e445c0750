"""Exports of persons."""

from analytics.api.schemas.base import Answer, UtcTime
from analytics.api.schemas.erasures import WantedErasure
from analytics.metadata.subject_exports import Status, SubjectExport


class WantedExport(WantedErasure):
    """Whom: one of the three."""


class ExportedFile(Answer):
    """One file in the ZIP: lines in it, and entries that name the person and were left out since they are of others."""

    store: str
    lines: int
    withheld: int


class SubjectExportAnswer(Answer):
    """One export. `data_as_of`: everything answered before it is in the file, which is there while the status is `finished`."""

    id: str
    status: Status
    phase: str
    requested_at: UtcTime
    finished_at: UtcTime | None
    expires_at: UtcTime | None
    data_as_of: UtcTime | None
    size_bytes: int | None
    files: dict[str, ExportedFile] | None
    error: str | None

    @classmethod
    def of(cls, export: SubjectExport) -> "SubjectExportAnswer":
        """The answer that shows `export`."""
        files = export.receipt.get("files", {})
        return cls(
            id=export.id,
            status=export.status,
            phase=export.phase,
            requested_at=export.requested_at,
            finished_at=export.finished_at,
            expires_at=export.expires_at,
            data_as_of=export.data_as_of,
            size_bytes=export.size_bytes,
            files={name: ExportedFile.model_validate(file) for name, file in files.items()} or None,
            error=export.error,
        )
