"""What the engine's parse tree may hold: node types and, for each, its members and what may stand in them.

The one thing to know: this is an allow-list of the whole shape. A member or a value that is not listed here refuses the statement, so a
parser that learns new syntax brings refusals, not holes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analytics.fence.parser import Node

Types = frozenset[str]


@dataclass(frozen=True, slots=True)
class Flag:
    """A plain value out of a few."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class One:
    """One node of these types."""

    types: Types


@dataclass(frozen=True, slots=True)
class Many:
    """A list of nodes of these types."""

    types: Types


@dataclass(frozen=True, slots=True)
class Listed:
    """An ExpressionList of nodes of these types."""

    types: Types


@dataclass(frozen=True, slots=True)
class Name:
    """A name that the caller gives: an alias, a column, a parameter."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text that names nothing, such as a pattern."""


@dataclass(frozen=True, slots=True)
class Modes:
    """A list of plain values out of a few."""

    values: tuple[str, ...]


Slot = Flag | One | Many | Listed | Name | Text | Modes
TRUE = Flag((True,))
EXPRESSION = frozenset({"Identifier", "Literal", "Function", "Subquery", "QueryParameter"})
STARS = frozenset(
    {
        "Asterisk",
        "QualifiedAsterisk",
        "ColumnsRegexpMatcher",
        "ColumnsListMatcher",
        "QualifiedColumnsRegexpMatcher",
        "QualifiedColumnsListMatcher",
    }
)
SELECT = frozenset({"SelectWithUnionQuery"})
_ONE_EXPRESSION = One(EXPRESSION)
_EXPRESSIONS = Listed(EXPRESSION)
_IDENTIFIERS = Listed(frozenset({"Identifier"}))
_TRANSFORMERS = One(frozenset({"ColumnsTransformerList"}))
_QUALIFIER = One(frozenset({"Identifier"}))
_FRAME_KINDS = Flag(("Unbounded", "Current", "Offset"))

SHAPES: Mapping[str, Mapping[str, Slot]] = {
    "SelectWithUnionQuery": {
        "union_mode": Flag(("UNION_DEFAULT",)),
        "list_of_modes": Modes(
            tuple(f"{kind}_{mode}" for kind in ("UNION", "INTERSECT", "EXCEPT") for mode in ("DEFAULT", "ALL", "DISTINCT")),
        ),
        "list_of_selects": Listed(frozenset({"SelectQuery", "SelectWithUnionQuery", "SelectIntersectExceptQuery"})),
        "is_outfile_append": Flag((False,)),
        "is_outfile_truncate": Flag((False,)),
        "is_into_outfile_with_stdout": Flag((False,)),
    },
    "SelectQuery": {
        # The order in which the checker goes: tables before the expressions over them.
        "with": Listed(EXPRESSION | {"WithElement"}),
        "recursive_with": TRUE,
        "cte_aliases": _IDENTIFIERS,
        "tables": One(frozenset({"TablesInSelectQuery"})),
        "distinct": TRUE,
        "select": Listed(EXPRESSION | STARS),
        "prewhere": _ONE_EXPRESSION,
        "where": _ONE_EXPRESSION,
        "group_by": Listed(EXPRESSION | {"ExpressionList"}),
        "group_by_all": TRUE,
        "group_by_with_totals": TRUE,
        "group_by_with_rollup": TRUE,
        "group_by_with_cube": TRUE,
        "group_by_with_grouping_sets": TRUE,
        "having": _ONE_EXPRESSION,
        "window": Listed(frozenset({"WindowListElement"})),
        "qualify": _ONE_EXPRESSION,
        "order_by": Listed(frozenset({"OrderByElement"})),
        "order_by_all": TRUE,
        "interpolate": Listed(frozenset({"InterpolateElement"})),
        "limit_by_offset": _ONE_EXPRESSION,
        "limit_by_length": _ONE_EXPRESSION,
        "limit_by": _EXPRESSIONS,
        "limit_by_all": TRUE,
        "limit_offset": _ONE_EXPRESSION,
        "limit_length": _ONE_EXPRESSION,
        "limit_with_ties": TRUE,
    },
    "WithElement": {
        "name": Name(),
        "aliases": _IDENTIFIERS,
        "is_materialized": Flag((True, False)),
        "subquery": One(frozenset({"Subquery"})),
    },
    "TablesInSelectQuery": {"children": Many(frozenset({"TablesInSelectQueryElement"}))},
    "TablesInSelectQueryElement": {
        "table_join": One(frozenset({"TableJoin"})),
        "table_expression": One(frozenset({"TableExpression"})),
        "array_join": One(frozenset({"ArrayJoin"})),
    },
    "TableExpression": {
        "database_and_table_name": One(frozenset({"TableIdentifier"})),
        "table_function": One(frozenset({"Function"})),
        "subquery": One(frozenset({"Subquery"})),
        "column_aliases": _IDENTIFIERS,
        "final": TRUE,
    },
    "TableJoin": {
        "kind": Flag(("INNER", "LEFT", "RIGHT", "FULL", "CROSS", "COMMA", "PASTE")),
        "strictness": Flag(("ANY", "ALL", "ASOF", "SEMI", "ANTI", "RIGHT_ANY")),
        "locality": Flag(("GLOBAL", "LOCAL")),
        "is_natural": TRUE,
        "using_expression_list": _EXPRESSIONS,
        "on_expression": _ONE_EXPRESSION,
    },
    "ArrayJoin": {"kind": Flag(("Inner", "Left")), "expression_list": _EXPRESSIONS},
    "ExpressionList": {"children": Many(EXPRESSION)},
    "Subquery": {"children": Many(SELECT), "alias": Name()},
    "Identifier": {"name": Name(), "name_parts": Modes(()), "alias": Name()},
    "QueryParameter": {"name": Name(), "param_type": Text(), "alias": Name()},
    "Literal": {"value": Text(), "alias": Name()},
    "Function": {
        "name": Text(),
        "parameters": Listed(EXPRESSION),
        "arguments": Listed(EXPRESSION | STARS | SELECT),
        "alias": Name(),
        "is_operator": TRUE,
        "is_lambda_function": TRUE,
        "kind": Flag(("LAMBDA_FUNCTION", "WINDOW_FUNCTION")),
        "nulls_action": Flag(("IGNORE_NULLS", "RESPECT_NULLS")),
        "is_window_function": TRUE,
        "window_name": Name(),
        "window_definition": One(frozenset({"WindowDefinition"})),
    },
    "WindowListElement": {"name": Name(), "definition": One(frozenset({"WindowDefinition"}))},
    "WindowDefinition": {
        "parent_window_name": Name(),
        "partition_by": _EXPRESSIONS,
        "order_by": Listed(frozenset({"OrderByElement"})),
        "frame_is_default": Flag((True, False)),
        "frame_type": Flag(("ROWS", "RANGE", "GROUPS")),
        "frame_begin_type": _FRAME_KINDS,
        "frame_begin_offset": _ONE_EXPRESSION,
        "frame_begin_preceding": Flag((True, False)),
        "frame_end_type": _FRAME_KINDS,
        "frame_end_offset": _ONE_EXPRESSION,
        "frame_end_preceding": Flag((True, False)),
    },
    "OrderByElement": {
        "expression": _ONE_EXPRESSION,
        "direction": Flag((1, -1)),
        "nulls_direction": Flag((1, -1)),
        "nulls_direction_was_explicitly_specified": TRUE,
        "collation": One(frozenset({"Literal"})),
        "with_fill": TRUE,
        "fill_from": _ONE_EXPRESSION,
        "fill_to": _ONE_EXPRESSION,
        "fill_step": _ONE_EXPRESSION,
        "fill_staleness": _ONE_EXPRESSION,
    },
    "InterpolateElement": {"column": Name(), "expr": _ONE_EXPRESSION},
    "Asterisk": {"transformers": _TRANSFORMERS},
    "QualifiedAsterisk": {"qualifier": _QUALIFIER, "transformers": _TRANSFORMERS},
    "ColumnsRegexpMatcher": {"pattern": Text(), "transformers": _TRANSFORMERS},
    "QualifiedColumnsRegexpMatcher": {"qualifier": _QUALIFIER, "pattern": Text(), "transformers": _TRANSFORMERS},
    "ColumnsListMatcher": {"column_list": _IDENTIFIERS, "transformers": _TRANSFORMERS},
    "QualifiedColumnsListMatcher": {"qualifier": _QUALIFIER, "column_list": _IDENTIFIERS, "transformers": _TRANSFORMERS},
    "ColumnsTransformerList": {
        "children": Many(frozenset({"ColumnsApplyTransformer", "ColumnsExceptTransformer", "ColumnsReplaceTransformer"}))
    },
    "ColumnsApplyTransformer": {
        "func_name": Text(),
        "parameters": Listed(EXPRESSION),
        "lambda": One(frozenset({"Function"})),
        "lambda_arg": Name(),
    },
    "ColumnsExceptTransformer": {"children": Many(frozenset({"Identifier"})), "pattern": Text(), "is_strict": TRUE},
    "ColumnsReplaceTransformer": {"children": Many(frozenset({"ColumnsReplaceTransformerReplacement"})), "is_strict": TRUE},
    "ColumnsReplaceTransformerReplacement": {"name": Name(), "children": Many(EXPRESSION)},
}

# Members with a meaning that deserves words of its own when they are met.
REASONS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("SelectQuery", "settings"): ("SETTINGS cannot be given here.", "SETTINGS"),
    ("SelectWithUnionQuery", "settings_ast"): ("SETTINGS cannot be given here.", "SETTINGS"),
    ("SelectWithUnionQuery", "format_ast"): ("The format of the answer is asked for beside the SQL, not in it.", "FORMAT"),
    ("SelectWithUnionQuery", "out_file"): ("An answer cannot be written to a file.", "OUTFILE"),
    ("SelectWithUnionQuery", "compression"): ("An answer cannot be written to a file.", "COMPRESSION"),
    ("TableExpression", "sample_size"): ("The tables have no sampling key.", "SAMPLE"),
    ("TableExpression", "sample_offset"): ("The tables have no sampling key.", "SAMPLE"),
}


def children(listed: Any) -> list[Node]:
    """What stands in a list of expressions, which may be missing."""
    return list(listed.get("children", ())) if isinstance(listed, dict) else []


def literal_text(node: Node) -> str | None:
    """The text that a node is, None if it is none."""
    value = node.get("value")
    if node.get("type") != "Literal" or not isinstance(value, dict) or value.get("field_type") != "String":
        return None
    return str(value["value"])


def nodes_of(value: Any) -> Iterator[Node]:
    """Every node of a tree, or of parts of one, each before what is in it."""
    if isinstance(value, list):
        for item in value:
            yield from nodes_of(item)
    elif isinstance(value, dict):
        if "type" in value:
            yield value
        for member in value.values():
            yield from nodes_of(member)


def function(name: str, *arguments: Node) -> Node:
    """A call."""
    return {"type": "Function", "name": name, "arguments": {"type": "ExpressionList", "children": list(arguments)}}


def text(value: str) -> Node:
    """A text literal."""
    return {"type": "Literal", "value": {"field_type": "String", "value": value}}


def identifier(*parts: str) -> Node:
    """A name of one or more parts."""
    node: Node = {"type": "Identifier", "name": ".".join(parts)}
    if len(parts) > 1:
        node["name_parts"] = list(parts)
    return node


def plain(value: Any) -> Any:
    """A tree without what says only how a call was written: `a + b` or `plus(a, b)`."""
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items() if key != "is_operator"}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value
