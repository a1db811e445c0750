"""A person in files of exports that wait to be fetched, on the disk of this process and of others."""

import time
from pathlib import Path

from anyio import from_thread

from analytics.errors import WarehouseUnavailableError
from analytics.metadata.subject_exports import SubjectExports
from analytics.privacy.archive import remove_files
from analytics.privacy.subject import Subject

LONGEST_WAIT_SECONDS = 10.0


class ExportFiles:
    """`folder:exports`. Found by the keyed hashes of all ids in them. For threads that anyio started."""

    name = "folder:exports"

    def __init__(self, exports: SubjectExports, folder: Path, node: str) -> None:
        self._exports = exports
        self._folder = folder
        self._node = node

    def find(self, subject: Subject) -> int:
        return len(self._of(subject))

    def remove(self, subject: Subject) -> None:
        """Raises WarehouseUnavailableError if another process does not remove a file of its own."""
        for export_id, node, has_file in self._of(subject):
            from_thread.run(self._exports.erase, subject.project_id, export_id, has_file)
            if node == self._node:
                remove_files(self._folder, export_id)
                from_thread.run(self._exports.file_is_gone, export_id)
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while left := self._of(subject):
            if time.monotonic() > deadline:
                nodes = sorted({node for _, node, _ in left})
                raise WarehouseUnavailableError(f"An export with {', '.join(nodes)} is not removed yet.")
            time.sleep(0.1)

    def _of(self, subject: Subject) -> list[tuple[str, str, bool]]:
        return from_thread.run(self._exports.of_person, subject.project_id, subject.ids)
