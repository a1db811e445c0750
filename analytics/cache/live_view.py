"""What live streams watch: shared snapshots, the feed, and the places for watchers.

The one thing to know: one snapshot a second per watched project serves all who watch it, and `stop` ends every stream within a tick.
"""

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager

from analytics.cache.live_feed import LiveFeed
from analytics.cache.live_snapshot import LiveReader, LiveSnapshot
from analytics.errors import CacheUnavailableError, RateLimitedError, ShuttingDownError
from analytics.telemetry.metrics import Metrics

MOST_STREAMS = 500
MOST_STREAMS_PER_PROJECT = 50
_SNAPSHOT_SECONDS = 0.9


class LiveView:
    """For the event loop; `stop` and `feed` for any thread."""

    def __init__(
        self,
        reader: LiveReader,
        feed: LiveFeed,
        metrics: Metrics,
        most_streams: int = MOST_STREAMS,
        most_streams_per_project: int = MOST_STREAMS_PER_PROJECT,
    ) -> None:
        self.feed = feed
        self._reader = reader
        self._metrics = metrics
        self._most_streams = most_streams
        self._most_per_project = most_streams_per_project
        self._streams: dict[str, int] = {}
        self._snapshots: dict[str, tuple[float, asyncio.Task[LiveSnapshot]]] = {}
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether streams shall end."""
        return self._stopping

    def stop(self) -> None:
        """End every stream soon and open no more."""
        self._stopping = True

    async def snapshot(self, project_id: str) -> LiveSnapshot:
        """The counters of a project, at most a second old. Raises CacheUnavailableError."""
        now = time.monotonic()
        held = self._snapshots.get(project_id)
        if held is None or now - held[0] >= _SNAPSHOT_SECONDS:
            self._snapshots = {key: value for key, value in self._snapshots.items() if now - value[0] < _SNAPSHOT_SECONDS}
            held = self._snapshots[project_id] = (now, asyncio.create_task(self._reader.snapshot(project_id)))
        # Shielded: one watcher who leaves must not take the answer from the others.
        return await asyncio.shield(held[1])

    async def snapshot_or_none(self, project_id: str) -> LiveSnapshot | None:
        """`snapshot`, or None while Redis is away."""
        try:
            return await self.snapshot(project_id)
        except CacheUnavailableError:
            return None

    def require_place(self, project_id: str) -> None:
        """Raises RateLimitedError if all places for streams are taken, ShuttingDownError while stopping."""
        if self._stopping:
            raise ShuttingDownError("The service is stopping.")
        if self._streams.get(project_id, 0) >= self._most_per_project or self.open_streams >= self._most_streams:
            raise RateLimitedError("Too many live streams are open.", retry_after_seconds=10)

    @contextmanager
    def watch(self, project_id: str) -> Generator[None]:
        """Take a place for one stream. Raises what `require_place` raises."""
        self.require_place(project_id)
        self._streams[project_id] = self._streams.get(project_id, 0) + 1
        self._metrics.live_streams.inc()
        try:
            yield
        finally:
            self._metrics.live_streams.dec()
            self._streams[project_id] -= 1
            if self._streams[project_id] == 0:
                del self._streams[project_id]

    @property
    def open_streams(self) -> int:
        """Streams open now."""
        return sum(self._streams.values())
