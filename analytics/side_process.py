"""A process of ours beside the worker, over a pair of sockets: both sides of it. What is asked and answered is pickled.

The one thing to know: it lives as long as the worker's end is open, which the system closes when the worker is killed.
"""

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from multiprocessing.connection import Connection
from socket import socketpair
from types import ModuleType
from typing import Any


class SideProcess:
    """The worker's side. Send from one thread, receive from one other; answers come in the order of what was sent."""

    def __init__(self, module: str, *arguments: object, environment: Mapping[str, str] | None = None, silent: bool = False) -> None:
        """`python -m module FD arguments...`; None: our own environment. `silent`: also its standard error goes nowhere."""
        ours, theirs = socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 the command is ours
                [sys.executable, "-m", module, str(theirs.fileno()), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL if silent else None,
                pass_fds=(theirs.fileno(),),
                env=environment,
            )
        self._connection = Connection(ours.detach())

    def await_ready(self, seconds: float) -> bool:
        """Wait until it says that it is ready; whether it did. Not again once it did. Raises EOFError, OSError."""
        if not self._connection.poll(seconds):
            return False
        self._connection.recv_bytes()
        return True

    def send(self, asked: object) -> None:
        """Have it answered. Raises OSError."""
        self._connection.send_bytes(pickle.dumps(asked, protocol=5))

    def receive(self, seconds: float, most_bytes: int | None = None) -> Any:
        """The next answer. Raises TimeoutError if none comes in time, EOFError or OSError if none can come or it is larger."""
        if not self._connection.poll(seconds):
            raise TimeoutError
        return pickle.loads(self._connection.recv_bytes(most_bytes))  # noqa: S301 from our own process

    def leave(self) -> None:
        """Close our end: it ends once it has answered what it is at."""
        self._connection.close()


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
    connection = Connection(int(sys.argv[1]))
    with suppress(EOFError, ConnectionError):
        connection.send_bytes(b"ready")
        while True:
            asked = pickle.loads(connection.recv_bytes())  # noqa: S301 from our own worker
            connection.send_bytes(pickle.dumps(answer(asked), protocol=5))
