"""Walks a parse tree by the allow-lists and builds the tree of the canonical text: only what was understood is carried over.

The one thing to know: nothing of the caller's tree is kept by default. Each node is made anew from members that `nodes.SHAPES` lists, and
names of tables, CTEs, functions and properties are put through the rules of this file on the way.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from analytics.errors import SqlTooComplexError, UnknownTableError, UnknownTypeError
from analytics.fence.catalog import SqlCatalog, SqlTable, hot_column
from analytics.fence.checked_query import RESERVED_PREFIX
from analytics.fence.functions import check_aggregate_text, check_function
from analytics.fence.matches import check_columns_match, check_row_matches
from analytics.fence.named import MAX_CHAIN, NamedQuery, NamedSource, NamedSources
from analytics.fence.names import aliases_of, check_column, known_names, names_in, outputs_of
from analytics.fence.nodes import (
    EXPRESSION,
    REASONS,
    SELECT,
    SHAPES,
    STARS,
    Flag,
    Listed,
    Many,
    Modes,
    Name,
    One,
    Slot,
    Types,
    function,
    plain,
)
from analytics.fence.parser import Node
from analytics.fence.properties import PropertyPath, property_path
from analytics.fence.refusal import RefusedError, without_comments
from analytics.fence.scope import Scope
from analytics.fence.sizes import check_size
from analytics.fence.types import check_structure, check_type

MAX_DEPTH = 100
MAX_NODES = 20_000
# Columns that the engine adds to a table by itself.
_VIRTUAL = frozenset(
    {
        *("_part", "_part_index", "_part_uuid", "_part_offset", "_part_starting_offset", "_part_data_version", "_part_granule_offset"),
        *("_partition_id", "_partition_value", "_sample_factor", "_row_exists", "_block_number", "_block_offset", "_disk_name"),
        *("_table", "_database", "_path", "_file", "_size", "_time", "_etag", "_headers", "_shard_num", "_distance", "_data_path"),
        *("_row_number", "_minmax_count_projection"),
    }
)
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
_NO_EXPLAIN = "EXPLAIN has a route of its own; here only a SELECT is answered."
_COLLATION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,40}")
_LITERALS = frozenset({"Null", "Bool", "UInt64", "Int64", "UInt128", "Int128", "UInt256", "Int256", "Float64", "String", "Array", "Tuple"})


class Checker:
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
        self._catalog = catalog
        self._rows_of = rows_of
        self._named = named
        self._chain = chain
        self._values = values
        self._constants: dict[str, str] = {}
        self._scope = Scope()
        self._depth = depth
        self._names: frozenset[str] = frozenset()
        self._known: frozenset[str] = frozenset()
        self._open: list[str] = []  # aliases of the expressions that are being walked: in its own expression an alias means nothing
        self.tables: set[str] = set()
        self.parameters: dict[str, str] = {}
        self.reads = 0
        self.makes_rows = False
        self._reads_of: dict[str, int] = {}  # by CTE: the engine puts its text in the place of each mention
        self._rules: Mapping[str, Callable[[Node], Node]] = {
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
        self._names, self._known = frozenset(names_in(tree)), known_names(tree, self._catalog, self._named.known)
        return self._node(tree, SELECT)

    # ---- any node ---------------------------------------------------------

    def _node(self, node: Any, types: Types) -> Node:
        kind = node.get("type") if isinstance(node, dict) else None
        if kind not in types:
            raise RefusedError(_not_here(kind))
        self._named.nodes += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RefusedError(f"The SQL is nested more than {MAX_DEPTH} levels deep.", kind=SqlTooComplexError)
        if self._named.nodes > MAX_NODES:
            raise RefusedError(f"The SQL has more than {MAX_NODES} parts.", kind=SqlTooComplexError)
        self._open.append(str(node.get("alias", "")))
        built = self._rules.get(kind, self._members)(node)
        self._open.pop()
        if built["type"] not in types:
            raise RefusedError("A member of properties cannot stand here.", "properties")
        self._depth -= 1
        return built

    def _members(self, node: Node, **done: Any) -> Node:
        """The node from its listed members; `done` are members that a rule has built already."""
        kind: str = node["type"]
        shape = SHAPES[kind]
        for member in node:
            if member != "type" and member not in shape:
                detail, word = REASONS.get((kind, member), (f"This is not understood here: {kind} with {member}.", None))
                raise RefusedError(detail, word)
        built = {name: done[name] if name in done else self._slot(node[name], slot, kind) for name, slot in shape.items() if name in node}
        return {"type": kind, **built}

    def _slot(self, value: Any, slot: Slot, kind: str) -> Any:
        match slot:
            case Flag(values):
                if not any(value is allowed or (value == allowed and type(value) is type(allowed)) for allowed in values):
                    raise RefusedError(REASONS.get((kind, "out_file"), (f"This is not understood in {kind}: {value}.", ""))[0])
                return value
            case Modes(values):
                if not isinstance(value, list) or not all(isinstance(item, str) and (item in values or not values) for item in value):
                    raise RefusedError(f"This is not understood in {kind}.")
                return list(value)
            case Name():
                check_name(value)
                return value
            case One(types):
                return self._node(value, types)
            case Many(types):
                return [self._node(child, types) for child in value]
            case Listed(types):
                return self._listed(value, types)
            case _:
                if not isinstance(value, str):
                    raise RefusedError(f"This is not understood in {kind}.")
                return value

    def _listed(self, value: Any, types: Types) -> Node:
        if not isinstance(value, dict) or value.get("type") != "ExpressionList" or value.keys() - {"type", "children"}:
            raise RefusedError("This list is not understood.")
        if "children" not in value:
            return {"type": "ExpressionList"}
        return {"type": "ExpressionList", "children": [self._node(child, types) for child in value["children"]]}

    # ---- SELECT, CTEs, tables ----------------------------------------------

    def _union(self, node: Node) -> Node:
        return self._within(Scope(self._scope), lambda: self._members(node))

    def _select(self, node: Node) -> Node:
        outer, scope = self._scope, Scope(self._scope)
        scope.has_stars = _has_stars(node)
        scope.given.update(aliases_of(node))
        scope.is_recursive = node.get("recursive_with") is True
        for element in _children(node.get("with")):
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
        _keep_names(node, built)
        _move_prewhere(built)
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
        name = named["name"]
        alias = named.get("alias", name)
        check_name(alias)
        cte = self._scope.cte(name) if "name_parts" not in named else None
        if cte is not None:
            if "final" in node:
                raise RefusedError("FINAL goes with a table only.", "FINAL")
            self._add_source(alias, None)
            self.reads += self._reads_of.get(cte, 0)
            self._scope.given.update(self._scope.outputs_of(cte))
            return self._members(node, database_and_table_name={"type": "TableIdentifier", "name": cte, "alias": alias})
        table = self._table(name) if "name_parts" not in named else None
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
                raise RefusedError(_NO_EXPLAIN, "EXPLAIN")
            raise RefusedError(f"There is no table function {name[:100]} here.", name, kind=UnknownTableError, called=True)
        self._add_source(called.get("alias"), None)
        arguments = _children(called.get("arguments"))
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
        if name.lower() == "values" and arguments and (structure := _literal_text(arguments[0])) is not None:
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
        arguments = _children(node.get("arguments"))
        called = self._scope.lambda_name(name)
        if called is not None:
            return self._call(node, name=called)
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
            aggregate = _literal_text(arguments[0]) if arguments else None
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
        kind = _literal_text(arguments[at]) if len(arguments) >= 2 else None
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
                right = _everything_of(name)
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
        if collation is not None and not _COLLATION.fullmatch(_literal_text(collation) or ""):
            raise RefusedError("There is no such collation here.", "COLLATE")
        return self._members(node)

    def _literal(self, node: Node) -> Node:
        return self._members(node, value=_checked_literal(node.get("value")))

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


def check_name(name: Any) -> None:
    """Raises RefusedError for a name that is no name, is the fence's, or is made of what cannot be seen."""
    if not isinstance(name, str) or not name:
        raise RefusedError("A name is missing.")
    if name.lower().startswith(RESERVED_PREFIX):
        raise RefusedError(f"Names that begin with {RESERVED_PREFIX} are reserved.", name)
    if name.lower() in _VIRTUAL:
        raise RefusedError(f"There is no column {name} here.", name)
    if not all(map(is_visible, name)):
        raise RefusedError("A name holds characters that cannot be seen.", name)


def is_visible(char: str) -> bool:
    """Whether a character of a name shows: no control, format, unassigned or private character, no separator of lines."""
    return unicodedata.category(char)[0] != "C" and char not in "\u2028\u2029"


def _checked_literal(value: Any) -> Any:
    if not isinstance(value, dict) or value.keys() - {"field_type", "value"} or value.get("field_type") not in _LITERALS:
        raise RefusedError("This value is not understood.")
    if isinstance(value.get("value"), list):
        return {**value, "value": [_checked_literal(item) for item in value["value"]]}
    return value


def _children(listed: Any) -> list[Node]:
    return list(listed.get("children", ())) if isinstance(listed, dict) else []


def _literal_text(node: Node) -> str | None:
    value = node.get("value")
    if node.get("type") != "Literal" or not isinstance(value, dict) or value.get("field_type") != "String":
        return None
    return str(value["value"])


def _alias(node: Node) -> Node:
    if "alias" not in node:
        return {}
    check_name(node["alias"])
    return {"alias": node["alias"]}


def _has_stars(node: Any) -> bool:
    """Whether what stands anywhere in a SELECT, its subqueries included, means all columns; count(*) does not."""
    if isinstance(node, list):
        return any(map(_has_stars, node))
    if not isinstance(node, dict):
        return False
    if str(node.get("name")).lower() == "count" and _children(node.get("arguments")) == [{"type": "Asterisk"}]:
        return False
    return node.get("type") in STARS or "is_natural" in node or any(map(_has_stars, node.values()))


def _everything_of(table: str) -> Node:
    """`(SELECT * FROM table)`, still to be checked."""
    source = {"type": "TableExpression", "database_and_table_name": {"type": "TableIdentifier", "name": table}}
    tables = {"type": "TablesInSelectQuery", "children": [{"type": "TablesInSelectQueryElement", "table_expression": source}]}
    select = {"type": "SelectQuery", "select": {"type": "ExpressionList", "children": [{"type": "Asterisk"}]}, "tables": tables}
    flags = dict.fromkeys(("is_outfile_append", "is_outfile_truncate", "is_into_outfile_with_stdout"), False)
    union = {
        "type": "SelectWithUnionQuery",
        "union_mode": "UNION_DEFAULT",
        "list_of_selects": {"type": "ExpressionList", "children": [select]},
        **flags,
    }
    return {"type": "Subquery", "children": [union]}


def _move_prewhere(select: Node) -> None:
    """PREWHERE as WHERE: an analyst's table is a subquery, which has none. The engine moves conditions by itself."""
    before = select.pop("prewhere", None)
    if before is None:
        return
    if len(_children(select.get("tables"))) != 1:
        raise RefusedError("PREWHERE goes with one table; use WHERE.", "PREWHERE")
    select["where"] = function("and", before, select["where"]) if "where" in select else before


def _keep_names(asked: Node, select: Node) -> None:
    """Columns of an answer keep the names the engine would give to what was asked, not to what it became."""
    for before, after in zip(_children(asked.get("select")), _children(select.get("select")), strict=True):
        if "alias" not in after and plain(before) != plain(after) and (name := _default_name(before)) is not None:
            after["alias"] = name


def _default_name(node: Node) -> str | None:
    """What the engine calls a column without alias, for the commonest expressions."""
    match node.get("type"):
        case "Identifier":
            return str(node["name"])
        case "Literal" if (value := _literal_text(node)) is not None:
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case "Literal" if node["value"].get("field_type") in ("UInt64", "Float64"):
            return str(node["value"]["value"])
        case "Function" if not node.keys() - {"type", "name", "arguments", "parameters", "is_operator"}:
            lists = [[_default_name(child) for child in _children(node[part])] for part in ("parameters", "arguments") if part in node]
            if any(name is None for names in lists for name in names):
                return None
            return str(node["name"]) + "".join(f"({', '.join(str(name) for name in names)})" for names in lists)
        case _:
            return None


def _not_here(kind: str | None) -> str:
    if kind in STARS:
        return "A star cannot stand here."
    if kind == "ExplainQuery":
        return _NO_EXPLAIN
    return f"Only one SELECT is answered here; this is not understood: {kind}."
