"""Every property a question may name, and where the engine finds it.

A public name is a column (`browser`), a path into the properties (`properties.course_id`, `properties.price.amount`) or into the context
(`context.page.url`). The one thing to know: each property is a *text* to the engine, empty where it is missing, as
`domain/filters.py` defines it; a dot in a path walks into an object, so a key that itself holds a dot cannot be named.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import LiteralString

from analytics.domain.filters import NEGATIVES, Condition, Operator, Scalar, is_encodable
from analytics.errors import FieldError, InvalidQueryError, UnknownPropertyError

MAX_PATH = 20
MAX_NAME = 500
_DATE_OR_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


class Table(StrEnum):
    """A table that answers questions."""

    EVENTS = "events"
    EVENT_COUNTS = "event_counts"
    USER_DAYS = "user_days"


class Kind(StrEnum):
    """What the text of a property says."""

    TEXT = "text"
    TIME = "time"  # an instant, as 2026-11-22T10:00:00.123Z


@dataclass(frozen=True, slots=True)
class Column:
    """One public column of events. `text` is the engine's expression of its text."""

    name: str
    text: LiteralString
    description: str
    kind: Kind = Kind.TEXT
    tables: frozenset[Table] = frozenset({Table.EVENTS})


@dataclass(frozen=True, slots=True)
class Property:
    """A property found: a column's text, or with a `path` the member of the JSON object in `text`."""

    text: LiteralString
    path: tuple[str, ...] = ()
    kind: Kind = Kind.TEXT
    tables: frozenset[Table] = frozenset({Table.EVENTS})

    def check(self, condition: Condition) -> None:
        """Raises InvalidQueryError if the condition asks what this kind of property cannot answer."""
        if self.kind is Kind.TIME:
            for value in condition.values:
                instant_text(value, condition.pointer)
            if NEGATIVES.get(condition.operator, condition.operator) not in _TIME_OPERATORS:
                detail = f"{condition.property} is a time, which {condition.operator} does not go with"
                raise InvalidQueryError(detail, [FieldError(f"{condition.pointer}/operator", detail)])

    def check_numeric(self, pointer: str) -> None:
        """Raises InvalidQueryError if it can hold no number."""
        if self.kind is Kind.TIME:
            raise InvalidQueryError("A time is no number.", [FieldError(pointer, "is a time, not a number")])

    def operand(self, value: Scalar, pointer: str) -> Scalar:
        """The operand in the form the text has."""
        return instant_text(value, pointer) if self.kind is Kind.TIME else value


_TIME_OPERATORS = frozenset(
    {Operator.EQ, Operator.IN, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN, Operator.IS_SET}
)


def instant_text(value: Scalar, pointer: str) -> str:
    """An ISO 8601 instant (no zone: UTC) in the form times have in answers. Raises InvalidQueryError."""
    try:
        if not isinstance(value, str) or not _DATE_OR_TIME.fullmatch(value):
            raise ValueError(value)
        moment = datetime.fromisoformat(value)
        moment = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        detail = "must be an instant such as 2026-11-01T10:00:00Z"
        raise InvalidQueryError(f"A time {detail}.", [FieldError(f"{pointer}/value", detail)]) from error
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_TIMESTAMP = "concat(replaceOne(toString(timestamp), ' ', 'T'), 'Z')"
_RECEIVED_AT = "concat(replaceOne(toString(received_at), ' ', 'T'), 'Z')"

COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in (
        Column("event_id", "event_id", "Identity of the event: once per project."),
        Column("event", "event", "Name of the event.", tables=frozenset(Table)),
        Column("timestamp", _TIMESTAMP, "When it happened, UTC, to the millisecond.", Kind.TIME),
        Column("received_at", _RECEIVED_AT, "When it arrived, UTC, to the millisecond.", Kind.TIME),
        Column("date", "toString(date)", "Day it happened on, UTC."),
        Column("user_id", "user_id", "The signed-in user."),
        Column("anonymous_id", "anonymous_id", "The device or browser."),
        Column("session_id", "session_id", "Session as the client says."),
        Column("ip", "ip", "Sender's address, as the project's policy left it."),
        Column("user_agent", "user_agent", "User agent."),
        Column("browser", "browser", "Browser, from the user agent."),
        Column("browser_version", "browser_version", "Its major version."),
        Column("os", "os", "Operating system, from the user agent."),
        Column("device", "device", "desktop, mobile, tablet, bot or other."),
        Column("is_bot", "if(is_bot, 'true', 'false')", "Whether the user agent is a robot's: true or false."),
        Column("country", "country", "ISO country of the address."),
        Column("page_url", "page_url", "Address of the page."),
        Column("page_host", "page_host", "Host of the page."),
        Column("page_path", "page_path", "Path of the page."),
        Column("page_title", "page_title", "Title of the page."),
        Column("referrer", "referrer", "Address of the page before."),
        Column("referrer_host", "referrer_host", "Its host."),
        Column("campaign_source", "campaign_source", "Campaign source (utm_source)."),
        Column("campaign_medium", "campaign_medium", "Campaign medium (utm_medium)."),
        Column("campaign_name", "campaign_name", "Campaign name (utm_campaign)."),
        Column("campaign_term", "campaign_term", "Campaign term (utm_term)."),
        Column("campaign_content", "campaign_content", "Campaign content (utm_content)."),
        Column("locale", "locale", "Language and region, such as en-GB."),
        Column("timezone", "timezone", "The sender's time zone."),
    )
}

# Paths into the context that have a column; any other path is looked up in what is left of the context.
CONTEXT_COLUMNS: Mapping[tuple[str, ...], str] = {
    ("ip",): "ip",
    ("user_agent",): "user_agent",
    ("page", "url"): "page_url",
    ("page", "host"): "page_host",
    ("page", "path"): "page_path",
    ("page", "title"): "page_title",
    ("page", "referrer"): "referrer",
    ("campaign", "source"): "campaign_source",
    ("campaign", "medium"): "campaign_medium",
    ("campaign", "name"): "campaign_name",
    ("campaign", "term"): "campaign_term",
    ("campaign", "content"): "campaign_content",
    ("locale",): "locale",
    ("timezone",): "timezone",
}

# Columns that name or lead to a person: an answer that shows their values is more than numbers.
PERSONAL = frozenset({"event_id", "user_id", "anonymous_id", "session_id", "ip"})

# Properties that have a column of their own in `events`, made by `JSONExtract(properties, name, 'String')`.
PROMOTED: Mapping[str, LiteralString] = {"course_id": "course_id", "lesson_id": "lesson_id"}


def find_property(name: str, pointer: str) -> Property:
    """Where the property with this public name is. Raises UnknownPropertyError at `pointer`."""
    column = COLUMNS.get(name)
    if column is not None:
        return Property(column.text, (), column.kind, column.tables)
    prefix, dot, rest = name.partition(".")
    path = tuple(rest.split("."))
    if dot and prefix == "user":
        raise _unknown(pointer, "properties of users are not available yet")
    if not dot or prefix not in ("properties", "context"):
        near = difflib.get_close_matches(name[:100], [*COLUMNS, f"properties.{name[:100]}"], n=1, cutoff=0.75)
        hint = f"; did you mean {near[0]}?" if near else f"; a property of events is written properties.{name[:60]}"
        raise _unknown(pointer, f"there is no column {name[:60]!r}{hint}")
    if not all(path) or len(path) > MAX_PATH or len(name) > MAX_NAME or not is_encodable(name):
        raise _unknown(pointer, f"must be {prefix}. and up to {MAX_PATH} names with dots between")
    if prefix == "properties":
        promoted = PROMOTED.get(rest)
        return Property(promoted) if promoted is not None else Property("properties", path)
    if path in CONTEXT_COLUMNS:
        return Property(COLUMNS[CONTEXT_COLUMNS[path]].text)
    return Property("context_extra", path)


def is_personal(name: str) -> bool:
    """Whether the values of a property name or lead to persons."""
    if name.startswith("context."):
        name = CONTEXT_COLUMNS.get(tuple(name.split(".")[1:]), "")
    return name in PERSONAL


def _unknown(pointer: str, detail: str) -> UnknownPropertyError:
    return UnknownPropertyError(f"{detail[0].upper()}{detail[1:]}.", [FieldError(pointer, detail)])
