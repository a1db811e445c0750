"""How many rows and bytes a query is said to read.

The engine counts whole granules, and in the first and the last of a project's granules lie rows of its neighbours, in every part: its
figures grow when a neighbour stores something. The one thing to know: so what is shown is never the engine's figure. It is the project's
own rows, for each time that a table is named, rounded up to a power of two; where a million rows or more were read and that is less, it
is the engine's figure, rounded up likewise. What a query without tables read is its own affair, and exact.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass

from analytics.errors import StoreError
from analytics.fence.analyst_door import GRANULE_ROWS
from analytics.statements import clickhouse
from analytics.warehouse.client import Warehouse

# What neighbours add to a query is far below: two granules for each part.
LEAST_ROWS = 1 << 20
LEAST_BYTES = 1 << 26
# Uncompressed, of all public columns together (benchmarks/dataset: events of a school); a query reads some of them.
BYTES_A_ROW = {"events": 450, "event_counts": 40, "user_days": 60, "user_timeline": 80}
WIDEST_ROW = max(BYTES_A_ROW.values())
REMEMBERED_SECONDS = 30.0
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Sources:
    """What a statement reads: how often it names a table, and whether it makes rows beside (numbers, values)."""

    named: int
    makes_rows: bool


class OwnRows:
    """How many rows the projects have, as of some seconds ago. For one event loop."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._known: OrderedDict[str, tuple[float, int]] = OrderedDict()

    async def of(self, project_id: str) -> int | None:
        """The most rows that any table holds of a project; None if the warehouse does not say."""
        known = self._known.get(project_id)
        if known is not None and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        try:
            answer = await self._warehouse.ask(clickhouse("adhoc/own_rows").text(), {"project_id": project_id})
        except StoreError:
            return None
        rows = max(0, int(answer.rows[0][0] or 0)) if answer.rows else 0
        self._known[project_id] = (time.monotonic(), rows)
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return rows


def rows_shown(read: int, sources: Sources, own: int | None) -> int:
    """What is shown of `read` rows; `own` are those of the project, None if not known."""
    if sources.named == 0:
        return read
    most = None if own is None else max(GRANULE_ROWS, _power_of_two(own)) * sources.named
    # Beside rows that the statement makes, as many as it likes, each further one could be told.
    if sources.makes_rows:
        return LEAST_ROWS if most is None else most
    shown = max(LEAST_ROWS, _power_of_two(read))
    return shown if most is None else min(shown, most)


def bytes_shown(read: int, rows: int, sources: Sources) -> int:
    """What is shown of `read` bytes, where `rows` are shown."""
    if sources.named == 0:
        return read
    most = rows * WIDEST_ROW
    return most if sources.makes_rows else min(max(LEAST_BYTES, _power_of_two(read)), most)


def _power_of_two(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()
