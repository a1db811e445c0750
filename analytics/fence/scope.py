"""What names mean at one place of a statement: which tables are read there, which CTEs and named lambdas can be seen.

The one thing to know: CTEs and lambdas are renamed. A name of the caller's then cannot be taken for a physical table or a function, however
the engine would resolve it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from analytics.fence.catalog import SqlTable
from analytics.fence.parser import Node


@dataclass(slots=True)
class Scope:
    """One SELECT, or the union around it.

    `ctes` and `lambdas` are names of WITH and what they are called in the canonical text, `values` its other expressions by alias.
    `sources` are the tables of FROM by the name they go by there; None: not a table of the catalogue. `read` are those that are, with the
    subquery to be filled; `hot` the hot members that are asked of each.
    """

    parent: "Scope | None" = None
    ctes: dict[str, str] = field(default_factory=dict[str, str])
    lambdas: dict[str, str] = field(default_factory=dict[str, str])
    values: dict[str, Node] = field(default_factory=dict[str, Node])
    sources: dict[str, SqlTable | None] = field(default_factory=dict[str, SqlTable | None])
    read: list[tuple[Node, str, SqlTable]] = field(default_factory=list[tuple[Node, str, SqlTable]])
    hot: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    # Names that mean a column or an alias here, whatever function has the same.
    given: set[str] = field(default_factory=set[str])
    outputs: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    is_recursive: bool = False
    is_closed: bool = False
    # Whether its stars would show what a subquery carries beside the public columns.
    has_stars: bool = False

    def cte(self, name: str) -> str | None:
        """What the CTE of that name is called in the canonical text."""
        return next((scope.ctes[name] for scope in self._outwards() if name in scope.ctes), None)

    def outputs_of(self, cte: str) -> tuple[str, ...]:
        """The columns of the CTE of that (new) name, as far as they are written out."""
        return next((scope.outputs[cte] for scope in self._outwards() if cte in scope.outputs), ())

    def lambda_name(self, name: str) -> str | None:
        """What the lambda of that name is called in the canonical text."""
        return next((scope.lambdas[name] for scope in self._outwards() if name in scope.lambdas), None)

    def value(self, name: str) -> Node | None:
        """The expression of that name in WITH."""
        return next((scope.values[name] for scope in self._outwards() if name in scope.values), None)

    def hot_table(self, qualifier: str | None) -> SqlTable | None:
        """The table of this FROM that a (qualified) column comes from beyond doubt, if it has hot members."""
        if self.has_stars:
            return None
        if qualifier is not None:
            return self.sources.get(qualifier)
        return next(iter(self.sources.values())) if len(self.sources) == 1 else None

    def _outwards(self) -> "Iterator[Scope]":
        """It, and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent
