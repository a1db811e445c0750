"""The short-lived folder of the sockets: a socket's whole path may have 107 bytes, which a data dir deep in a tree exceeds.

Its name is random (nobody else can be there before us) and is kept in the data dir, so that what a killed run left is removed.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from analytics.embedded.account import Account
from analytics.errors import EngineStartError

SOCKET_PATH_BYTES = 107
_LONGEST_NAME = len("/.s.PGSQL.5432.lock")
_PREFIX = "analytics-"


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
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        note.write_text(str(folder), "utf-8")
        return folder
    raise EngineStartError(f"No folder for the engines' sockets ({'; '.join(tried)}).")


def remove_runtime_folder(folder: Path) -> None:
    """Remove it with all that is in it; a name that is not one of ours is left alone."""
    if folder.name.startswith(_PREFIX) and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def _bases(data_dir: Path) -> list[Path]:
    # Not the user's XDG_RUNTIME_DIR before /tmp: it is taken away when the last session ends, the service may stay.
    named = [Path("/run")] if os.geteuid() == 0 else []
    named.append(Path("/tmp"))  # noqa: S108 mkdtemp makes a folder of our own in it
    named.extend(Path(value) for value in (os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("TMPDIR")) if value)
    return [*named, data_dir / "run"]
