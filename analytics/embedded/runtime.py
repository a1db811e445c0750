"""The short-lived folder of the sockets: a socket's whole path may have 107 bytes, which a data dir deep in a tree exceeds.

Its name is random (nobody else can be there before us) and is noted in the data dir. What a killed run left is removed by the next start,
on this data dir or another.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import psutil

from analytics.embedded.account import Account
from analytics.errors import EngineStartError

SOCKET_PATH_BYTES = 107
_LONGEST_NAME = len("/.s.PGSQL.5432.lock")
_PREFIX = "analytics-"
_OWNER = "owner"


def make_runtime_folder(data_dir: Path, account: Account | None) -> Path:
    """A new private folder the engines' account owns; that of a killed run on `data_dir` is removed. Raises EngineStartError."""
    note = data_dir / "run" / "sockets"
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        remove_runtime_folder(Path(note.read_text("utf-8")))
    tried: list[str] = []
    for base in _bases(data_dir):
        try:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        except OSError as error:
            tried.append(f"{base}: {error.strerror}")
            continue
        if len(os.fsencode(folder)) + _LONGEST_NAME > SOCKET_PATH_BYTES:
            folder.rmdir()
            tried.append(f"{base}: too long")
            continue
        (folder / _OWNER).write_text(_me(os.getpid()), "ascii")
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        _sweep(base)
        note.write_text(str(folder), "utf-8")
        return folder
    raise EngineStartError(f"No folder for the engines' sockets ({'; '.join(tried)}).")


def remove_runtime_folder(folder: Path) -> None:
    """Remove it with all that is in it; a name that is not one of ours is left alone."""
    if folder.name.startswith(_PREFIX) and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(base: Path) -> None:
    """Remove folders whose owner has ended without doing so itself."""
    for folder in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # an owner just about to write its name
            owner = (folder / _OWNER).read_text("ascii")
            if _me(int(owner.split()[0])) != owner:
                remove_runtime_folder(folder)


def _me(pid: int) -> str:
    """A process by its number and the time it began, since numbers are given again; only the number if there is none."""
    try:
        return f"{pid} {psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return str(pid)


def _bases(data_dir: Path) -> list[Path]:
    # Not the user's XDG_RUNTIME_DIR before /tmp: it is taken away when the last session ends, the service may stay.
    named = [Path("/run")] if os.geteuid() == 0 else []
    named.append(Path("/tmp"))  # noqa: S108 mkdtemp makes a folder of our own in it
    named.extend(Path(value) for value in (os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("TMPDIR")) if value)
    return [*named, data_dir / "run"]
