"""The file of an export: a ZIP that grows on the disk, private from its first byte, and in its place only once it is whole.

The one thing to know: the spool lives on the same disk and must never find it full, so a file that would take the last of it is given up.
"""

import os
import shutil
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from analytics.spool.files import sync_folder

RESERVE_BYTES = 500_000_000  # what is left to others


class DiskFullError(Exception):
    """There is no room for the file."""


def whole_path(folder: Path, export_id: str) -> Path:
    """Where the file of an export lies once it is whole."""
    return folder / f"{export_id}.zip"


def unfinished_path(folder: Path, export_id: str) -> Path:
    """Where it grows."""
    return folder / f"{export_id}.part"


def remove_files(folder: Path, export_id: str) -> None:
    """Remove whatever there is of an export, for good. Blocks."""
    for path in (unfinished_path(folder, export_id), whole_path(folder, export_id)):
        path.unlink(missing_ok=True)
    if folder.is_dir():
        sync_folder(folder)


def remove_strangers(folder: Path, known: Iterable[str]) -> None:
    """Remove every file but those of the exports `known`, and no unfinished one stays. Blocks."""
    kept = {whole_path(folder, export_id).name for export_id in known}
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in kept:
            path.unlink(missing_ok=True)


class Archive:
    """A new one. Methods block, and raise DiskFullError if there is no room, OSError for any other fault of the disk."""

    def __init__(self, folder: Path, export_id: str) -> None:
        self._folder = folder
        self._unfinished = unfinished_path(folder, export_id)
        self._whole = whole_path(folder, export_id)
        self._zip: zipfile.ZipFile | None = None
        self._member: IO[bytes] | None = None
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._unfinished.unlink(missing_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._unfinished, flags, 0o600), "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=4)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """What is not finished is removed."""
        for part in (self._member, self._zip, self._file):
            if part is not None:
                with suppress(OSError, ValueError):  # it may be the full disk again
                    part.close()
        self._member = self._zip = self._file = None
        self._unfinished.unlink(missing_ok=True)

    def begin_file(self, name: str) -> None:
        """What is written from now on belongs to `name`."""
        assert self._zip is not None
        self._end_file()
        self._member = self._zip.open(name, "w", force_zip64=True)

    def write(self, content: bytes | bytearray) -> None:
        """More of the file begun last."""
        assert self._member is not None
        if shutil.disk_usage(self._folder).free - len(content) < RESERVE_BYTES:
            raise DiskFullError
        try:
            self._member.write(content)
        except OSError as error:
            raise DiskFullError from error

    def finish(self) -> int:
        """Bring it to the disk and into its place; its size in bytes."""
        assert self._zip is not None
        assert self._file is not None
        self._end_file()
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        size = os.fstat(self._file.fileno()).st_size
        self._file.close()
        self._unfinished.replace(self._whole)
        sync_folder(self._folder)
        return size

    def _end_file(self) -> None:
        if self._member is not None:
            self._member.close()
            self._member = None
