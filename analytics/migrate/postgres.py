"""Migrations of PostgreSQL: each file in one transaction with its record, all of them under one advisory lock.

The lock also keeps two processes from migrating ClickHouse at once, which has no locks: see `migration_lock`.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import structlog
from psycopg import Connection, sql

from analytics.errors import MetadataUnavailableError, SchemaDriftError
from analytics.migrate.plan import Recorded, Step, is_ahead, plan_migrations, read_files
from analytics.statements import data_folder

# Two keys of our own in the space of pg_advisory_lock(int, int): "analytics" folded to a number, then what is locked.
_LOCK_SPACE = 0x616E6C79
_POSTGRES, _CLICKHOUSE = 1, 2
LOCK_WAIT_SECONDS = 300
CONNECT_SECONDS = 10

_RECORDS = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_log = structlog.get_logger("analytics.migrate")


def migrate_postgres(url: str, folder: Path | None = None) -> tuple[str, ...]:
    """Bring the database at `url` to the newest migration and return the names of those that were run.

    Safe for two processes at once: the second waits, then finds nothing to do. Raises SchemaDriftError if a file is not what was run here
    or fails, MetadataUnavailableError if the database cannot be reached.
    """
    files = read_files(folder or data_folder("migrations") / "postgres")
    with _connection(url) as connection, _locked(connection, _POSTGRES):
        connection.execute(_RECORDS)
        recorded = _recorded(connection)
        if is_ahead(files, recorded):
            _log.warning("the database is ahead of this release", store="postgres")
        steps = plan_migrations(files, recorded)
        for step in steps:
            _run(connection, step)
    return tuple(step.file.name for step in steps)


def pending_postgres(url: str, folder: Path | None = None) -> tuple[Step, ...]:
    """What `migrate_postgres` would run; changes nothing. Raises as it does."""
    files = read_files(folder or data_folder("migrations") / "postgres")
    with _connection(url) as connection:
        return plan_migrations(files, _recorded(connection))


@contextmanager
def migration_lock(url: str) -> Generator[None]:
    """Hold the lock under which one process at a time migrates ClickHouse. Raises MetadataUnavailableError."""
    with _connection(url) as connection, _locked(connection, _CLICKHOUSE):
        yield


def _run(connection: Connection, step: Step) -> None:
    file = step.file
    try:
        with connection.transaction():
            # As bytes: the text is ours, and without parameters one call may hold several statements.
            connection.execute(file.sql.encode())
            connection.execute(
                "INSERT INTO schema_migrations (number, name, checksum) VALUES (%s, %s, %s)", (file.number, file.name, file.checksum)
            )
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise MetadataUnavailableError(f"PostgreSQL went away during {file.name}.sql: {_words(error)}") from error
    except psycopg.Error as error:
        raise SchemaDriftError(f"postgres/{file.name}.sql failed and was undone: {_words(error)}") from error
    _log.info("migrated", store="postgres", migration=file.name)


def _recorded(connection: Connection) -> tuple[Recorded, ...]:
    found = connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL").fetchone()
    if not found or not found[0]:
        return ()
    rows = connection.execute("SELECT number, name, checksum FROM schema_migrations ORDER BY number").fetchall()
    return tuple(Recorded(number, name, checksum) for number, name, checksum in rows)


@contextmanager
def _connection(url: str) -> Generator[Connection]:
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
    except psycopg.Error as error:
        raise MetadataUnavailableError(f"PostgreSQL cannot be reached: {_words(error)}") from error
    with connection:
        yield connection


@contextmanager
def _locked(connection: Connection, what: int) -> Generator[None]:
    try:
        connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(f"{LOCK_WAIT_SECONDS}s")))
        connection.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCK_SPACE, what))
        connection.execute("SET lock_timeout = 0")
    except psycopg.errors.LockNotAvailable as error:
        raise MetadataUnavailableError(f"Another process has been migrating for more than {LOCK_WAIT_SECONDS} s.") from error
    except psycopg.Error as error:
        raise MetadataUnavailableError(f"PostgreSQL went away: {_words(error)}") from error
    # Not unlocked by hand: the lock goes with the connection, which its one user closes, also when the process is killed.
    yield


def _words(error: psycopg.Error) -> str:
    return " ".join(str(error).split())[:500]
