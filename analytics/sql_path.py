"""The way of a query in SQL, opened: gate, door, history and schema of this process.

The one thing to know: while a part of the fence is missing SQL is off, and everything else goes on. The self-test runs again until it
finds nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import anyio.to_thread
import structlog

from analytics.adhoc.door import RunningSql, SqlDoor
from analytics.adhoc.places import Places
from analytics.adhoc.queries import AdhocQueries
from analytics.adhoc.reads import OwnRows
from analytics.adhoc.schema import SqlSchema
from analytics.adhoc.watchdog import Watchdog
from analytics.answers.names import RollupNames, SourceNames
from analytics.background import running
from analytics.cache.rate_limit import RateLimits
from analytics.clock import Clock
from analytics.domain.sql_policy import check_changes
from analytics.errors import AnalyticsError, MetadataUnavailableError, SqlOffError
from analytics.fence.analyst_door import AnalystDoor
from analytics.fence.catalog import SqlCatalog
from analytics.fence.embedded_door import EmbeddedAnalystDoor
from analytics.fence.gate import Gate
from analytics.fence.parser import EngineParser
from analytics.fence.rollup_shape import RollupShapes
from analytics.fence.server_door import ServerAnalystDoor
from analytics.metadata.sql_suspensions import SqlSuspensions
from analytics.metadata.store import Metadata
from analytics.migrate.clickhouse import WarehouseSchema
from analytics.settings import Settings
from analytics.warehouse.client import Warehouse, open_warehouse
from analytics.warehouse.embedded_users import DATABASE
from analytics.warehouse.server_address import parse_server_url

TEST_AGAIN_SECONDS = 10.0
COUNT_SECONDS = 10.0
NOT_WANTED = "ANALYTICS_CLICKHOUSE_READONLY_URL names no user for analysts."
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
        said: str | None = None
        while True:
            await self.test()
            reason = self.reason
            if reason is None or reason == NOT_WANTED:
                return
            if reason != said:
                said = reason
                _log.error("SQL is off: the fence is not known to hold", reason=reason)
            await asyncio.sleep(TEST_AGAIN_SECONDS)

    async def test(self) -> None:
        """Test once."""
        self.reason = await anyio.to_thread.run_sync(self._reason, abandon_on_cancel=True)

    def _reason(self) -> str | None:
        if self._analysts is None:
            return NOT_WANTED
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
    watchdog: Watchdog[RunningSql]
    scratch: Path
    shapes: RollupShapes | None


@asynccontextmanager
async def open_sql(
    settings: Settings,
    warehouse: Warehouse,
    migrated: WarehouseSchema,
    metadata: Metadata,
    rates: RateLimits,
    clock: Clock,
    watermark: Callable[[], datetime],
    rollups: RollupNames,
) -> AsyncGenerator[SqlPath]:
    """Open them; at the end what runs is killed and waited for."""
    handles = settings.sql_concurrency + 2  # more than run, for those that are just being closed
    places = Places(settings.sql_concurrency, settings.sql_queue, settings.sql_queue_seconds)
    with ExitStack() as stack:
        engines = await anyio.to_thread.run_sync(_engines, settings, warehouse, handles, stack)
        async with _opened(engines, settings, migrated, metadata, rates, clock, watermark, places, rollups) as path:
            yield path


@dataclass(frozen=True)
class _Engines:
    """What reads statements and what runs them; None where no SQL is wanted."""

    gate: Gate | None
    analysts: AnalystDoor | None
    catalog: SqlCatalog
    warehouse: Warehouse
    documents: bool
    shapes: RollupShapes | None = None


def _engines(settings: Settings, warehouse: Warehouse, handles: int, stack: ExitStack) -> _Engines:
    if warehouse.server is None:
        catalog = SqlCatalog.of_database(DATABASE)
        parser = EngineParser(warehouse)
        shapes = RollupShapes(parser, DATABASE)
        return _Engines(Gate(parser, catalog), EmbeddedAnalystDoor(warehouse, handles), catalog, warehouse, documents=True, shapes=shapes)
    catalog = SqlCatalog.of_database(warehouse.server.database or DATABASE)
    if settings.clickhouse_readonly_url is None:
        return _Engines(None, None, catalog, warehouse, documents=False)
    analysts = ServerAnalystDoor(parse_server_url(settings.clickhouse_readonly_url.get_secret_value()), warehouse, handles)
    stack.callback(analysts.close)
    reader = open_warehouse(None, settings.data_dir / "parser")  # without tables: the parser of the embedded engine
    stack.callback(reader.close)
    parser = EngineParser(reader)
    shapes = RollupShapes(parser, catalog.database)
    return _Engines(Gate(parser, catalog), analysts, catalog, warehouse, documents=False, shapes=shapes)


@asynccontextmanager
async def _opened(
    engines: _Engines,
    settings: Settings,
    migrated: WarehouseSchema,
    metadata: Metadata,
    rates: RateLimits,
    clock: Clock,
    watermark: Callable[[], datetime],
    places: Places,
    rollups: RollupNames,
) -> AsyncGenerator[SqlPath]:
    test = FenceTest(engines.analysts, migrated)
    if engines.documents:  # our own engine, which answers at once; a server may hang
        await test.test()
    door = SqlDoor(
        engines.gate,
        engines.analysts,
        places,
        watermark,
        OwnRows(engines.warehouse),
        documents=engines.documents,
        off=lambda: test.off or watchdog.off,
        names=SourceNames(metadata.saved_queries, rollups),
    )
    queries = AdhocQueries(
        door,
        metadata.sql_history,
        metadata.sql_limits,
        metadata.sql_suspensions,
        metadata.saved_queries,
        check_changes(settings.sql_limits),
        rates,
        clock,
    )
    watchdog = Watchdog(lambda: door.under_way, queries.note_hung, settings.sql_grace_seconds, embedded=engines.documents)
    async with (
        running(test.until_it_holds() if test.reason is not None else asyncio.sleep(0), "fence-test"),
        running(watchdog.watch(), "sql-watchdog"),
        running(watchdog.keep(), "sql-hung"),
        running(_counted(metadata.sql_suspensions), "sql-suspensions"),
        running(queries.follow_cancels(), "sql-cancels"),
    ):
        try:
            yield SqlPath(queries, SqlSchema(queries, door, engines.catalog), test, watchdog, settings.data_dir, engines.shapes)
        finally:
            door.stop()
            await anyio.to_thread.run_sync(door.close)


async def _counted(suspensions: SqlSuspensions) -> None:
    """Keep the number of suspensions up to date for the metrics, until cancelled."""
    while True:
        with suppress(MetadataUnavailableError):
            await suspensions.count()
        await asyncio.sleep(COUNT_SECONDS)
