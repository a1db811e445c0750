"""What a process with embedded chDB does when native code in it crashes."""

import ctypes
import faulthandler
import signal

_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGSYS, signal.SIGTRAP)
_STANDARD_ERROR = 2


def end_at_once_by_crash(descriptor: int = _STANDARD_ERROR) -> None:
    """Let a crash end this process at once, after it has written to `descriptor` in which lines its threads were. From any thread.

    chDB takes the signals of crashes each time it opens, and holds a process that crashed for five minutes, silent and with Python's lock:
    so call this after that. Ctrl-Z, which it takes too, is given back as well.
    """
    faulthandler.disable()  # first: it gives the signals back to who had them before, which may be chDB, and would again in a crash
    c_signal = ctypes.CDLL(None).signal  # Python's own is for the main thread alone
    for number in (*_CRASHES, signal.SIGTSTP):
        c_signal(int(number), None)
    faulthandler.enable(descriptor)
