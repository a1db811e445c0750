"""What an own rollup is made of, once the engine has named the types of its columns: the table, its view, and how it is asked.

The one thing to know: a plan stands in PostgreSQL with the rollup, and what the writer must know of it stands in the comment of its table
too, so that a batch can be made whole without PostgreSQL.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from analytics.errors import AnalyticsError, SqlNotAllowedError
from analytics.fence.catalog import SqlColumn, SqlTable
from analytics.fence.failures import failure_of
from analytics.fence.rollup_shape import DAY, EVENTS_COLUMN, RollupShape
from analytics.warehouse.client import Warehouse

# Types whose values are the same however they are written, so that they may be keys.
_KEY_TYPE = re.compile(
    r"(?:LowCardinality\()?(?:Nullable\()?(?:U?Int(?:8|16|32|64|128|256)|Bool|String|FixedString\(\d+\)|Date|Date32|UUID"
    r"|DateTime(?:\('[\w/+-]+'\))?|DateTime64\(\d(?:, '[\w/+-]+')?\)|Decimal\(\d+, \d+\)|Interval\w+|Enum\d+\(.*\))\)*"
)
_FRACTION = re.compile(r"Float|Tuple|Array")


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """A column of the rollup: `type` as it is asked, `kept` as its table keeps it. `merge`: the aggregate that adds its states up, such as
    `quantileMerge(0.9)`; empty: a dimension. `exact`: the same events give the same to the last digit."""

    name: str
    type: str
    kept: str
    merge: str = ""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class RollupPlan:
    """All of it. `feed` and `fill` as in RollupShape."""

    columns: tuple[PlannedColumn, ...]
    feed: str
    fill: str

    @property
    def dimensions(self) -> Sequence[PlannedColumn]:
        return [column for column in self.columns if not column.merge]

    @property
    def aggregates(self) -> Sequence[PlannedColumn]:
        return [column for column in self.columns if column.merge]

    def document(self) -> dict[str, Any]:
        """As it is kept."""
        columns = [{name: getattr(column, name) for name in PlannedColumn.__slots__} for column in self.columns]
        return {"columns": columns, "feed": self.feed, "fill": self.fill}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "RollupPlan":
        """The plan that was kept."""
        columns = tuple(PlannedColumn(**column) for column in cast(Sequence[dict[str, Any]], document["columns"]))
        return cls(columns, document["feed"], document["fill"])

    def asked_as(self, name: str, physical: str, description: str) -> SqlTable:
        """The table an analyst names: the rows of the rollup's SELECT, its states added up."""
        columns = [
            SqlColumn(column.name, column.type, "", f"{column.merge}({{t}}.`{column.name}`)" if column.merge else "")
            for column in self.columns
        ]
        return SqlTable(name, physical, description, tuple(columns), grouped=True)


def make_plan(warehouse: Warehouse, shape: RollupShape) -> RollupPlan:
    """The plan of a shape. Raises SqlNotAllowedError or SqlFailedError for what the engine or a table cannot do, StoreError."""
    states = _types(warehouse, shape.feed)
    aggregates = {aggregate.name: aggregate for aggregate in shape.aggregates}
    merged = ", ".join(f"{aggregate.with_suffix('Merge')}(`{name}`) AS `{name}`" for name, aggregate in aggregates.items())
    finals = _types(warehouse, f"SELECT {merged} FROM ({shape.feed})")  # noqa: S608 - made of a checked tree
    columns: list[PlannedColumn] = []
    for name in shape.columns:
        aggregate = aggregates.get(name)
        if aggregate is None:
            if not _KEY_TYPE.fullmatch(states[name]):
                raise SqlNotAllowedError(f"The dimension {name} is of the type {states[name]}: a rollup cannot group by it.", 0)
            columns.append(PlannedColumn(name, states[name], states[name]))
        else:
            exact = aggregate.exact and not _FRACTION.search(finals[name])
            columns.append(PlannedColumn(name, finals[name], states[name], aggregate.with_suffix("Merge"), exact))
    return RollupPlan(tuple(columns), shape.feed, shape.fill)


def table_definition(plan: RollupPlan, table: str) -> str:
    """The statement that makes the table. `expires_on` is part of the key: each event goes on its own day."""
    dimensions = "".join(f"    `{column.name}` {column.kept},\n" for column in plan.dimensions)
    states = "".join(f",\n    `{column.name}` {column.kept}" for column in plan.aggregates)
    keys = ", ".join(["project_id", DAY, *(f"`{column.name}`" for column in plan.dimensions), "expires_on"])
    return f"""CREATE TABLE IF NOT EXISTS {table}
(
    project_id LowCardinality(String),
    {DAY} Date COMMENT 'day of the events, UTC',
{dimensions}    expires_on Date,
    {EVENTS_COLUMN} SimpleAggregateFunction(sum, UInt64){states}
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM({DAY})
PRIMARY KEY (project_id, {DAY})
ORDER BY ({keys})
TTL expires_on
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    allow_nullable_key = 1"""


def _types(warehouse: Warehouse, select: str) -> dict[str, str]:
    """The types of the columns of a SELECT, which is not run."""
    try:
        answer = warehouse.query(f"DESCRIBE TABLE ({select})", lane="control")
    except AnalyticsError as error:
        if error.__cause__ is None:
            raise
        raise failure_of(str(error.__cause__)) from error
    return {row[0]: row[1] for row in answer.rows}
