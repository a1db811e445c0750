"""The account the engines run under: our own, or, since PostgreSQL refuses root, an unprivileged one where we are root."""

import contextlib
import fcntl
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from analytics.errors import EngineStartError

SYSTEM_USER = "analytics"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def choose_account(data_folder: Path) -> Account | None:
    """The account for an engine whose data is in `data_folder`; None where we are an ordinary user and stay it.

    As root: the owner of what is already there, else the system user `analytics` (made if it can be), else `nobody`.
    Raises EngineStartError if this machine has no unprivileged account at all.
    """
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(OSError):
        owner = data_folder.stat().st_uid
        if owner != 0:
            account = _by_uid(owner)
            if account is not None:
                return account
    account = _by_name(SYSTEM_USER) or _make_system_user() or _by_name("nobody")
    if account is None:
        raise EngineStartError(f"PostgreSQL does not run as root, and there is no user `{SYSTEM_USER}` or `nobody` to run it as.")
    return account


def give_to(account: Account | None, folder: Path) -> None:
    """Make `folder` and all in it the account's own (as root; nothing otherwise), readable by nobody else."""
    folder.chmod(stat.S_IRWXU)
    if account is None or folder.stat().st_uid == account.uid:
        return
    for parent, _, files in os.walk(folder):
        os.chown(parent, account.uid, account.gid)
        for name in files:
            os.chown(os.path.join(parent, name), account.uid, account.gid, follow_symlinks=False)


def can_reach(account: Account | None, path: Path) -> bool:
    """Whether the account may walk down to `path` and read it, by the permission bits."""
    if account is None:
        return True
    resolved = path.resolve()
    return all(_allows(account, folder, stat.S_IXOTH) for folder in resolved.parents) and _allows(
        account, resolved, stat.S_IROTH | stat.S_IXOTH
    )


def _allows(account: Account, path: Path, wanted: int) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        wanted <<= 6
    elif status.st_gid == account.gid:
        wanted <<= 3
    return status.st_mode & wanted == wanted


def _by_name(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid) if entry.pw_uid != 0 else None


def _by_uid(uid: int) -> Account | None:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return None  # initdb wants a name; an owner without one came from another machine
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make_system_user() -> Account | None:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return None
    command = [program, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    # useradd looks whether the name is there before it locks: of two at once, the second gives the user of the first another uid, and
    # the engine that was started meanwhile runs under a uid without a name.
    with _one_at_a_time(), contextlib.suppress(OSError, subprocess.TimeoutExpired):
        if _by_name(SYSTEM_USER) is None:
            subprocess.run([*command, "--shell", "/usr/sbin/nologin", SYSTEM_USER], capture_output=True, timeout=10, check=False)  # noqa: S603
    return _by_name(SYSTEM_USER)


@contextlib.contextmanager
def _one_at_a_time() -> Generator[None]:
    """Among all processes of this machine, by a lock on the folder that holds its users, which leaves nothing behind."""
    folder = os.open("/etc", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
