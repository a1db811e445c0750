"""What stands behind a name that is no built-in table: a query that the project saved, or a table made for it.

The one thing to know: a saved query is checked anew each time its name is used, by a checker of its own that sees nothing of the statement
around it, so a name can mean no more than its text could by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from analytics.errors import SqlRefusedError, SqlTooComplexError
from analytics.fence.catalog import SqlCatalog, SqlTable
from analytics.fence.checked_query import RESERVED_PREFIX
from analytics.fence.names import known_names, names_in
from analytics.fence.parser import Node
from analytics.fence.refusal import RefusedError
from analytics.fence.server_words import NO_WORDS, ServerWords

MAX_CHAIN = 10
MAX_NAMED = 50
MAX_NAMED_CHARACTERS = 200_000


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A saved SELECT. `values` are its parameters' defaults as the engine's text; one without a default is not there."""

    sql: str
    values: Mapping[str, str] = field(default_factory=dict[str, str])


NamedSource = NamedQuery | SqlTable


class NamedSources:
    """The names that one statement may use, what was used of them, and what all its parts share. For one check."""

    def __init__(
        self, catalog: SqlCatalog, sources: Mapping[str, NamedSource], parse: Callable[[str], Node], words: ServerWords = NO_WORDS
    ) -> None:
        """`words` are those of the caller's own text."""
        self.words = words
        self._catalog = catalog
        self._sources = {name: source for name, source in sources.items() if name not in catalog.tables}
        self._parse = parse
        self._trees: dict[str, Node] = {}
        self._known: dict[str, frozenset[str]] = {}
        self._renamed = 0
        self.nodes = 0
        self.used: set[str] = set()
        self.constants: dict[str, str] = {}

    def get(self, name: str) -> NamedSource | None:
        """What the name stands for; None: nothing."""
        return self._sources.get(name)

    def new_name(self, kind: str) -> str:
        """A name that nothing else of the statement has."""
        self._renamed += 1
        return f"{RESERVED_PREFIX}{kind}_{self._renamed}"

    def tree(self, name: str, query: NamedQuery) -> Node:
        """The parsed text of a saved query. Raises RefusedError at the name for a text that cannot be read."""
        if name not in self._trees:
            if len(self._trees) >= MAX_NAMED:
                raise RefusedError(f"More than {MAX_NAMED} saved queries stand behind this.", name, kind=SqlTooComplexError)
            try:
                self._trees[name] = self._parse(query.sql)
            except SqlRefusedError as refused:
                raise RefusedError(f"In {name}: {refused.detail}", name, kind=type(refused)) from refused
        return self._trees[name]

    def known(self, name: str) -> frozenset[str]:
        """Names that its columns may have."""
        if name not in self._known:
            self._known[name] = frozenset()  # where it leads back to itself
            match self._sources.get(name):
                case NamedQuery() as query:
                    tree = self.tree(name, query)
                    self._known[name] = known_names(tree, self._catalog, self.known) | frozenset(names_in(tree))
                case SqlTable() as table:
                    self._known[name] = frozenset(column.name for column in table.columns)
                case _:
                    pass
        return self._known[name]
