"""`properties.course_id` and `properties.price.amount::Float64` as expressions over the JSON text, or over a column where there is one.

The one rule to know: a member that is missing, empty or not of the type asked for is NULL. Without a type it is text: numbers, objects and
lists as they stand in the JSON.
"""

from dataclasses import dataclass

from analytics.fence.nodes import function, identifier, text
from analytics.fence.parser import Node
from analytics.fence.refusal import RefusedError
from analytics.fence.types import check_type

COLUMN = "properties"
_MAX_PATH = 20
_NUMBERS = (
    "int",
    "uint",
    "float",
    "bfloat",
    "double",
    "real",
    "decimal",
    "numeric",
    "dec",
    "bool",
    "bigint",
    "smallint",
    "tinyint",
    "signed",
)
_NESTED = ("array", "map", "tuple", "json", "dynamic", "variant")


@dataclass(frozen=True, slots=True)
class PropertyPath:
    """A member of the column `properties`. `qualifier` is the table's name before it, if there is one."""

    qualifier: str | None
    path: tuple[str, ...]

    def column(self) -> Node:
        """The column it is a member of."""
        return identifier(*([self.qualifier] if self.qualifier is not None else []), COLUMN)

    def extract(self, kind: str) -> Node:
        """It, read from the JSON as a type."""
        return function("JSONExtract", self.column(), *map(text, self.path), text(kind))

    def as_text(self, hot: str | None) -> Node:
        """It as text, NULL if empty or missing. `hot` is the column that holds it, if there is one."""
        qualifier = [self.qualifier] if self.qualifier is not None else []
        return function("nullIf", identifier(*qualifier, hot) if hot is not None else self.extract("String"), text(""))

    def cast(self, kind: str, hot: str | None) -> Node:
        """It as a type, NULL if it is missing or not of that type. Raises RefusedError for a type that does not exist here."""
        family = check_type(kind)
        inner = kind
        if family == "nullable":
            inner = kind[kind.index("(") + 1 : kind.rindex(")")].strip()
            family = check_type(inner)
        if family.startswith(_NUMBERS):
            return self.extract(f"Nullable({inner})")
        if family in _NESTED:
            return self.extract(inner)
        value = self.as_text(hot)
        if family in ("string", "text", "varchar", "char"):
            return value
        if family == "lowcardinality":
            return function("toLowCardinality", value)
        if family in ("date", "date32"):
            moment = function("parseDateTime64BestEffortOrNull", value, {"type": "Literal", "value": _number(3)}, text("UTC"))
            return function("toDate" if family == "date" else "toDate32", moment)
        if family.startswith("datetime") or family == "timestamp":
            moment = function("parseDateTime64BestEffortOrNull", value, {"type": "Literal", "value": _number(9)}, text("UTC"))
            return function("accurateCastOrNull", moment, text(inner))
        return function("accurateCastOrNull", value, text(inner))


def _number(value: int) -> Node:
    return {"field_type": "UInt64", "value": value}


def property_path(parts: list[str]) -> PropertyPath | None:
    """The member that a dotted name means, None if it means none. Raises RefusedError for a path that cannot be followed."""
    at = 0 if parts[0] == COLUMN else 1
    if len(parts) < at + 2 or parts[at] != COLUMN:
        return None
    path = tuple(parts[at + 1 :])
    if len(path) > _MAX_PATH:
        raise RefusedError(f"A path into properties has up to {_MAX_PATH} names.", COLUMN)
    if any(not name or name[0] in ":^@" for name in path):
        raise RefusedError("A member of properties is written properties.name, and its type as properties.name::Type.", COLUMN)
    return PropertyPath(parts[0] if at else None, path)
