"""Saved queries as tables: a name means what its text may mean by itself, and nothing more, whatever stands around it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from analytics.errors import SqlNotAllowedError, SqlRefusedError, SqlTooComplexError, UnknownColumnError, UnknownTableError
from analytics.fence.catalog import SqlColumn, SqlTable
from analytics.fence.checked_query import PROJECT_PARAMETER
from analytics.fence.named import NamedQuery, NamedSource
from tests.fence import corpus
from tests.fence.conftest import School
from tests.fence.school import CANARY, FOREIGN_ID, PROJECT_ID

ATTACKS = corpus.attacks()
QUESTIONS = corpus.questions()
Named = Mapping[str, NamedSource]


def saved(**texts: str) -> dict[str, NamedSource]:
    return {name: NamedQuery(sql) for name, sql in texts.items()}


def answer(school: School, sql: str, named: Named, params: Mapping[str, Any] | None = None, project_id: str = PROJECT_ID) -> list[Any]:
    """The rows of what the gate makes of a question, run with all rights: what keeps the other project's rows out is the gate alone."""
    checked = school.gate.check(sql, named)
    values = {**(params or {}), **checked.constants}
    if checked.tables:
        values[PROJECT_PARAMETER] = project_id
    rows = school.warehouse.query(checked.sql, values).rows
    return json.loads(json.dumps(corpus.as_json(list(rows))))


@pytest.mark.parametrize("family", sorted({attack.id.split("/")[0] for attack in ATTACKS}))
def test_an_attack_that_was_saved_is_refused_where_its_name_is_used(school: School, family: str) -> None:
    for attack in ATTACKS:
        if attack.id.startswith(f"{family}/"):
            for sql in ("SELECT * FROM hostile", "SELECT 1 WHERE 1 IN hostile", "SELECT * FROM (SELECT * FROM around)"):
                named = saved(hostile=attack.sql, around="SELECT * FROM hostile")
                with pytest.raises(SqlRefusedError) as refused:
                    pytest.fail(f"{attack.id} came through as {school.gate.check(sql, named).sql}")
                assert refused.value.position is not None
                assert refused.value.position <= len(sql), attack.id


@pytest.mark.parametrize("family", sorted({attack.id.split("/")[0] for attack in ATTACKS}))
def test_an_attack_is_refused_among_saved_queries_too(school: School, family: str) -> None:
    named = saved(q="SELECT event FROM events", system="SELECT 1", tables="SELECT 1", file="SELECT 1", remote="SELECT 1")
    for attack in ATTACKS:
        if attack.id.startswith(f"{family}/"):
            with pytest.raises(SqlRefusedError):
                pytest.fail(f"{attack.id} came through as {school.gate.check(attack.sql, named).sql}")


@pytest.mark.parametrize("family", sorted({question.id.split("/")[0] for question in QUESTIONS}))
def test_a_saved_question_answers_under_its_name_as_by_itself(school: School, family: str) -> None:
    for question in QUESTIONS:
        if not question.id.startswith(f"{family}/"):
            continue
        rows = answer(school, "SELECT * FROM q", {"q": NamedQuery(question.sql, question.params)})
        assert sorted(map(json.dumps, rows)) == sorted(map(json.dumps, question.rows)), question.id
        assert CANARY not in str(rows), question.id


@pytest.mark.parametrize(
    ("texts", "chain"),
    [
        ({"a": "SELECT * FROM a"}, "a > a"),
        ({"a": "SELECT * FROM b", "b": "SELECT * FROM a"}, "a > b > a"),
        ({"a": "SELECT 1 WHERE 1 IN b", "b": "SELECT * FROM c", "c": "WITH x AS (SELECT * FROM a) SELECT * FROM x"}, "a > b > c > a"),
        ({"a": "SELECT (SELECT count() FROM view(SELECT * FROM a))"}, "a > a"),
        ({"a": "SELECT 1 UNION ALL SELECT * FROM a"}, "a > a"),
    ],
)
def test_a_cycle_is_refused_with_its_chain(school: School, texts: dict[str, str], chain: str) -> None:
    with pytest.raises(SqlNotAllowedError, match="would read itself") as refused:
        school.gate.check("SELECT * FROM a", saved(**texts))
    assert chain in refused.value.detail
    assert refused.value.position == 14


def test_a_name_that_reads_another_twice_at_each_step_is_refused_before_it_fills_the_memory(school: School) -> None:
    texts = {f"q{n}": f"SELECT * FROM q{n + 1} UNION ALL SELECT * FROM q{n + 1} UNION ALL SELECT * FROM q{n + 1}" for n in range(9)}
    with pytest.raises(SqlTooComplexError):
        school.gate.check("SELECT * FROM q0 UNION ALL SELECT * FROM q0", saved(**texts, q9=f"SELECT {'1 + ' * 50} 1"))


def test_a_chain_that_is_too_long_is_refused(school: School) -> None:
    texts = {f"q{n}": f"SELECT * FROM q{n + 1}" for n in range(12)}
    with pytest.raises(SqlTooComplexError):
        school.gate.check("SELECT * FROM q0", saved(**texts, q12="SELECT 1"))


def test_nesting_is_counted_through_all_names(school: School) -> None:
    deep = "SELECT * FROM " + "(SELECT * FROM " * 12
    texts = {f"q{n}": deep + f"q{n + 1}" + ")" * 12 for n in range(8)}
    with pytest.raises(SqlTooComplexError):
        school.gate.check("SELECT * FROM q0", saved(**texts, q8="SELECT 1"))


def test_the_names_of_the_catalogue_cannot_be_taken(school: School) -> None:
    """Whatever is saved under the name of a built-in table, that name is the table."""
    named = saved(events="SELECT 'mine' AS event", q="SELECT uniqExact(event) AS n FROM events")
    assert answer(school, "SELECT uniqExact(event) FROM events", named) == answer(school, "SELECT n FROM q", named) == [[5]]


def test_a_cte_around_a_saved_query_does_not_reach_into_it(school: School) -> None:
    named = saved(q="SELECT count() AS n FROM events", p="SELECT count() AS n FROM other", other="SELECT 1")
    for name in ("events", "q2", "other"):
        sql = f"WITH {name} AS (SELECT 1 AS event, 2 AS x UNION ALL SELECT 1, 2) SELECT n FROM"
        assert answer(school, f"{sql} q", named) == [[27]]
        assert answer(school, f"{sql} p", named) == [[1]]


def test_a_lambda_or_a_value_of_with_does_not_reach_into_a_saved_query(school: School) -> None:
    named = saved(q="SELECT uniqExact(event) AS n, upper('a') AS a FROM events WHERE project = 0".replace("WHERE project = 0", ""))
    for sql in ("WITH x -> 'gone' AS upper SELECT n, a FROM q", "WITH 'gone' AS event, 'gone' AS a SELECT n, q.a FROM q"):
        try:
            rows = answer(school, sql, named)
        except SqlRefusedError:
            continue
        assert rows == [[5, "A"]]


def test_nothing_of_a_saved_query_reaches_out_of_it(school: School) -> None:
    named = saved(q="WITH events AS (SELECT 'inner' AS event), secret AS (SELECT 1 AS x) SELECT event FROM events")
    assert answer(school, "SELECT event, (SELECT count() FROM events) FROM q", named) == [["inner", 27]]
    with pytest.raises(UnknownTableError):
        school.gate.check("SELECT * FROM q, secret", named)


def test_a_cte_of_the_caller_goes_before_a_saved_query_of_its_name(school: School) -> None:
    assert answer(school, "WITH q AS (SELECT 2 AS x) SELECT x FROM q", saved(q="SELECT 1 AS x")) == [[2]]


def test_rows_of_another_project_are_not_seen_through_a_name(school: School) -> None:
    named = saved(q="SELECT * FROM events", r="SELECT event, project_id AS p FROM events")
    mine, theirs = (
        answer(school, "SELECT groupUniqArray(event), count() FROM q", named, project_id=p)[0] for p in (PROJECT_ID, FOREIGN_ID)
    )
    assert mine[1] == theirs[1] == 27
    assert not set(mine[0]) & set(theirs[0])
    with pytest.raises(UnknownColumnError):
        school.gate.check("SELECT * FROM r", named)
    for alias in ("project_id", "expires_on", "fence_table"):
        sql = f"WITH '{FOREIGN_ID}' AS {alias} SELECT uniqExact(event), any(event) FROM q"
        try:
            rows = answer(school, sql, named)
        except SqlRefusedError:
            continue
        assert CANARY not in str(rows)


def test_a_value_of_a_saved_query_is_its_default_whatever_the_caller_names(school: School) -> None:
    named: Named = {"q": NamedQuery("SELECT {n:UInt8} AS n, {n:UInt8} + 1 AS m", {"n": "7"})}
    assert answer(school, "SELECT n, m, {n:String} FROM q", named, {"n": "mine"}) == [[7, 8, "mine"]]
    assert answer(school, "SELECT a.n, b.n FROM q AS a, q AS b", named) == [[7, 7]]


@pytest.mark.parametrize("value", ["'; DROP TABLE events", "\\N", "{fence_project:String}", "x') UNION ALL SELECT 1 --", "\t\n\\'", "`"])
def test_a_default_never_becomes_part_of_the_statement(school: School, value: str) -> None:
    named: Named = {"q": NamedQuery("SELECT {s:String} AS s", {"s": value})}
    assert value not in school.gate.check("SELECT s FROM q", named).sql or value == "`"
    assert answer(school, "SELECT s FROM q", named) == [[value]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {fence_value_1:UInt8} FROM q",
        "SELECT {FENCE_VALUE_1:UInt8} FROM q",
        "SELECT {fence_project:String} FROM q",
        "SELECT fence_value_1 FROM q",
        "SELECT * FROM q FINAL",
        "SELECT * FROM default.q",
        "SELECT * FROM `default.q`",
        "SELECT * FROM q.q",
        "SELECT * FROM merge('', 'q')",
        "SELECT * FROM {t:Identifier}",
        "SELECT * FROM needs",
        "SELECT * FROM q SETTINGS max_threads = 8",
        "SELECT * FROM fence_q",
        "SELECT nothing FROM q",
        "SELECT * FROM dictionary('q')",
        "SELECT joinGet('q', 'n', 1)",
        "SELECT * FROM Q",
    ],
)
def test_a_name_gives_no_way_around_the_rules(school: School, sql: str) -> None:
    named: Named = {
        "q": NamedQuery("SELECT {n:UInt8} AS n", {"n": "1"}),
        "needs": NamedQuery("SELECT {n:UInt8} AS n"),
        "fence_q": NamedQuery("SELECT 1"),
    }
    with pytest.raises(SqlRefusedError):
        pytest.fail(f"came through as {school.gate.check(sql, named).sql}")


def test_a_refusal_inside_a_name_is_told_at_the_name(school: School) -> None:
    with pytest.raises(UnknownTableError) as refused:
        school.gate.check("SELECT 1, * FROM a", saved(a="SELECT * FROM b", b="SELECT * FROM gone"))
    assert refused.value.detail == "In a: In b: There is no table gone here."
    assert refused.value.position == 17


def test_what_a_statement_uses_is_told_without_what_stands_behind_it(school: School) -> None:
    named = saved(a="SELECT * FROM b", b="SELECT event FROM events", c="SELECT 1")
    checked = school.gate.check("SELECT * FROM a, user_days", named)
    assert (checked.named, checked.tables) == (("a",), ("events", "user_days"))


def test_a_table_of_the_service_s_own_stands_behind_a_name(school: School) -> None:
    table = SqlTable("by_day", "user_days", "A rollup.", (SqlColumn("local_date", "Date", "Day."), SqlColumn("event", "String", "Name.")))
    named: Named = {"by_day": table, "q": NamedQuery("SELECT * FROM by_day")}
    direct = answer(school, "SELECT uniqExact(event) FROM by_day", named)
    assert direct == answer(school, "SELECT uniqExact(event) FROM q", named) == [[5]]
    assert CANARY not in str(answer(school, "SELECT * FROM by_day", named))
    other = SqlTable("by_day", "event_counts", "Of another project.", (SqlColumn("bucket", "DateTime('UTC')", "Quarter."),))
    assert "event_counts" in school.gate.check("SELECT bucket FROM by_day", {"by_day": other}).sql
