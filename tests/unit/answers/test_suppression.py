"""Small groups withheld: a property against the plainest oracle, and the cases that are easily got wrong."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.adhoc.columns import Column
from analytics.answers.answer import Answer
from analytics.answers.runner import OTHER
from analytics.answers.suppression import learners_question, without_small_points, without_small_rows
from analytics.errors import InvalidRequestError
from analytics.query.result import Meta

META = Meta("q", 1, 1, 1, False, datetime(2026, 11, 1, tzinfo=UTC), "raw")
TRENDS = ("bucket", "label", "breakdown", "value")


def answer(rows: list[list[Any]], *names: str) -> Answer:
    return Answer(tuple(Column(name, "String") for name in names or TRENDS), rows, False, META)


@given(st.lists(st.one_of(st.none(), st.integers(0, 12), st.floats(0, 12), st.text(max_size=2), st.booleans())), st.integers(2, 9))
def test_a_row_stays_only_if_it_is_about_nobody_or_enough(counts: list[Any], least: int) -> None:
    shown, withheld = without_small_rows(answer([["x", count] for count in counts], "what", "learners"), "learners", least)
    for _, count in shown.rows:
        assert int(count) == 0 or int(count) >= least
    assert len(shown.rows) + withheld == len(counts)
    plainly = [count for count in counts if type(count) is int and (count == 0 or count >= least)]
    assert [count for _, count in shown.rows if type(count) is int] == plainly


def test_counts_beyond_two_to_the_53_are_numbers_too() -> None:
    shown, _ = without_small_rows(answer([["x", "9007199254740993"], ["y", "-5"], ["z", "4"]], "what", "learners"), "learners", 5)
    assert [row[0] for row in shown.rows] == ["x"]


def test_a_column_that_is_not_there_is_no_way_to_show_everything() -> None:
    with pytest.raises(InvalidRequestError, match="no column"):
        without_small_rows(answer([["x", 1]], "what", "learners"), "people", 5)


def test_values_of_too_few_learners_are_null_and_zero_stays() -> None:
    learners = answer([["d1", "A", None, 9], ["d2", "A", None, 4], ["d3", "A", None, 0]])
    values = answer([["d1", "A", None, 100], ["d2", "A", None, 70], ["d3", "A", None, 0]])
    shown, withheld = without_small_points(values, learners, 5)
    assert shown.rows == [["d1", "A", None, 100], ["d2", "A", None, None], ["d3", "A", None, 0]]
    assert withheld == 1


def test_a_group_that_is_nowhere_large_is_not_even_named() -> None:
    learners = answer([["d1", "A", "rare", 2], ["d2", "A", "rare", 0], ["d1", "A", "usual", 9], ["d2", "A", "usual", 1]])
    shown, withheld = without_small_points(learners, learners, 5)
    assert shown.rows == [["d1", "A", "usual", 9], ["d2", "A", "usual", None]]
    assert withheld == 2


def test_what_is_not_known_of_a_group_withholds_it() -> None:
    shown, _ = without_small_points(answer([["d1", "A", "unknown", 50]]), answer([["d1", "A", "other", 60]]), 5)
    assert shown.rows == []


@pytest.mark.parametrize(("parts", "is_shown"), [([2, 3, 4], False), ([2, 5], True), ([0, 0], True), ([], False)])
def test_all_others_are_shown_only_if_a_known_part_of_them_is_large_enough(parts: list[int], is_shown: bool) -> None:
    learners = [["d1", "A", f"part {number}", count] for number, count in enumerate(parts)]
    shown, _ = without_small_points(
        answer([["d1", "A", "named", 9], ["d1", "A", OTHER, 40]]), answer([["d1", "A", "named", 9], *learners]), 5
    )
    assert [row[3] for row in shown.rows if row[2] == OTHER] == ([40] if is_shown else [])


def test_the_learners_behind_trends_are_asked_with_the_same_conditions_and_more_groups() -> None:
    filters = {"property": "country", "operator": "eq", "value": "DE"}
    body = {
        "series": [{"event": "paid", "metric": "sum", "property": "properties.revenue", "filters": filters, "label": "Paid"}],
        "breakdown": {"property": "properties.course_id", "limit": 3},
        "filters": filters,
        "source": "raw",
    }
    assert learners_question(body, 500) == {
        "series": [{"event": "paid", "metric": "unique_users", "filters": filters, "label": "Paid"}],
        "breakdown": {"property": "properties.course_id", "limit": 500},
        "filters": filters,
        "source": "auto",
    }
