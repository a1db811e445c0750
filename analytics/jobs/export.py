"""Makes the exports that were asked of this process, also those that it was making when it was killed; and says how far its spool is."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

import structlog

from analytics.background import running, woken
from analytics.errors import AnalyticsError
from analytics.privacy.exporting import Exporting
from analytics.services import Services

LOOK_SECONDS = 2.0
WAITING_SECONDS = 0.2
AGAIN_SECONDS = 5.0
_log = structlog.get_logger("analytics.jobs")


@asynccontextmanager
async def exports_running(services: Services, *, makes: bool, stores: bool) -> AsyncGenerator[None]:
    """Run as long as the block does: `makes` exports where they are asked for, and reports what is stored where events are."""
    wake = asyncio.Event()
    services.exporting.exports.on_request = wake.set
    ready = services.warehouse_schema.ready
    async with AsyncExitStack() as stack:
        if makes:
            await stack.enter_async_context(running(ExportJob(services.exporting, wake, ready.is_set).run(), "subject-exports"))
        if stores:
            await stack.enter_async_context(
                running(_StoredReport(services.exporting, services.event_path.watermark).run(), "subject-exports-stored")
            )
        yield


class ExportJob:
    """One task of the event loop."""

    def __init__(self, exporting: Exporting, wake: asyncio.Event, is_ready: Callable[[], bool]) -> None:
        self._exporting = exporting
        self._wake = wake
        self._is_ready = is_ready
        self._recovered = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pause = LOOK_SECONDS
            try:
                pause = await self._round()
            except AnalyticsError as error:
                pause, self._recovered = AGAIN_SECONDS, False
                _log.warning("exports are gone on with later", code=error.code, detail=error.detail)
            except Exception as error:
                pause, self._recovered = AGAIN_SECONDS, False
                _log.error("exports are gone on with later", exc_info=error)
            await woken(self._wake, pause)

    async def _round(self) -> float:
        if not self._recovered:
            await self._exporting.recover()
            self._recovered = True
        await self._exporting.tidy()
        if not self._is_ready():
            return LOOK_SECONDS
        return LOOK_SECONDS if await self._exporting.make_all() else WAITING_SECONDS


class _StoredReport:
    """Says how far this process's spool is stored, while an export of any process waits for that."""

    def __init__(self, exporting: Exporting, watermark: Callable[[], datetime]) -> None:
        self._exporting = exporting
        self._watermark = watermark

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pause = WAITING_SECONDS
            try:
                if await self._exporting.exports.somebody_waits():
                    await self._exporting.exports.report_stored(self._exporting.node, self._watermark())
            except AnalyticsError:
                pause = AGAIN_SECONDS
            except Exception as error:
                pause = AGAIN_SECONDS
                _log.error("exports do not learn how far the spool is", exc_info=error)
            await asyncio.sleep(pause)
