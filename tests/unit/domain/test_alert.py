"""When an answer is an alarm."""

from typing import Any

import pytest

from analytics.domain.alert import AlertCondition, AlertKind, Comparison, Take, check_condition, judge, number_of
from analytics.errors import InvalidQueryError

COLUMNS = ("bucket", "value")


def condition(kind: str, comparison: str | None = None, value: float | None = None, **more: Any) -> AlertCondition:
    return AlertCondition(AlertKind(kind), Comparison(comparison) if comparison else None, value, **more)


def rows(*values: Any) -> list[list[Any]]:
    return [[place, value] for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("wanted", "values", "fires", "value"),
    [
        (condition("threshold", "gt", 5), (1, 6), True, 6),
        (condition("threshold", "gt", 6), (1, 6), False, 6),
        (condition("threshold", "gte", 6), (1, 6), True, 6),
        (condition("threshold", "lt", 6), (9, 5), True, 5),
        (condition("threshold", "lte", 5), (9, 5), True, 5),
        (condition("threshold", "gt", 5, take=Take.FIRST), (9, 5), True, 9),
        (condition("threshold", "gt", 5, take=Take.MAX), (9, 5), True, 9),
        (condition("threshold", "lt", 6, take=Take.MIN), (9, 5, 7), True, 5),
        (condition("threshold", "gt", 10, take=Take.SUM), (9, 5), True, 14),
        (condition("threshold", "gt", 5, column="bucket"), (1, 1, 1), False, 2),
        (condition("threshold", "lt", 5), (), False, None),
        (condition("threshold", "lt", 5), (None, "no number"), False, None),
        (condition("threshold", "gt", 5), ("9007199254740992",), True, 9007199254740992),
        (condition("threshold", "gt", 5), (True,), False, 1),
        (condition("change", "gt", 5), (1, 7), True, 6),
        (condition("change", "lt", 0), (7, 1), True, -6),
        (condition("change", "lt", -0.5, relative=True), (100, 40), True, -0.6),
        (condition("change", "gt", 0, relative=True), (0, 40), False, None),
        (condition("change", "gt", 0), (None, 40), False, None),
        (condition("no_data"), (), True, 0),
        (condition("no_data"), (0, None), True, 2),
        (condition("no_data"), (0, 1), False, 2),
    ],
)  # fmt: skip
def test_an_answer_is_judged(wanted: AlertCondition, values: tuple[Any, ...], fires: bool, value: float | None) -> None:
    check_condition(wanted)
    verdict = judge(wanted, COLUMNS, rows(*values), None)
    assert (verdict.fires, verdict.value) == (fires, value)


def test_the_step_of_a_single_row_is_counted_from_the_last_check() -> None:
    wanted = condition("change", "gte", 5)
    first = judge(wanted, COLUMNS, rows(10), None)
    assert (first.fires, first.level) == (False, 10)
    assert judge(wanted, COLUMNS, rows(15), first.level).fires
    assert not judge(wanted, COLUMNS, rows(14), first.level).fires


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        (condition("threshold"), "/condition"),
        (condition("threshold", "gt"), "/condition"),
        (condition("no_data", "gt", 1), "/condition/value"),
        (condition("threshold", "gt", 1, relative=True), "/condition/relative"),
        (condition("change", "gt", 1, take=Take.MAX), "/condition/take"),
    ],
)
def test_a_condition_that_means_nothing_is_refused(wanted: AlertCondition, pointer: str) -> None:
    with pytest.raises(InvalidQueryError) as refused:
        check_condition(wanted)
    assert refused.value.errors[0].pointer == pointer


def test_a_column_that_is_not_there_is_told() -> None:
    with pytest.raises(InvalidQueryError):
        judge(condition("threshold", "gt", 1, column="gone"), COLUMNS, rows(1), None)


@pytest.mark.parametrize("value", [None, "NaN", "inf", "", [], {}, float("nan")])
def test_what_is_no_number_is_none(value: Any) -> None:
    assert number_of(value) is None
