"""The way of a query in SQL, opened: gate, door, history and schema of this process.

The one thing to know: while a part of the fence is missing SQL is off, and everything else goes on. The self-test runs again until it
finds nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import anyio.to_thread
import structlog

from analytics.adhoc.door import SqlDoor
from analytics.adhoc.places import Places
from analytics.adhoc.queries import AdhocQueries
from analytics.adhoc.schema import SqlSchema
from analytics.background import running
from analytics.cache.rate_limit import RateLimits
from analytics.clock import Clock
from analytics.domain.sql_policy import check_changes
from analytics.errors import AnalyticsError, SqlOffError
from analytics.fence.analyst_door import AnalystDoor
from analytics.fence.catalog import SqlCatalog
from analytics.fence.embedded_door import EmbeddedAnalystDoor
from analytics.fence.gate import Gate
from analytics.fence.parser import EngineParser
from analytics.metadata.store import Metadata
from analytics.migrate.clickhouse import WarehouseSchema
from analytics.settings import Settings
from analytics.warehouse.client import Warehouse

TEST_AGAIN_SECONDS = 10.0
_log = structlog.get_logger("analytics.sql")


class FenceTest:
    """Whether the fence holds, as the last self-test found; until the first has ended, it does not."""

    def __init__(self, analysts: AnalystDoor | None, schema: WarehouseSchema) -> None:
        self._analysts = analysts
        self._schema = schema
        self.reason: str | None = "The fence is not tested yet."

    @property
    def off(self) -> SqlOffError | None:
        """Why SQL may not run."""
        return None if self.reason is None else SqlOffError(f"SQL is off: {self.reason}")

    async def until_it_holds(self) -> None:
        """Test again and again until nothing is wrong."""
        said = ""
        while self.reason is not None:
            if self.reason != said:
                said = self.reason
                _log.error("SQL is off: the fence is not known to hold", reason=said)
            await asyncio.sleep(TEST_AGAIN_SECONDS)
            await self.test()

    async def test(self) -> None:
        """Test once."""
        self.reason = await anyio.to_thread.run_sync(self._reason)

    def _reason(self) -> str | None:
        if self._analysts is None:
            return "it is not there with a ClickHouse server yet."
        if not self._schema.ready.is_set():
            return "ClickHouse is not migrated yet."
        try:
            faults = self._analysts.self_test()
        except AnalyticsError as error:
            return error.detail
        except Exception as error:  # whatever it is, the fence is not known to hold
            _log.error("the self-test of the fence failed unforeseen", exc_info=error)
            return "The self-test failed."
        return " ".join(faults) or None


@dataclass(frozen=True)
class SqlPath:
    """The open parts."""

    queries: AdhocQueries
    schema: SqlSchema
    fence: FenceTest


@asynccontextmanager
async def open_sql(
    settings: Settings,
    warehouse: Warehouse,
    migrated: WarehouseSchema,
    metadata: Metadata,
    rates: RateLimits,
    clock: Clock,
    watermark: Callable[[], datetime],
) -> AsyncGenerator[SqlPath]:
    """Open them; at the end what runs is killed and waited for."""
    catalog = SqlCatalog.of_database("default")
    analysts: AnalystDoor | None = EmbeddedAnalystDoor(warehouse, settings.sql_concurrency + 2) if warehouse.embedded else None
    gate = Gate(EngineParser(warehouse), catalog) if warehouse.embedded else None
    places = Places(settings.sql_concurrency, settings.sql_queue, settings.sql_queue_seconds)
    test = FenceTest(analysts, migrated)
    await test.test()
    door = SqlDoor(gate, analysts, places, watermark, documents=warehouse.embedded, off=lambda: test.off)
    queries = AdhocQueries(door, metadata.sql_history, metadata.sql_limits, check_changes(settings.sql_limits), rates, clock)
    async with running(test.until_it_holds(), "fence-test"):
        try:
            yield SqlPath(queries, SqlSchema(queries, door, catalog), test)
        finally:
            door.stop()
            await anyio.to_thread.run_sync(door.close)
