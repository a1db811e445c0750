"""Becomes another program: own session, other account, end with the parent. Run as a script, with the standard library only.

    python -I -S launcher.py PARENT_PID SIGNAL UID GID FOLDER -- PROGRAM ARGUMENT...

UID and GID -1 keep the account. The one thing to know: the kernel forgets the parent-death signal when the account changes, so it is
set last, and FOLDER is entered first, while whoever started us may still go there: a program whose data lies under a folder closed to
its account works from its current folder.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent_pid: int, signal_number: int) -> None:
    """Ask the kernel to signal this process when the thread that started it ends; end at once if it already has."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Never returns: this process is PROGRAM afterwards."""
    parent_pid, signal_number, uid, gid = (int(value) for value in sys.argv[1:5])
    folder, separator, *command = sys.argv[5:]
    if separator != "--" or not command:
        raise SystemExit("launcher: no program")
    os.setsid()  # Ctrl-C in a terminal goes to every process of the session: only the supervisor shall see it
    os.chdir(folder)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    end_with_parent(parent_pid, signal_number)
    os.execv(command[0], command)  # noqa: S606 the command is ours


if __name__ == "__main__":
    main()
