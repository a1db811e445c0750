"""What somebody may say who takes the service for a ClickHouse server of one database: `school.events`, `system.tables`, `version()`.

The one thing to know: none of it reaches the engine. A name with the database before it is the plain name, a table of `system` is a text of
our own that `sources` holds, and a function is the constant that stands here. Texts of saved queries have no such words.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from analytics.fence.nodes import nodes_of
from analytics.fence.parser import Node


@dataclass(frozen=True, slots=True)
class ServerWords:
    """`database` is the project's name; `catalogs`: databases whose tables tell what there is; `constants`: by function, lower case."""

    database: str = ""
    catalogs: frozenset[str] = frozenset()
    constants: Mapping[str, str] = field(default_factory=dict[str, str])

    def table_name(self, identifier: Node) -> str | None:
        """The name by which a table in FROM is looked up: `events`, `system.tables`; None: it is of no database that is known here."""
        parts = identifier.get("name_parts")
        if parts is None:
            return str(identifier.get("name"))
        if len(parts) != 2 or not self._is_known(parts[0]):
            return None
        return f"{parts[0]}.{parts[1]}".lower() if parts[0].lower() in self.catalogs else str(parts[1])

    def shortened(self, tree: Node) -> Node:
        """A tree whose columns are written without the database before their table."""
        if self is NO_WORDS:
            return tree
        tables = {tuple(node["name_parts"]) for node in nodes_of(tree) if node["type"] == "TableIdentifier" and "name_parts" in node}
        return self._shortened(tree, tables) if tables else tree

    def _shortened(self, value: Any, tables: Collection[tuple[str, ...]]) -> Any:
        if isinstance(value, list):
            return [self._shortened(item, tables) for item in cast(list[Any], value)]
        if not isinstance(value, dict):
            return value
        node = {name: self._shortened(member, tables) for name, member in cast(Node, value).items()}
        parts = node.get("name_parts", ())
        if node.get("type") == "Identifier" and len(parts) > 2 and tuple(parts[:2]) in tables and self._is_known(parts[0]):
            return {**node, "name": ".".join(parts[1:]), "name_parts": parts[1:]}
        return node

    def _is_known(self, database: str) -> bool:
        return (bool(self.database) and database == self.database) or database.lower() in self.catalogs

    def constant(self, function: Node) -> str | None:
        """What a function without arguments means, if it is one of these."""
        if function.keys() - {"type", "name", "arguments", "alias"} or (function.get("arguments") or {}).get("children"):
            return None
        return self.constants.get(str(function.get("name")).lower())


NO_WORDS = ServerWords()
