"""The small school in an engine of its own, and the gate before it: one for each file of tests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from analytics.fence.catalog import SqlCatalog
from analytics.fence.checked_query import PROJECT_PARAMETER
from analytics.fence.gate import Gate
from analytics.fence.parser import EngineParser
from analytics.migrate.clickhouse import migrate_clickhouse
from analytics.warehouse.client import Warehouse, open_warehouse
from tests.fence import corpus
from tests.fence.school import PROJECT_ID, store_school


@dataclass(frozen=True)
class School:
    """`gate` reads with the parser of `warehouse`, which holds the small school."""

    warehouse: Warehouse
    gate: Gate

    def answer(self, sql: str, params: dict[str, Any] | None = None, project_id: str = PROJECT_ID) -> tuple[tuple[str, ...], list[Any]]:
        """Columns and rows, as JSON has them, of what the gate makes of a question, run with all rights."""
        checked = self.gate.check(sql)
        values = {**(params or {}), **({PROJECT_PARAMETER: project_id} if checked.tables else {})}
        rows = self.warehouse.query(checked.sql, values)
        return rows.columns, json.loads(json.dumps(corpus.as_json(list(rows.rows))))


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    warehouse = open_warehouse(None, tmp_path_factory.mktemp("school") / "clickhouse")
    try:
        migrate_clickhouse(warehouse)
        warehouse.command("SYSTEM STOP TTL MERGES events")  # else the expired row may be gone
        store_school(warehouse)
        yield School(warehouse, Gate(EngineParser(warehouse), SqlCatalog.of_database("default")))
    finally:
        warehouse.close()
