"""The data dir: made private, locked against a second service, keeper of the secret key and of the running service's address.

<data dir>/lock             held by the service that runs on it, and by its worker
<data dir>/secret_key       signs tokens; mode 0600
<data dir>/run/service.json where the service listens, while it runs
<data dir>/exports/         files of subject exports, until they are fetched or their time is over
<data dir>/postgres/ valkey/ clickhouse/ spool/   the stores' own
"""

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from analytics.errors import SettingsError, StartError

LOCK_WAIT_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class RunningService:
    """What a running service says of itself: `pid` is the supervisor's."""

    url: str
    pid: int


class DataDir:
    """The folder named by ANALYTICS_DATA_DIR."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    def prepare(self) -> None:
        """Make the folder, private, if it is not there. Raises SettingsError if it cannot be written."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / "run").mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise SettingsError(f"ANALYTICS_DATA_DIR: {self.path} cannot be written: {error.strerror}.") from error

    def lock(self) -> int:
        """Take the folder for this process; the descriptor holds it until it and every inherited copy are closed.

        Raises StartError if another service runs on it. One that was killed just now is waited for: its worker ends by itself.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
                if _is_alive(holder) or time.monotonic() > deadline:
                    os.close(descriptor)
                    raise StartError(
                        f"Another service runs on the data dir {self.path} (process {holder or 'unknown'}): "
                        f"stop it, or set ANALYTICS_DATA_DIR to another folder."
                    ) from None
                time.sleep(0.05)
            else:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor

    def is_locked(self) -> bool:
        """Whether a service runs on it now."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def secret_key(self) -> str:
        """The key kept here, made at the first call. Raises StartError if it cannot be read or is empty."""
        path = self.path / "secret_key"
        with contextlib.suppress(FileExistsError):
            if not path.exists():
                _write_new(path, secrets.token_urlsafe(48))
        return self.kept_secret_key()

    def kept_secret_key(self) -> str:
        """The key kept here, never made. Raises StartError if there is none or it cannot be read."""
        path = self.path / "secret_key"
        try:
            key = path.read_text("ascii").strip()
        except OSError as error:
            raise StartError(f"The secret key in {path} cannot be read: {error.strerror}.") from error
        if not key:
            raise StartError(f"The secret key in {path} is empty: restore it, or remove the file to have one made (ends all sessions).")
        return key

    def note_service(self, service: RunningService) -> None:
        """Say where the service listens."""
        path = self.path / "run" / "service.json"
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(service)), "utf-8")
        unfinished.replace(path)

    def forget_service(self) -> None:
        """The service listens no more."""
        (self.path / "run" / "service.json").unlink(missing_ok=True)

    def running_service(self) -> RunningService | None:
        """The service that runs on this folder, or None."""
        try:
            noted = cast(dict[str, Any], json.loads((self.path / "run" / "service.json").read_text("utf-8")))
            service = RunningService(str(noted["url"]), int(noted["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return service if self.is_locked() else None


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_new(path: Path, text: str) -> None:
    """Write a private file that is there whole or not at all. Raises FileExistsError if somebody was faster."""
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)
    finally:
        os.unlink(unfinished)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
