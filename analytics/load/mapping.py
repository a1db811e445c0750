"""How the columns of a file become the fields of an event.

A column goes where `--map` says, else to the field of its own name, else into the properties. Values of properties that are text in the
file (CSV) become numbers and booleans where that loses nothing: `007` and `1e400` stay text.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, cast

import msgspec

from analytics.errors import InvalidRequestError

# field -> where it stands in the event
_PLACES: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in ("event_id", "event", "timestamp", "user_id", "anonymous_id", "session_id", "sent_at")},
    **{name: (name,) for name in ("properties", "context")},
    **{name: ("context", name) for name in ("ip", "user_agent", "locale", "timezone")},
    "page_url": ("context", "page", "url"),
    "page_title": ("context", "page", "title"),
    "referrer": ("context", "page", "referrer"),
    **{f"campaign_{name}": ("context", "campaign", name) for name in ("source", "medium", "name", "term", "content")},
}
FIELDS = tuple(_PLACES)
LEAVE_OUT = "-"
_TEXT_FIELDS = frozenset({"event_id", "event", "user_id", "anonymous_id", "session_id"})
_TIME_FIELDS = frozenset({"timestamp", "sent_at"})
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,15})(\.\d{1,15})?([eE][+-]?\d{1,2})?")
_DATE_SPACE_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class FieldMap:
    """Where each column goes. `event` names events that have no name of their own; `properties`, if given, keeps only these of the rest."""

    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    event: str | None = None
    properties: frozenset[str] | None = None
    text: frozenset[str] = frozenset()

    @property
    def is_plain(self) -> bool:
        """Whether events that are complete already can go as they stand."""
        return not self.columns and self.event is None and self.properties is None

    def event_of(self, row: Mapping[str, Any], event_id: str, from_text: bool) -> dict[str, Any]:
        """The event of one row; `event_id` is used if the row has none. `from_text`: values are text because the file has no types."""
        event: dict[str, Any] = {}
        for column, value in row.items():
            plain = _plain(value)
            if plain is None or plain == "":
                continue
            place = self._place(column)
            if place is None:
                continue
            name = place[0]
            if name in _TEXT_FIELDS:
                plain = _as_text(plain)
            elif name in _TIME_FIELDS:
                plain = _as_time(plain)
            elif from_text and name == "properties" and column not in self.text:
                plain = _typed(plain)
            _put(event, place, plain)
        if self.event is not None:
            event.setdefault("event", self.event)
        event.setdefault("event_id", event_id)
        return event

    def _place(self, column: str) -> tuple[str, ...] | None:
        target = self.columns.get(column)
        if target is None:
            if column in _PLACES:
                return _PLACES[column]
            if column.startswith("context."):
                return tuple(column.split("."))
            name = column.removeprefix("properties.")
            if self.properties is not None and name not in self.properties:
                return None
            return ("properties", name)
        if target == LEAVE_OUT:
            return None
        if target in _PLACES:
            return _PLACES[target]
        head, _, rest = target.partition(".")
        return ("properties", rest) if head == "properties" else tuple(target.split("."))


def parse_map(pairs: Sequence[str], event: str | None = None, properties: Sequence[str] = (), text: Sequence[str] = ()) -> FieldMap:
    """A FieldMap from `column=field` pairs. Raises InvalidRequestError, naming what is wrong."""
    columns: dict[str, str] = {}
    for pair in pairs:
        column, equals, target = pair.rpartition("=")
        if not equals or not column or not target:
            raise InvalidRequestError(f"--map {pair!r} is not of the form column=field.")
        if target != LEAVE_OUT and target not in _PLACES and not target.startswith(("properties.", "context.")):
            raise InvalidRequestError(
                f"--map {pair!r}: there is no field {target!r}. There are {', '.join(FIELDS)}, "
                "properties.NAME and context.NAME; - leaves a column out."
            )
        columns[column] = target
    return FieldMap(columns, event, frozenset(properties) or None, frozenset(text))


def encode_event(event: Mapping[str, Any]) -> bytes:
    """An event as one line of JSON, without its line feed."""
    return _encode(event)


def _put(event: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    inner = event
    for name in place[:-1]:
        found = inner.setdefault(name, {})
        if not isinstance(found, dict):
            found = inner[name] = {}
        inner = cast(dict[str, Any], found)
    last = place[-1]
    if len(place) == 1 and last in ("properties", "context"):
        parsed = _object(value)
        if parsed is not None:
            inner[last] = {**parsed, **cast(dict[str, Any], inner.get(last, {}))}
            return
        if last == "properties":  # a column of this name that is no object
            inner.setdefault("properties", {})[last] = value
            return
    inner[last] = value


def _object(value: Any) -> dict[str, Any] | None:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def _plain(value: Any) -> Any:
    """Something JSON can say: times become ISO 8601 (no zone means UTC), NaN nothing."""
    match value:
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case float() if not math.isfinite(value):
            return None
        case bytes():
            return value.decode("utf-8", "replace")
        case list() | tuple():
            return [_plain(item) for item in cast(Sequence[Any], value)]
        case dict():
            return {str(name): _plain(item) for name, item in cast(Mapping[Any, Any], value).items()}
        case _:
            return value


def _as_text(value: Any) -> Any:
    """Ids are text; a file may hold them as whole numbers."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():  # a column with gaps
        value = int(value)
    return str(value) if isinstance(value, int) else value


def _as_time(value: Any) -> Any:
    if isinstance(value, str):
        stripped = value.strip()
        if _NUMBER.fullmatch(stripped):
            return float(stripped) if "." in stripped else int(stripped)
        if _DATE_SPACE_TIME.match(stripped):
            return stripped.replace(" ", "T", 1).replace(" UTC", "Z").replace(" ", "")
        return stripped
    return value


def _typed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    lowered = value.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if _NUMBER.fullmatch(value):
        number = float(value)
        if any(sign in value for sign in ".eE"):
            return number if math.isfinite(number) else value
        return int(value) if abs(number) < 2**53 else value
    return value
