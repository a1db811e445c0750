"""One child process that ends with us, and those a killed run left behind.

The one thing to know: the parent-death signal comes when the *thread* that started the child ends, so children are started from the main
thread only.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from analytics.embedded import launcher
from analytics.embedded.account import Account


@dataclass(frozen=True, slots=True)
class ChildCommand:
    """How to start a child: `folder` is its current folder, `death_signal` what it gets when we die."""

    command: Sequence[str]
    folder: Path
    account: Account | None = None
    death_signal: int = signal.SIGKILL
    environment: Mapping[str, str] | None = None
    standard_input: bytes | None = None
    log: Path | None = None
    pass_fds: Sequence[int] = ()


def start_child(child: ChildCommand) -> subprocess.Popen[bytes]:
    """Start it; standard output and error go to `log`, or to our standard error. Raises OSError."""
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are started from the main thread")
    account = child.account
    command = [
        *(sys.executable, "-I", "-S", str(Path(launcher.__file__).resolve())),
        *(str(os.getpid()), str(int(child.death_signal))),
        *((str(account.uid), str(account.gid)) if account else ("-1", "-1")),
        *(str(child.folder), "--", *child.command),
    ]
    with contextlib.ExitStack() as stack:
        output: IO[bytes] | int = stack.enter_context(child.log.open("ab")) if child.log else 2
        process = subprocess.Popen(  # noqa: S603 the command is ours
            command,
            stdin=subprocess.DEVNULL if child.standard_input is None else subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=None if child.environment is None else dict(child.environment),
            pass_fds=tuple(child.pass_fds),
        )
    if process.stdin is not None and child.standard_input is not None:
        with contextlib.suppress(BrokenPipeError):  # it died already: whoever waits for it will say so
            process.stdin.write(child.standard_input)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    return process


def stop_child(process: subprocess.Popen[bytes], steps: Sequence[tuple[int, float]]) -> None:
    """Send each signal in turn, waiting its seconds for the end; SIGKILL for the whole family when none helped."""
    family = _family(process.pid)
    for number, seconds in steps:
        if process.poll() is not None:
            break
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    if process.poll() is None:
        process.kill()
        process.wait()
    _end(family)


def stop_leftovers(folder: Path, programs: Sequence[str], seconds: float = 3.0) -> int:
    """End the processes of earlier runs that still work in `folder`; how many there were.

    A process is one of them if its program is one of `programs` and its current folder is `folder`: unlike a remembered pid, that
    cannot be mistaken for another process that got the same number later.
    """
    try:
        wanted = folder.stat()
    except FileNotFoundError:
        return 0
    found: list[psutil.Process] = []
    for process in psutil.process_iter(["pid"]):
        with contextlib.suppress(psutil.Error, OSError):
            here = os.stat(f"/proc/{process.pid}/cwd")
            if (here.st_dev, here.st_ino) == (wanted.st_dev, wanted.st_ino) and Path(
                process.exe().removesuffix(" (deleted)")
            ).name in programs:
                found.append(process)
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGQUIT)  # PostgreSQL: stop now, and take the backends along
    _end(found, seconds)
    return len(found)


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _end(processes: Sequence[psutil.Process], seconds: float = 2.0) -> None:
    _, alive = psutil.wait_procs(list(processes), timeout=seconds)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5.0)
