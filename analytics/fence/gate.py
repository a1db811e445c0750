"""The first fence: an analyst's SQL is read by the engine's own parser, checked against allow-lists, and written anew.

What is run is the canonical text, made from the tree of what was understood; never the caller's text. The one thing to know: the canonical
text is parsed once more, and unless that gives the tree that was checked, nothing is run.
"""

import threading
from collections.abc import Mapping

from analytics.errors import SqlNotAllowedError, SqlTooComplexError
from analytics.fence.catalog import SqlCatalog, SqlTable
from analytics.fence.checked_query import RESERVED_PREFIX, CheckedQuery
from analytics.fence.checker import Checker
from analytics.fence.hidden import check_characters
from analytics.fence.named import NamedSource, NamedSources
from analytics.fence.names import table_names
from analytics.fence.nodes import plain
from analytics.fence.parser import Node, SqlParser
from analytics.fence.refusal import RefusedError, position_of
from analytics.fence.server_words import NO_WORDS, ServerWords

MAX_CHARACTERS = 64_000
_MOST_REMEMBERED = 1_000


class Gate:
    """Checks foreign SQL. Knows no project and keeps nothing of one: the same text gives the same answer to all. Safe in many threads."""

    def __init__(self, parser: SqlParser, catalog: SqlCatalog) -> None:
        self._parser = parser
        self._catalog = catalog
        self._rows: dict[str, Node] = {}  # our own subqueries, parsed
        self._lock = threading.Lock()

    def check(self, sql: str, named: Mapping[str, NamedSource] | None = None, words: ServerWords = NO_WORDS) -> CheckedQuery:
        """The canonical form of one SELECT over the project's tables. `named` are the project's own names for tables beside them,
        `words` what else may be said.

        Raises SqlRefusedError with a reason and, where it is known, the position in `sql`; StoreError if the parser does not answer.
        """
        sources = NamedSources(self._catalog, named or {}, self._parsed, words)
        tree = self._parsed(sql)
        checker = Checker(self._catalog, self._rows_of, sources)
        try:
            tree = checker.statement(tree)
            printed, again = self._parser.print(tree)
            is_same = plain(again) == plain(tree)
        except RefusedError as refused:
            raise refused.at(sql) from refused
        except RecursionError as error:
            raise SqlTooComplexError("The SQL is nested too deeply.", position_of(sql, None)) from error
        if not is_same:
            raise SqlNotAllowedError("The SQL is understood in one way and would be run in another.", position_of(sql, None))
        return CheckedQuery(
            printed,
            tuple(sorted(checker.tables)),
            dict(checker.parameters),
            tuple(sorted(sources.used)),
            dict(sources.constants),
            checker.reads,
            checker.makes_rows,
        )

    def unknown_names(self, sql: str, words: ServerWords = NO_WORDS) -> frozenset[str]:
        """Names in a statement that are no built-in tables: of CTEs, columns, saved queries, or of nothing. Raises as `check`."""
        return frozenset(table_names(self._parsed(sql), words)) - self._catalog.tables.keys()

    def _parsed(self, sql: str) -> Node:
        _check_text(sql)
        return self._parser.parse(sql)

    def _rows_of(self, table: SqlTable, hot: tuple[str, ...], wanted: frozenset[str] | None) -> Node:
        text = self._catalog.rows_of(table, hot)
        with self._lock:
            known = self._rows.get(text)
        if known is None:
            known = self._parser.parse(text)
            with self._lock:
                if len(self._rows) >= _MOST_REMEMBERED:
                    self._rows.clear()
                self._rows[text] = known
        return known if wanted is None else _with_columns(known, wanted)


def _with_columns(rows: Node, wanted: frozenset[str]) -> Node:
    """The subquery of a table with the wanted columns only; there is always one."""
    select: Node = rows["list_of_selects"]["children"][0]
    columns: list[Node] = select["select"]["children"]
    kept = [column for column in columns if column["alias"] in wanted or column["alias"].startswith(RESERVED_PREFIX)]
    listed = {"type": "ExpressionList", "children": kept or columns[:1]}
    return {**rows, "list_of_selects": {"type": "ExpressionList", "children": [{**select, "select": listed}]}}


def _check_text(sql: str) -> None:
    if len(sql) > MAX_CHARACTERS:
        raise SqlTooComplexError(f"The SQL is longer than {MAX_CHARACTERS} characters.", MAX_CHARACTERS)
    check_characters(sql)
