"""The allow-lists against the engine that is installed: what a new engine brings is in no list until somebody has put it there."""

from pathlib import Path

import pytest

from analytics.errors import AnalyticsError, SqlRefusedError
from analytics.fence.checker import TABLE_FUNCTIONS
from analytics.fence.functions import COMBINATORS, SYNTAX, allowed_functions, is_aggregate
from analytics.fence.types import check_structure, check_type
from analytics.warehouse.client import Warehouse
from analytics.warehouse.failures import error_code
from tests.fence.conftest import School

DENIED = Path(__file__).parent / "denied_functions.txt"


def _names(entries: list[str]) -> set[str]:
    return {entry.rstrip("*") for entry in entries}


def _denied() -> list[str]:
    lines = DENIED.read_text("utf-8").splitlines()
    return [name for line in lines if not line.startswith(("#", "[")) for name in line.split()]


def _rows(warehouse: Warehouse, sql: str) -> list[tuple[str, ...]]:
    return list(warehouse.query(sql).rows)


def test_each_function_of_the_engine_is_allowed_or_denied_with_a_reason(school: School) -> None:
    allowed = {name for names in allowed_functions().values() for name in names if not name.endswith("*")}
    denied = _denied()
    assert len(denied) == len(_names(denied))
    assert not allowed & _names(denied)
    engine = {name for (name,) in _rows(school.warehouse, "SELECT name FROM system.functions WHERE origin = 'System'")}
    assert engine - allowed - _names(denied) == set(), "new functions: put each on a list"
    assert allowed - engine == set(), "functions that are gone"


def test_letters_matter_as_they_do_to_the_engine(school: School) -> None:
    """A denied name in other letters is no allowed one, and the other way round."""
    rows = _rows(school.warehouse, "SELECT name, is_aggregate, case_insensitive FROM system.functions WHERE origin = 'System'")
    listed = allowed_functions()
    for name, aggregate, insensitive in rows:
        names = listed["aggregate" if aggregate else "scalar"]
        if name in names:
            assert (f"{name.lower()}*" in names) == bool(insensitive), name
    for entry in _denied():
        low = f"{entry.rstrip('*').lower()}*"
        assert not any(low in names for names in listed.values()), entry


def test_scalars_and_aggregates_are_told_apart(school: School) -> None:
    rows = _rows(school.warehouse, "SELECT name, is_aggregate FROM system.functions WHERE origin = 'System'")
    kinds = {name: "aggregate" if aggregate else "scalar" for name, aggregate in rows}
    for kind, names in allowed_functions().items():
        for name in names:
            assert name.endswith("*") or kinds[name] == kind, name


def test_combinators_are_those_of_the_engine(school: School) -> None:
    rows = _rows(school.warehouse, "SELECT name FROM system.aggregate_function_combinators WHERE NOT is_internal")
    assert {name for (name,) in rows} - set(COMBINATORS) == {"Tuple"}, "a combinator is new"
    assert all(is_aggregate(f"sum{name}") for name in COMBINATORS)
    assert not is_aggregate("hostNameIf")
    assert not is_aggregate("If")


def test_no_table_function_has_the_name_of_an_allowed_function_but_format(school: School) -> None:
    """Right of IN the engine takes a call for a table function if there is one of that name."""
    tables = {name.lower() for (name,) in _rows(school.warehouse, "SELECT name FROM system.table_functions")}
    allowed = {name.lower().rstrip("*") for names in allowed_functions().values() for name in names}
    assert tables & allowed == {"format"}
    assert tables >= TABLE_FUNCTIONS
    assert not SYNTAX & tables


def test_the_simple_types_are_types_of_the_engine(school: School) -> None:
    for kind in (
        *("Int64", "UInt256", "Float32", "Bool", "String", "FixedString(3)", "UUID", "IPv6", "Date32", "DateTime('UTC')", "Dynamic"),
        *("DateTime64(3, 'UTC')", "Decimal(10, 2)", "Enum8('a' = 1, 'b' = 2)", "Array(Nullable(Int8))", "Map(String, Array(UInt8))"),
        *("Tuple(a Int8, `b c` String)", "Tuple(Int8, String)", "LowCardinality(Nullable(String))", "Variant(Int8, String)"),
        *("INT UNSIGNED", "varchar(10)"),
    ):
        check_type(kind)
        assert school.warehouse.query("SELECT defaultValueOfTypeName({kind:String})", {"kind": kind}).rows
    check_structure("a Int8, `b c` Array(String)")


def test_columns_are_those_of_the_tables(school: School) -> None:
    """Names and types as the catalogue states them are what the subquery answers."""
    catalog = school.gate._catalog  # pyright: ignore[reportPrivateUsage]
    for table in catalog.tables.values():
        text = catalog.rows_of(table).replace("{fence_project:String}", "''")
        found = [(name, kind) for name, kind, *_ in school.warehouse.query(f"DESCRIBE TABLE ({text})").rows]
        assert found == [(column.name, column.type) for column in table.columns], table.name
        assert all(column.description for column in table.columns)
        for member, column in table.hot.items():
            stored = school.warehouse.query(
                "SELECT default_kind, default_expression FROM system.columns "
                "WHERE database = 'default' AND table = {t:String} AND name = {c:String}",
                {"t": table.physical, "c": column},
            ).rows
            assert stored == [("MATERIALIZED", f"JSONExtract(properties, '{member}', 'String')")]


def test_no_function_is_called_without_brackets_but_those_of_time(school: School) -> None:
    """Some names are functions to the engine also as bare words; a column or an alias somewhere else does not make them known."""
    rows = _rows(school.warehouse, "SELECT name FROM system.functions WHERE NOT is_aggregate AND NOT startsWith(name, 'region')")
    names = {name for (name,) in rows} - {"not"}
    called: set[str] = set()
    for name in sorted({*names, *map(str.lower, names)}):
        try:
            school.warehouse.query(f"SELECT {name}")
        except AnalyticsError as error:
            if error_code(error.__cause__ or error) in (47, 344, 446, 721):  # unknown, disabled, not allowed, deprecated
                continue
        called.add(name.lower())
        if name.lower() not in {"curdate", "current_date", "current_timestamp", "localtime", "localtimestamp", "now", "today"}:
            with pytest.raises(SqlRefusedError):
                pytest.fail(f"{name} came through as {school.gate.check(f'SELECT (SELECT 1 AS `{name}`), {name}').sql}")
    assert {"user", "current_database", "today"} <= called
