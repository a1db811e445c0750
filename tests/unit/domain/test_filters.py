"""What a filter means, case by case. That the engine agrees is shown in tests/properties."""

from typing import Any

import pytest

from analytics.domain.filters import MAX_CONDITIONS, MAX_DEPTH, MAX_TEXT, MAX_TOTAL_TEXT, MAX_VALUES, matches, parse_filter
from analytics.domain.json_values import number_of, read_json, text_of
from analytics.errors import InvalidQueryError

CASES: list[tuple[Any, str, Any, bool]] = [
    # value of the property, operator, operand, passes
    ("c-1", "eq", "c-1", True),
    ("c-1", "eq", "C-1", False),
    (5, "eq", 5, True),
    (5, "eq", "5", True),
    (5.0, "eq", "5", True),
    ("5", "eq", 5, True),
    ("05", "eq", 5, True),
    ("05", "eq", "5", False),
    (True, "eq", True, True),
    ("true", "eq", True, True),
    (True, "eq", 1, False),
    ([1, 2], "eq", "[1,2]", True),
    (None, "eq", "", False),
    ("", "eq", "", False),
    ("c-1", "neq", "c-2", True),
    ("c-1", "neq", "c-1", False),
    (None, "neq", "c-1", True),
    ("b", "in", ["a", "b"], True),
    (2, "in", ["a", 2], True),
    ("b", "in", [], False),
    (None, "not_in", ["a"], True),
    ("a", "not_in", ["a"], False),
    ("a", "not_in", [], True),
    ("abc", "contains", "b", True),
    ("abc", "contains", "B", False),
    ("abc", "contains", "", True),
    (None, "contains", "", False),
    (None, "not_contains", "b", True),
    ("abc", "not_contains", "b", False),
    (["x"], "contains", '"x"', True),
    ("abc", "starts_with", "ab", True),
    ("abc", "starts_with", "bc", False),
    ("abc", "ends_with", "bc", True),
    (None, "ends_with", "", False),
    ("a\nb", "regex", "a.b", True),
    ("abc", "regex", "^b", False),
    ("abc", "regex", "(?i)B", True),
    (None, "regex", ".*", False),
    (10, "gt", 9, True),
    ("10", "gt", 9, True),
    (10, "gt", "9", True),
    ("ten", "gt", 9, False),
    ("b", "gt", "a", True),
    ("é", "gt", "z", True),
    (None, "lt", 9, False),
    (5, "gte", 5, True),
    (5, "lte", 5, True),
    (5, "lt", 5, False),
    (True, "gt", 0, False),
    ("inf", "gt", 0, False),
    ("nan", "lte", 0, False),
    (5, "between", [5, 6], True),
    (6, "between", [5, 6], True),
    (7, "between", [5, 6], False),
    (5, "between", [6, 5], False),
    ("2026-11-05", "between", ["2026-11-01", "2026-11-30"], True),
    (0, "is_set", None, True),
    (False, "is_set", None, True),
    ({}, "is_set", None, True),
    ("", "is_set", None, False),
    (None, "is_set", None, False),
    (None, "is_not_set", None, True),
]


@pytest.mark.parametrize(("value", "operator", "operand", "passes"), CASES)
def test_a_condition_passes_as_documented(value: Any, operator: str, operand: Any, passes: bool) -> None:
    document = {"property": "properties.a", "operator": operator, **({} if operand is None else {"value": operand})}
    assert matches(parse_filter(document), lambda name: value) is passes
    assert matches(parse_filter({"not": document}), lambda name: value) is not passes


def test_no_filter_and_all_of_nothing_pass_and_any_of_nothing_does_not() -> None:
    assert matches(None, lambda name: None)
    assert matches(parse_filter({"and": []}), lambda name: None)
    assert not matches(parse_filter({"or": []}), lambda name: None)


def test_every_wrong_place_is_named() -> None:
    wrong = {
        "or": [
            {"property": "", "operator": "eq", "value": None},
            {"and": [{"property": "event", "operator": "in", "value": ["a", {}]}, 5]},
            {"not": {"property": "event", "operator": "regex", "value": "("}},
            {"a/b": 1, "property": "event", "operator": "is_set"},
        ]
    }
    with pytest.raises(InvalidQueryError) as refused:
        parse_filter(wrong, "/series/0/filters")
    assert [error.pointer.removeprefix("/series/0/filters/or") for error in refused.value.errors] == [
        "/0/property",
        "/0/value",
        "/1/and/0/value/1",
        "/1/and/1",
        "/2/not/value",
        "/3/a~1b",
    ]


def test_filters_have_bounds() -> None:
    leaf = {"property": "event", "operator": "is_set"}
    deep: Any = leaf
    for _ in range(MAX_DEPTH - 1):
        deep = {"not": deep}
    parse_filter(deep)
    parse_filter({"and": [leaf] * MAX_CONDITIONS})
    parse_filter({"property": "event", "operator": "in", "value": ["a"] * MAX_VALUES})
    for document in (
        {"not": deep},
        {"and": [leaf] * (MAX_CONDITIONS + 1)},
        {"property": "event", "operator": "in", "value": ["a"] * (MAX_VALUES + 1)},
    ):
        with pytest.raises(InvalidQueryError):
            parse_filter(document)
    parse_filter({"property": "event", "operator": "in", "value": ["a" * MAX_TEXT] * (MAX_TOTAL_TEXT // MAX_TEXT - 1)})
    for texts in (["a" * (MAX_TEXT + 1)], ["a" * MAX_TEXT] * (MAX_TOTAL_TEXT // MAX_TEXT)):
        with pytest.raises(InvalidQueryError):
            parse_filter({"property": "event", "operator": "in", "value": texts})


@pytest.mark.parametrize(
    ("value", "text", "number"),
    [
        (None, "", None),
        ("", "", None),
        ("a", "a", None),
        (True, "true", None),
        (5, "5", 5.0),
        (-0.0, "-0", 0.0),
        (1.0, "1", 1.0),
        (1e21, "1e21", 1e21),
        (1e20, "100000000000000000000", 1e20),
        (1e-6, "0.000001", 1e-6),
        (1e-7, "1e-7", 1e-7),
        (2**64, "18446744073709551616", 2.0**64),
        ("+5.", "+5.", 5.0),
        (".5", ".5", 0.5),
        (" 5", " 5", None),
        ("1_0", "1_0", None),
        ("1e999", "1e999", None),
        ("٥", "٥", None),
        ([1.50, {"a": None}], '[1.5,{"a":null}]', None),
    ],
)
def test_a_value_has_a_text_and_perhaps_a_number(value: Any, text: str, number: float | None) -> None:
    assert text_of(value) == text
    assert number_of(value) == number


def test_of_a_repeated_key_the_first_counts() -> None:
    assert read_json('{"a": 1, "a": 2, "b": {"c": 1, "c": 2}}') == {"a": 1, "b": {"c": 1}}
