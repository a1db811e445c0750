"""The live counters, counted anew from the warehouse: after a start, and when Redis was away or is new.

Called on the writer's thread while no batch is between its insert and its count, so the numbers hold exactly the batches so far.
"""

from collections import defaultdict
from datetime import UTC, datetime

import numpy as np

from analytics.cache.live import Recounted
from analytics.cache.live_batch import HashSet, LiveBatch
from analytics.errors import AnalyticsError
from analytics.statements import Statement, clickhouse
from analytics.warehouse.client import Rows, Warehouse

# It holds up the writer, so it is short; too much data for it is answered by counters that begin now.
_SETTINGS = {"max_execution_time": 5}
_TODAY_SETTINGS = {"max_execution_time": 1}


class LiveRecount:
    """A `Recount` for LiveCounters."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def __call__(self, first_minute: int, now: int) -> Recounted:
        """All events received since `first_minute` (Unix minutes), and the totals of the UTC day of `now` (Unix seconds).

        Raises StoreError or LimitExceededError. Source: table `events`, statements clickhouse/live/*.
        """
        per_second: dict[str, dict[int, int]] = defaultdict(dict)
        per_event: dict[str, dict[tuple[int, str], int]] = defaultdict(dict)
        users: dict[str, dict[int, HashSet]] = defaultdict(dict)
        sessions: dict[str, dict[int, HashSet]] = defaultdict(dict)
        for project_id, second, events in self._ask(clickhouse("live/seconds"), first_minute * 60).rows:
            per_second[project_id][second] = events
        for project_id, minute, event, events in self._ask(clickhouse("live/events"), first_minute * 60).rows:
            per_event[project_id][minute, event] = events
        for project_id, minute, user_hashes, session_hashes in self._ask(clickhouse("live/members"), first_minute * 60).rows:
            users[project_id][minute] = np.asarray(user_hashes, dtype=np.uint64)
            sessions[project_id][minute] = np.asarray(session_hashes, dtype=np.uint64)
        today = self._today(now)
        projects = per_second.keys() | (today or {}).keys()
        return Recounted([LiveBatch(p, per_second[p], per_event[p], users[p], sessions[p]) for p in sorted(projects)], today)

    def _today(self, now: int) -> dict[str, int] | None:
        try:
            return dict(self._ask(clickhouse("live/today"), now // 86_400 * 86_400, _TODAY_SETTINGS).rows)
        except AnalyticsError:
            return None

    def _ask(self, statement: Statement, since: int, settings: dict[str, int] = _SETTINGS) -> Rows:
        return self._warehouse.query(statement.text(), {"start": datetime.fromtimestamp(since, UTC)}, lane="writer", settings=settings)
