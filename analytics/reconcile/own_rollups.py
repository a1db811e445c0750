"""What a reconciliation asks of whoever keeps the rollups that projects made."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from analytics.reconcile.months import Window
from analytics.reconcile.session import Session

OWN = "own_rollups"  # they count as one in what a run found: names of projects' rollups are theirs


class OwnRollupRepair(Protocol):
    """For the run's thread."""

    def tables(self) -> Sequence[str]:
        """Names of the tables that should equal the events. Raises StoreError."""
        ...

    def repair(self, session: Session, table: str, window: Window, going: date) -> int:
        """Compare the days of `window` with the events and put right what differs; by how many events it did.

        Rows that expire by `going` count as gone. Raises as the methods of Session.
        """
        ...
