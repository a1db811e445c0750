"""Runs erasures as they are asked for, also those that a killed process left; in one process at a time."""

import asyncio
from dataclasses import replace

import structlog

from analytics.background import woken
from analytics.clock import Clock
from analytics.errors import AnalyticsError, RequestError
from analytics.metadata.claims import Job, claimed
from analytics.metadata.erasures import Erasure
from analytics.metadata.pool import Database
from analytics.migrate.clickhouse import WarehouseSchema
from analytics.privacy.erasing import Erasing
from analytics.reconcile.session import InterruptedRunError

LOOK_SECONDS = 2.0
AGAIN_SECONDS = 5.0
_log = structlog.get_logger("analytics.jobs")


class EraseJob:
    """One task of the event loop."""

    def __init__(self, erasing: Erasing, database: Database, schema: WarehouseSchema, clock: Clock) -> None:
        self._erasing = erasing
        self._database = database
        self._schema = schema
        self._clock = clock
        self._wake = asyncio.Event()

    def look_soon(self) -> None:
        """One is asked for. For the event loop."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pause = LOOK_SECONDS
            try:
                await self._round()
            except AnalyticsError as error:
                pause = AGAIN_SECONDS
                _log.warning("an erasure is gone on with later", code=error.code, detail=error.detail)
            except InterruptedRunError:
                pause = AGAIN_SECONDS
            except Exception as error:
                pause = AGAIN_SECONDS
                _log.error("an erasure is gone on with later", exc_info=error)
            await woken(self._wake, pause)

    async def _round(self) -> None:
        if not self._schema.ready.is_set() or not await self._erasing.erasures.open():
            return
        async with claimed(self._database, Job.ERASE) as claim:
            if claim is None:
                return
            for erasure in await self._erasing.erasures.open():
                await self._run(erasure)

    async def _run(self, erasure: Erasure) -> None:
        try:
            await self._erasing.run(erasure)
        except RequestError as error:
            _log.error("an erasure failed", erasure=erasure.id, detail=error.detail)
            await self._erasing.erasures.save(replace(erasure, status="failed", finished_at=self._clock.now(), error=error.detail))
