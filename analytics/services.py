"""Everything that lives as long as the app, opened in one place.

The one thing to know: parts open in order, close in reverse, also when opening fails half way; they receive plain values, never Settings.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from analytics.clock import Clock, SystemClock
from analytics.settings import Settings
from analytics.telemetry.metrics import Metrics


@dataclass(frozen=True)
class Services:
    """The open parts. Routes and jobs take what they need from here."""

    clock: Clock
    metrics: Metrics


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncGenerator[Services]:
    """Open every part of this process, as `settings` say.

    Raises StartError, SchemaDriftError or MetadataUnavailableError if the service cannot start; what was open by then is closed.
    """
    async with AsyncExitStack() as _stack:
        clock = SystemClock(settings.clock_offset_seconds)
        yield Services(clock=clock, metrics=Metrics())
