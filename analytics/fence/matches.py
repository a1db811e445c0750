"""What the engine would refuse for the columns of a table, without a place: told here with one.

The one thing to know: this errs on the side of passing; what it lets through the engine still looks at.
"""

import re
from collections.abc import Collection, Container, Mapping
from typing import Any

from analytics.errors import UnknownColumnError
from analytics.fence.catalog import SqlTable
from analytics.fence.refusal import RefusedError

_PLAIN = re.compile(r"\w+")


def check_columns_match(pattern: Any, tables: Collection[SqlTable | None]) -> None:
    """Raises RefusedError for COLUMNS('word') where no column of these tables has the word in its name; None is a table unknown."""
    if not isinstance(pattern, str) or not _PLAIN.fullmatch(pattern):  # other patterns are the engine's to try: ours could take for ever
        return
    known = [table for table in tables if table is not None]
    if len(known) == len(tables) and not any(pattern in column.name for table in known for column in table.columns):
        raise RefusedError(f"There is no column with {pattern[:100]} in its name here.", "COLUMNS", kind=UnknownColumnError, called=True)


def check_row_matches(left: Mapping[str, Any], name: str, table: SqlTable, given: Container[str]) -> None:
    """Raises RefusedError for `left IN table` where left surely has not as many parts as the table has columns."""
    parts = _parts(left, given)
    if parts is not None and parts != len(table.columns):
        words = f"IN {name} compares all {len(table.columns)} columns; put a subquery there with those that are meant."
        raise RefusedError(words, name)


def _parts(left: Mapping[str, Any], given: Container[str]) -> int | None:
    """Of how many parts an expression is; None if that does not show. `given` are aliases."""
    value = left.get("value")
    match left.get("type"):
        case "Literal" if isinstance(value, Mapping):
            return len(value["value"]) if value.get("field_type") == "Tuple" else 1
        case "Function" if left.get("name") == "tuple":
            arguments = left.get("arguments")
            return len(arguments.get("children", ())) if isinstance(arguments, Mapping) else None
        case "Identifier" if str(left.get("name")) not in given:
            return 1
        case _:
            return None
