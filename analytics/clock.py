"""The time, as one thing that can be handed in: UTC, aware, and fixed in tests."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...

    def now_ms(self) -> int:
        """The present in whole milliseconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """The machine's clock, shifted by `offset_seconds` (a test of the horizon moves it; in production it is 0)."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self._offset = offset_seconds

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._offset)

    def now_ms(self) -> int:
        return int((time.time() + self._offset) * 1000)


@dataclass
class FixedClock:
    """A clock that stands still until moved."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def now_ms(self) -> int:
        return int(self.instant.timestamp() * 1000)

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.instant += timedelta(seconds=seconds)


def iso_utc(instant: datetime) -> str:
    """`2026-11-22T10:00:00.123Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
