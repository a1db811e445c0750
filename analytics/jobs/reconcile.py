"""Runs reconciliations: those asked for at once, the daily one in the quiet hour; in one process at a time."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import anyio.to_thread
import structlog

from analytics.background import running
from analytics.clock import Clock
from analytics.errors import AnalyticsError
from analytics.jobs.schedule import reconciliation_is_due
from analytics.metadata.claims import Claim, Job, claimed
from analytics.metadata.pool import Database
from analytics.migrate.clickhouse import WarehouseSchema
from analytics.reconcile.reconciliations import Reconciliations
from analytics.reconcile.records import Reconciliation

CLAIM_CHECK_SECONDS = 10.0
_log = structlog.get_logger("analytics.jobs")


@dataclass
class _Due:
    """What to look for at the next look."""

    daily: bool = False


class ReconcileJob:
    """One task of the event loop. `look` may be called by its thread, `look_soon` by any."""

    def __init__(self, reconciliations: Reconciliations, database: Database, schema: WarehouseSchema, clock: Clock) -> None:
        self._reconciliations = reconciliations
        self._database = database
        self._schema = schema
        self._clock = clock
        self._due = _Due()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def look(self) -> None:
        """See what is asked for, and whether the daily one is due."""
        self._due.daily = True
        self._wake.set()

    def look_soon(self) -> None:
        """See what is asked for."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._wake.set)

    def stop(self) -> None:
        """Interrupt what runs, and end. For another thread than the loop's."""
        self._reconciliations.stop()
        self.look_soon()

    async def run(self) -> None:
        """Until `stop`."""
        self._reconciliations.requests.on_request = self.look_soon
        self._wake.set()
        while not self._reconciliations.stopping:
            await self._wake.wait()
            self._wake.clear()
            daily, self._due.daily = self._due.daily, False
            try:
                await self._round(daily)
            except AnalyticsError as error:
                _log.warning("reconciliations could not be looked after", code=error.code, detail=error.detail)
            except Exception as error:
                _log.error("reconciliations could not be looked after", exc_info=error)

    async def _round(self, daily: bool) -> None:
        if not self._schema.ready.is_set() or self._reconciliations.stopping:
            return
        async with claimed(self._database, Job.RECONCILE) as claim:
            if claim is None:
                return
            await anyio.to_thread.run_sync(self._reconciliations.mark_interrupted)
            await anyio.to_thread.run_sync(self._reconciliations.show_last)
            while (wanted := await anyio.to_thread.run_sync(self._next, daily)) is not None:
                daily = False
                await self._run(claim, wanted)

    async def _run(self, claim: Claim, wanted: Reconciliation) -> None:
        async with running(self._watch(claim), "reconcile-claim"):
            await anyio.to_thread.run_sync(self._reconciliations.run, wanted)

    async def _watch(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(CLAIM_CHECK_SECONDS)
            if not await claim.holds():
                _log.warning("a reconciliation is interrupted: PostgreSQL went away, another process may begin one")
                self._reconciliations.interrupt()
                return

    def _next(self, daily: bool) -> Reconciliation | None:
        records = self._reconciliations.records
        asked = next((record for record in records.open() if record.status == "requested"), None)
        if self._reconciliations.stopping:
            return None
        if asked is not None or not daily:
            return asked
        finished, ended = records.last_finished(), records.last_ended()
        first_event = records.first_event() if finished is None else None
        now = self._clock.now()
        if not reconciliation_is_due(now, finished and finished.started_at, first_event, ended and ended.started_at):
            return None
        return Reconciliation(uuid4().hex, "requested", "daily", full=False, requested_at=now)
