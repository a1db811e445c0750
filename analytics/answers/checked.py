"""Statements that were checked a moment ago: a dashboard asks the same ones again and again, and reading one costs more than a kept answer.

The one thing to know: only what reads built-in tables alone is remembered. That is the same for every project and at all times; what a
project's own names stand for is looked up each time.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from analytics.adhoc.door import CheckedSql, SqlDoor, with_bound
from analytics.fence.checked_query import CheckedQuery

REMEMBERED_SECONDS = 60.0
MOST_TEXTS = 500


class CheckedTexts:
    """For one event loop."""

    def __init__(self, door: SqlDoor) -> None:
        self._door = door
        self._known: OrderedDict[str, tuple[float, CheckedQuery]] = OrderedDict()  # oldest first

    async def check(self, sql: str, values: Mapping[str, Any], project_id: str) -> CheckedSql:
        """As `SqlDoor.check`."""
        self._door.require_on()
        now = time.monotonic()
        while self._known and (len(self._known) > MOST_TEXTS or next(iter(self._known.values()))[0] < now - REMEMBERED_SECONDS):
            self._known.popitem(last=False)
        held = self._known.get(sql)
        if held is not None:
            return with_bound(held[1], values)
        checked = await self._door.checked(sql, project_id)
        if not checked.named:
            self._known[sql] = (now, checked)
            self._known.move_to_end(sql)
        return with_bound(checked, values)
