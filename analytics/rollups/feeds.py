"""The writer's side of own rollups (see writer/own_rollups.py): whose view made an insert fail, and days that are computed anew.

The one thing to know: PostgreSQL is not asked here. A rollup's table says by its comment whose it is and why its view is gone; who keeps
the rollups (keeping.py) tells PostgreSQL, at once if it can be reached, and by looking at the comments if not.
"""

import re
import threading
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, cast

import numpy as np
import pyarrow as pa
import structlog

from analytics.errors import AnalyticsError
from analytics.rollups.tables import OwnTable, OwnTables
from analytics.warehouse.failures import error_code, is_at_fault

_BLAMED = re.compile(r"while pushing to view [^\n]*?(analyst_table_\d\d)_feed\b")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_VALUE = "A value could not be read as the type that the SQL asks for; functions that end in OrNull or OrZero take any value."
_WORDS: Mapping[int, str] = {
    6: _VALUE,
    26: _VALUE,
    27: _VALUE,
    38: _VALUE,
    41: _VALUE,
    70: _VALUE,
    72: _VALUE,
    153: "Something was divided by zero, or the least number there is by -1.",
    158: "It has more groups than a rollup may.",
    159: "It took longer than it may.",
    241: "It needed more memory than it may have.",
    349: "A value was NULL where none may be.",
    407: "A decimal number was too large.",
}
_log = structlog.get_logger("analytics.rollups")


def reason_of(error: BaseException) -> str:
    """Why a rollup failed, in words that hold nothing of any event."""
    cause = error.__cause__ or error
    code = error_code(cause)
    if code is not None and code in _WORDS:
        return _WORDS[code]
    names = _NAME.findall(str(cause))
    return f"The engine failed on an event: {names[-1] if names else 'of no known kind'}."


class OwnFeeds:
    """Implements OwnRollups. `blame` and `complete` are for the writer's thread, the rest for any."""

    def __init__(self, tables: OwnTables) -> None:
        self.tables = tables
        self.on_failure: Callable[[str, str], None] = lambda rollup_id, reason: None
        self._failed: set[str] = set()
        self._lock = threading.Lock()

    def is_away(self, rollup_id: str) -> bool:
        """Whether its view was taken away by this process, also while PostgreSQL does not know yet."""
        with self._lock:
            return rollup_id in self._failed

    def forget(self, rollup_id: str) -> None:
        """It is built anew."""
        with self._lock:
            self._failed.discard(rollup_id)

    def fail(self, table: OwnTable, reason: str) -> None:
        """Take its view away for a reason. Raises WarehouseUnavailableError."""
        with self._lock:
            self._failed.add(table.rollup_id)
        self.tables.fail(table, reason)
        _log.warning("an own rollup failed", rollup=table.rollup_id, project_id=table.project_id, reason=reason)
        self.on_failure(table.rollup_id, reason)

    def blame(self, error: AnalyticsError) -> bool:
        # The last one: before it there may stand a value of an event, which may say anything.
        found = _BLAMED.findall(str(error.__cause__ or error.detail))
        if not found:
            return False
        table = self.tables.find(found[-1])
        if table is None:
            self.tables.unfeed(found[-1])
        else:
            self.fail(table, reason_of(error))
        return True

    def complete(self, events: pa.Table) -> None:
        days = days_by_project(events)
        for table in self.tables.all(lane="writer"):
            if not table.fed or table.project_id not in days:
                continue
            try:
                self.tables.compute(table, days[table.project_id], lane="writer")
            except AnalyticsError as error:
                if not is_at_fault(error):
                    raise
                self.fail(table, reason_of(error))


def days_by_project(events: pa.Table) -> dict[str, list[date]]:
    """The days (UTC) of the events of each project."""
    times = np.asarray(cast(Any, events.column("timestamp")).cast(pa.int64()))
    days = times.astype("datetime64[ms]").astype("datetime64[D]").tolist()
    found: dict[str, set[date]] = {}
    for project_id, day in set(zip(cast(list[str], events.column("project_id").to_pylist()), days, strict=True)):
        found.setdefault(project_id, set()).add(day)
    return {project_id: sorted(of_project) for project_id, of_project in found.items()}
