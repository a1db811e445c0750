"""A session of a reconciliation that ends at the n-th change of a table."""

from typing import Any

from analytics.reconcile.session import Session
from analytics.warehouse.client import Warehouse


class CountedSession(Session):
    """Calls `end` at the n-th change: before a deletion, when it was handed over, and wherever `insert` of a subclass says."""

    def __init__(self, warehouse: Warehouse, changes: int) -> None:
        super().__init__(warehouse, None)
        self._changes = changes
        self._deleting = False

    def end(self) -> None:
        """What happens at that change."""
        raise NotImplementedError

    def change(self) -> None:
        """One more."""
        self._changes -= 1
        if self._changes == 0:
            self.end()

    def delete(self, *arguments: Any) -> None:
        self.change()
        self._deleting = True
        super().delete(*arguments)
        self._deleting = False

    def wait_for_deletions(self, table: str) -> None:
        if self._deleting:
            self.change()
        super().wait_for_deletions(table)
