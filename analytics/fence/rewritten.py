"""What becomes of a SELECT beside its tables: the same question, in words that stand inside subqueries and keep the names of columns."""

from typing import Any

from analytics.fence.nodes import STARS, children, function, literal_text, plain
from analytics.fence.parser import Node
from analytics.fence.refusal import RefusedError


def has_stars(node: Any) -> bool:
    """Whether what stands anywhere in a SELECT, its subqueries included, means all columns; count(*) does not."""
    if isinstance(node, list):
        return any(map(has_stars, node))
    if not isinstance(node, dict):
        return False
    if str(node.get("name")).lower() == "count" and children(node.get("arguments")) == [{"type": "Asterisk"}]:
        return False
    return node.get("type") in STARS or "is_natural" in node or any(map(has_stars, node.values()))


def everything_of(table: str) -> Node:
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


def move_prewhere(select: Node) -> None:
    """PREWHERE as WHERE: an analyst's table is a subquery, which has none. The engine moves conditions by itself."""
    before = select.pop("prewhere", None)
    if before is None:
        return
    if len(children(select.get("tables"))) != 1:
        raise RefusedError("PREWHERE goes with one table; use WHERE.", "PREWHERE")
    select["where"] = function("and", before, select["where"]) if "where" in select else before


def keep_names(asked: Node, select: Node) -> None:
    """Columns of an answer keep the names the engine would give to what was asked, not to what it became."""
    for before, after in zip(children(asked.get("select")), children(select.get("select")), strict=True):
        if "alias" not in after and plain(before) != plain(after) and (name := _default_name(before)) is not None:
            after["alias"] = name


def _default_name(node: Node) -> str | None:
    """What the engine calls a column without alias, for the commonest expressions."""
    match node.get("type"):
        case "Identifier":
            return str(node["name"])
        case "Literal" if (value := literal_text(node)) is not None:
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case "Literal" if node["value"].get("field_type") in ("UInt64", "Float64"):
            return str(node["value"]["value"])
        case "Function" if not node.keys() - {"type", "name", "arguments", "parameters", "is_operator"}:
            lists = [[_default_name(child) for child in children(node[part])] for part in ("parameters", "arguments") if part in node]
            if any(name is None for names in lists for name in names):
                return None
            return str(node["name"]) + "".join(f"({', '.join(str(name) for name in names)})" for names in lists)
        case _:
            return None
