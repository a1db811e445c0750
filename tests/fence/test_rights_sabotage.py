"""Each protection of the second fence, off alone, is found by the self-test: SQL is then off, and the fault is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.errors import AnalyticsError
from analytics.fence import embedded_door
from analytics.fence.embedded_door import EmbeddedAnalystDoor, EmbeddedAnalystHandle
from analytics.fence.limits import SqlLimits
from analytics.migrate.clickhouse import migrate_clickhouse
from analytics.warehouse import embedded_users
from analytics.warehouse.client import Warehouse, open_warehouse
from analytics.warehouse.embedded_users import ANALYST_ROLE
from tests.fixtures.fence import fill_events


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "clickhouse"


def faults(folder: Path) -> str:
    """What the self-test says of an engine opened now."""
    opened = open_warehouse(None, folder)
    try:
        migrate_clickhouse(opened)
        fill_events(opened)
        return " ".join(EmbeddedAnalystDoor(opened).self_test())
    finally:
        opened.close()


def test_without_row_policies_rows_of_others_are_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_users, "_policies", lambda tables: "")
    found = faults(folder)
    assert "Rows of another project are visible." in found
    assert "The table events shows its rows to all projects." in found
    assert "Queries of others can be seen." in found


def test_without_one_row_policy_that_table_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def policy(table: str, condition: str) -> str:
        return f'<table name="{table}"><filter>{"1" if table == "user_days" else condition}</filter></table>'

    monkeypatch.setattr(embedded_users, "_policy", policy)
    assert "The table user_days shows its rows to all projects." in faults(folder)


def test_a_policy_of_all_other_tables_is_tried(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_users, "_CLOSED_DATABASES", ("information_schema", "INFORMATION_SCHEMA"))
    assert "Queries of others can be seen." in faults(folder)


def test_without_the_shadow_of_file_files_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_users, "_SHADOWED_FUNCTIONS", ("sleep",))
    assert faults(folder) == "Files can be read by a function."


@pytest.mark.parametrize(
    ("right", "found"),
    [
        ("SELECT ON default.rejected_events", "Analysts have the right SELECT on default.rejected_events."),
        ("INSERT ON *.*", "Analysts have the right INSERT on *.*."),
        ("CREATE TEMPORARY TABLE ON *.*", "Analysts have the right CREATE TEMPORARY TABLE on *.*."),
        ("READ ON FILE", "Analysts have the right READ on *.*."),
    ],
)
def test_a_right_too_many_is_found(folder: Path, right: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = embedded_users.users_document
    more = f"<{ANALYST_ROLE}><grants><query>GRANT {right}</query>"
    monkeypatch.setattr(embedded_users, "users_document", lambda tables: document(tables).replace(f"<{ANALYST_ROLE}><grants>", more))
    assert found in faults(folder)


@pytest.fixture
def opened(folder: Path) -> Iterator[Warehouse]:
    """A warehouse as it should be."""
    warehouse = open_warehouse(None, folder)
    try:
        migrate_clickhouse(warehouse)
        fill_events(warehouse)
        yield warehouse
    finally:
        warehouse.close()


@pytest.mark.parametrize(
    ("missing", "found"),
    [
        ("SET ROLE analyst", "Rows of another project are visible."),
        ("readonly = 1", "Limits can be lifted."),
        ("readonly = 1", "The setting readonly of a handle is 0, not 1."),
        ("max_rows_to_read = ", "A limit on rows does not hold."),
        ("max_memory_usage = ", "The setting max_memory_usage of a handle is"),
        ("use_query_condition_cache = 0", "The setting use_query_condition_cache of a handle is true, not 0."),
        ("log_comment = ", "A project does not see its own rows."),
    ],
)
def test_a_handle_opened_without_one_of_its_settings_is_found(
    opened: Warehouse, missing: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = embedded_door.analyst_session

    def session(project_id: str, limits: SqlLimits) -> list[str]:
        role, settings = whole(project_id, limits)
        kept = [part for part in settings.removeprefix("SET ").split(", ") if not part.startswith(missing)]
        return [*([] if missing == role else [role]), f"SET {', '.join(kept)}"]

    monkeypatch.setattr(embedded_door, "analyst_session", session)
    assert found in " ".join(EmbeddedAnalystDoor(opened).self_test())


def test_without_the_look_at_its_kind_a_statement_writes_files(opened: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmbeddedAnalystHandle, "_is_one_reading", lambda self, sql: True)
    assert "Files can be written." in EmbeddedAnalystDoor(opened).self_test()


def test_a_door_that_refuses_everything_does_not_pass(opened: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmbeddedAnalystHandle, "_is_one_reading", lambda self, sql: False)
    with pytest.raises(AnalyticsError):
        EmbeddedAnalystDoor(opened).self_test()
