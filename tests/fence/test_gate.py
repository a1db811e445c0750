"""What the gate makes of a question, and what it says of what it refuses."""

import pytest

from analytics.errors import SqlRefusedError
from tests.fence.conftest import School


@pytest.mark.parametrize(
    ("sql", "code", "position"),
    [
        ("SELECT (", "sql-syntax", 8),
        ("SELECT 1; SELECT 2", "sql-syntax", 8),
        ("SELECT * FROM system.tables", "unknown-table", 14),
        ("SELECT file('/etc/passwd')", "unknown-function", 7),
        ("SELECT 1 SETTINGS max_threads = 1", "sql-not-allowed", 9),
        ("SELECT 1 FORMAT CSV", "sql-not-allowed", 9),
        ("SELECT 'é', CAST(1, 'Nonsense')", "unknown-type", 20),
    ],
)
def test_a_refusal_has_a_code_and_a_position(school: School, sql: str, code: str, position: int) -> None:
    with pytest.raises(SqlRefusedError) as refused:
        school.gate.check(sql)
    assert (refused.value.code, refused.value.position) == (code, position)


def test_a_question_names_its_tables_and_parameters(school: School) -> None:
    checked = school.gate.check("SELECT event, count() FROM events WHERE timestamp >= {from:DateTime64(3)} GROUP BY event")
    assert checked.tables == ("events",)
    assert checked.parameters == {"from": "DateTime64(3)"}
