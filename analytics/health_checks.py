"""What `/readyz` asks about: events can be accepted while keys are known and the spool has room; everything else is only degraded."""

import math
from collections.abc import Mapping

from analytics.cache.connection import Cache
from analytics.event_path import EventPath
from analytics.metadata.key_directory import KeyDirectory
from analytics.metadata.store import Metadata
from analytics.migrate.clickhouse import WarehouseSchema
from analytics.sql_path import NOT_WANTED, SqlPath
from analytics.telemetry.health import Check, CheckAnswer, on_thread
from analytics.warehouse.client import Warehouse

_ANSWERS = (True, "Answers.")


def health_checks(
    warehouse: Warehouse, schema: WarehouseSchema, metadata: Metadata, cache: Cache, event_path: EventPath, sql_path: SqlPath
) -> Mapping[str, Check]:
    """The checks, by the names in the answer of `/readyz`."""

    def clickhouse() -> CheckAnswer:
        return _ANSWERS if warehouse.ping() else (False, "Does not answer: events wait on disk.")

    async def postgres() -> CheckAnswer:
        return _ANSWERS if await metadata.database.ping() else (False, "Does not answer: no sign-in, no changes.")

    async def redis() -> CheckAnswer:
        await cache.probe()
        return _ANSWERS

    async def migrations() -> CheckAnswer:
        if schema.ready.is_set():
            return True, "Up to date."
        return (
            False,
            "ClickHouse is not migrated yet: events wait on disk." if schema.failure is None else f"Failed: {schema.failure.code}.",
        )

    async def keys() -> CheckAnswer:
        return _keys(metadata.directory)

    async def spool() -> CheckAnswer:
        stats = event_path.spool.stats()
        waiting = f"{stats.pending_rows} events wait, {stats.pending_bytes} of {stats.max_bytes} bytes."
        return event_path.spool.has_room(), waiting

    async def writer() -> CheckAnswer:
        state = event_path.writer.state()
        if state.failing_since_ms is not None:
            seconds = (event_path.clock.now_ms() - state.failing_since_ms) // 1000
            return False, f"Nothing could be stored for {seconds} s: events wait on disk."
        return True, "Stores." if state.ready else "Starting: events wait on disk."

    async def sql() -> CheckAnswer:
        reason = sql_path.fence.reason
        stuck = sql_path.watchdog.reason
        if reason is None and stuck is not None:
            return False, f"Off: {stuck}" if sql_path.watchdog.off else f"On, with fewer places: {stuck}"
        if reason is None:
            return True, "The fence holds."
        return reason == NOT_WANTED, f"Off: {reason}"

    return {
        "clickhouse": Check(on_thread(clickhouse, "clickhouse")),
        "postgres": Check(postgres),
        "redis": Check(redis),
        "migrations": Check(migrations),
        "keys": Check(keys, needed=True),
        "spool": Check(spool, needed=True),
        "writer": Check(writer),
        "sql": Check(sql),
    }


def _keys(directory: KeyDirectory) -> CheckAnswer:
    if not directory.loaded:
        return False, "Not known yet: nobody can be let in."
    stale = directory.stale_seconds
    return True, "Known." if stale < 5 or math.isinf(stale) else f"Known as of {stale:.0f} s ago."
