"""What a rollup's SELECT may say: everything hostile is refused with a reason and a place, and what is written anew asks the same."""

import pytest

from analytics.errors import AnalyticsError, SqlRefusedError
from analytics.fence.catalog import INNER
from analytics.fence.parser import EngineParser
from analytics.fence.rollup_shape import MAX_AGGREGATES, MAX_DIMENSIONS, RollupShapes
from analytics.rollups.plan import RollupPlan, make_plan
from tests.fence import corpus
from tests.fence.conftest import School
from tests.fence.school import CANARY, PROJECT_ID

ATTACKS = corpus.rollup_attacks()


@pytest.fixture(scope="module")
def shapes(school: School) -> RollupShapes:
    return RollupShapes(EngineParser(school.warehouse), "default")


def plan_of(school: School, shapes: RollupShapes, sql: str, project_id: str = PROJECT_ID) -> RollupPlan:
    return make_plan(school.warehouse, shapes.read(sql, project_id))


@pytest.mark.parametrize("family", sorted({attack.id.split("/")[0] for attack in ATTACKS}))
def test_each_attack_by_way_of_a_rollup_is_refused_with_a_reason_and_a_place(school: School, shapes: RollupShapes, family: str) -> None:
    assert len(ATTACKS) >= 80
    for attack in ATTACKS:
        if attack.id.startswith(f"{family}/"):
            with pytest.raises(SqlRefusedError) as refused:
                pytest.fail(f"{attack.id} came through as {plan_of(school, shapes, attack.sql).feed}")
            assert len(refused.value.detail) > 10, attack.id
            assert refused.value.position is not None, attack.id
            assert 0 <= refused.value.position <= len(attack.sql), attack.id


def test_no_attack_on_the_fence_and_no_question_without_dimensions_is_a_rollup(school: School, shapes: RollupShapes) -> None:
    for attack in corpus.attacks():
        with pytest.raises(SqlRefusedError):
            pytest.fail(f"{attack.id} came through as {shapes.read(attack.sql, PROJECT_ID).feed}")
    for question in corpus.questions()[::2]:
        try:
            made = shapes.read(question.sql, PROJECT_ID)
        except AnalyticsError:
            continue
        assert made.dimensions, question.id
        assert made.feed.count(f"default.events AS {INNER}") == 1, question.id


def test_what_is_written_anew_reads_the_rows_of_its_project_alone(school: School, shapes: RollupShapes) -> None:
    plan = plan_of(school, shapes, "SELECT event, page_url, max(campaign_name) AS most, count() AS n FROM events GROUP BY event, page_url")
    merged = ", ".join(f"{column.merge}(`{column.name}`)" for column in plan.aggregates)
    rows = school.warehouse.query(f"SELECT event, page_url, {merged} FROM ({plan.feed}) GROUP BY event, page_url").rows
    assert rows
    assert CANARY not in str(rows)


def test_an_id_that_is_no_id_is_never_written_into_a_statement(shapes: RollupShapes) -> None:
    with pytest.raises(ValueError, match="no project"):
        shapes.read("SELECT event, count() AS n FROM events GROUP BY event", "p' OR '1'='1")


def test_dimensions_go_by_name_place_or_expression(school: School, shapes: RollupShapes) -> None:
    sql = (
        "SELECT toStartOfWeek(timestamp) AS week, event, properties.course_id AS course, lower(country) AS land, count() AS n"
        " FROM events AS e GROUP BY 1, event, properties.course_id, land"
    )
    plan = plan_of(school, shapes, sql)
    assert [column.name for column in plan.dimensions] == ["week", "event", "course", "land"]
    assert [(column.name, column.type, column.merge, column.exact) for column in plan.aggregates] == [("n", "UInt64", "countMerge", True)]


def test_estimates_and_fractions_are_not_held_to_the_last_digit(school: School, shapes: RollupShapes) -> None:
    sql = (
        "SELECT event, uniq(person) AS u, uniqExact(person) AS e, avg(is_bot) AS a, sum(properties.x::Float64) AS f, sum(is_bot) AS s,"
        " quantile(0.9)(properties.x::Int64) AS q FROM events GROUP BY event"
    )
    exact = {column.name: column.exact for column in plan_of(school, shapes, sql).aggregates}
    assert exact == {"u": False, "e": True, "a": False, "f": False, "s": True, "q": False}


@pytest.mark.parametrize("dimension", ["properties.x::Float64", "[event]", "tuple(event, country)"])
def test_what_cannot_be_a_key_is_no_dimension(school: School, shapes: RollupShapes, dimension: str) -> None:
    with pytest.raises(AnalyticsError, match="cannot"):
        plan_of(school, shapes, f"SELECT {dimension} AS d, count() AS n FROM events GROUP BY d")


def test_columns_are_counted(shapes: RollupShapes) -> None:
    many = ", ".join(f"substring(event, {number}) AS d{number}" for number in range(1, MAX_DIMENSIONS + 2))
    names = ", ".join(f"d{number}" for number in range(1, MAX_DIMENSIONS + 2))
    with pytest.raises(SqlRefusedError, match="up to"):
        shapes.read(f"SELECT {many}, count() AS n FROM events GROUP BY {names}", PROJECT_ID)
    many = ", ".join(f"count() AS n{number}" for number in range(MAX_AGGREGATES + 1))
    with pytest.raises(SqlRefusedError, match="up to"):
        shapes.read(f"SELECT event, {many} FROM events GROUP BY event", PROJECT_ID)
    with pytest.raises(SqlRefusedError, match="characters"):
        shapes.read(f"SELECT event, count() AS n FROM events WHERE event = '{'x' * 9_000}' GROUP BY event", PROJECT_ID)
