"""Which migrations a database still needs, decided from two lists: the files and what is recorded.

The one thing to know: a database may be ahead of the files (a release was rolled back; migrations leave the previous release working),
but nothing below the newest recorded number may be missing or changed.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from analytics.errors import SchemaDriftError

_FILE_NAME = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.sql\Z")


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One numbered file. `name` is 0001_create_events; `checksum` is the SHA-256 of its bytes, as hex."""

    number: int
    name: str
    sql: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a database says of one migration. Not `done`: it was begun, and nobody knows how far it came."""

    number: int
    name: str
    checksum: str
    done: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """A migration to run; `resumed` if an earlier run began it, with the same text, and died."""

    file: MigrationFile
    resumed: bool = False


def read_files(folder: Path) -> tuple[MigrationFile, ...]:
    """The migrations of `folder`, by number.

    Raises SchemaDriftError for a file that is not named NNNN_verb_object.sql, or a number used twice. Numbers may have gaps.
    """
    found: list[MigrationFile] = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.match(path.name)
        if match is None:
            raise SchemaDriftError(f"{path.name} in {folder.name} is not named NNNN_verb_object.sql.")
        content = path.read_bytes()
        found.append(MigrationFile(int(match[1]), path.stem, content.decode("utf-8"), hashlib.sha256(content).hexdigest()))
    for before, file in pairwise(found):
        if file.number == before.number:
            raise SchemaDriftError(f"{file.name}.sql in {folder.name}: its number is used twice.")
    return tuple(found)


def plan_migrations(files: Sequence[MigrationFile], recorded: Sequence[Recorded]) -> tuple[Step, ...]:
    """The steps from what is recorded to what the files say, in order.

    Raises SchemaDriftError naming the file that was changed, renamed or removed after it was run, or that was added before one that was.
    """
    by_number = {record.number: record for record in recorded}
    names = {file.number: file.name for file in files}
    newest_done = max((record.number for record in recorded if record.done), default=0)
    for record in recorded:
        if record.done and record.number <= _newest(files) and names.get(record.number) != record.name:
            raise SchemaDriftError(f"{record.name}.sql was run here but is gone; put it back.")
    steps: list[Step] = []
    for file in files:
        record = by_number.get(file.number)
        if record is not None and record.done:
            if record.checksum != file.checksum:
                raise SchemaDriftError(f"{file.name}.sql was changed after it was run here; undo the change and put it into a new file.")
            continue
        if file.number < newest_done:
            raise SchemaDriftError(f"{file.name}.sql was never run here, though {newest_done:04d} was.")
        steps.append(Step(file, resumed=record is not None and record.checksum == file.checksum))
    return tuple(steps)


def is_ahead(files: Sequence[MigrationFile], recorded: Sequence[Recorded]) -> bool:
    """Whether the database has run migrations that these files do not have."""
    return any(record.done and record.number > _newest(files) for record in recorded)


def _newest(files: Sequence[MigrationFile]) -> int:
    return max((file.number for file in files), default=0)
