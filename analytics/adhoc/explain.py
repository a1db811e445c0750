"""What a query would read, before it runs: the engine's own estimate, through the same door.

The one thing to know: the estimate counts whole granules of the index, so it is never less than what will be read, but for subqueries
whose answer decides what is read. Bytes are not known before columns are read: they are the rows times BYTES_A_ROW, and say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.adhoc.queries import AdhocQueries, AskedSql
from analytics.domain.sql_policy import SqlPolicy
from analytics.fence.analyst_door import TableEstimate

# Uncompressed, of all public columns together (benchmarks/dataset: events of a school); a query reads some of them.
BYTES_A_ROW = {"events": 450, "event_counts": 40, "user_days": 60, "user_timeline": 80}


@dataclass(frozen=True, slots=True)
class Cost:
    """What would be read at the most, and the first limit that would be met; None if none would."""

    tables: Sequence[TableEstimate]
    rows: int
    bytes: int
    limit: str | None


async def explain(queries: AdhocQueries, asked: AskedSql) -> Cost:
    """The cost of `asked`, which must be an explaining one. Raises as `AdhocQueries.running`."""
    policy = await queries.policy(asked.principal, asked.project)
    async with queries.running(asked) as query:
        async for _ in query.chunks():
            pass
    return cost_of(query.estimates, policy)


def cost_of(tables: Sequence[TableEstimate], policy: SqlPolicy) -> Cost:
    """The sum, against the limits."""
    rows = sum(table.rows for table in tables)
    size = sum(table.rows * BYTES_A_ROW.get(table.table, max(BYTES_A_ROW.values())) for table in tables)
    limit = "rows_read" if rows > policy.rows_read else "bytes_read" if size > policy.bytes_read else None
    return Cost(tables, rows, size, limit)
