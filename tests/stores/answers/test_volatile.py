"""A statement whose answer depends on when it is asked, or on chance, is known as such: its answer is not kept."""

import pytest

from analytics.answers.volatile import is_volatile
from analytics.fence.catalog import SqlCatalog
from analytics.fence.functions import allowed_functions
from analytics.fence.gate import Gate
from analytics.fence.parser import EngineParser
from analytics.warehouse.client import Warehouse

# The engine keeps results of these for no constants, or for none of a row; of the same data they give the same.
STEADY = {"arrayJoin", "unnest", "arrayPartialSort", "arrayPartialReverseSort", "financialNetPresentValueExtended", "timeZone", "timezone"}


def test_every_allowed_function_that_the_engine_calls_indeterminate_is_known(empty_warehouse: Warehouse) -> None:
    rows = empty_warehouse.query("SELECT name FROM system.functions WHERE deterministic = 0 AND NOT is_aggregate").rows
    chancy = {name for (name,) in rows if name in allowed_functions()["scalar"] or f"{name.lower()}*" in allowed_functions()["scalar"]}
    assert {"now", "today", "rand"} <= chancy
    assert {name for name in chancy if not is_volatile(f"SELECT {name}(1)")} <= STEADY


@pytest.mark.parametrize(
    ("sql", "depends"),
    [
        ("SELECT count() FROM events", False),
        ("SELECT event, count() FROM events WHERE date > '2026-11-01' GROUP BY event", False),
        ("SELECT event FROM event_counts", False),
        ("SELECT count() FROM events WHERE timestamp > now() - 60", True),
        ("SELECT NOW()", True),
        ("SELECT count() FROM events WHERE date = today()", True),
        ("SELECT rand() % 2 FROM events", True),
        ("SELECT `now`()", True),
    ],
)
def test_a_statement_is_judged_as_it_would_run(empty_warehouse: Warehouse, sql: str, depends: bool) -> None:
    gate = Gate(EngineParser(empty_warehouse), SqlCatalog.of_database("default"))
    assert is_volatile(gate.check(sql).sql) is depends
