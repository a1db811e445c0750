"""Migrations of ClickHouse, which has neither transactions nor locks.

Each file holds one statement. Before it runs, its intent is recorded; after it, that it is done or has failed. A run that died between the
two leaves an intent alone, and the next run repeats the statement: a CREATE whose table is there already then counts as done, and in no
other case, so that a table somebody else made is never taken for ours. Every other statement must be written so that it may run twice
(`ALTER … ADD COLUMN IF NOT EXISTS`, `DROP … IF EXISTS`; a backfill gets the migration's name as its deduplication token). Two processes
are kept apart by a lock in PostgreSQL. A cluster (`ON CLUSTER`) is not served yet.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import structlog
from clickhouse_connect.driver.exceptions import DatabaseError

from analytics.errors import AnalyticsError, SchemaDriftError, StoreError, WarehouseUnavailableError
from analytics.migrate.plan import MigrationFile, Recorded, Step, is_ahead, plan_migrations, read_files
from analytics.statements import data_folder
from analytics.warehouse.client import Warehouse
from analytics.warehouse.failures import DRIVER_ERRORS, is_refusal
from analytics.warehouse.server import prepare_server

_TABLE_ALREADY_EXISTS = 57
_RECORDS = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number UInt32,
    name String,
    checksum String,
    state LowCardinality(String) COMMENT 'begun, failed or done',
    recorded_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (number, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""
_READ = "SELECT number, name, checksum, state FROM schema_migrations ORDER BY number, recorded_at LIMIT 100000"
Lock = Callable[[], AbstractContextManager[None]]
_log = structlog.get_logger("analytics.migrate")


def migrate_clickhouse(warehouse: Warehouse, lock: Lock = nullcontext, folder: Path | None = None) -> tuple[str, ...]:
    """Bring `warehouse` to the newest migration and return the names of those that were run.

    `lock` keeps other processes out meanwhile (`migration_lock` of PostgreSQL; none is needed where nobody else can have the data open).
    Raises SchemaDriftError if a file is not what was run here or fails, WarehouseUnavailableError if the engine is away.
    """
    files = read_files(folder or data_folder("migrations") / "clickhouse")
    with lock():
        _execute(warehouse, _RECORDS)
        recorded = _recorded(warehouse)
        if is_ahead(files, recorded):
            _log.warning("the database is ahead of this release", store="clickhouse")
        steps = plan_migrations(files, recorded)
        for step in steps:
            _run(warehouse, step)
    return tuple(step.file.name for step in steps)


def pending_clickhouse(warehouse: Warehouse, folder: Path | None = None) -> tuple[Step, ...]:
    """What `migrate_clickhouse` would run; changes nothing. Raises as it does."""
    files = read_files(folder or data_folder("migrations") / "clickhouse")
    there = warehouse.query("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'")
    return plan_migrations(files, _recorded(warehouse) if there.rows[0][0] else ())


class WarehouseSchema:
    """Whether ClickHouse has its tables yet: at a start with the engine away the service accepts events before it has.

    `ready` is set once they are there; the writer waits for it before its first insert. Safe from many threads.
    """

    def __init__(self, warehouse: Warehouse, lock: Lock = nullcontext, folder: Path | None = None) -> None:
        self._warehouse = warehouse
        self._lock = lock
        self._folder = folder
        self.ready = threading.Event()
        self.failure: AnalyticsError | None = None

    def bring_up(self) -> None:
        """Prepare the server and migrate, now. Raises what `prepare_server` and `migrate_clickhouse` raise and keeps it as `failure`."""
        try:
            prepare_server(self._warehouse)
            migrate_clickhouse(self._warehouse, self._lock, self._folder)
        except AnalyticsError as error:
            self.failure = error
            raise
        self.failure = None
        self.ready.set()

    def try_bring_up(self) -> bool:
        """`bring_up`, for an engine that may be away: False if it should be tried again later. Raises SchemaDriftError, EngineStartError.

        Each reason is logged once, not at every attempt.
        """
        before = self.failure
        try:
            self.bring_up()
        except StoreError as error:
            if before is None or before.detail != error.detail:
                _log.warning("events wait on disk: the warehouse cannot be used yet", detail=error.detail)
            return False
        return True


def _run(warehouse: Warehouse, step: Step) -> None:
    file = step.file
    verb = _first_word(file.sql)
    _record(warehouse, file, "begun")
    try:
        warehouse.execute(file.sql, settings={"insert_deduplication_token": file.name} if verb == "INSERT" else None)
    except DatabaseError as error:
        if not (step.resumed and verb == "CREATE" and error.code == _TABLE_ALREADY_EXISTS):
            if is_refusal(error):
                _record(warehouse, file, "failed")
                raise SchemaDriftError(f"clickhouse/{file.name}.sql failed: {_words(error)}") from error
            raise WarehouseUnavailableError(f"The warehouse did not take {file.name}.sql: {_words(error)}") from error
    except DRIVER_ERRORS as error:
        raise WarehouseUnavailableError(f"The warehouse went away during {file.name}.sql: {_words(error)}") from error
    _record(warehouse, file, "done")
    _log.info("migrated", store="clickhouse", migration=file.name, resumed=step.resumed)


def _first_word(sql: str) -> str:
    words = (line.split()[0] for line in sql.splitlines() if line.strip() and not line.lstrip().startswith("--"))
    return next(words, "").upper()


def _record(warehouse: Warehouse, file: MigrationFile, state: str) -> None:
    # Nothing here can hold a quote: the name passed the pattern of file names, the checksum is hex.
    _execute(
        warehouse,
        f"INSERT INTO schema_migrations (number, name, checksum, state) "  # noqa: S608
        f"VALUES ({file.number}, '{file.name}', '{file.checksum}', '{state}')",
        {"async_insert": 0},
    )


def _recorded(warehouse: Warehouse) -> tuple[Recorded, ...]:
    found: dict[int, Recorded] = {}
    for number, name, checksum, state in warehouse.query(_READ, lane="control").rows:
        known = found.get(number)
        if known is not None and known.done:
            continue
        if state == "failed":
            found.pop(number, None)
        else:
            # Begun with one text and again with another: what is there may be of either, so it counts as neither.
            mixed = known is not None and known.checksum != checksum and state != "done"
            found[number] = Recorded(number, name, "" if mixed else checksum, done=state == "done")
    return tuple(found.values())


def _execute(warehouse: Warehouse, sql: str, settings: dict[str, int] | None = None) -> None:
    try:
        warehouse.execute(sql, settings=settings)
    except DRIVER_ERRORS as error:
        raise WarehouseUnavailableError(f"The warehouse cannot be migrated: {_words(error)}") from error


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
