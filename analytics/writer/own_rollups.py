"""What the writer owes to the rollups that projects made: their views stand on the way of every event.

The one thing to know: a view that fails must not stop anybody's events. It is taken away and the batch goes in without it; and a batch of
which any part may have landed before is not repeated into their tables: the days it touches are computed anew.
"""

from typing import Protocol

import pyarrow as pa

from analytics.errors import AnalyticsError


class OwnRollups(Protocol):
    """For the writer's thread. Methods block and raise StoreError."""

    def blame(self, error: AnalyticsError) -> bool:
        """Whether an own rollup's view made an insert fail. If so it is gone now, and the rollup stands as failed."""
        ...

    def complete(self, events: pa.Table) -> None:
        """Compute anew, for each rollup of the projects of `events`, the days these lie on. Nobody may be inserting events meanwhile."""
        ...


class NoOwnRollups:
    """Where there are none."""

    def blame(self, error: AnalyticsError) -> bool:
        return False

    def complete(self, events: pa.Table) -> None:
        return None
