"""Filters on events: a tree of and, or, not over conditions, and what it means, in Python.

The meaning (ClickHouse is made to give the same answers, see `query/compiler.py`):

- A property has a text and perhaps a number, as `domain/json_values.py` says; where the text is empty the property is *missing*.
- `eq`, `neq`, `in`, `not_in` compare with a number numerically, with a string or boolean as text. `gt gte lt lte between` compare
  numerically if the operand reads as a number, else text by code point. `contains starts_with ends_with` respect case; `regex` is RE2,
  matches anywhere, and `.` takes a line break too.
- A condition on a missing property is false, except the negative ones (`neq not_in not_contains is_not_set`), which are the exact
  opposite of their positive. There is no third truth value: `not` turns false into true.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

import re2

from analytics.domain.json_values import number_of, text_of
from analytics.errors import FieldError, InvalidQueryError

MAX_DEPTH = 20
MAX_CONDITIONS = 200
MAX_VALUES = 1_000
MAX_TEXT = 2_000
MAX_TOTAL_TEXT = 50_000  # characters of all operands and names: a server takes parameters in an address of bounded length


class Operator(StrEnum):
    """What a condition asks of a property."""

    EQ = "eq"
    NEQ = "neq"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    REGEX = "regex"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    IS_SET = "is_set"
    IS_NOT_SET = "is_not_set"


NEGATIVES = {
    Operator.NEQ: Operator.EQ,
    Operator.NOT_IN: Operator.IN,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.IS_NOT_SET: Operator.IS_SET,
}
_NAMES = frozenset(str(operator) for operator in Operator)
_NO_VALUE = frozenset({Operator.IS_SET, Operator.IS_NOT_SET})
_LISTS = frozenset({Operator.IN, Operator.NOT_IN})
_TEXT_ONLY = frozenset({Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.REGEX})

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One property against values: none for `is_set`, one, two for `between` (both inclusive), a list for `in`."""

    property: str
    operator: Operator
    values: tuple[Scalar, ...] = ()
    pointer: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class And:
    """All of them; of none: true."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them; of none: false."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    term: "Filter"


Filter = Condition | And | Or | Not


# ---- reading ---------------------------------------------------------------


def parse_filter(document: object, pointer: str = "/filters") -> Filter:
    """The filter that a JSON document says. Raises InvalidQueryError that names every wrong place below `pointer`.

    Whether the properties exist is not looked at here: that is the catalogue's business.
    """
    reader = _Reader()
    found = reader.read(document, pointer, 1)
    if reader.errors or found is None:
        raise InvalidQueryError("A filter is invalid.", reader.errors)
    return found


class _Reader:
    def __init__(self) -> None:
        self.errors: list[FieldError] = []
        self._conditions = 0
        self._text = 0

    def read(self, node: object, pointer: str, depth: int) -> Filter | None:
        if not isinstance(node, dict):
            return self._wrong(pointer, 'must be an object: {"and": […]}, {"or": […]}, {"not": …} or {"property", "operator", "value"}')
        if depth > MAX_DEPTH:
            return self._wrong(pointer, f"filters nest at most {MAX_DEPTH} deep")
        members = cast(dict[str, object], node)
        branches = [name for name in ("and", "or", "not") if name in members]
        if not branches:
            return self._condition(members, pointer)
        if len(members) > 1:
            return self._wrong(pointer, f"{branches[0]!r} stands alone in its object")
        name = branches[0]
        if name == "not":
            term = self.read(members["not"], f"{pointer}/not", depth + 1)
            return None if term is None else Not(term)
        terms = members[name]
        if not isinstance(terms, list):
            return self._wrong(f"{pointer}/{name}", "must be an array of filters")
        read = [self.read(term, f"{pointer}/{name}/{index}", depth + 1) for index, term in enumerate(cast(list[object], terms))]
        known = tuple(term for term in read if term is not None)
        return And(known) if name == "and" else Or(known)

    def _condition(self, members: Mapping[str, object], pointer: str) -> Filter | None:
        before = len(self.errors)
        self._conditions += 1
        if self._conditions == MAX_CONDITIONS + 1:
            self._wrong(pointer, f"a filter has at most {MAX_CONDITIONS} conditions")
        for name in members.keys() - {"property", "operator", "value"}:
            self._wrong(f"{pointer}/{escape_pointer(name)}", "unknown member; a condition has property, operator and value")
        name = members.get("property")
        if not isinstance(name, str) or not name:
            self._wrong(f"{pointer}/property", "must be the name of a property, such as properties.course_id")
        else:
            self._count_text(name, pointer)
        operator = members.get("operator")
        if not isinstance(operator, str) or operator not in _NAMES:
            self._wrong(f"{pointer}/operator", f"must be one of {', '.join(Operator)}")
            return None
        values = self._values(Operator(operator), members, f"{pointer}/value")
        if len(self.errors) > before:
            return None
        return Condition(cast(str, name), Operator(operator), values, pointer)

    def _values(self, operator: Operator, members: Mapping[str, object], pointer: str) -> tuple[Scalar, ...]:
        value = members.get("value")
        if operator in _NO_VALUE:
            if value is not None:
                self._wrong(pointer, f"{operator} takes no value")
            return ()
        if operator in _LISTS or operator is Operator.BETWEEN:
            if not isinstance(value, list):
                self._wrong(pointer, f"{operator} takes an array")
                return ()
            items = cast(list[object], value)
            if operator is Operator.BETWEEN and len(items) != 2:
                self._wrong(pointer, "between takes an array of two values, the lowest and the highest")
            if len(items) > MAX_VALUES:
                self._wrong(pointer, f"a list has at most {MAX_VALUES} values")
                return ()
            read = [self._scalar(operator, item, f"{pointer}/{index}") for index, item in enumerate(items)]
            values = tuple(item for item in read if item is not None)
            if operator is Operator.BETWEEN and len(values) == 2 and (number_of(values[0]) is None) != (number_of(values[1]) is None):
                self._wrong(pointer, "between takes two numbers or two texts")
            return values
        single = self._scalar(operator, value, pointer)
        return () if single is None else (single,)

    def _scalar(self, operator: Operator, value: object, pointer: str) -> Scalar | None:
        if value is None:
            self._wrong(pointer, "must not be null; is_set and is_not_set ask for presence")
        elif isinstance(value, str):
            return self._read_text(operator, value, pointer)
        elif operator in _TEXT_ONLY or not isinstance(value, bool | int | float):
            self._wrong(pointer, f"must be {'a string' if operator in _TEXT_ONLY else 'a string, a number or a boolean'}")
        elif isinstance(value, bool):
            if operator in (Operator.EQ, Operator.NEQ, Operator.IN, Operator.NOT_IN):
                return value
            self._wrong(pointer, f"{operator} does not take a boolean")
        else:
            try:
                if math.isfinite(float(value)):
                    return value
            except OverflowError:
                pass
            self._wrong(pointer, "must be a finite number")
        return None

    def _read_text(self, operator: Operator, value: str, pointer: str) -> str | None:
        if len(value) > MAX_TEXT:
            return self._wrong(pointer, f"a text has at most {MAX_TEXT} characters")
        self._count_text(value, pointer)
        if not is_encodable(value):
            return self._wrong(pointer, "holds half of a surrogate pair, which is no character")
        if operator is Operator.REGEX:
            try:
                compile_regex(value)
            except ValueError as error:
                return self._wrong(pointer, f"is no RE2 regular expression: {error}")
        return value

    def _count_text(self, text: str, pointer: str) -> None:
        before, self._text = self._text, self._text + len(text)
        if before <= MAX_TOTAL_TEXT < self._text:
            self._wrong(pointer, f"the texts of a filter have at most {MAX_TOTAL_TEXT:,} characters together")

    def _wrong(self, pointer: str, detail: str) -> None:
        self.errors.append(FieldError(pointer, detail))


def escape_pointer(name: str) -> str:
    """A member name as a reference token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1").encode("utf-8", "replace").decode("utf-8")


def is_encodable(text: str) -> bool:
    """Whether the text is whole characters, without lone surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def compile_regex(pattern: str) -> Any:
    """The pattern as RE2 reads it, with the options ClickHouse uses. Raises ValueError with RE2's words."""
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        words = error.args[0] if error.args else b"invalid"
        raise ValueError(words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)) from error


def conditions_of(tree: Filter | None) -> list[Condition]:
    """Every condition in the tree, from left to right."""
    match tree:
        case None:
            return []
        case Condition():
            return [tree]
        case Not(term):
            return conditions_of(term)
        case And(terms) | Or(terms):
            return [condition for term in terms for condition in conditions_of(term)]


# ---- meaning ---------------------------------------------------------------


def matches(tree: Filter | None, value_of: Callable[[str], object]) -> bool:
    """Whether an event passes. `value_of` gives the JSON value of a property by its public name, None where it is absent."""
    match tree:
        case None:
            return True
        case And(terms):
            return all(matches(term, value_of) for term in terms)
        case Or(terms):
            return any(matches(term, value_of) for term in terms)
        case Not(term):
            return not matches(term, value_of)
        case Condition(name, operator, values):
            text = text_of(value_of(name))
            if operator in NEGATIVES:
                return not _holds(text, NEGATIVES[operator], values)
            return _holds(text, operator, values)


def _holds(text: str, operator: Operator, values: Sequence[Scalar]) -> bool:
    if text == "":
        return False
    match operator:
        case Operator.IS_SET:
            return True
        case Operator.EQ | Operator.IN:
            return any(_equal(text, value) for value in values)
        case Operator.CONTAINS:
            return str(values[0]) in text
        case Operator.STARTS_WITH:
            return text.startswith(str(values[0]))
        case Operator.ENDS_WITH:
            return text.endswith(str(values[0]))
        case Operator.REGEX:
            return compile_regex(str(values[0])).search(text) is not None
        case _:
            return _compares(text, operator, values)


def _equal(text: str, value: Scalar) -> bool:
    if isinstance(value, str | bool):
        return text == text_of(value)
    return number_of(text) == float(value)


def _compares(text: str, operator: Operator, values: Sequence[Scalar]) -> bool:
    bounds = [number_of(value) for value in values]
    if None in bounds:
        return _in_order(operator, text, [text_of(value) for value in values])
    number = number_of(text)
    return number is not None and _in_order(operator, number, bounds)


def _in_order(operator: Operator, left: Any, bounds: Sequence[Any]) -> bool:
    match operator:
        case Operator.GT:
            return left > bounds[0]
        case Operator.GTE:
            return left >= bounds[0]
        case Operator.LT:
            return left < bounds[0]
        case Operator.LTE:
            return left <= bounds[0]
        case _:
            return bounds[0] <= left <= bounds[1]
