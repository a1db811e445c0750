"""Own rollups in the daily reconciliation, and after a person was erased."""

from collections.abc import Sequence
from datetime import date

from analytics.errors import AnalyticsError
from analytics.reconcile.months import Window
from analytics.reconcile.session import Session
from analytics.rollups.feeds import OwnFeeds, reason_of
from analytics.rollups.rebuild import Rebuild, chunks_of
from analytics.rollups.tables import OwnTable
from analytics.warehouse.failures import is_at_fault


class OwnRollupsRepaired:
    """Implements OwnRollupRepair; `erase` is for erasures. One that cannot be computed any more fails, and keeps nobody else waiting."""

    def __init__(self, feeds: OwnFeeds, rebuild: Rebuild) -> None:
        self._feeds = feeds
        self._tables = feeds.tables
        self._rebuild = rebuild

    def tables(self) -> Sequence[str]:
        return [table.table for table in self._tables.all() if table.filled and table.fed]

    def repair(self, session: Session, table: str, window: Window, going: date) -> int:
        found = self._tables.find(table)
        if found is None or not (found.filled and found.fed):  # paused or dropped meanwhile
            return 0
        try:
            return self._rebuild.repair(session, found, window, going)
        except AnalyticsError as error:
            session.check()
            if not is_at_fault(error):
                raise
            self._feeds.fail(found, reason_of(error))
            return 0

    def compute(self, session: Session, project_id: str, windows: Sequence[Window], going: date) -> Sequence[str]:
        """Compute anew all days of `windows` in every rollup of a project, whatever its state; the tables that were touched.

        Raises StoreError, InterruptedRunError.
        """
        tables = self._tables.of_project(project_id)
        if not tables:
            return []
        events = dict(self._tables.event_days(project_id))
        days = sorted({day for window in windows for day in window.days})
        for table in tables:
            for chunk in chunks_of([(day, events.get(day, 0)) for day in days]):
                session.check()
                self._compute(session, table, chunk.days, going)
        return [table.table for table in tables]

    def _compute(self, session: Session, table: OwnTable, days: Sequence[date], going: date) -> None:
        try:
            if not self._rebuild.compute(table, days).sure and table.filled:
                self._rebuild.repair(session, table, Window(days[0], days[-1]), going)
        except AnalyticsError as error:
            if not is_at_fault(error):
                raise
            # What cannot be computed must not stay either, since it may count a person who is gone.
            self._feeds.fail(table, reason_of(error))
            self._tables.clear(table.table)
