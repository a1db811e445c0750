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
        ("SELECT 1 IN events", "sql-not-allowed", 12),
        ("SELECT event, (1, 2) IN user_days FROM event_counts", "sql-not-allowed", 24),
        ("SELECT COLUMNS('x')", "unknown-column", 7),
        ("SELECT 1, COLUMNS('nowhere') FROM events", "unknown-column", 10),
        ("SELECT\u00a01", "sql-not-allowed", 6),
        ("SELECT 1, \u200b2", "sql-not-allowed", 10),
        ("SELECT 'a\u200b' AS `b\u200b`", "sql-not-allowed", 17),
        ("SELECT 1 -- '\u2003'", "sql-not-allowed", 13),
        ("SELECT 1 /* \u3164 */", "sql-not-allowed", 12),
        ("SELECT 'a\x07'", "sql-not-allowed", 9),
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


def test_a_text_may_hold_what_cannot_be_seen(school: School) -> None:
    hidden = "\u00a0\u200b\u200d\u202e\u2028\u2066\ufeff\u3000\u00ad\U000e0041"
    for sql in (f"SELECT '{hidden}'", f"SELECT $x${hidden}$x$", f"SELECT 'it''s {hidden}\\' '"):
        assert hidden in str(school.answer(sql)[1][0][0])


def test_a_comment_in_the_type_of_a_parameter_is_none_of_it(school: School) -> None:
    sql = "SELECT toString({at:DateTime64(3, /* ' */ 'UTC')}) AS a, toString({at:DateTime64(3,'UTC') -- x\n}) AS b"
    with pytest.raises(SqlRefusedError):
        school.gate.check(sql)  # two types, as they are written
    answer = school.answer("SELECT toString({at:DateTime64(3, /* ' */ 'UTC')}) AS a", {"at": "2026-11-01 00:00:00.000"})
    assert answer[1] == [["2026-11-01 00:00:00.000"]]
