"""What somebody may say who takes the service for a ClickHouse server: their project as a database, and tables that tell what there is."""

import pytest

from analytics.errors import SqlRefusedError, UnknownColumnError, UnknownFunctionError, UnknownTableError
from analytics.fence.named import NamedQuery
from analytics.fence.server_words import ServerWords
from tests.fence.conftest import School
from tests.fence.school import CANARY, PROJECT_ID

WORDS = ServerWords("school", frozenset({"system"}), {"version": "26.9.2.1", "currentdatabase": "school"})
TABLES = NamedQuery("SELECT 'events' AS name, 'school' AS database")


def test_ones_own_database_may_stand_before_a_table_and_its_columns(school: School) -> None:
    plain = school.gate.check("SELECT events.event, count() AS n FROM events WHERE events.event != '' GROUP BY events.event")
    long = "SELECT school.events.event, count() AS n FROM school.events WHERE school.events.event != '' GROUP BY school.events.event"
    assert school.gate.check(long, None, WORDS).sql == plain.sql
    assert school.gate.check("SELECT properties.plan FROM school.events", None, WORDS).tables == ("events",)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM default.events",
        "SELECT * FROM other.events",
        "SELECT * FROM school.nothing",
        "SELECT * FROM school.school.events",
        "SELECT * FROM SCHOOL.events",
        "SELECT * FROM system.processes",
        "SELECT * FROM system.events",
        "SELECT 1 IN school.events",
    ],
)
def test_another_database_is_none(school: School, sql: str) -> None:
    with pytest.raises(SqlRefusedError):
        pytest.fail(school.gate.check(sql, {"system.tables": TABLES}, WORDS).sql)


def test_a_column_of_another_database_is_unknown(school: School) -> None:
    with pytest.raises(UnknownColumnError):
        school.gate.check("SELECT other.events.event FROM school.events", None, WORDS)


def test_a_table_that_tells_what_there_is_is_the_given_text(school: School) -> None:
    checked = school.gate.check("SELECT tables.name, system.tables.database FROM system.tables", {"system.tables": TABLES}, WORDS)
    assert school.warehouse.query(checked.sql).rows == [("events", "school")]
    assert "system" not in checked.sql.replace("fence_", "")
    assert checked.tables == ()
    with pytest.raises(UnknownTableError):
        school.gate.check("SELECT name FROM system.tables", {"system.tables": TABLES})


def test_a_function_of_the_server_is_a_text_and_keeps_its_name(school: School) -> None:
    checked = school.gate.check("SELECT version(), currentDatabase() AS d, upper(version())", None, WORDS)
    found = school.warehouse.query(checked.sql)
    assert found.rows == [("26.9.2.1", "school", "26.9.2.1")]
    assert found.columns[:2] == ("version()", "d")
    for sql in ("SELECT version(1)", "SELECT hostName()", "SELECT currentUser()", "SELECT arrayMap(version, [1])"):
        with pytest.raises(SqlRefusedError):
            pytest.fail(school.gate.check(sql, None, WORDS).sql)
    with pytest.raises(UnknownFunctionError):
        school.gate.check("SELECT version()")


@pytest.mark.parametrize("sql", ["SELECT version() AS v", "SELECT event FROM school.events", "SELECT name FROM system.tables"])
def test_a_saved_query_means_the_same_whoever_names_it(school: School, sql: str) -> None:
    named = {"saved": NamedQuery(sql), "system.tables": TABLES}
    with pytest.raises(SqlRefusedError, match="In saved:"):
        pytest.fail(school.gate.check("SELECT * FROM saved", named, WORDS).sql)


def test_a_cte_does_not_stand_for_a_table_that_is_named_with_its_database(school: School) -> None:
    checked = school.gate.check("WITH events AS (SELECT 1 AS event) SELECT event FROM school.events", None, WORDS)
    assert checked.tables == ("events",)
    rows = school.warehouse.query(checked.sql, {"fence_project": PROJECT_ID}).rows
    assert len(rows) > 1
    assert CANARY not in str(rows)
