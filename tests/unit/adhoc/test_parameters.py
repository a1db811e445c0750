"""Values of parameters: checked by type, and never more than values."""

from typing import Any

import pytest

from analytics.adhoc.parameters import bind, split_types
from analytics.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("String", "it's\t\\", "it\\'s\\t\\\\"),
        ("Int8", -128, "-128"),
        ("UInt64", "18446744073709551615", "18446744073709551615"),
        ("Array(Nullable(String))", ["a'b", None], "['a\\'b', NULL]"),
        ("Nullable(String)", None, "\\N"),
        ("LowCardinality(Nullable(String))", "x", "x"),
        ("Map(String, Array(UInt8))", {"k']": [1]}, "{'k\\']': [1]}"),
        ("Tuple(a String, b Int8)", ["x", 1], "('x', 1)"),
        ("Tuple(Int8)", [1], "(1,)"),
        ("DateTime64(3, 'Europe/London')", "2026-07-01T10:00:00Z", "2026-07-01 11:00:00"),
        ("DateTime", 0, "1970-01-01 00:00:00"),
        ("Date", "2026-11-01", "2026-11-01"),
        ("Bool", True, "1"),
        ("Decimal(10, 2)", "1.50", "1.50"),
        ("UUID", "61F0C4045CB311E7907BA6006AD3DBA0", "61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
    ],
)
def test_a_value_becomes_the_engines_text(kind: str, value: Any, text: str) -> None:
    assert bind({"p": kind}, {"p": value}) == {"p": text}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Int8", 128),
        ("UInt8", -1),
        ("Int64", True),
        ("Int64", 1.5),
        ("Int64", "1; SELECT"),
        ("Int64", "١"),
        ("Float64", "1"),
        ("Date", "2026-02-30"),
        ("DateTime", "now()"),
        ("DateTime", 1e20),
        ("String", 5),
        ("String", None),
        ("Array(Int8)", "[1]"),
        ("Array(Int8)", ["x"]),
        ("Tuple(Int8, Int8)", [1]),
        ("Map(String, Int8)", ["x"]),
        ("UUID", "x"),
        ("Identifier", "events"),
        ("Decimal(10, 2)", "1e999"),
        ("Decimal(10, 2)", "NaN"),
        ("AggregateFunction(sum, Int8)", "x"),
        ("", "x"),
    ],
)
def test_a_value_that_does_not_go_with_its_type_is_named(kind: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        bind({"p": kind}, {"p": value})
    assert refused.value.errors[0].pointer == "/params/p"


def test_missing_and_unknown_parameters_are_named_together() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        bind({"a": "Int8", "b": "Int8"}, {"b": 1, "c": 1})
    assert [error.pointer for error in refused.value.errors] == ["/params/a", "/params/c"]


def test_types_are_split_at_their_own_commas() -> None:
    assert split_types("Map(String, Int8), DateTime64(3, 'Etc/GMT,+1'), Int8") == [
        "Map(String, Int8)",
        "DateTime64(3, 'Etc/GMT,+1')",
        "Int8",
    ]
