"""Personal fields of a project: which members of an event are dropped, hashed or encrypted before anything is written.

A field is `user_id`, `anonymous_id`, `session_id`, a path into the properties (`properties.email`, `properties.address.street`) or into the
context (`context.ip`). The one thing to know: a dot walks into an object, as in filters, so a key that itself holds a dot cannot be named.
"""

from collections.abc import Mapping
from enum import StrEnum

from analytics.errors import FieldError, InvalidRequestError


class PersonalMode(StrEnum):
    """What becomes of a value."""

    DROP = "drop"  # it is left out
    HASH = "hash"  # HMAC-SHA256, keyed by project: equal values stay equal, nobody can read them
    ENCRYPT = "encrypt"  # equal values stay equal, and who may see personal data can read them


MAX_FIELDS = 100
MAX_PATH = 20
MAX_NAME = 500
IDENTITIES = frozenset({"user_id", "anonymous_id"})
# Members of the context with a column of distinct values (LowCardinality): each would be a new entry in its dictionary.
_ENUMERATIONS = frozenset(
    {
        "context.user_agent",
        "context.locale",
        "context.timezone",
        *(f"context.campaign.{name}" for name in ("source", "medium", "name", "term", "content")),
        "properties.course_id",
        "properties.lesson_id",
    }
)
_DERIVED = {"context.page.host": "context.page.url", "context.page.path": "context.page.url"}
_WHOLE = frozenset({"context.page", "context.campaign"})
_COLUMNS = {
    "ip": "context.ip",
    "user_agent": "context.user_agent",
    "locale": "context.locale",
    "timezone": "context.timezone",
    "page_url": "context.page.url",
    "page_title": "context.page.title",
    "referrer": "context.page.referrer",
    **{f"campaign_{name}": f"context.campaign.{name}" for name in ("source", "medium", "name", "term", "content")},
}


def field_of(name: str) -> str:
    """The field behind a public name of questions: `ip` is `context.ip`."""
    return _COLUMNS.get(name, name)


def check_personal_fields(fields: Mapping[str, PersonalMode]) -> None:
    """Raises InvalidRequestError that names every field that cannot be personal, or not in this mode."""
    errors = [
        FieldError(f"/personal_fields/{name.replace('~', '~0').replace('/', '~1')[:200]}", fault)
        for name, mode in fields.items()
        if (fault := _fault(name, mode, fields)) is not None
    ]
    if len(fields) > MAX_FIELDS:
        errors.append(FieldError("/personal_fields", f"must name at most {MAX_FIELDS} fields"))
    if errors:
        raise InvalidRequestError("; ".join(f"{error.pointer} {error.detail}" for error in errors[:3]), errors)


def _fault(name: str, mode: PersonalMode, fields: Mapping[str, PersonalMode]) -> str | None:
    if name in IDENTITIES:
        return None if mode is PersonalMode.HASH else "can be hash only: an event needs somebody it counts for"
    if name == "session_id":
        return None if mode is not PersonalMode.ENCRYPT else "can be drop or hash"
    if name in _COLUMNS:
        return f"is written {_COLUMNS[name]}"
    prefix, _, rest = name.partition(".")
    path = rest.split(".")
    if prefix not in ("properties", "context"):
        return "must be user_id, anonymous_id, session_id, properties.NAME or context.NAME"
    if not all(path) or len(path) > MAX_PATH or len(name) > MAX_NAME or not _is_plain(name):
        return f"must be {prefix}. and up to {MAX_PATH} names with dots between"
    if name in _DERIVED:
        return f"is made from {_DERIVED[name]}: name that"
    if name in _WHOLE:
        return "must name one of its members, such as context.page.url"
    if mode is PersonalMode.ENCRYPT and name in _ENUMERATIONS:
        return "is an enumeration (few distinct values), which cannot be encrypted: hash or drop it"
    parents = [".".join([prefix, *path[:end]]) for end in range(1, len(path))]
    return next((f"lies within {parent}, which is personal as a whole" for parent in parents if parent in fields), None)


def _is_plain(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return not any(ord(character) < 32 or ord(character) == 127 for character in name)
