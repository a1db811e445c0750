"""What the kernel says of renames in folders, in their order: what had landed when a process died.

inotify queues an event with the rename itself, so the queue of a dead process is complete and in order.
"""

import ctypes
import os
import select
import struct
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_MOVED_TO = 0x00000080
_CREATED = 0x00000100
_HEAD = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Appeared:
    """A name that came to be in a watched folder, by rename or, with `created`, new."""

    folder: str
    name: str
    created: bool


class FolderWatch:
    """Watches folders, each under a name of the caller's."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._fd: int = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._names: dict[int, str] = {}
        self._unseen = deque[Appeared]()
        for name, folder in folders.items():
            watch: int = _libc.inotify_add_watch(self._fd, os.fsencode(folder.resolve()), _MOVED_TO | _CREATED)
            if watch < 0:
                raise OSError(ctypes.get_errno(), f"inotify_add_watch {folder}")
            self._names[watch] = name

    def __enter__(self) -> "FolderWatch":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._fd)

    def pending(self) -> Iterator[Appeared]:
        """What has come since the last call; does not wait. What a caller leaves when it has seen enough is for the next call."""
        self._read()
        while self._unseen:
            yield self._unseen.popleft()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._fd, 65536)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, mask, _, size = _HEAD.unpack_from(data, at)
                name = data[at + _HEAD.size : at + _HEAD.size + size].rstrip(b"\0")
                at += _HEAD.size + size
                if watch in self._names:
                    self._unseen.append(Appeared(self._names[watch], os.fsdecode(name), bool(mask & _CREATED)))

    def wait(self, seconds: float) -> Iterator[Appeared]:
        """What comes within `seconds`, each at once."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._unseen or select.select([self._fd], [], [], left)[0]:
                yield from self.pending()
