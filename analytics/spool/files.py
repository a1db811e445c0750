"""Small files that are either the old or the new one after any crash."""

import os
from pathlib import Path

from xxhash import xxh3_64_hexdigest


def replace_file(path: Path, content: str | bytes, sync: bool = True) -> None:
    """Put `content` at `path` in one step; with `sync` it is on disk, name and all, when this returns."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.with_name(path.name + ".new")
    fd = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        if sync:
            os.fdatasync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)
    if sync:
        sync_folder(path.parent)


def seal(content: bytes) -> bytes:
    """`content` behind its checksum: what `unseal` can tell from anything else."""
    return xxh3_64_hexdigest(content).encode("ascii") + b"\n" + content


def unseal(data: bytes) -> bytes | None:
    """What was sealed, or None if it is not what was written."""
    checksum, _, content = data.partition(b"\n")
    return content if checksum == xxh3_64_hexdigest(content).encode("ascii") else None


def sync_folder(folder: Path) -> None:
    """Make names made, replaced or removed in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_file(path: Path) -> bytes | None:
    """The bytes at `path`, None if there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
