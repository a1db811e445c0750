"""A door between two batches: whoever holds it sees tables in which no batch is half stored.

The one thing to know: a hold is short. The writer waits for the end of one `longest_seconds` at most and then goes on; the holder learns
that by `intact`, and must not trust what it saw.
"""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from analytics.errors import WarehouseUnavailableError


class Hold:
    """One hold of the gate."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.passed = False

    def intact(self) -> bool:
        """Whether no batch began since the hold did."""
        return not self.passed


class Gate:
    """The writer's thread calls `begin` and `end` around each batch; any other may hold the gate. Closed at first: starting is busy."""

    def __init__(self, longest_seconds: float = 5.0) -> None:
        self._longest_seconds = longest_seconds
        self._changed = threading.Condition()
        self._busy = True
        self._ended = False
        self._holds: list[Hold] = []

    def begin(self) -> None:
        """Before a batch: waits while the gate is held."""
        with self._changed:
            while self._holds:
                left = max(hold.until for hold in self._holds) - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            for hold in self._holds:
                hold.passed = True
            self._busy = True

    def end(self) -> None:
        """After a batch, when it is stored, and once the writer has started."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def close(self) -> None:
        """The writer is gone and may have left a batch half stored: nobody gets in any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @contextmanager
    def held(self, wait_seconds: float) -> Generator[Hold]:
        """Hold the gate once the batch under way is stored. Raises WarehouseUnavailableError if that takes longer than `wait_seconds`."""
        hold = Hold(time.monotonic() + wait_seconds + self._longest_seconds)
        with self._changed:
            self._holds.append(hold)  # from now on no new batch begins
            came = self._changed.wait_for(lambda: not self._busy or self._ended, wait_seconds)
            if not came or self._ended:
                self._release(hold)
                raise WarehouseUnavailableError("The writer has a batch under way that does not end.")
            hold.until = time.monotonic() + self._longest_seconds
        try:
            yield hold
        finally:
            with self._changed:
                self._release(hold)

    def _release(self, hold: Hold) -> None:
        self._holds.remove(hold)
        self._changed.notify_all()
