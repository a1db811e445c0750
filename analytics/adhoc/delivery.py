"""From the thread of a query to the event loop, in bounded memory: the thread waits while the reader is slow."""

import asyncio
import threading
from collections import deque

MOST_BYTES = 4_000_000


class Delivery:
    """One thread puts, one task takes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._room = threading.Condition()
        self._chunks: deque[bytes] = deque()
        self._bytes = 0
        self._ended = False
        self._failure: BaseException | None = None
        self._left = False

    # ---- the thread ------------------------------------------------------

    def put(self, chunk: bytes) -> bool:
        """Hand over; waits for room. False: nobody reads any more."""
        with self._room:
            while self._bytes >= self._most_bytes and not self._left:
                self._room.wait()
            if self._left:
                return False
            self._chunks.append(chunk)
            self._bytes += len(chunk)
        self._tell()
        return True

    def end(self, failure: BaseException | None) -> None:
        """Nothing more comes; `failure` is raised to the reader after what was put. The first time counts; from any thread."""
        with self._room:
            if self._ended:
                return
            self._ended = True
            self._failure = failure
        self._tell()

    # ---- the event loop ----------------------------------------------------

    async def take(self) -> bytes | None:
        """The next chunk, None at the end. Raises the failure."""
        while True:
            with self._room:
                if self._chunks:
                    chunk = self._chunks.popleft()
                    self._bytes -= len(chunk)
                    self._room.notify_all()
                    return chunk
                if self._ended:
                    if self._failure is not None:
                        raise self._failure
                    return None
                self._news.clear()
            await self._news.wait()

    async def wait_ended(self) -> None:
        """Until the thread is through, whatever is left unread."""
        while True:
            with self._room:
                if self._ended:
                    return
                self._news.clear()
            await self._news.wait()

    def leave(self) -> None:
        """Nobody reads any more. From any thread."""
        with self._room:
            self._left = True
            self._chunks.clear()
            self._room.notify_all()

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop is closed
            self.leave()
