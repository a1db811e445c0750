"""Values for `{name:Type}`, checked against the type before the engine sees them, so that a wrong one is answered with its name.

The one thing to know: a value travels as the engine's own text of that type (`\\N` for null), never as part of the statement.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from analytics.errors import FieldError, InvalidRequestError

MAX_TEXT = 1_000_000
_INTEGER = re.compile(r"(U?)Int(8|16|32|64|128|256)\Z")
_NAME = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*)\s*(?:\((.*)\))?\s*\Z", re.DOTALL)
_ZONE = re.compile(r"'([A-Za-z0-9_+/-]{1,64})'\s*\Z")
_NUMBER = re.compile(r"[+-]?[0-9]{1,100}\Z")
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"})


class EngineText(str):
    """A value that is the engine's text of its type already, as tools send it. What does not go with its type the engine says."""

    __slots__ = ()


class _WrongError(Exception):
    """Why a value does not go with its type."""


def bind(types: Mapping[str, str], values: Mapping[str, Any], pointer: str = "/params") -> dict[str, str]:
    """The engine's text of each parameter of a statement. Raises InvalidRequestError naming what is missing, unknown or ill-typed."""
    errors = [FieldError(f"{pointer}/{name}", "is missing") for name in types if name not in values]
    errors += [
        FieldError(f"{pointer}/{name[:100]}", "is no parameter of this statement: write {name:Type} where its value belongs")
        for name in values
        if name not in types
    ]
    texts: dict[str, str] = {}
    for name, kind in types.items():
        if name in values:
            try:
                texts[name] = parameter_text(kind, values[name])
            except _WrongError as wrong:
                errors.append(FieldError(f"{pointer}/{name}", f"is no {kind[:100]}: {wrong}"))
    if errors:
        raise InvalidRequestError(f"The parameter {errors[0].pointer.rpartition('/')[2]} {errors[0].detail}.", errors)
    return texts


def parameter_text(kind: str, value: Any) -> str:
    """`value` (JSON) as the engine reads a parameter of type `kind`. Raises _WrongError."""
    text = str(value) if isinstance(value, EngineText) else _text(kind, value, nested=False)
    if len(text) > MAX_TEXT:
        raise _WrongError(f"it is longer than {MAX_TEXT:,} characters")
    return text


def _text(kind: str, value: Any, *, nested: bool) -> str:
    match = _NAME.match(kind)
    if match is None:
        raise _WrongError("this type is not known")
    name, inner = match[1], match[2] or ""
    if name == "Nullable":
        if value is None:
            return "NULL" if nested else "\\N"
        return _text(inner, value, nested=nested)
    if name == "LowCardinality":
        return _text(inner, value, nested=nested)
    if value is None:
        raise _WrongError("null is for Nullable types")
    if name in ("Array", "Tuple", "Map"):
        return _composite(name, inner, value)
    scalar = _scalar(name, inner, value)
    if isinstance(scalar, int | float | Decimal):
        return str(scalar)
    return f"'{scalar.translate(_ESCAPES)}'" if nested else scalar.translate(_ESCAPES)


def _composite(name: str, inner: str, value: Any) -> str:
    kinds = split_types(inner)
    if name == "Map":
        if not isinstance(value, Mapping) or len(kinds) != 2:
            raise _WrongError("must be an object")
        pairs = cast(Mapping[str, Any], value).items()
        return "{" + ", ".join(f"{_text(kinds[0], key, nested=True)}: {_text(kinds[1], item, nested=True)}" for key, item in pairs) + "}"
    if not isinstance(value, list):
        raise _WrongError("must be a list")
    items = cast(Sequence[Any], value)
    if name == "Array":
        return "[" + ", ".join(_text(inner, item, nested=True) for item in items) + "]"
    kinds = [re.sub(r"\A\s*[A-Za-z_][A-Za-z0-9_]*\s+(?=[A-Z])", "", one) for one in kinds]  # of a named tuple the types
    if len(items) != len(kinds):
        raise _WrongError(f"must be a list of {len(kinds)}")
    parts = [_text(one, item, nested=True) for one, item in zip(kinds, items, strict=True)]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _scalar(name: str, inner: str, value: Any) -> str | int | float | Decimal:
    integer = _INTEGER.match(name)
    if integer is not None:
        return _integer(integer[1] == "", int(integer[2]), value)
    if name in ("Float32", "Float64", "BFloat16"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _WrongError("must be a number")
        return float(value)
    if name.startswith("Decimal"):
        return _decimal(value)
    if name == "Bool":
        if not isinstance(value, bool):
            raise _WrongError("must be true or false")
        return int(value)
    if name in ("DateTime", "DateTime32", "DateTime64"):
        return _time(name, inner, value)
    if not isinstance(value, str):
        raise _WrongError("must be a text")
    if name in ("Date", "Date32"):
        return _date(value)
    if name == "UUID":
        return _uuid(value)
    if name in ("String", "FixedString", "Enum8", "Enum16", "Enum", "IPv4", "IPv6"):
        return value.encode("utf-8", "replace").decode("utf-8")
    raise _WrongError("parameters of this type are not taken")


def _integer(signed: bool, bits: int, value: Any) -> int:
    if isinstance(value, str) and _NUMBER.match(value):  # JSON of many clients holds none beyond 2^53
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _WrongError("must be a whole number")
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= value <= high:
        raise _WrongError(f"must lie between {low} and {high}")
    return value


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _WrongError("must be a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise _WrongError("must be a number") from None
    if not number.is_finite() or abs(number.adjusted()) > 80:
        raise _WrongError("must be a finite number")
    return Decimal(f"{number:f}")


def _date(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise _WrongError("must be a day such as 2026-11-22") from None


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise _WrongError("must be a UUID") from None


def _time(name: str, inner: str, value: Any) -> str:
    """An instant (ISO 8601, or Unix seconds) as wall-clock time of the type's zone, UTC if it has none; a text without zone as it is."""
    zone = _ZONE.search(inner)
    try:
        tz = ZoneInfo(zone[1]) if zone else UTC
        if isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, str):
            moment = datetime.fromisoformat(value)
        else:
            raise _WrongError("must be an instant such as 2026-11-22T10:00:00Z")
        if moment.tzinfo is not None:
            moment = moment.astimezone(tz)
    except (ValueError, OverflowError, OSError, KeyError):
        raise _WrongError("must be an instant such as 2026-11-22T10:00:00Z") from None
    text = moment.strftime("%Y-%m-%d %H:%M:%S") if moment.year >= 1000 else "1000-01-01 00:00:00"
    return f"{text}.{moment.microsecond:06d}" if name == "DateTime64" and moment.microsecond else text


def split_types(text: str) -> list[str]:
    """The parts of a list of types at its own commas: `A(B, C), D` is two."""
    parts, depth, quoted, begin = list[str](), 0, False, 0
    for place, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted and character in "()":
            depth += 1 if character == "(" else -1
        elif not quoted and character == "," and depth == 0:
            parts.append(text[begin:place].strip())
            begin = place + 1
    return [*parts, text[begin:].strip()] if text.strip() else []
