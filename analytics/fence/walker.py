"""Makes a parse tree anew, node by node, by the allow-lists of `nodes.SHAPES`: the half of the checker that knows no kind of node.

The one thing to know: what is not listed is not carried over but refused, and trees are bounded in depth and in number of nodes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from analytics.errors import SqlTooComplexError
from analytics.fence.given_names import check_name
from analytics.fence.named import NamedSources
from analytics.fence.nodes import REASONS, SHAPES, STARS, Flag, Listed, Many, Modes, Name, One, Slot, Types
from analytics.fence.parser import Node
from analytics.fence.refusal import RefusedError

MAX_DEPTH = 100
MAX_NODES = 20_000
NO_EXPLAIN = "EXPLAIN has a route of its own; here only a SELECT is answered."


class TreeWalker:
    """Walks one tree. `_rules` make nodes of kinds of which more holds than their shape; `named` counts the nodes of all trees together."""

    def __init__(self, named: NamedSources, depth: int) -> None:
        self._named = named
        self._depth = depth
        self._open: list[str] = []  # aliases of the expressions that are being walked: in its own expression an alias means nothing
        self._rules: Mapping[str, Callable[[Node], Node]] = {}

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


def _not_here(kind: str | None) -> str:
    if kind in STARS:
        return "A star cannot stand here."
    if kind == "ExplainQuery":
        return NO_EXPLAIN
    return f"Only one SELECT is answered here; this is not understood: {kind}."
