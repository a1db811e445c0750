"""Values of a question's declared parameters: given or by default, checked against their types, and put where they belong.

The one thing to know: a value never becomes part of a statement. In SQL it is bound by type; in trends it stands only where the document
names its parameter, `{"parameter": "course"}` as a filter's value, or is one of WHOLE, and its type keeps objects out.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from analytics.adhoc.parameters import bind
from analytics.domain.question import Parameter, Question
from analytics.errors import InvalidQueryError, InvalidRequestError

# Members of trends that a parameter of that name stands for.
WHOLE = frozenset({"date_from", "date_to", "timezone", "interval"})
_PLACE = "parameter"
_OUTER = re.compile(r"\s*(\w+)\s*\((.*)\)\s*\Z", re.DOTALL)


def given_values(question: Question, values: Mapping[str, Any], pointer: str = "/params") -> dict[str, Any]:
    """A value of every declared parameter. Raises InvalidRequestError for one that is missing, unknown or not of its type."""
    known = {one.name: one for one in question.parameters}
    filled = {one.name: one.default for one in question.parameters if one.has_default}
    filled.update(values)
    bind({name: one.type for name, one in known.items()}, filled, pointer)
    return filled


def are_defaults(question: Question, values: Mapping[str, Any]) -> bool:
    """Whether `values`, which `given_values` took, say nothing but the defaults."""
    defaults = {one.name: one.default for one in question.parameters if one.has_default and one.name in values}
    types = {one.name: one.type for one in question.parameters if one.name in defaults}
    return values.keys() == defaults.keys() and bind(types, values) == bind(types, defaults)


def values_of_texts(question: Question, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Values as an address has them (each a text, as often as its name stands there) as JSON has them, by the declared types.

    What cannot be read stays a text, for `given_values` to refuse. Raises InvalidRequestError for a value that stands there twice.
    """
    types = {one.name: one.type for one in question.parameters}
    return {name: _value(f"/query/{name[:100]}", types.get(name, "String"), given) for name, given in texts.items()}


def _value(pointer: str, kind: str, given: Sequence[str]) -> Any:
    outer, inner = _OUTER.match(kind), kind
    while outer is not None and outer[1] in ("Nullable", "LowCardinality"):
        inner = outer[2]
        outer = _OUTER.match(inner)
    name = outer[1] if outer is not None else inner.strip()
    if name == "Array" and outer is not None and not (len(given) == 1 and given[0].lstrip().startswith("[")):
        return [_value(pointer, outer[2], (text,)) for text in given]
    if len(given) != 1:
        raise InvalidRequestError.at(pointer, "stands there more than once")
    text = given[0]
    if name == "Bool":
        return {"true": True, "false": False}.get(text, text)
    if name.startswith(("Float", "BFloat")) or name in ("Array", "Tuple", "Map"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def check_defaults(question: Question, pointer: str = "") -> None:
    """Raises InvalidRequestError if a default is not of its parameter's type."""
    for place, one in enumerate(question.parameters):
        if one.has_default:
            bind({one.name: one.type}, {one.name: one.default}, f"{pointer}/parameters/{place}/default")


def with_values(question: Question, values: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a question of trends with these values (of `given_values`) in their places. Raises InvalidQueryError."""
    used: set[str] = set()
    known = {one.name: one for one in question.parameters}
    body = dict(question.trends)
    for name in WHOLE & known.keys():
        body[name] = values[name]
        used.add(name)
    body = {name: _filled(value, known, values, used, f"/trends/{name}") for name, value in body.items()}
    for place, one in enumerate(question.parameters):
        if one.name not in used:
            raise InvalidQueryError.at(
                f"/parameters/{place}/name", f'is used nowhere: write {{"parameter": "{one.name}"}} as the value of a filter'
            )
    return body


def _filled(value: Any, known: Mapping[str, Parameter], values: Mapping[str, Any], used: set[str], pointer: str, at: str = "") -> Any:
    if isinstance(value, list):
        items = cast(list[Any], value)
        return [_filled(item, known, values, used, f"{pointer}/{place}", at) for place, item in enumerate(items)]
    if not isinstance(value, Mapping):
        return value
    members = cast(Mapping[str, Any], value)
    if at == "value" and set(members) == {_PLACE}:
        name = members[_PLACE]
        if not isinstance(name, str) or name not in known:
            raise InvalidQueryError.at(f"{pointer}/{_PLACE}", "is no declared parameter")
        used.add(name)
        return values[name]
    return {name: _filled(item, known, values, used, f"{pointer}/{name}", name) for name, item in members.items()}
