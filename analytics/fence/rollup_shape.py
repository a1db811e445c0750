"""A project's own rollup: its SELECT checked like any foreign SQL and for its shape, and written anew as what feeds a table.

One SELECT from `events`; each of its columns is a dimension, named in GROUP BY, or an aggregate. The one thing to know: what is made here
runs with the service's own rights. It is the checked tree with the project's id as a literal, and none of the caller's text.
"""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.errors import SqlNotAllowedError, UnknownColumnError
from analytics.fence.catalog import EVENTS, INNER, SqlCatalog, SqlTable, hot_column
from analytics.fence.checked_query import RESERVED_PREFIX
from analytics.fence.checker import Checker
from analytics.fence.gate import Gate
from analytics.fence.named import NamedSources
from analytics.fence.nodes import STARS, function, identifier, nodes_of, plain, text
from analytics.fence.parser import Node, SqlParser
from analytics.fence.refusal import RefusedError
from analytics.fence.rollup_functions import AGGREGATES, COUNTING, EXACT, MEMBER_OF, PERSONAL, SCALARS

MAX_DIMENSIONS = 8
MAX_AGGREGATES = 16
MAX_CHARACTERS = 8_000
# Columns of the table beside the caller's.
DAY = f"{RESERVED_PREFIX}day"
EVENTS_COLUMN = f"{RESERVED_PREFIX}events"
_EXPIRES = f"{RESERVED_PREFIX}expires_on"
_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
_TAKEN = frozenset({"project_id", "expires_on"})
_COLUMNS = frozenset({*(column.name for column in EVENTS.columns), *map(hot_column, EVENTS.hot)})
_SAYS: dict[str, str] = {
    "with": "WITH",
    "distinct": "DISTINCT",
    "prewhere": "PREWHERE",
    "group_by_all": "GROUP BY ALL",
    "group_by_with_totals": "TOTALS",
    "group_by_with_rollup": "ROLLUP",
    "group_by_with_cube": "CUBE",
    "group_by_with_grouping_sets": "GROUPING SETS",
    "having": "HAVING",
    "window": "WINDOW",
    "qualify": "QUALIFY",
    "order_by": "ORDER BY",
    "order_by_all": "ORDER BY",
    "interpolate": "INTERPOLATE",
    "limit_by": "LIMIT",
    "limit_by_all": "LIMIT",
    "limit_length": "LIMIT",
    "limit_offset": "OFFSET",
}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate: `function` with its `parameters` in brackets, such as quantileIf and (0.9); `exact`: the same events give the same."""

    name: str
    function: str
    parameters: str
    exact: bool

    def with_suffix(self, suffix: str) -> str:
        """The aggregate with a combinator: `quantileIfMerge(0.9)`."""
        return f"{self.function}{suffix}{self.parameters}"


@dataclass(frozen=True, slots=True)
class RollupShape:
    """What a rollup's SELECT asks. `feed` is the text that reads its events as states, for the view; `fill` the same for {days:Array(Date)}
    alone."""

    columns: tuple[str, ...]
    dimensions: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    feed: str
    fill: str


class RollupShapes:
    """Reads rollups. Safe in many threads."""

    def __init__(self, parser: SqlParser, database: str) -> None:
        """`database` is that of the table `events`."""
        self._parser = parser
        self._catalog = SqlCatalog.of_database(database, (EVENTS,))
        self._gate = Gate(parser, self._catalog)

    def read(self, sql: str, project_id: str) -> RollupShape:
        """The shape of a SELECT, with what feeds a table of the project. Raises SqlRefusedError, StoreError."""
        if not _PROJECT_ID.match(project_id):
            raise ValueError("no project has this id")
        if len(sql) > MAX_CHARACTERS:
            raise SqlNotAllowedError(f"A rollup's SQL has up to {MAX_CHARACTERS:,} characters.", MAX_CHARACTERS)
        checked = self._gate.check(sql)
        try:
            if checked.parameters:
                raise RefusedError("A rollup has no parameters.", next(iter(checked.parameters)))
            checker = Checker(self._catalog, self._rows_of, NamedSources(self._catalog, {}, self._parser.parse))
            asked = self._parser.parse(sql)
            _check_asked(asked)
            tree = checker.statement(asked)
            select: Node = tree["list_of_selects"]["children"][0]
            dimensions, aggregates, columns = _columns_of(select)
        except RefusedError as refused:
            raise refused.at(sql) from refused
        return RollupShape(
            tuple(columns),
            tuple(dimensions),
            tuple(aggregate for aggregate, _ in aggregates),
            self._text(tree, dimensions, aggregates, _of_project(project_id)),
            self._text(tree, dimensions, aggregates, function("and", _of_project(project_id), _of_days())),
        )

    def _rows_of(self, table: SqlTable, hot: tuple[str, ...], wanted: frozenset[str] | None) -> Node:
        # With all columns: the engine reads those it needs.
        return self._parser.parse(self._catalog.rows_of(table, hot))

    def _text(self, tree: Node, dimensions: dict[str, Node], aggregates: Sequence[tuple[Aggregate, Node]], rows: Node) -> str:
        made = copy.deepcopy(tree)
        select: Node = made["list_of_selects"]["children"][0]
        inner = _inner_select(select)
        inner["select"]["children"] += [
            {**identifier(INNER, "date"), "alias": DAY},
            {**identifier(INNER, "expires_on"), "alias": _EXPIRES},
        ]
        inner["where"] = rows
        select["select"]["children"] = [
            {**text(_project_of(rows)), "alias": "project_id"},
            identifier(DAY),
            *(copy.deepcopy(node) for node in dimensions.values()),
            {**identifier(_EXPIRES), "alias": "expires_on"},
            {"type": "Function", "name": "count", "arguments": {"type": "ExpressionList"}, "alias": EVENTS_COLUMN},
            *({**copy.deepcopy(node), "name": f"{node['name']}State"} for _, node in aggregates),
        ]
        select["group_by"]["children"] = [*(identifier(name) for name in dimensions), identifier(DAY), identifier(_EXPIRES)]
        printed, again = self._parser.print(made)
        if plain(again) != plain(made):
            raise SqlNotAllowedError("The SQL is understood in one way and would be run in another.", 0)
        return printed


# ---- checks on what was asked ---------------------------------------------------------


def _check_asked(tree: Node) -> None:
    """Raises RefusedError unless it is one SELECT from events, with WHERE and GROUP BY at most."""
    selects = tree["list_of_selects"]["children"]
    if len(selects) != 1 or selects[0]["type"] != "SelectQuery":
        raise RefusedError("A rollup is one SELECT, without UNION.", "UNION")
    select = selects[0]
    for member, word in _SAYS.items():
        if member in select:
            raise RefusedError(f"A rollup has no {word}: one SELECT from events, WHERE and GROUP BY.", word.partition(" ")[0])
    if "group_by" not in select:
        raise RefusedError("A rollup groups: GROUP BY names its dimensions.")
    sources = select.get("tables", {}).get("children", [])
    source = sources[0].get("table_expression", {}) if len(sources) == 1 else {}
    if len(sources) != 1 or "array_join" in sources[0] or source.get("database_and_table_name", {}).get("name") != "events":
        raise RefusedError("A rollup reads the table events, and nothing beside it.", "FROM")
    if "final" in source:
        raise RefusedError("Events are there once already: a rollup has no FINAL.", "FINAL")
    for node in nodes_of({name: member for name, member in select.items() if name != "tables"}):
        if node["type"] in ("Subquery", "SelectWithUnionQuery"):
            raise RefusedError("A rollup has no subqueries: it sees one event at a time.", "SELECT")
        if node["type"] in STARS:
            raise RefusedError("A rollup names its columns one by one.", "*")
        if "is_window_function" in node or "window_definition" in node or "window_name" in node:
            raise RefusedError("A rollup has no window functions.", "OVER")
        if node.get("name") == "lambda" or "is_lambda_function" in node:
            raise RefusedError("A rollup has no lambdas.", "->")


def _columns_of(select: Node) -> tuple[dict[str, Node], list[tuple[Aggregate, Node]], list[str]]:
    """Dimensions by name, aggregates, and the names of both in the order of the SELECT."""
    dimensions: dict[str, Node] = {}
    aggregates: list[tuple[Aggregate, Node]] = []
    items: list[tuple[str, Node]] = [(_name_of(node), node) for node in select["select"]["children"]]
    names = [name for name, _ in items]
    if len({name.lower() for name in names}) != len(names):
        raise RefusedError("Two columns of the rollup have one name.")
    grouped = _grouped(select, items)
    known = _COLUMNS | set(names)
    for name, node in items:
        if name in grouped:
            _check_scalar(node, known)
            _check_impersonal(node, f"{name} would name persons: a dimension of a rollup may not.")
            dimensions[name] = node if "alias" in node else {**node, "alias": name}
        else:
            aggregates.append((_aggregate(name, node, known), {**node, "alias": name}))
    if not aggregates:
        raise RefusedError("A rollup has at least one aggregate, such as count().")
    if len(dimensions) > MAX_DIMENSIONS or len(aggregates) > MAX_AGGREGATES:
        raise RefusedError(f"A rollup has up to {MAX_DIMENSIONS} dimensions and {MAX_AGGREGATES} aggregates.")
    if "where" in select:
        _check_scalar(select["where"], known)
    return dimensions, aggregates, names


def _grouped(select: Node, items: Sequence[tuple[str, Node]]) -> frozenset[str]:
    """The names of the columns that GROUP BY names, by name, place or expression."""
    found: set[str] = set()
    by_expression = [(name, plain({key: value for key, value in node.items() if key != "alias"})) for name, node in items]
    for entry in select["group_by"].get("children", []):
        value = entry.get("value", {}) if entry["type"] == "Literal" else {}
        if value.get("field_type") == "UInt64" and 1 <= int(value["value"]) <= len(items):
            found.add(items[int(value["value"]) - 1][0])
            continue
        named = [name for name, _ in items if entry["type"] == "Identifier" and "name_parts" not in entry and entry["name"] == name]
        same = [name for name, expression in by_expression if expression == plain(entry)]
        if not named and not same:
            raise RefusedError("Each expression of GROUP BY is a column of the SELECT, by its name, place or the same expression.", "GROUP")
        found.add((named or same)[0])
    return frozenset(found)


def _aggregate(name: str, node: Node, known: frozenset[str]) -> Aggregate:
    called = str(node.get("name")) if node["type"] == "Function" else ""
    base = _base(called)
    if base is None:
        raise RefusedError(
            f"The column {name} is neither in GROUP BY nor an aggregate that a rollup can keep by itself:"
            f" {', '.join(sorted(AGGREGATES))}, each also with If.",
            called or name,
        )
    if "nulls_action" in node:
        raise RefusedError("An aggregate of a rollup treats NULL in its usual way.", called)
    parameters = [_number(child, called) for child in node.get("parameters", {}).get("children", [])]
    arguments: list[Node] = node.get("arguments", {}).get("children", [])
    for argument in arguments:
        _check_scalar(argument, known)
    if base not in COUNTING:
        values = arguments[:-1] if called != base else arguments
        for argument in values:
            _check_impersonal(argument, f"{name} would show persons: of these a rollup can only count how many there are.")
    return Aggregate(name, _spelled(called), f"({', '.join(parameters)})" if parameters else "", base in EXACT)


def _base(called: str) -> str | None:
    """The aggregate without If, as the engine spells it; None if a rollup cannot keep it."""
    for base in (called, called.removesuffix("If")):
        spelled = _spelled(base)
        if spelled in AGGREGATES:
            return spelled
    return None


def _spelled(called: str) -> str:
    """`COUNT` as `count`: names that may be written in any case are not with combinators."""
    return called.lower() if called.lower() in ("count", "sum", "min", "max", "avg", "median") else called


def _number(node: Node, called: str) -> str:
    value = node.get("value", {}) if node["type"] == "Literal" else {}
    if value.get("field_type") not in ("UInt64", "Int64", "Float64"):
        raise RefusedError(f"The parameters of {called} are numbers.", called)
    return repr(value["value"]) if isinstance(value["value"], float) else str(int(value["value"]))


def _check_scalar(node: Node, known: frozenset[str]) -> None:
    """Raises RefusedError for what may not run on the way of every event. A bare word that is no column may be a function to the engine."""
    for found in nodes_of(node):
        if found["type"] == "Identifier" and _last(found) not in known:
            raise RefusedError(f"There is no column {_last(found)[:100]} here.", _last(found), kind=UnknownColumnError)
        if found["type"] == "Function" and str(found["name"]).lower() not in SCALARS:
            raise RefusedError(f"{str(found['name'])[:100]} cannot be used here in a rollup.", str(found["name"]), called=True)


def _check_impersonal(node: Node, why: str) -> None:
    """Raises RefusedError if the expression hands on a column that names persons."""
    if node["type"] == "Function" and str(node["name"]).lower() in MEMBER_OF:
        rest = node.get("arguments", {}).get("children", [])
        if rest and rest[0]["type"] == "Identifier" and _last(rest[0]) == "properties":
            for argument in rest[1:]:
                _check_impersonal(argument, why)
            return
    if node["type"] == "Identifier" and _last(node) in PERSONAL:
        raise RefusedError(why, _last(node))
    for child in node.get("arguments", {}).get("children", []):
        _check_impersonal(child, why)


# ---- trees ---------------------------------------------------------------------------------


def _name_of(node: Node) -> str:
    name = node.get("alias") or (node["name"] if node["type"] == "Identifier" and "name_parts" not in node else None)
    if name is None or not _COLUMN.match(name):
        raise RefusedError("Each column of a rollup has a plain name: … AS name, of letters, digits and _.", name)
    if name.lower() in _TAKEN:
        raise RefusedError(f"A column of a rollup cannot be called {name}.", name)
    return str(name)


def _inner_select(select: Node) -> Node:
    subquery = select["tables"]["children"][0]["table_expression"]["subquery"]
    return subquery["children"][0]["list_of_selects"]["children"][0]


def _of_project(project_id: str) -> Node:
    return function("equals", identifier(INNER, "project_id"), text(project_id))


def _of_days() -> Node:
    return function("in", identifier(INNER, "date"), {"type": "QueryParameter", "name": "days", "param_type": "Array(Date)"})


def _project_of(rows: Node) -> str:
    equals = rows if rows["name"] == "equals" else rows["arguments"]["children"][0]
    return str(equals["arguments"]["children"][1]["value"]["value"])


def _last(node: Node) -> str:
    return str((node.get("name_parts") or [node["name"]])[-1])
