"""Draws pages in processes beside the worker, a few at a time, each within limits of time and memory.

The one thing to know: a process is started when the first picture is wanted and ended when nobody wanted one for a while. One that takes
too long, grows too large or dies is ended, and whoever waited for it is told so; the next picture gets a new one.
"""

import os
import subprocess
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import anyio
import anyio.to_thread
import structlog

from analytics.background import running
from analytics.errors import InvalidRequestError, PictureFailedError, RateLimitedError
from analytics.pictures.page import PageOfCards
from analytics.side_process import SideProcess

SECONDS = 15.0
START_SECONDS = 60.0
IDLE_SECONDS = 120.0
MEMORY_BYTES = 1_500_000_000
MAX_BYTES = 32_000_000
MOST_WAITING = 32
PICTURES_A_PROCESS = 500
_END_SECONDS = 5.0
_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "HOME")  # of the environment: no secrets
_log = structlog.get_logger("analytics.pictures")


class _Drawer:
    """One process. For one thread at a time."""

    def __init__(self, memory_bytes: int) -> None:
        environment = {"TZ": "UTC", **{name: os.environ[name] for name in _KEPT if name in os.environ}}
        self._beside = SideProcess("analytics.pictures.drawer_process", memory_bytes, environment=environment, silent=True)
        self.process = self._beside.process
        self.drawn = 0
        self.used_at = time.monotonic()

    def wait_until_ready(self) -> None:
        """Raises PictureFailedError."""
        try:
            if self._beside.await_ready(START_SECONDS):
                return
        except (EOFError, OSError) as error:
            raise PictureFailedError("The process that draws did not start.") from error
        raise PictureFailedError("The process that draws did not start in time.")

    def draw(self, page: PageOfCards, seconds: float) -> tuple[str, bytes | str]:
        """As `drawer_process.drawn` says. Raises PictureFailedError, after which the process is of no use."""
        self.drawn += 1
        self.used_at = time.monotonic()
        try:
            self._beside.send((page, seconds))
            return cast("tuple[str, bytes | str]", self._beside.receive(seconds, MAX_BYTES))
        except TimeoutError as error:
            raise PictureFailedError(f"The picture took longer than {seconds:g} seconds.") from error
        except (EOFError, OSError) as error:
            raise PictureFailedError("The picture takes more time or memory than it may.") from error

    def end(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(_END_SECONDS)
        self._beside.leave()

    def leave(self) -> None:
        """It has ended by itself."""
        self._beside.leave()


class Pictures:
    """For one event loop. `processes` is how many pictures are drawn at the same time."""

    def __init__(self, processes: int = 1, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._limiter = anyio.CapacityLimiter(processes)
        self._idle: list[_Drawer] = []
        self._all: set[_Drawer] = set()
        self._lock = threading.Lock()
        self._closed = False

    async def draw(self, page: PageOfCards) -> bytes:
        """SVG or PNG of `page`. Raises InvalidRequestError for a chart that is not drawn, PictureFailedError, or RateLimitedError."""
        if self._limiter.statistics().tasks_waiting >= MOST_WAITING:
            raise RateLimitedError("Too many pictures are wanted at once; try again.", 2)
        # Not abandoned: the thread has a process in hand. It ends within the limit of time.
        outcome, drawn = await anyio.to_thread.run_sync(self._draw, page, limiter=self._limiter)
        if isinstance(drawn, bytes):
            return drawn
        if outcome == "failed":
            _log.error("a picture failed unforeseen", traceback=drawn)
            raise PictureFailedError("The picture could not be drawn.")
        raise InvalidRequestError(drawn)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator["Pictures"]:
        """Ends processes that nobody needs as long as the block runs, and all at its end."""
        try:
            async with running(self._end_idle(), "pictures-idle"):
                yield self
        finally:
            await anyio.to_thread.run_sync(self._close)

    def _draw(self, page: PageOfCards) -> tuple[str, bytes | str]:
        drawer = self._taken()
        try:
            drawn = drawer.draw(page, self._seconds)
        except PictureFailedError as error:
            self._end(drawer)
            _log.warning("a picture was given up", reason=error.detail, status=drawer.process.returncode)
            raise
        if drawer.drawn >= PICTURES_A_PROCESS:
            self._end(drawer)
        else:
            with self._lock:
                self._idle.append(drawer)
        return drawn

    def _taken(self) -> _Drawer:
        with self._lock:
            if self._closed:
                raise PictureFailedError("The service is stopping.")
            while self._idle:
                drawer = self._idle.pop()
                if drawer.process.poll() is None:
                    return drawer
                self._all.discard(drawer)
                drawer.leave()
            drawer = _Drawer(self._memory_bytes)
            self._all.add(drawer)
        try:
            drawer.wait_until_ready()
        except BaseException:
            self._end(drawer)
            raise
        return drawer

    def _end(self, drawer: _Drawer) -> None:
        with self._lock:
            self._all.discard(drawer)
        drawer.end()

    async def _end_idle(self) -> None:
        while True:
            await anyio.sleep(IDLE_SECONDS / 4)
            with self._lock:
                old = [drawer for drawer in self._idle if time.monotonic() - drawer.used_at > IDLE_SECONDS]
                self._idle = [drawer for drawer in self._idle if drawer not in old]
            for drawer in old:
                await anyio.to_thread.run_sync(self._end, drawer)

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            left = list(self._all)
        for drawer in left:
            try:
                self._end(drawer)
            except (OSError, subprocess.TimeoutExpired) as error:
                _log.error("a process that draws does not end", pid=drawer.process.pid, error=str(error))
