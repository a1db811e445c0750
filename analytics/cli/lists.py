"""Lists of the service on the command line: all pages of them, as a table."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from analytics.cli.connection import ServiceConnection


def project_path(slug: str, *parts: str) -> str:
    """`/v1/projects/<slug>/<parts>`, whatever is in them."""
    return "/".join(("/v1/projects", *(quote(part, safe="") for part in (slug, *parts))))


def every_item(service: ServiceConnection, path: str) -> list[dict[str, Any]]:
    """The items of all pages."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = service.get(path, limit="1000", **({"cursor": cursor} if cursor else {}))
        items += cast(list[dict[str, Any]], page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def table(items: Sequence[Mapping[str, Any]], *columns: str) -> list[str]:
    """One line a row, columns aligned under their names; None is a dash."""
    rows = [columns, *([_cell(item[column]) for column in columns] for item in items)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return ",".join(map(str, cast(list[object], value))) if isinstance(value, list) else str(value)
