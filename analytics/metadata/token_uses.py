"""When API tokens were last used: noted in memory, written a few at a time, so that no request waits for it.

A use is written at most once a minute a token and process; what is noted is lost with a process that is killed. Nothing depends on it but
people who look for tokens that nobody uses.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from analytics.background import running
from analytics.clock import Clock
from analytics.errors import MetadataUnavailableError
from analytics.metadata.pool import Database
from analytics.statements import postgres

WRITE_SECONDS = 2.0
ONCE_A_TOKEN_SECONDS = 60.0


class TokenUses:
    """The uses that this process has seen. For the event loop."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[str, datetime] = {}  # uses of the last minute: written, or about to be
        self._waiting: dict[str, datetime] = {}

    def note(self, token_id: str) -> None:
        """A token was used now."""
        now = self._clock.now()
        before = self._noted.get(token_id)
        if before is None or (now - before).total_seconds() >= ONCE_A_TOKEN_SECONDS:
            self._noted[token_id] = self._waiting[token_id] = now

    async def write(self) -> None:
        """Write what waits. Raises MetadataUnavailableError; then it still waits."""
        now = self._clock.now()
        self._noted = {token: at for token, at in self._noted.items() if (now - at).total_seconds() < ONCE_A_TOKEN_SECONDS}
        if not self._waiting:
            return
        uses, self._waiting = self._waiting, {}
        try:
            # Nobody's doing, so it is no `change`: a use of a token is in the log of whatever it was used for.
            async with self._database.read() as connection:
                await connection.run(postgres("api_tokens")["note_use"], ids=list(uses), used_at=list(uses.values()))
        except MetadataUnavailableError:
            self._waiting = uses | self._waiting
            raise

    async def keep_writing(self) -> None:
        """Write every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            with suppress(MetadataUnavailableError):
                await self.write()


@asynccontextmanager
async def token_uses_written(database: Database, clock: Clock) -> AsyncGenerator[TokenUses]:
    """Uses that are written as long as the block runs, and once more at its end."""
    uses = TokenUses(database, clock)
    try:
        async with running(uses.keep_writing(), "token-uses"):
            yield uses
    finally:
        with suppress(MetadataUnavailableError):
            await uses.write()
