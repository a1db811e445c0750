"""The engine's own parser and printer, asked as functions: text to tree and tree to text, without touching a table.

The one thing to know: text travels as hexadecimal digits in a parameter, so that no escaping stands between what was sent and what is
parsed. With a ClickHouse server too it is the embedded engine that parses.
"""

import json
import re
from typing import Any, Protocol

from clickhouse_connect.driver.exceptions import DatabaseError

from analytics.errors import SqlNotAllowedError, SqlRefusedError, SqlSyntaxError, SqlTooComplexError, StoreError
from analytics.fence.refusal import position_of
from analytics.warehouse.client import Warehouse
from analytics.warehouse.failures import error_code

Node = dict[str, Any]

_SYNTAX_ERROR = 62
_TOO_COMPLEX = {167, 168, 306}  # TOO_DEEP_AST, TOO_BIG_AST, TOO_DEEP_RECURSION
# A tree as JSON is fifty times as long as the text it was made of.
_SETTINGS = {"max_query_size": 50_000_000}
_POSITION = re.compile(r"failed at position (\d+)")
_REASON = re.compile(r"DB::Exception: (.*?)(?:: In scope SELECT |\s*\([A-Z_]+\)\s*$|$)", re.DOTALL)
_LONGEST_REASON = 300


class SqlParser(Protocol):
    """What the gate needs of an engine."""

    def parse(self, sql: str) -> Node:
        """The tree of one statement. Raises SqlRefusedError."""
        ...

    def print(self, tree: Node) -> tuple[str, Node]:
        """The text of a tree, and the tree of that text. Raises SqlRefusedError."""
        ...


class EngineParser:
    """The parser of an embedded engine. Safe to use from many threads."""

    def __init__(self, engine: Warehouse) -> None:
        """`engine` is embedded chDB: the service's own warehouse, or, beside a server, one that holds no tables."""
        if not engine.embedded:
            raise ValueError("only the embedded engine parses")
        self._engine = engine

    def parse(self, sql: str) -> Node:
        """The tree of one statement. Raises SqlRefusedError with the position of what cannot be read, StoreError."""
        try:
            answer = self._ask("SELECT parseQueryToJSON(unhex({text:String}))", sql)
        except StoreError as error:
            raise _refusal(error, sql) from error
        return _tree(answer[0])

    def print(self, tree: Node) -> tuple[str, Node]:
        """The text of a tree, and the tree of that text. Raises SqlRefusedError if the engine cannot print or read it, StoreError."""
        text = json.dumps(tree, ensure_ascii=False)
        try:
            printed, again = self._ask("SELECT formatQueryFromJSON(unhex({text:String})) AS printed, parseQueryToJSON(printed)", text)
        except StoreError as error:
            raise _refusal(error, "") from error
        return printed, _tree(again)

    def _ask(self, statement: str, text: str) -> tuple[str, ...]:
        rows = self._engine.query(statement, {"text": text.encode().hex()}, lane="parser", settings=_SETTINGS)
        return rows.rows[0]


def _tree(answer: str) -> Node:
    try:
        return json.loads(answer)
    except RecursionError as error:
        raise SqlTooComplexError("The SQL is nested too deeply.") from error


def _refusal(error: StoreError, sql: str) -> SqlRefusedError:
    """Our refusal in the engine's words; errors that are no verdict on the text are raised as they are."""
    cause = error.__cause__
    if not isinstance(cause, DatabaseError):
        raise error
    code = error_code(cause)
    if code in _TOO_COMPLEX:
        return SqlTooComplexError("The SQL is nested too deeply.", position_of(sql, None))
    message = str(cause)
    found = _REASON.search(message)
    reason = " ".join((found[1] if found else message).split())[:_LONGEST_REASON]
    if code != _SYNTAX_ERROR:
        words = "Only one SELECT is answered here." if "JSON" in reason else f"The SQL is not understood: {reason}"
        return SqlNotAllowedError(words, position_of(sql, None))
    place = _POSITION.search(message)
    if place is None:
        return SqlSyntaxError(reason, position_of(sql, None))
    return SqlSyntaxError(reason, len(sql.encode()[: int(place[1]) - 1].decode(errors="ignore")))  # a byte, from 1
