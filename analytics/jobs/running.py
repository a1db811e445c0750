"""The jobs of this process. APScheduler only ticks, each minute: what is due is computed in schedule.py and claimed in PostgreSQL."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC

import anyio.to_thread
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from analytics.background import running
from analytics.jobs.check_alerts import AlertJob
from analytics.jobs.erase import EraseJob
from analytics.jobs.prune_sql_history import prune_each_hour
from analytics.jobs.reconcile import ReconcileJob
from analytics.jobs.seal_audit import seal_each_second
from analytics.services import Services

TICK_SECONDS = 60


@asynccontextmanager
async def jobs_running(services: Services) -> AsyncGenerator[None]:
    """Run them as long as the block does; at its end what runs is interrupted and waited for."""
    job = ReconcileJob(services.reconciliations, services.metadata.database, services.warehouse_schema, services.clock)
    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.add_job(job.look, "interval", seconds=TICK_SECONDS, misfire_grace_time=None, coalesce=True)
    task = asyncio.create_task(job.run(), name="reconcile")
    erase = EraseJob(services.erasing, services.metadata.database, services.warehouse_schema, services.clock)
    metadata = services.metadata
    alerts = AlertJob(metadata.alerts, metadata.saved_queries, services.answers, services.keys, services.clock)
    services.erasures.on_request = erase.look_soon
    try:
        async with (
            running(seal_each_second(services.metadata.audit_chain), "seal-audit"),
            running(prune_each_hour(services.metadata.sql_history, services.sql_history_keep), "prune-sql-history"),
            running(erase.run(), "erase"),
            running(alerts.run(), "alerts"),
        ):
            scheduler.start()
            try:
                yield
            finally:
                scheduler.shutdown(wait=False)
                services.erasing.stop()
    finally:
        # Not cancelled: a run goes on in a thread of its own until it has come to an end.
        await anyio.to_thread.run_sync(job.stop)
        await task
