"""PostgreSQL behind one door: connections from a pool, the driver's errors as ours, and every change through `Database.change`, which also
keeps the audit of it: no change without a record, no record without the change.

The one thing to know: a lost server is MetadataUnavailableError within seconds and heals by itself; a connection that died in the pool is
found before it is handed out.
"""

import asyncio
import secrets
import select
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from analytics.audit.log import AuditLog, Change
from analytics.audit.names import AuditNames
from analytics.clock import SystemClock
from analytics.errors import ConflictError, InvalidRequestError, MetadataUnavailableError, NotFoundError
from analytics.statements import Statement, postgres

__all__ = ["Change", "ChangeConnection", "Connection", "Database", "Row", "open_database", "required"]

Row = DictRow
MAX_WAITING = 200  # callers for a connection; more are told so at once
_LOCK_SECONDS = 2
_LOCK_PAUSE_SECONDS = 1.0
_log = structlog.get_logger("analytics.metadata")


def required(row: Row | None) -> Row:
    """The row that was asked for. Raises NotFoundError if there is none."""
    if row is None:
        raise NotFoundError
    return row


class Connection:
    """One connection in use, running our statements."""

    def __init__(self, raw: AsyncConnection[Row]) -> None:
        self._raw = raw

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        """Every row of the answer, as dictionaries."""
        return await (await self._execute(statement, values)).fetchall()

    async def one(self, statement: Statement, **values: Any) -> Row | None:
        """The first row of the answer, or None."""
        return await (await self._execute(statement, values)).fetchone()

    async def run(self, statement: Statement, **values: Any) -> int:
        """Run a statement for its effect; the number of rows it touched."""
        return (await self._execute(statement, values)).rowcount

    async def _execute(self, statement: Statement, values: Mapping[str, Any]) -> psycopg.AsyncCursor[Row]:
        return await self._raw.execute(statement.sql.encode(), values)


class ChangeConnection(Connection):
    """A connection in the transaction of a change.

    `change` is what the audit will say of it: the block may fill in what it learns, such as `change.before`. `changes` holds it alone; a
    block that does several things, or finds that nothing is to be done, changes the list.
    """

    def __init__(self, raw: AsyncConnection[Row], change: Change) -> None:
        super().__init__(raw)
        self.change = change
        self.changes = [change]


class _PatientConnection(Connection):
    """Waits for a table for a moment at a time: whoever comes after who waits for all of it waits too, also to read."""

    async def _execute(self, statement: Statement, values: Mapping[str, Any]) -> psycopg.AsyncCursor[Row]:
        while True:
            try:
                return await super()._execute(statement, values)
            except psycopg.errors.LockNotAvailable:  # a backup, or somebody at a console, has it for long
                await asyncio.sleep(_LOCK_PAUSE_SECONDS)


class Database:
    """The open pool, and `connect` for connections beside it. For one event loop."""

    def __init__(
        self, pool: AsyncConnectionPool[AsyncConnection[Row]], audit: AuditLog, connect: Callable[[], Awaitable[AsyncConnection[Row]]]
    ) -> None:
        self._pool = pool
        self._connect = connect
        self._audit = audit
        self._waiting = self._given = 0
        self._is_away = False

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Connection]:
        """A connection for questions. Raises MetadataUnavailableError."""
        async with _errors_as_ours(), self._connection() as raw:
            yield Connection(raw)

    @asynccontextmanager
    async def change(self, change: Change) -> AsyncGenerator[ChangeConnection]:
        """A connection in a transaction that is committed, with its record, if the block ends well: all changes go through here.

        Raises ConflictError for a value that must be unique, InvalidRequestError for one that cannot be stored, MetadataUnavailableError.
        """
        async with _errors_as_ours(), self._connection() as raw, raw.transaction():
            connection = ChangeConnection(raw, change)
            yield connection
            for done in connection.changes:
                await self._audit.record(connection, done)
        for done in connection.changes:
            target = "an address" if "@" in (done.target or "") else done.target  # the log keeps nobody's
            _log.info("changed", actor=done.actor, action=done.action, target=target, project_id=done.project_id)

    @asynccontextmanager
    async def bookkeeping(self) -> AsyncGenerator[Connection]:
        """A connection in a transaction for what is nobody's change: the audit's own rows. Raises MetadataUnavailableError."""
        async with _errors_as_ours(), self._connection() as raw, raw.transaction():
            yield Connection(raw)

    @asynccontextmanager
    async def apart(self) -> AsyncGenerator[Connection]:
        """A connection of one's own for what is held for long: what answers requests goes without none. Raises MetadataUnavailableError."""
        async with _errors_as_ours(), await self._connect() as raw:
            yield Connection(raw)

    @asynccontextmanager
    async def cleaning(self) -> AsyncGenerator[Connection]:
        """A connection of its own for statements that write whole tables anew, outside of a transaction, for as long as they take.

        Raises MetadataUnavailableError.
        """
        async with _errors_as_ours(), await self._connect() as raw:
            await raw.execute(f"SET statement_timeout = 0; SET lock_timeout = '{_LOCK_SECONDS}s'".encode())
            yield _PatientConnection(raw)

    async def write_anew(self, table: str) -> None:
        """Write a table anew, without what was changed or removed, so that it is not on disk any more. Raises MetadataUnavailableError."""
        async with self.cleaning() as connection:
            await connection.run(Statement("write_anew", f"VACUUM (FULL) {table}", frozenset(), frozenset()))

    async def cut_log(self) -> bool:
        """Have the server drop its log of writes up to now; False where it has no function that may. Raises MetadataUnavailableError."""
        async with self.cleaning() as connection:
            row = await connection.one(postgres("log")["can_be_cut"])
            if row is None or not row["can"]:
                return False
            try:
                await connection.one(postgres("log")["cut"])
            except psycopg.errors.InsufficientPrivilege as error:  # its owner is no superuser
                _log.warning("the log of postgresql is not dropped", error=" ".join(str(error).split())[:300])
                return False
        return True

    async def ping(self) -> bool:
        """Whether PostgreSQL answers."""
        try:
            async with _errors_as_ours(), self._connection(wait_seconds=2.0) as raw:
                await raw.execute("SELECT 1")
        except MetadataUnavailableError:
            return False
        return True

    @property
    def _failed(self) -> int:
        """How many connections could not be made."""
        return self._pool.get_stats().get("connections_errors", 0)

    @asynccontextmanager
    async def _connection(self, wait_seconds: float | None = None) -> AsyncGenerator[AsyncConnection[Row]]:
        """One out of the pool. While the server is away one caller at a time waits for it; the rest are told so at once.

        The pool's own limit cannot be used: it counts those who gave up, too, until a connection comes, and at the limit asks for none.
        """
        if self._waiting >= (1 if self._is_away else MAX_WAITING):
            raise MetadataUnavailableError("PostgreSQL gives no connection.")
        async with AsyncExitStack() as stack:
            self._waiting += 1
            given, failed = self._given, self._failed
            try:
                raw = await stack.enter_async_context(self._pool.connection(wait_seconds))
            except PoolTimeout:
                self._is_away = given == self._given and failed < self._failed  # else the pool, or the machine, is only busy
                raise
            finally:
                self._waiting -= 1
            self._given += 1
            self._is_away = False
            yield raw


@asynccontextmanager
async def open_database(
    url: str, max_connections: int = 8, wait_seconds: float = 3.0, audit: AuditLog | None = None
) -> AsyncGenerator[Database]:
    """The database at `url`; it may be away. A caller waits `wait_seconds` for a connection before it is told so.

    Without `audit` records are kept all the same, under hashes that nobody can make again.
    """
    audit = audit or AuditLog(AuditNames(secrets.token_hex()), SystemClock())
    options: dict[str, Any] = {
        "autocommit": True,
        "row_factory": dict_row,
        "connect_timeout": 5,
        "application_name": "analytics",
        "options": "-c statement_timeout=10s -c idle_in_transaction_session_timeout=30s -c timezone=UTC",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
    pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=max_connections,
        open=False,
        timeout=wait_seconds,
        max_idle=300,
        # After this the pool gives up until somebody asks again: its pauses between tries would grow beyond what a caller waits.
        reconnect_timeout=wait_seconds,
        check=_check,
        kwargs=options,
        name="metadata",
    )
    await pool.open(wait=False)
    try:
        yield Database(pool, audit, partial(AsyncConnection[Row].connect, url, **options))
    finally:
        await pool.close(timeout=5)


async def _check(connection: AsyncConnection[Row]) -> None:
    """Raise if the server has ended the connection. That makes its socket readable, which costs nothing to see: only then is it asked."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool[AsyncConnection[Row]].check_connection(connection)


@asynccontextmanager
async def _errors_as_ours() -> AsyncGenerator[None]:
    try:
        yield
    except (PoolTimeout, PoolClosed) as error:
        raise MetadataUnavailableError("PostgreSQL gives no connection.") from error
    except psycopg.errors.UniqueViolation as error:
        raise ConflictError("That exists already.") from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise ConflictError("That changed in between; ask again.") from error
    except (psycopg.DataError, UnicodeEncodeError) as error:  # a NUL in a text, or half of a surrogate pair
        raise InvalidRequestError("A value cannot be stored.") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        _log.warning("postgresql failed", error=" ".join(str(error).split())[:300])
        raise MetadataUnavailableError("PostgreSQL does not answer.") from error
