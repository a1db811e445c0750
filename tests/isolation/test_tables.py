"""Every table, in either store, is listed with what keeps tenants apart in it. A new table fails here until it has its line."""

import re
from collections.abc import Mapping

import psycopg
import pytest

from analytics.warehouse.analyst_tables import SPARE_TABLES
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio

# A scratch copy of `events`, which a quarantine makes and drops, is read by nobody.
# How a ClickHouse table is scoped: `project`, project_id stands first in its key, so each question reads one range of it; or the reason
# why it needs no such thing.
CLICKHOUSE: Mapping[str, str] = {
    "events": "project",
    "event_counts": "project",
    "user_days": "project",
    "user_timeline": "project",
    "rejected_events": "project",
    "event_ids": "hash: of a seed that is the project's own secret, so an id of another project never meets it",
    "reconciliations": "operator: counts of runs over all projects, read by owners alone",
    "schema_migrations": "operator: names of migrations",
}
# How a PostgreSQL table is scoped: the column that every statement names, or the reason.
POSTGRES: Mapping[str, str] = {
    "projects": "is the project",
    "write_keys": "project_id",
    "api_tokens": "project_id",
    "members": "project_id",
    "users": "person: over all projects; shown to owners, to themselves, and as members to admins of a project they share",
    "refresh_families": "person",
    "refresh_tokens": "person",
    "audit_records": "project_id",
    "audit_unsealed": "operator: numbers of records",
    "audit_seals": "operator: the chain over all records",
    "account_links": "person",
    "browser_sessions": "person",
    "second_factors": "person",
    "recovery_codes": "person",
    "oidc_identities": "person",
    "oidc_used_flows": "operator: hashes of sign-ins",
    "erased_ids": "project_id",
    "erasures": "project_id",
    "event_nodes": "operator: names of spools",
    "key_ring": "operator: keys that seal, themselves sealed",
    "sealed_secrets": "project_id",
    "subject_export_ids": "export: rows of one of subject_exports",
    "subject_exports": "project_id",
    "dashboards": "project_id",
    "dashboard_shares": "project_id",
    "rollups": "project_id",
    "source_names": "project_id",
    "sql_limits": "project_id",
    "sql_suspensions": "project_id; a caller is refused in all of theirs",
    "sql_queries": "project_id",
    "alerts": "project_id",
    "alert_changes": "project_id",
    "alert_outbox": "project_id",
    "saved_queries": "project_id",
    "saved_query_versions": "project_id",
    "signing_keys": "operator: what signs access tokens",
    "directory_version": "operator: a number",
    "schema_migrations": "operator: names of migrations",
}


def told(store: str, name: str) -> str:
    return f"table {name} of {store} is new: say in tests/isolation/test_tables.py what keeps tenants apart in it"


def check_clickhouse(api: Api) -> None:
    rows = api.services.warehouse.query(
        "SELECT name, engine, sorting_key FROM system.tables WHERE database = currentDatabase() AND name NOT LIKE 'events_scratch%'"
    ).rows
    tables = {name: key for name, engine, key in rows if engine != "MaterializedView"}
    for name, key in tables.items():
        is_rollup = name in SPARE_TABLES
        assert is_rollup or name in CLICKHOUSE, told("ClickHouse", name)
        if is_rollup or CLICKHOUSE[name] == "project":
            assert key.split(",")[0].strip() == "project_id", f"{name}: project_id does not stand first in its key"
    assert set(CLICKHOUSE) == set(tables) - set(SPARE_TABLES), "a table of the list is gone"


def check_postgres(api: Api) -> None:
    assert api.settings.postgres_url is not None
    with psycopg.connect(api.settings.postgres_url.get_secret_value()) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
    tables = {name for name, _ in columns}
    for name in tables:
        assert name in POSTGRES, told("PostgreSQL", name)
        assert POSTGRES[name] != "project_id" or (name, "project_id") in columns
    assert set(POSTGRES) == tables, "a table of the list is gone"


async def test_each_clickhouse_table_is_scoped_by_project_or_says_why_not(api: Api) -> None:
    check_clickhouse(api)


async def test_each_postgresql_table_is_scoped_by_project_or_says_why_not(api: Api) -> None:
    check_postgres(api)


async def test_a_table_that_is_new_is_noticed_in_either_store(api: Api) -> None:
    assert api.settings.postgres_url is not None
    with psycopg.connect(api.settings.postgres_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("CREATE TABLE new_things (id text)")
        try:
            with pytest.raises(AssertionError, match="table new_things of PostgreSQL is new"):
                check_postgres(api)
        finally:
            connection.execute("DROP TABLE new_things")
    api.services.warehouse.command("CREATE TABLE new_things (id String) ENGINE = MergeTree ORDER BY id")
    try:
        with pytest.raises(AssertionError, match="table new_things of ClickHouse is new"):
            check_clickhouse(api)
    finally:
        api.services.warehouse.command("DROP TABLE new_things SYNC")


async def test_each_rollup_is_fed_with_the_project_of_its_rows(api: Api) -> None:
    rows = api.services.warehouse.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView'"
    ).rows
    assert len(rows) >= 4
    for name, text in rows:
        target = re.search(r"\bTO (?:\S+\.)?`?(\w+)`?", text)
        assert target is not None, text
        if target[1] not in SPARE_TABLES and CLICKHOUSE[target[1]] == "project":
            assert re.search(r"SELECT\s+(?:\w+\.)?project_id\b", text), f"{name} does not carry project_id first"
