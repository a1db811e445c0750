"""Claims: of all processes on one PostgreSQL, one at a time does a job. A claim goes with its connection, so also with its process.

The one thing to know: that connection is none of the pool, since a job may take hours.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import IntEnum

from analytics.errors import MetadataUnavailableError
from analytics.metadata.pool import Connection, Database
from analytics.statements import postgres

# The space is that of the migrations' locks, which have the numbers 1 and 2 (migrate/postgres.py).
SPACE = 0x616E6C79


class Job(IntEnum):
    """What can be claimed."""

    RECONCILE = 3
    SEAL_AUDIT = 4
    ERASE = 7
    EXPORT = 12
    ROLLUPS = 20
    ROLLUP_NAMES = 21


class Claim:
    """A claim that is held."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def holds(self) -> bool:
        """Whether it is held still: if the connection broke, another process may have it."""
        try:
            await self._connection.one(postgres("claims")["ask"])
        except Exception:  # whatever it is, the claim cannot be relied on
            return False
        return True


@asynccontextmanager
async def claimed(database: Database, job: Job, again_seconds: float | None = None) -> AsyncGenerator[Claim | None]:
    """The claim on `job` as long as the block runs; None if another process has it. Raises MetadataUnavailableError.

    With `again_seconds` it is asked for again after that long, until it is had. A connection that breaks within the block raises
    MetadataUnavailableError at its end.
    """
    async with database.apart() as connection:
        while not await _taken(connection, job):
            if again_seconds is None:
                yield None
                return
            await asyncio.sleep(again_seconds)
        try:
            yield Claim(connection)
        finally:
            await connection.one(postgres("claims")["leave"], space=SPACE, what=int(job))


async def _taken(connection: Connection, job: Job) -> bool:
    row = await connection.one(postgres("claims")["take"], space=SPACE, what=int(job))
    if row is None:
        raise MetadataUnavailableError("PostgreSQL does not answer.")
    return bool(row["taken"])
