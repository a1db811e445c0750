"""Reconciliations of this service: asked for, looked at, run. One runs at a time; that no other process runs one is the job's care."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

import anyio.to_thread
import structlog

from analytics.clock import Clock
from analytics.errors import AnalyticsError, NotFoundError
from analytics.reconcile.records import Reconciliation
from analytics.reconcile.requests import ReconciliationRequests
from analytics.reconcile.run import Progress, RunOptions, reconcile
from analytics.reconcile.session import Hold, InterruptedRunError, Session
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Warehouse

# Between two looks at a difference: none where the writer is ours and held; else longer than most inserts of others take.
SETTLE_SECONDS = 2.0
_log = structlog.get_logger("analytics.reconcile")


class Reconciliations:
    """`hold` pauses the writer, None if it is in another process; `watermark` says up to when every answered event is stored.

    Inside `changing()` nobody takes an answer from before, nor keeps one.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        clock: Clock,
        metrics: Metrics,
        requests: ReconciliationRequests,
        *,
        hold: Hold | None,
        watermark: Callable[[], datetime],
        changing: Callable[[], AbstractContextManager[None]],
        options: RunOptions | None = None,
    ) -> None:
        self.requests = requests
        self.records = requests.records
        self._warehouse = warehouse
        self._clock = clock
        self._metrics = metrics
        self._hold = hold
        self._watermark = watermark
        self._changing = changing
        self._options = options or RunOptions(SETTLE_SECONDS if hold is None else 0.0)
        self._session: Session | None = None
        self._running: Reconciliation | None = None
        self.stopping = False

    # ---- for routes -----------------------------------------------------------

    async def request(self, full: bool) -> Reconciliation:
        """Ask for one. Raises ConflictError while one is wanted or under way, or WarehouseUnavailableError."""
        return await anyio.to_thread.run_sync(self.requests.ask, full)

    async def newest(self, limit: int, after: tuple[datetime, str] | None = None) -> list[Reconciliation]:
        """At most `limit` after the key (requested_at, id), newest first. Raises WarehouseUnavailableError."""
        found = await anyio.to_thread.run_sync(self.records.newest, limit, after)
        return [self._as_it_is(record) for record in found]

    async def find(self, record_id: str) -> Reconciliation:
        """The one with this id. Raises NotFoundError or WarehouseUnavailableError."""
        running = self._running
        found = running if running and running.id == record_id else await anyio.to_thread.run_sync(self.records.find, record_id)
        if found is None:
            raise NotFoundError
        return found

    # ---- for the job ----------------------------------------------------------------

    def show_last(self) -> None:
        """Set the metrics to what the last finished run found."""
        last = self.records.last_finished()
        if last is not None:
            self._show(last)

    def mark_interrupted(self) -> None:
        """Note of those that stand as running that nobody runs them. Only for who knows that."""
        for record in self.records.open():
            if record.status == "running":
                self.records.save(replace(record, status="interrupted", finished_at=self._clock.now()))

    def run(self, wanted: Reconciliation) -> Reconciliation:
        """Run one to its end, whichever; how it ended. Raises only if even that cannot be written down (WarehouseUnavailableError)."""
        started_at = self._clock.now()
        complete_until = min(started_at, self._watermark())
        record = replace(wanted, status="running", started_at=started_at, complete_until=complete_until, phase="starting")
        self._running = record
        try:
            self.records.save(record)
            record = self._run(record)
            self.records.save(record)
        finally:
            self._running = None
        if record.status == "finished":
            self._show(record)
            _log.info("reconciled", full=record.full, removed=record.removed, drift=dict(record.drift), reason=record.reason)
        return record

    def stop(self) -> None:
        """Interrupt what runs and start nothing more."""
        self.stopping = True
        self.interrupt()

    def interrupt(self) -> None:
        """Interrupt what runs."""
        session = self._session
        if session is not None:
            session.stop()

    # ---- within -------------------------------------------------------------------------

    def _run(self, record: Reconciliation) -> Reconciliation:
        def tell(progress: Progress) -> None:
            self._metrics.reconcile_removed.inc(progress.removed - (self._running or record).removed)
            self._running = replace(
                record,
                phase=progress.phase,
                steps_done=progress.steps_done,
                steps=progress.steps,
                removed=progress.removed,
                drift=dict(progress.drift),
            )

        session = self._session = Session(self._warehouse, self._hold)
        try:
            if self.stopping:
                session.stop()
            last = self.records.last_finished(with_parts=True)
            with self._changing():
                parts = reconcile(session, self._clock.now(), record.full, last, self._options, tell)
            ended = replace(self._running or record, status="finished", phase="", parts=parts)
        except InterruptedRunError:
            ended = replace(self._running or record, status="interrupted", error="The service was stopped.")
        except AnalyticsError as error:
            _log.warning("a reconciliation failed", code=error.code, detail=error.detail)
            ended = replace(self._running or record, status="failed", error=error.detail)
        except Exception as error:
            _log.error("a reconciliation failed", exc_info=error)
            ended = replace(self._running or record, status="failed", error=f"Internal error ({type(error).__name__}).")
        finally:
            self._session = None
            session.close()
        return replace(ended, finished_at=self._clock.now())

    def _as_it_is(self, record: Reconciliation) -> Reconciliation:
        running = self._running
        return running if running is not None and running.id == record.id else record

    def _show(self, record: Reconciliation) -> None:
        for table, events in record.drift.items():
            self._metrics.reconcile_drift_rows.labels(table).set(events)
        if record.finished_at is not None:
            self._metrics.reconcile_finished.set(record.finished_at.timestamp())
