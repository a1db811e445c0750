"""A process of ours beside the worker, over a pair of sockets: both sides of it. What is asked and answered is pickled, and what is large
goes beside its pickle, straight from where it is to where it will be (`large_beside`): packed and unpacked like the rest it would be copied
four times, and cost a quarter of what decoding an event costs.

A message is the number of its parts (4 bytes), their sizes (8 bytes each), and the parts: the pickle first.

The one thing to know: it lives as long as the worker's end is open, which the system closes when the worker is killed.
"""

import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

_LARGE_BYTES = 16_384  # below, one system call more costs as much as the copies
_MOST_PARTS = 65_536  # far above what a group of requests has: who says more does not speak this


def large_beside(thing: Any) -> tuple[object, ...]:
    """The `__reduce__` of a dataclass: of its fields, bytes that are many go beside the pickle, and come out as bytes again."""
    return type(thing), tuple(_beside(getattr(thing, field.name)) for field in fields(thing))


def _beside(value: object) -> object:
    return pickle.PickleBuffer(value) if isinstance(value, bytes) and len(value) >= _LARGE_BYTES else value


class SideProcess:
    """The worker's side. Send from one thread, receive from one other; answers come in the order of what was sent."""

    def __init__(self, module: str, *arguments: object, environment: Mapping[str, str] | None = None, silent: bool = False) -> None:
        """`python -m module FD arguments...`; None: our own environment. `silent`: also its standard error goes nowhere."""
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 the command is ours
                [sys.executable, "-m", module, str(theirs.fileno()), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL if silent else None,
                pass_fds=(theirs.fileno(),),
                env=environment,
            )
        self._channel = ours
        self._poll = select.poll()
        self._poll.register(ours, select.POLLIN)

    def await_ready(self, seconds: float) -> bool:
        """Wait until it says that it is ready; whether it did. Not again once it did. Raises EOFError, OSError."""
        if not self._poll.poll(seconds * 1000):
            return False
        _receive(self._channel)
        return True

    def send(self, asked: object) -> None:
        """Have it answered. Raises OSError."""
        _send(self._channel, asked)

    def receive(self, seconds: float, most_bytes: int | None = None) -> Any:
        """The next answer. Raises TimeoutError if none comes in time, EOFError or OSError if none can come or it is larger."""
        if not self._poll.poll(seconds * 1000):
            raise TimeoutError
        return _receive(self._channel, most_bytes)

    def leave(self) -> None:
        """Close our end: it ends once it has answered what it is at."""
        self._channel.close()


class _WithoutPandas(MetaPathFinder):
    """Says of pandas that it is not installed."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname, name=fullname)


def do_without_pandas() -> None:
    """In a process of ours, first of all: Arrow loads pandas for its first array, if it is there, only to ask whether the values are of it.

    It is there, since chDB names it among what it needs, and nothing here uses it: a fifth of a second and tens of megabytes a process.
    """
    sys.meta_path.insert(0, _WithoutPandas())


def ignore_signals() -> None:
    """In the process, first of all: Ctrl-C goes to all of a terminal's processes, and the worker still waits for answers."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def answer_all(answer: Callable[[Any], object]) -> None:
    """In the process, once it is warm: say so, and answer what comes until the other end is closed."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    with suppress(EOFError, ConnectionError):
        _send(channel, "ready")
        while True:
            _send(channel, answer(_receive(channel)))


def _send(channel: socket.socket, message: object) -> None:
    large = list[pickle.PickleBuffer]()
    parts = [pickle.dumps(message, protocol=5, buffer_callback=large.append), *(buffer.raw() for buffer in large)]
    channel.sendall(struct.pack(f"!I{len(parts)}Q", len(parts), *map(len, parts)) + parts[0])
    for part in parts[1:]:
        channel.sendall(part)


def _receive(channel: socket.socket, most_bytes: int | None = None) -> Any:
    (count,) = struct.unpack("!I", _exactly(channel, 4))
    if count > _MOST_PARTS:
        raise OSError(f"a message of {count:,} parts")
    sizes = struct.unpack(f"!{count}Q", _exactly(channel, 8 * count))
    if most_bytes is not None and sum(sizes) > most_bytes:
        raise OSError(f"a message of {sum(sizes):,} bytes, where {most_bytes:,} are the most")
    pickled, *large = (_exactly(channel, size) for size in sizes)
    return pickle.loads(pickled, buffers=large)  # noqa: S301 from a process of ours


def _exactly(channel: socket.socket, size: int) -> bytes:
    """So many bytes, nearly always without a copy. Raises EOFError if the other end is closed before."""
    found = channel.recv(size, socket.MSG_WAITALL)
    while len(found) < size:  # a signal came between
        more = channel.recv(size - len(found), socket.MSG_WAITALL)
        if not more:
            raise EOFError
        found += more
    return found
