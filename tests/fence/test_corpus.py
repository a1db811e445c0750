"""The corpus before the gate: every attack is refused with a reason and a place, every question gets its known answer."""

import pytest

from analytics.errors import AnalyticsError, SqlRefusedError
from analytics.fence.catalog import SqlCatalog
from tests.fence import corpus
from tests.fence.conftest import School
from tests.fence.school import CANARY, FOREIGN_ID, PROJECT_ID

ATTACKS = corpus.attacks()
QUESTIONS = corpus.questions()
# Questions that only the gate's own reading of `properties` answers: no plain table has them.
_ONLY_HERE = "properties/"
_KEYS = {
    "events": "event_id",
    "event_counts": "event, bucket",
    "user_days": "event, person, local_date",
    "user_timeline": "event, person, timestamp",
}


def test_the_corpus_is_as_large_as_it_should_be() -> None:
    assert len(ATTACKS) >= 200
    assert len(QUESTIONS) >= 150
    assert len({attack.id for attack in ATTACKS}) == len(ATTACKS)
    assert len({question.id for question in QUESTIONS}) == len(QUESTIONS)
    assert {attack.canary for attack in ATTACKS} == set(corpus.CANARIES)


@pytest.mark.parametrize("family", sorted({attack.id.split("/")[0] for attack in ATTACKS}))
def test_each_attack_is_refused_with_a_reason_and_a_place(school: School, family: str) -> None:
    for attack in ATTACKS:
        if attack.id.startswith(f"{family}/"):
            with pytest.raises(SqlRefusedError) as refused:
                pytest.fail(f"{attack.id} came through as {school.gate.check(attack.sql).sql}")
            assert len(refused.value.detail) > 10, attack.id
            assert refused.value.position is not None, attack.id
            assert 0 <= refused.value.position <= len(attack.sql), attack.id


@pytest.mark.parametrize("family", sorted({question.id.split("/")[0] for question in QUESTIONS}))
def test_each_question_gets_its_known_answer(school: School, family: str) -> None:
    """Run with all rights: what keeps the other project's rows out of it is the gate alone."""
    for question in QUESTIONS:
        if question.id.startswith(f"{family}/"):
            rows = school.answer(question.sql, dict(question.params))[1]
            assert rows == question.rows, question.id
            assert CANARY not in str(rows), question.id


def test_a_refusal_says_the_same_of_what_is_elsewhere_and_what_is_nowhere(school: School) -> None:
    """Of a table that exists, and of one that does not; of a function that exists, and of one that does not."""
    for real, unreal in (
        ("SELECT * FROM rejected_events", "SELECT * FROM refused_matters"),
        ("SELECT * FROM system.tables", "SELECT * FROM sustem.tables"),
        ("SELECT hostName()", "SELECT hoxtName()"),
        ("SELECT * FROM remote()", "SELECT * FROM remoke()"),
    ):
        told = []
        for sql in (real, unreal):
            with pytest.raises(SqlRefusedError) as refused:
                school.gate.check(sql)
            word = sql.split()[-1].removesuffix("()")
            told.append((refused.value.code, refused.value.detail.replace(word, "…"), refused.value.position))
        assert told[0] == told[1]


def test_canonical_text_is_its_own_canonical_form(school: School) -> None:
    """What is run is read again as the tree that was checked; so it is for the tree of that text, and so on."""
    parser = school.gate._parser  # pyright: ignore[reportPrivateUsage]
    for question in QUESTIONS[::3]:
        text = school.gate.check(question.sql).sql
        assert parser.print(parser.parse(text))[0] == text, question.id


def test_canonical_text_answers_as_the_text_itself_on_plain_tables(school: School) -> None:
    """The engine runs what was written, over tables that hold what an analyst may see under the names an analyst uses."""
    catalog = SqlCatalog.of_database("default")
    control = school.warehouse
    control.command("CREATE DATABASE plain")
    client = control._connect("control")  # pyright: ignore[reportPrivateUsage] # a handle of its own: USE stays with it
    try:
        for table in catalog.tables.values():
            rows = catalog.rows_of(table).replace("{fence_project:String}", f"'{PROJECT_ID}'")
            control.command(f"CREATE TABLE plain.{table.name} ENGINE = ReplacingMergeTree ORDER BY ({_KEYS[table.name]}) AS {rows}")
        client.command("USE plain")
        for question in QUESTIONS:
            if question.id.startswith(_ONLY_HERE) or "properties." in question.sql:
                continue
            answer = client.query(question.sql, parameters=dict(question.params) or None)
            assert corpus.as_json(list(answer.result_rows)) == question.rows, question.id
            if question.rows and not any("_subquery" in name for name in answer.column_names):  # these are numbered
                columns = school.answer(question.sql, dict(question.params))[0]
                assert columns == tuple(answer.column_names), question.id
    finally:
        client.close()
        control.command("DROP DATABASE plain SYNC")


def test_the_same_text_shows_another_project_its_own_rows(school: School) -> None:
    mine, theirs = (
        school.answer("SELECT groupUniqArray(event), count() FROM events", project_id=p)[1][0] for p in (PROJECT_ID, FOREIGN_ID)
    )
    assert mine[1] == theirs[1] == 27
    assert not set(mine[0]) & set(theirs[0])


def test_an_alias_cannot_stand_for_what_keeps_projects_apart(school: School) -> None:
    """Names of WITH reach into subqueries: none of them reaches the conditions that the fence adds."""
    for name in ("project_id", "expires_on", "events", "default", "toDate", "now"):
        for value in (f"'{FOREIGN_ID}'", "(SELECT 1)", "toDate('2149-01-01')"):
            try:
                rows = school.answer(f"WITH {value} AS {name} SELECT uniqExact(event) AS n, any(event) FROM (SELECT * FROM events)")[1]
            except AnalyticsError:
                continue  # the engine may refuse it
            assert rows[0][0] == 5
            assert CANARY not in str(rows)
