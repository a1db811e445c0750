"""The thread that inserts one batch while the writer prepares the next.

An insert spends its time in the engine, which needs no Python; preparing a batch spends it in Python. Side by side, the two take as long
as the longer of them. One insert at a time, in the order of the spool: the thread is handed a second one only when the first has ended.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Inserter:
    """Runs one piece of work at a time; `ended` is called on its thread after each."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._error: BaseException | None = None
        # A daemon, as the writer is: an insert that hangs must not keep a process alive that is told to end.
        self._thread = threading.Thread(target=self._run, name="inserter", daemon=True)

    def launch(self, work: Callable[[], None]) -> None:
        """Start `work`; the one before must have been waited for."""
        if not self._thread.is_alive():
            self._thread.start()
        self._idle.clear()
        self._work.put(work)

    def done(self) -> bool:
        """Whether `wait` would answer at once."""
        return self._idle.is_set()

    def wait(self) -> None:
        """Wait for the work under way, and raise what it raised."""
        self._idle.wait()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def finish(self) -> None:
        """Wait for the work under way, whatever becomes of it."""
        self._idle.wait()

    def _run(self) -> None:
        while True:
            work = self._work.get()
            try:
                work()
            except BaseException as error:  # for the writer's thread, which waits for it
                self._error = error
            self._idle.set()
            self._ended()
