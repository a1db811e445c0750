"""Walks a parse tree by the allow-lists and builds the tree of the canonical text: only what was understood is carried over.

The one thing to know: nothing of the caller's tree is kept by default. Each node is made anew from its listed members (`walker.py`), and
names of tables, CTEs, functions and properties are put through the rules of this file on the way.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from analytics.errors import SqlTooComplexError, UnknownTableError, UnknownTypeError
from analytics.fence.catalog import SqlCatalog, SqlTable, hot_column
from analytics.fence.functions import check_aggregate_text, check_function
from analytics.fence.given_names import check_name
from analytics.fence.literals import checked_literal
from analytics.fence.matches import check_columns_match, check_row_matches
from analytics.fence.named import MAX_CHAIN, NamedQuery, NamedSource, NamedSources
from analytics.fence.names import aliases_of, check_column, known_names, names_in, outputs_of
from analytics.fence.nodes import EXPRESSION, SELECT, STARS, Listed, Many, children, literal_text, text
from analytics.fence.parser import Node
from analytics.fence.pieces import without_comments
from analytics.fence.properties import PropertyPath, property_path
from analytics.fence.refusal import RefusedError
from analytics.fence.rewritten import everything_of, has_stars, keep_names, move_prewhere
from analytics.fence.scope import Scope
from analytics.fence.server_words import NO_WORDS
from analytics.fence.sizes import check_size
from analytics.fence.types import check_structure, check_type
from analytics.fence.walker import NO_EXPLAIN, TreeWalker

TABLE_FUNCTIONS = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "generate_series", "generateseries", "values", "sqlstandardvalues", "view"}
)
_IN = frozenset({f"{place}{word}" for place in ("", "global") for word in ("in", "notin", "nullin", "notnullin")})
# Functions one of whose arguments is a text that names a data type, and which: from the front, or -1 for the last.
_TYPE_ARGUMENT: Mapping[str, int] = {
    "cast": 1,
    "accuratecast": 1,
    "accuratecastornull": 1,
    "accuratecastordefault": 1,
    "reinterpret": 1,
    "dynamicelement": 1,
    "variantelement": 1,
    "jsonextract": -1,
    "jsonextractcaseinsensitive": -1,
    "jsonextractkeysandvalues": -1,
    "jsonextractkeysandvaluescaseinsensitive": -1,
}
# Functions whose first argument is a text that names an aggregate function.
_NAMED_AGGREGATE = frozenset({"arrayreduce", "arrayreduceinranges", "initializeaggregation"})
_COLLATION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,40}")


class Checker(TreeWalker):
    """Checks one statement. `rows_of` gives the subquery that stands for a table, with columns for some hot members; a set of names:
    without the columns that the statement does not name; None: with all."""

    def __init__(
        self,
        catalog: SqlCatalog,
        rows_of: Callable[[SqlTable, tuple[str, ...], frozenset[str] | None], Node],
        named: NamedSources,
        chain: tuple[str, ...] = (),
        values: Mapping[str, str] | None = None,
        depth: int = 0,
    ) -> None:
        """`chain` are the saved queries around this text, the outermost first; `values` those of its own parameters, None: the caller's."""
        super().__init__(named, depth)
        self._catalog = catalog
        self._rows_of = rows_of
        self._chain = chain
        self._words = NO_WORDS if chain else named.words
        self._values = values
        self._constants: dict[str, str] = {}
        self._scope = Scope()
        self._names: frozenset[str] = frozenset()
        self._known: frozenset[str] = frozenset()
        self.tables: set[str] = set()
        self.parameters: dict[str, str] = {}
        self.reads = 0
        self.makes_rows = False
        self._reads_of: dict[str, int] = {}  # by CTE: the engine puts its text in the place of each mention
        self._rules = {
            "SelectWithUnionQuery": self._union,
            "SelectQuery": self._select,
            "WithElement": self._with_element,
            "TableExpression": self._table_expression,
            "Identifier": self._identifier,
            "Function": self._function,
            "Literal": self._literal,
            "QueryParameter": self._parameter,
            "ColumnsApplyTransformer": self._apply,
            "OrderByElement": self._order_by,
            "ColumnsRegexpMatcher": self._columns_by_pattern,
        }

    def statement(self, tree: Node) -> Node:
        """The canonical tree of a statement. Raises RefusedError."""
        tree = self._words.shortened(tree)
        known = known_names(tree, self._catalog, self._named.known, self._words)
        self._names, self._known = frozenset(names_in(tree)), known
        return self._node(tree, SELECT)

    # ---- SELECT, CTEs, tables ----------------------------------------------

    def _union(self, node: Node) -> Node:
        return self._within(Scope(self._scope), lambda: self._members(node))

    def _select(self, node: Node) -> Node:
        outer, scope = self._scope, Scope(self._scope)
        scope.has_stars = has_stars(node)
        scope.given.update(aliases_of(node))
        scope.is_recursive = node.get("recursive_with") is True
        for element in children(node.get("with")):
            if element.get("type") == "Function" and element.get("name") == "lambda":
                check_name(element.get("alias"))
                scope.lambdas[element["alias"]] = self._named.new_name("lambda")
            elif "alias" in element:
                scope.values[element["alias"]] = {key: value for key, value in element.items() if key != "alias"}

        def build() -> Node:
            built = self._members(node)
            wanted = None if scope.has_stars else self._names
            for subquery, name, table in scope.read:
                subquery["children"] = [self._rows_of(table, tuple(sorted(scope.hot.get(name, ()))), wanted)]
            return built

        built = self._within(scope, build)
        keep_names(node, built)
        move_prewhere(built)
        if not outer.is_closed:  # the CTEs of the first SELECT of a union can be seen in all of it, as the engine has it
            outer.ctes, outer.lambdas, outer.values, outer.is_closed = scope.ctes, scope.lambdas, scope.values, True
            outer.outputs = scope.outputs
        return built

    def _within(self, scope: Scope, build: Callable[[], Node]) -> Node:
        outer, self._scope = self._scope, scope
        try:
            return build()
        finally:
            self._scope = outer

    def _with_element(self, node: Node) -> Node:
        name, new = node["name"], self._named.new_name("cte")
        check_name(name)
        if self._scope.is_recursive:
            self._scope.ctes[name] = new
        before = self.reads
        built = self._members(node, name=new)
        self._reads_of[new] = self.reads - before
        self._scope.ctes[name] = new
        self._scope.outputs[new] = (*outputs_of(node["subquery"]), *names_in(node.get("aliases")))
        return built

    def _table_expression(self, node: Node) -> Node:
        named, called, nested = (node.get(member) for member in ("database_and_table_name", "table_function", "subquery"))
        if sum(part is not None for part in (named, called, nested)) != 1:
            raise RefusedError("This table is not understood.")
        if named is not None:
            return self._named_table(node, named)
        if "final" in node:
            raise RefusedError("FINAL goes with a table only.", "FINAL")
        if called is not None:
            return self._table_function(node, called)
        built = self._members(node)
        self._add_source(built["subquery"].get("alias"), None)
        self._scope.given.update(outputs_of(nested), names_in(node.get("column_aliases")))
        return built

    def _named_table(self, node: Node, named: Node) -> Node:
        if named.get("type") != "TableIdentifier" or named.keys() - {"type", "name", "name_parts", "alias"}:
            raise RefusedError("A table is named by its plain name.", "Identifier")
        name = self._words.table_name(named)
        if name is None:
            raise RefusedError(f"There is no table {named['name'][:100]} here.", named["name"], kind=UnknownTableError)
        alias = named.get("alias", name.rpartition(".")[2] if "name_parts" in named else name)
        check_name(alias)
        cte = self._scope.cte(name) if "name_parts" not in named else None
        if cte is not None:
            if "final" in node:
                raise RefusedError("FINAL goes with a table only.", "FINAL")
            self._add_source(alias, None)
            self.reads += self._reads_of.get(cte, 0)
            self._scope.given.update(self._scope.outputs_of(cte))
            return self._members(node, database_and_table_name={"type": "TableIdentifier", "name": cte, "alias": alias})
        table = self._table(name)
        if isinstance(table, NamedQuery):
            return self._saved_query(node, name, alias, table)
        if table is None:
            raise RefusedError(f"There is no table {name[:100]} here.", name, kind=UnknownTableError)
        self.tables.add(name)
        self.reads += 1
        if not self._chain and name not in self._catalog.tables:
            self._named.used.add(name)
        subquery: Node = {"type": "Subquery", "alias": alias}
        self._add_source(alias, table)
        self._scope.read.append((subquery, alias, table))
        built = self._members({key: value for key, value in node.items() if key != "final"}, database_and_table_name=None)
        del built["database_and_table_name"]
        return {**built, "subquery": subquery}

    def _table(self, name: str) -> NamedSource | None:
        """What a name in FROM stands for, CTEs left out: the catalogue's own names win."""
        table = self._catalog.tables.get(name)
        return table if table is not None else self._named.get(name)

    def _saved_query(self, node: Node, name: str, alias: str, query: NamedQuery) -> Node:
        """The subquery that stands for the name of a saved query."""
        if "final" in node:
            raise RefusedError("FINAL goes with a table only.", "FINAL")
        chain = (*self._chain, name)
        if name in self._chain:
            raise RefusedError(f"The saved query {name} would read itself: {' > '.join(chain)}.", name)
        if len(chain) > MAX_CHAIN:
            raise RefusedError(f"More than {MAX_CHAIN} saved queries stand behind each other.", name, kind=SqlTooComplexError)
        tree = self._named.tree(name, query)
        inner = Checker(self._catalog, self._rows_of, self._named, chain, query.values, self._depth)
        try:
            rows = inner.statement(tree)
        except RefusedError as refused:
            raise RefusedError(f"In {name}: {refused.detail}", name, kind=refused.kind) from refused
        self.tables |= inner.tables
        self.reads += inner.reads
        self.makes_rows |= inner.makes_rows
        if not self._chain:
            self._named.used.add(name)
        self._add_source(alias, None)
        self._scope.given.update(outputs_of({"children": [tree]}))
        built = self._members({key: value for key, value in node.items() if key != "database_and_table_name"})
        return {**built, "subquery": {"type": "Subquery", "alias": alias, "children": [rows]}}

    def _table_function(self, node: Node, called: Node) -> Node:
        name = str(called.get("name"))
        if called.get("type") != "Function" or name.lower() not in TABLE_FUNCTIONS:
            if name == "viewExplain":  # as the parser writes (EXPLAIN …)
                raise RefusedError(NO_EXPLAIN, "EXPLAIN")
            raise RefusedError(f"There is no table function {name[:100]} here.", name, kind=UnknownTableError, called=True)
        self._add_source(called.get("alias"), None)
        arguments = children(called.get("arguments"))
        if name.lower() == "view":
            subquery: Node = {"type": "Subquery", "children": self._slot(arguments, Many(SELECT), "view")}
            if len(arguments) != 1 or called.keys() - {"type", "name", "arguments", "alias"}:
                raise RefusedError("view takes one SELECT.", name, called=True)
            if "alias" in called:
                subquery["alias"] = called["alias"]
            built = self._members(node, table_function=None)
            del built["table_function"]
            return {**built, "subquery": subquery}
        self.makes_rows = True
        if name.lower() == "values" and arguments and (structure := literal_text(arguments[0])) is not None:
            try:
                check_structure(structure)
            except RefusedError:
                if "function" in structure.lower():  # else it is a value
                    raise
        return self._members(
            node, table_function=self._members(called, arguments=self._slot(called.get("arguments"), Listed(EXPRESSION), name))
        )

    def _add_source(self, alias: str | None, table: SqlTable | None) -> None:
        if alias is not None and alias in self._scope.sources:
            raise RefusedError(f"Two tables go by the name {alias} here; give them aliases.", alias)
        self._scope.sources[alias if alias is not None else f" {len(self._scope.sources)}"] = table

    # ---- expressions -------------------------------------------------------

    def _identifier(self, node: Node) -> Node:
        if node.keys() - {"type", "name", "name_parts", "alias"}:
            raise RefusedError("A parameter cannot stand for a name: {name:Identifier} is not allowed.", "Identifier")
        parts: list[str] = node.get("name_parts") or [node["name"]]
        for part in parts:
            check_name(part)
        path = property_path(parts)
        if path is None:
            given = self._scope.given - set(self._open)
            check_column(parts, self._known, self._scope.sources.get(parts[0]), given)
            return self._members(node, name=node["name"])
        built = path.as_text(self._hot(path))
        return {**built, **_alias(node)}

    def _hot(self, path: PropertyPath) -> str | None:
        """The column that holds a member of properties, if its table carries one."""
        table = self._scope.hot_table(path.qualifier)
        if table is None or len(path.path) != 1 or path.path[0] not in table.hot:
            return None
        name = path.qualifier if path.qualifier is not None else next(iter(self._scope.sources))
        self._scope.hot.setdefault(name, set()).add(path.path[0])
        return hot_column(path.path[0])

    def _function(self, node: Node) -> Node:
        name = str(node.get("name"))
        arguments = children(node.get("arguments"))
        called = self._scope.lambda_name(name)
        if called is not None:
            return self._call(node, name=called)
        constant = self._words.constant(node)
        if constant is not None:
            return {**text(constant), **_alias(node)}
        check_function(name)
        check_size(name, arguments)
        low = name.lower()
        if low == "lambda" and "alias" in node:
            if self._scope.lambdas.get(node["alias"]) is None:
                raise RefusedError("A lambda gets a name in WITH only.", node["alias"])
            return self._call(node, alias=self._scope.lambdas[node["alias"]])
        if low in _IN and len(arguments) == 2:
            return self._call(node, arguments=self._in_arguments(arguments))
        if low in _TYPE_ARGUMENT:
            kind = self._type_argument(name, arguments)
            path = (
                property_path(arguments[0].get("name_parts", [""])) if low == "cast" and arguments[0].get("type") == "Identifier" else None
            )
            if path is not None:
                check_name(".".join(arguments[0]["name_parts"]))
                return {**path.cast(kind, self._hot(path)), **_alias(node)}
        if low in _NAMED_AGGREGATE:
            aggregate = literal_text(arguments[0]) if arguments else None
            if aggregate is None:
                raise RefusedError(f"{name} takes the name of an aggregate function as a text.", name, called=True)
            check_aggregate_text(aggregate, name)
        return self._call(node)

    def _call(self, node: Node, **done: Any) -> Node:
        if "arguments" in node and "arguments" not in done:
            done["arguments"] = self._listed(node["arguments"], EXPRESSION | STARS)
        if "alias" in done:
            check_name(node["alias"])
        return self._members(node, **done)

    def _type_argument(self, name: str, arguments: list[Node]) -> str:
        at = _TYPE_ARGUMENT[name.lower()]
        kind = literal_text(arguments[at]) if len(arguments) >= 2 else None
        if kind is None:
            raise RefusedError(f"{name} takes the name of a type as a text.", name, kind=UnknownTypeError, called=True)
        check_type(kind)
        return kind

    def _in_arguments(self, arguments: list[Node]) -> Node:
        """What stands right of IN: a plain name there is a table to the engine, so it becomes what it means here."""
        left, right = arguments
        if right.get("type") == "Identifier":
            name = right.get("name", "")
            value = self._scope.value(name)
            if "name_parts" not in right and value is not None:
                right = value
            elif "name_parts" not in right and (self._scope.cte(name) is not None or self._table(name) is not None):
                if self._scope.cte(name) is None and isinstance(table := self._table(name), SqlTable):
                    check_row_matches(left, name, table, self._scope.given)
                right = everything_of(name)
            else:
                raise RefusedError(
                    "IN takes a list, a subquery or a table; whether a list in a column has a value is asked by has().", name
                )
        elif right.get("type") == "Function" and str(right.get("name")).lower() == "format":
            raise RefusedError("IN takes a list or a subquery.", "format", called=True)
        return {"type": "ExpressionList", "children": [self._node(left, EXPRESSION), self._node(right, EXPRESSION)]}

    def _apply(self, node: Node) -> Node:
        if "func_name" in node:
            check_function(str(node["func_name"]))
        return self._members(node)

    def _columns_by_pattern(self, node: Node) -> Node:
        check_columns_match(node.get("pattern"), self._scope.sources.values())
        return self._members(node)

    def _order_by(self, node: Node) -> Node:
        collation = node.get("collation")
        if collation is not None and not _COLLATION.fullmatch(literal_text(collation) or ""):
            raise RefusedError("There is no such collation here.", "COLLATE")
        return self._members(node)

    def _literal(self, node: Node) -> Node:
        return self._members(node, value=checked_literal(node.get("value")))

    def _parameter(self, node: Node) -> Node:
        name, kind = node["name"], without_comments(node["param_type"])
        if kind.strip().lower() == "identifier":
            raise RefusedError("A parameter cannot stand for a name: {name:Identifier} is not allowed.", "Identifier")
        check_type(kind)
        if self.parameters.setdefault(name, kind) != kind:
            raise RefusedError(f"The parameter {name} has two types.", name)
        done = {} if self._values is None else {"name": self._constant(name, self._values)}
        return self._members(node, param_type=kind, **done)

    def _constant(self, name: str, values: Mapping[str, str]) -> str:
        """What a parameter of a saved query is called in the canonical text, where no caller can name it; it has its default there."""
        if name not in values:
            raise RefusedError(f"its parameter {name} has no default.", name)
        if name not in self._constants:
            self._constants[name] = self._named.new_name("value")
            self._named.constants[self._constants[name]] = values[name]
        return self._constants[name]


def _alias(node: Node) -> Node:
    if "alias" not in node:
        return {}
    check_name(node["alias"])
    return {"alias": node["alias"]}
