"""The text and the number of a JSON value (ClickHouse is made to give the same, see `query/compiler.py`).

- The text of a JSON string is the string, of a number its shortest decimal form, of a boolean `true` or `false`, of an array or object its
  compact JSON. Absent, null and the empty text are all *missing*: the text is empty.
- The number is the text read as a decimal number (so "5" and 5 are both 5); there is none if it does not read as one, or is not finite.
- Of a repeated key in an object the first counts.
"""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, cast

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1


def text_of(value: object) -> str:
    """The text of a JSON value, as defined above; empty: missing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return _json_text(value, top=True)


def number_of(value: object) -> float | None:
    """The number of a JSON value, or None. A boolean has none."""
    text = text_of(value)
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def number_text(number: float) -> str:
    """The shortest decimal form that reads back as the same double: plain digits from 1e-6 up to 1e21, else an exponent."""
    if number == 0 or not math.isfinite(number):
        return ("-0" if math.copysign(1.0, number) < 0 else "0") if number == 0 else repr(number)
    mantissa, _, exponent_text = f"{abs(number)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    point = len(whole) + int(exponent_text or 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    sign = "-" if number < 0 else ""
    if 0 < point <= 21:
        plain = digits.ljust(point, "0")
        return f"{sign}{plain[:point]}{'.' + plain[point:] if plain[point:] else ''}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[0]}{'.' + digits[1:] if digits[1:] else ''}e{point - 1}"


def _json_text(value: object, top: bool) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        whole = _INT64_MIN <= value <= _UINT64_MAX
        return str(value) if whole or top else f'"{value}"'  # inside an array or object the engine keeps such a number as a string
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        members = cast(dict[str, object], value)
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_json_text(v, top=False)}" for k, v in members.items()) + "}"
    return "[" + ",".join(_json_text(item, top=False) for item in cast(Sequence[object], value)) + "]"


def read_json(text: str) -> Any:
    """A JSON document in which the first of repeated keys counts. Raises ValueError."""
    return json.loads(text, object_pairs_hook=_first_wins)


def _first_wins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, value in pairs:
        members.setdefault(name, value)
    return members
