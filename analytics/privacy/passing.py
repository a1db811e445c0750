"""How far this process's spool has passed the erasures: what was let in before it knew of one is stored, and off its disk.

The one thing to know: an erasure begins only when every spool has passed it; what comes in afterwards is refused at the door.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio.to_thread
import structlog

from analytics.background import running
from analytics.cache.live_feed import LiveFeed
from analytics.errors import AnalyticsError
from analytics.ingest.ingestor import Ingestor, Request
from analytics.metadata.erasures import Erasures
from analytics.metadata.key_directory import KeyDirectory
from analytics.privacy.spooled import leave
from analytics.spool.spool import Spool

LOOK_SECONDS = 0.2
SEEN_SECONDS = 600.0
LONGEST_SECONDS = 60.0
_SHOWN_SECONDS = 0.5  # a stored batch reaches the live feed a moment after it left the spool
_log = structlog.get_logger("analytics.privacy")


class SpoolPassing:
    """One task of the event loop, in each process that takes events."""

    def __init__(self, directory: KeyDirectory, erasures: Erasures, ingestor: Ingestor, spool: Spool, feed: LiveFeed) -> None:
        self._directory = directory
        self._erasures = erasures
        self._ingestor = ingestor
        self._spool = spool
        self._feed = feed
        self._version = -1
        self._passed: Mapping[str, frozenset[bytes]] = {}
        self._seen_at = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Be known, before the first event comes in, and run as long as the block does. Raises MetadataUnavailableError."""
        await self._erasures.report_node(self._spool.node, 0)
        async with running(self.run(), "spool-passing"):
            yield

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._look()
            except AnalyticsError as error:
                _log.warning("the spool cannot pass an erasure yet", code=error.code, detail=error.detail)
                await asyncio.sleep(1.0)
            except Exception as error:
                _log.error("the spool cannot pass an erasure yet", exc_info=error)
                await asyncio.sleep(1.0)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        version, _, erased = self._directory.erasures_known
        if version == self._version and now - self._seen_at < SEEN_SECONDS:
            return
        changed = [project_id for project_id, hashes in erased.items() if len(self._passed.get(project_id, ())) != len(hashes)]
        if changed:
            await self._pass(changed)
        await self._erasures.report_node(self._spool.node, version)
        self._version, self._passed, self._seen_at = version, erased, now

    async def _pass(self, project_ids: list[str]) -> None:
        project = self._directory.project_by_id(project_ids[0])
        if project is not None:
            # Requests are decoded and appended in the order in which they came: those before this one are in the spool when it is answered.
            await self._ingestor.submit(Request(project, b"[]"))
        await anyio.to_thread.run_sync(leave, self._spool, LONGEST_SECONDS, abandon_on_cancel=True)
        await asyncio.sleep(_SHOWN_SECONDS)
        for project_id in project_ids:
            self._feed.forget(project_id)
