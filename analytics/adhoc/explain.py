"""What a query would read, before it runs: the engine's own estimate, through the same door.

The one thing to know: the estimate counts whole granules of the index, so it is never less than what will be read, but for subqueries
whose answer decides what is read; of it only what `adhoc/reads.py` leaves is shown. Bytes are not known before columns are read: they are
the rows times BYTES_A_ROW, and say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analytics.adhoc.door import RunningSql
from analytics.adhoc.queries import AdhocQueries, AskedSql
from analytics.adhoc.reads import BYTES_A_ROW, WIDEST_ROW, rows_shown
from analytics.errors import LimitExceededError
from analytics.fence.analyst_door import TableEstimate


@dataclass(frozen=True, slots=True)
class Cost:
    """What would be read at the most, and the first limit that would be met; None if none would."""

    tables: Sequence[TableEstimate]
    rows: int
    bytes: int
    limit: str | None


async def explain(queries: AdhocQueries, asked: AskedSql) -> Cost:
    """The cost of `asked`, which must be an explaining one. Raises as `AdhocQueries.running`."""
    async with queries.running(asked) as query:
        try:
            async for _ in query.chunks():
                pass
        except LimitExceededError as error:  # numbers(1e11): it is known before anything is read that there are too many
            return replace(cost_of(query), limit=error.limit)
    return cost_of(query)


def cost_of(query: RunningSql) -> Cost:
    """What is shown of its estimates. A table is listed since it is named: that the engine found parts of it may be a neighbour's doing."""
    wanted, sources = query.wanted, query.wanted.checked.sources
    found = {estimate.table: estimate.rows for estimate in query.estimates}
    others = sum(rows for name, rows in found.items() if name not in wanted.checked.tables)  # rollups have names of their own in the engine
    tables = [TableEstimate(name, rows_shown(found.get(name, others), sources, query.own_rows)) for name in wanted.checked.tables]
    rows, size = sum(table.rows for table in tables), _bytes(tables)
    # Which limit is met is told by the engine's figures: limits are far above what neighbours add.
    limit = None
    if sum(found.values()) > wanted.policy.rows_read:
        limit = "rows_read"
    elif _bytes(query.estimates) > wanted.policy.bytes_read:
        limit = "bytes_read"
    return Cost(tables, rows, size, limit)


def _bytes(tables: Sequence[TableEstimate]) -> int:
    return sum(table.rows * BYTES_A_ROW.get(table.table, WIDEST_ROW) for table in tables)
