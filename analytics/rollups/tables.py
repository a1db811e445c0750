"""The physical side of own rollups: tables with names from the pool, the views that feed them, and days of them computed anew.

A day is computed anew beside its table, with the rest of its month, and the month is put in place at once: a question sees it before or
after, never between. The one thing to know: whoever computes must keep the writer out of the way, by its gate or by being it.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Any
from uuid import uuid4

from analytics.errors import WarehouseUnavailableError
from analytics.fence.rollup_shape import DAY, EVENTS_COLUMN
from analytics.rollups.plan import RollupPlan, table_definition
from analytics.statements import clickhouse
from analytics.warehouse.analyst_tables import SPARE_TABLES
from analytics.warehouse.client import Lane, Warehouse
from analytics.warehouse.limits import INSERT_SETTINGS

GROUPS_AT_ONCE = 1_000_000  # most rows that the days computed together may have
_COMPUTE: Mapping[str, Any] = {
    **INSERT_SETTINGS,
    "insert_deduplicate": 0,  # what is computed anew often equals what was there
    "max_partitions_per_insert_block": 0,
    "max_memory_usage": 2_000_000_000,
    "max_execution_time": 60,
    "max_rows_to_group_by": GROUPS_AT_ONCE,
    "group_by_overflow_mode": "throw",
    "max_threads": 2,
    "use_query_condition_cache": 0,
}


@dataclass(frozen=True, slots=True)
class OwnTable:
    """One rollup's table as the warehouse knows it. `fill` as in RollupPlan; `failed`: why its view was taken away, empty if it was not;
    `filled`: whether all of the past is in it; `fed`: whether it has a view."""

    table: str
    rollup_id: str
    project_id: str
    columns: tuple[str, ...]
    dimensions: tuple[str, ...]
    exact: tuple[str, ...]
    merges: Mapping[str, str]
    fill: str
    failed: str = ""
    filled: bool = False
    fed: bool = False

    @property
    def view(self) -> str:
        """The name of the view that feeds it."""
        return view_of(self.table)


def view_of(table: str) -> str:
    """The name of the view that feeds a table of the pool."""
    return f"{table}_feed"


class OwnTables:
    """The tables of all projects' own rollups. Methods block; raise WarehouseUnavailableError, QueryTimeoutError or LimitExceededError."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._computing = threading.Lock()

    # ---- what is there ---------------------------------------------------------------

    def all(self, *, lane: Lane = "control") -> Sequence[OwnTable]:
        """Every one."""
        rows = self._warehouse.query(clickhouse("rollups/own_tables").text(), {"names": list(SPARE_TABLES)}, lane=lane).rows
        return [_own_table(name, comment, bool(fed)) for name, comment, fed in rows if comment]

    def of_project(self, project_id: str) -> Sequence[OwnTable]:
        """Those of one project."""
        return [table for table in self.all() if table.project_id == project_id]

    def find(self, name: str) -> OwnTable | None:
        """The one with this physical name."""
        return next((table for table in self.all() if table.table == name), None)

    def rows(self) -> Mapping[str, int]:
        """How many rows each has."""
        rows = self._warehouse.query(clickhouse("rollups/own_rows").text(), {"names": list(SPARE_TABLES)}, lane="control").rows
        return {name: int(count) for name, count in rows}

    def too_wide(self, table: OwnTable, most_groups: int) -> date | None:
        """A day on which it has more than `most_groups` groups, or None. Rows count first: of one group there may be several."""
        asked = {"max_execution_time": 30, "max_memory_usage": 1_000_000_000}
        candidates = self._warehouse.query(
            f"SELECT {DAY} FROM {table.table} GROUP BY {DAY} HAVING count() > {most_groups} ORDER BY count() DESC LIMIT 10",  # noqa: S608
            {},
            lane="rollups",
            settings=asked,
        ).rows
        keys = ", ".join(["project_id", *map(_name, table.dimensions)])
        for (day,) in candidates:
            text = (
                f"SELECT count() FROM (SELECT 1 FROM {table.table} WHERE {DAY} = {{day:Date}}"  # noqa: S608 - names of our own
                f" GROUP BY {keys} LIMIT {most_groups + 1})"
            )
            bounded = {**asked, "max_rows_to_group_by": most_groups + 1, "group_by_overflow_mode": "any"}
            if self._warehouse.query(text, {"day": day}, lane="rollups", settings=bounded).rows[0][0] > most_groups:
                return day
        return None

    # ---- life --------------------------------------------------------------------------

    def make(self, table: str, rollup_id: str, project_id: str, plan: RollupPlan) -> OwnTable:
        """An empty table without a view; what was there under its name is gone."""
        self.drop(table)
        made = OwnTable(
            table,
            rollup_id,
            project_id,
            tuple(column.name for column in plan.columns),
            tuple(column.name for column in plan.dimensions),
            tuple(column.name for column in plan.aggregates if column.exact),
            {column.name: column.merge for column in plan.aggregates},
            plan.fill,
        )
        self._warehouse.command(f"{table_definition(plan, table)}\nCOMMENT {_quoted(_comment(made))}")
        return made

    def feed(self, table: str, plan: RollupPlan) -> None:
        """Make the view: from the next batch on, events reach the table."""
        self._warehouse.command(f"CREATE MATERIALIZED VIEW IF NOT EXISTS {view_of(table)} TO {table} AS {plan.feed}")

    def unfeed(self, table: str) -> None:
        """Take the view away, if there is one."""
        self._warehouse.command(f"DROP VIEW IF EXISTS {view_of(table)} SYNC")

    def fail(self, table: OwnTable, reason: str) -> None:
        """Note why, and take the view away. In this order: what is noted is found also after a kill in between."""
        self._note(replace(table, failed=reason, filled=False))
        self.unfeed(table.table)

    def note_filled(self, table: OwnTable) -> None:
        """All of the past is in it."""
        self._note(replace(table, filled=True))

    def drop(self, table: str) -> None:
        """View and table, from the disk too."""
        self.unfeed(table)
        self._warehouse.command(f"DROP TABLE IF EXISTS {table} SYNC")

    def clear(self, table: str) -> None:
        """Remove all its rows."""
        self._warehouse.command(f"TRUNCATE TABLE IF EXISTS {table} SYNC")

    def drop_left_over(self) -> None:
        """Drop what killed processes left while they computed: embedded at once, on a server when it is an hour old."""
        seconds = 0 if self._warehouse.embedded else 3600
        with self._computing:  # what this process is at is left over by nobody: the writer begins with what a kill broke off
            for (name,) in self._warehouse.query(clickhouse("rollups/left_over").text(), {"seconds": seconds}, lane="control").rows:
                self._warehouse.command(f"DROP TABLE IF EXISTS {name} SYNC")

    def _note(self, table: OwnTable) -> None:
        self._warehouse.command(f"ALTER TABLE {table.table} MODIFY COMMENT {_quoted(_comment(table))}")

    # ---- days ----------------------------------------------------------------------------

    def event_days(self, project_id: str) -> Sequence[tuple[date, int]]:
        """The days on which a project has events, and how many, oldest first."""
        rows = self._warehouse.query(clickhouse("rollups/event_days").text(), {"project_id": project_id}, lane="control").rows
        return [(row[0], int(row[1])) for row in rows]

    def compute(self, table: OwnTable, days: Sequence[date], *, lane: Lane = "rollups") -> None:
        """Make `days` of the table what the events say. May be broken off anywhere and done again.

        The writer must not store anything meanwhile: what it does is lost to the table, until it is computed again.
        """
        states = [name for name in table.columns if name not in table.dimensions]
        names = ", ".join(["project_id", DAY, *map(_name, table.dimensions), "expires_on", EVENTS_COLUMN, *map(_name, states)])
        with self._computing:
            for month, of_month in groupby(sorted(set(days)), key=lambda day: f"{day:%Y%m}"):
                beside = f"{table.table}_new_{uuid4().hex}"
                texts = [day.isoformat() for day in of_month]
                self._warehouse.command(f"CREATE TABLE {beside} AS {table.table}", lane=lane)
                try:
                    self._warehouse.command(f"INSERT INTO {beside} ({names}) {table.fill}", {"days": texts}, lane=lane, settings=_COMPUTE)
                    self._warehouse.command(
                        f"INSERT INTO {beside} SELECT * FROM {table.table}"  # noqa: S608 - names of our own
                        f" WHERE toYYYYMM({DAY}) = {month} AND {DAY} NOT IN {{days:Array(Date)}}",
                        {"days": texts},
                        lane=lane,
                        settings={**_COMPUTE, "max_rows_to_group_by": 0},
                    )
                    self._put_in_place(table.table, beside, month, lane)
                finally:
                    self._warehouse.command(f"DROP TABLE IF EXISTS {beside} SYNC", lane=lane)

    def _put_in_place(self, table: str, beside: str, month: str, lane: Lane) -> None:
        tables, parts = self._warehouse.query(clickhouse("rollups/parts").text(), {"table": beside}, lane=lane).rows[0]
        if not tables:  # an empty one empties the month; one that is gone must not
            raise WarehouseUnavailableError(f"What was computed for {table} is gone; it is computed again.")
        if parts:
            self._warehouse.command(f"ALTER TABLE {table} REPLACE PARTITION ID '{month}' FROM {beside}", lane=lane)
        else:
            self._warehouse.command(f"ALTER TABLE {table} DROP PARTITION ID '{month}'", lane=lane)


def _name(column: str) -> str:
    return f"`{column}`"


def _comment(table: OwnTable) -> str:
    return json.dumps({name: getattr(table, name) for name in OwnTable.__slots__ if name not in ("table", "fed")})


def _own_table(name: str, comment: str, fed: bool) -> OwnTable:
    kept: dict[str, Any] = json.loads(comment)
    for member in ("columns", "dimensions", "exact"):
        kept[member] = tuple(kept[member])
    return OwnTable(name, **kept, fed=fed)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
