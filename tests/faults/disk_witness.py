"""Put on PYTHONPATH as `sitecustomize`: the worker's `os.fdatasync` writes down what it synced and when, and obeys a few orders.

FAULTS_WITNESS names a folder. Each sync of a segment of the spool adds a line to `syncs` there: file, size, begin and end (monotonic,
seconds). Orders are files in the folder: `slow` (each sync takes 0.2 s longer), `late` (it returns at once and syncs behind the caller's
back: the fault that a checker must find), `broken` (it raises EIO).
"""

import errno
import os
import sys
import threading
import time

_FOLDER = os.environ.get("FAULTS_WITNESS", "")
_SECONDS = 0.2

if _FOLDER and "--report-fd" in sys.orig_argv:
    _real = os.fdatasync

    def _has(order: str) -> bool:
        return os.path.exists(os.path.join(_FOLDER, order))

    def _sync(fd: int, name: str, size: int, begun: float) -> None:
        _real(fd)
        if _has("slow") or _has("late"):
            time.sleep(_SECONDS)
        with open(os.path.join(_FOLDER, "syncs"), "a", encoding="utf-8") as file:
            file.write(f"{name} {size} {begun} {time.monotonic()}\n")

    def fdatasync(fd: int) -> None:
        """As `os.fdatasync`, witnessed."""
        name = os.readlink(f"/proc/self/fd/{fd}")
        if not name.endswith(".spool"):
            _real(fd)
            return
        if _has("broken"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        arguments = (os.dup(fd) if _has("late") else fd, name, os.fstat(fd).st_size, time.monotonic())
        if _has("late"):
            threading.Thread(target=_sync, args=arguments).start()
        else:
            _sync(*arguments)

    os.fdatasync = fdatasync
