"""The way of an event, opened: spool, ingestor and writer of this process.

The one thing to know: the ingestor stops first and the writer last, so whatever was answered is either stored or on disk.
"""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import anyio
import anyio.to_thread
import maxminddb
import pyarrow as pa

from analytics.cache.change_marks import ChangeMarks
from analytics.cache.connection import Cache
from analytics.clock import Clock
from analytics.errors import SettingsError
from analytics.ingest.countries import open_countries
from analytics.ingest.decoder import Decoders
from analytics.ingest.erased import ErasedIds
from analytics.ingest.ingestor import Ingestor
from analytics.ingest.pace import Pace
from analytics.ingest.personal import PersonalFields
from analytics.ingest.pipeline import door_steps
from analytics.ingest.recorder import Recorder
from analytics.settings import Settings
from analytics.spool.schema import EVENT_SCHEMA, REFUSED_SCHEMA, from_payload
from analytics.spool.segment import Record
from analytics.spool.spool import RecordKind, Spool
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Warehouse
from analytics.warehouse.merge_threads import let_merges_yield
from analytics.warm_up import warm_up_events, warm_up_warehouse
from analytics.writer.changed_days import BatchMarks
from analytics.writer.known_ids import KnownIds
from analytics.writer.own_rollups import OwnRollups
from analytics.writer.writer import Writer

# The supervisor restarts a worker that ends with this: the disk failed, nothing may be acknowledged by this process any more.
EXIT_DISK_FAILED = 74
# And likewise with this: the writer's thread ended by an error that nobody foresaw; its log says which.
EXIT_WRITER_DIED = 70


def end_process(code: int) -> None:
    """End at once: what is under way must not be answered any more."""
    os._exit(code)


@dataclass(frozen=True)
class EventPath:
    """The open parts."""

    spool: Spool
    ingestor: Ingestor
    writer: Writer
    clock: Clock
    personal: PersonalFields
    marks: ChangeMarks
    lookups: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))

    def watermark(self) -> datetime:
        """Every event answered before this instant is stored. Read it before a question starts."""
        oldest = self.spool.oldest_received_ms()
        return datetime.fromtimestamp((self.clock.now_ms() if oldest is None else oldest) / 1000, UTC)

    async def is_queued(self, project_id: str, event_id: str) -> bool:
        """Whether an event waits in the spool. Reads all that waits of the project, so only two at a time do it."""
        return await anyio.to_thread.run_sync(self._find, project_id, event_id, RecordKind.EVENTS, limiter=self.lookups)

    async def is_refusal_queued(self, project_id: str, event_id: str) -> bool:
        """Whether an event's refusal waits in the spool. Likewise."""
        return await anyio.to_thread.run_sync(self._find, project_id, event_id, RecordKind.REFUSED, limiter=self.lookups)

    def _find(self, project_id: str, event_id: str, kind: RecordKind) -> bool:
        schema = EVENT_SCHEMA if kind is RecordKind.EVENTS else REFUSED_SCHEMA

        def matches(record: Record) -> bool:
            if record.header.kind is not kind:
                return False
            if event_id.encode() not in record.payload:
                return False
            return event_id in from_payload(record.payload, schema).column("event_id").to_pylist()

        return self.spool.find(project_id, matches)


@asynccontextmanager
async def open_event_path(
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    warehouse: Warehouse,
    personal: PersonalFields,
    marks_cache: Cache,
    *,
    prepare: Callable[[], None],
    stored: Callable[[str, pa.RecordBatch, bool], None],
    wants_rest: Callable[[], bool],
    idle: Callable[[], None],
    quarantined: Callable[[], None] = lambda: None,
    erased: ErasedIds | None = None,
    own_rollups: OwnRollups | None = None,
) -> AsyncGenerator[EventPath]:
    """Open and start them.

    `marks_cache` is where changes are told (see ChangeMarks). `prepare` makes the warehouse ready (called on the writer's thread until it
    succeeds), `stored` hears of each stored batch, `idle` of each second without one, `quarantined` of each batch that was stored without
    some of its rows. Raises SettingsError for a GeoIP file that cannot be read.
    """
    async with AsyncExitStack() as stack:
        try:
            country_of = stack.enter_context(open_countries(settings.geoip_path))
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            raise SettingsError(f"ANALYTICS_GEOIP_PATH: {error}") from error
        folder = settings.data_dir / "spool"
        spool = await anyio.to_thread.run_sync(partial(Spool, folder, settings.spool_max_bytes, settings.spool_sync))
        stack.callback(spool.close)
        marks = ChangeMarks(marks_cache, spool.node)
        batch_marks = BatchMarks(marks, clock)
        if {"writer", "scheduler"} & set(settings.roles):  # who changes what is stored
            await anyio.to_thread.run_sync(marks.start)
            stack.push_async_callback(anyio.to_thread.run_sync, marks.stop)
        writer = Writer(
            spool,
            warehouse,
            clock,
            metrics,
            folder,
            batch_max_rows=settings.batch_max_rows,
            batch_max_wait_seconds=settings.batch_max_wait_ms / 1000,
            known=KnownIds(settings.dedup_horizon_ids),
            sync=settings.spool_sync,
            own_rollups=own_rollups,
            prepare=partial(_prepare, prepare, warehouse),
            inserting=batch_marks.inserting,
            inserted=batch_marks.inserted,
            stored=stored,
            wants_rest=wants_rest,
            idle=idle,
            quarantined=quarantined,
            died=partial(end_process, EXIT_WRITER_DIED),
        )
        pace = Pace(spool, settings.project_events_per_second, settings.spool_backlog_rows, writer.takes_events, clock)
        steps = door_steps(country_of, personal, erased.refuse if erased else None)
        decoders = Decoders(
            settings.decode_processes if "writer" in settings.roles else 0, settings.request_max_events, settings.geoip_path
        )
        stack.push_async_callback(anyio.to_thread.run_sync, decoders.close)
        ingestor = Ingestor(
            spool,
            Recorder(steps, settings.request_max_events, personal, erased),
            clock,
            metrics,
            pace,
            max_body_bytes=settings.request_max_bytes,
            on_disk_failure=partial(end_process, EXIT_DISK_FAILED),
            decoders=decoders,
            erased=erased,
        )
        if "writer" in settings.roles:  # who takes events stores them: the spool is this process's own
            writer.start()
            stack.push_async_callback(anyio.to_thread.run_sync, partial(writer.stop, settings.drain_timeout_seconds))
            await anyio.to_thread.run_sync(warm_up_events)
            await anyio.to_thread.run_sync(decoders.wait_until_ready)
            ingestor.start()
            stack.push_async_callback(anyio.to_thread.run_sync, ingestor.stop)
        path = EventPath(spool, ingestor, writer, clock, personal, marks)
        _observe(metrics, path)
        yield path


def _prepare(prepare: Callable[[], None], warehouse: Warehouse) -> None:
    prepare()
    warm_up_warehouse(warehouse)
    if warehouse.embedded:
        let_merges_yield()


def _observe(metrics: Metrics, path: EventPath) -> None:
    metrics.spool_bytes.set_function(lambda: path.spool.stats().pending_bytes)
    metrics.spool_rows.set_function(path.spool.pending_rows)
    metrics.spool_segments.set_function(lambda: path.spool.stats().segments)
    metrics.spool_oldest_seconds.set_function(
        lambda: 0 if (oldest := path.spool.oldest_received_ms()) is None else max(0, path.clock.now_ms() - oldest) / 1000
    )
