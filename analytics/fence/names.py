"""Which names a statement can mean by a bare word, judged from the whole of it: so an unknown column is told with its place.

The one thing to know: this errs on the side of "known". What it lets pass is looked up by the engine, in the subqueries of the fence.
"""

import re
from collections.abc import Callable, Collection, Container, Iterator
from typing import Any

from analytics.errors import UnknownColumnError
from analytics.fence.catalog import SqlCatalog, SqlTable
from analytics.fence.nodes import nodes_of
from analytics.fence.refusal import RefusedError
from analytics.fence.server_words import NO_WORDS, ServerWords

# Functions that the engine calls for a bare word, without brackets, where no column or alias of that name can be seen.
_CALLED_BARE = frozenset({"curdate", "current_date", "current_timestamp", "localtime", "localtimestamp", "now", "today"})
_REFUSED_BARE = frozenset(
    {
        *("current_database", "currentdatabase", "database", "schema", "current_user", "currentuser", "session_user", "user"),
        *("currenthandler", "currentrequesturl", "getclienthttpheader", "transactionlatestsnapshot", "transactionoldestsnapshot"),
    }
)
_COLUMNS_OF = {"numbers": "number", "numbers_mt": "number", "zeros": "zero", "zeros_mt": "zero"}
_WORD = re.compile(r"\w+")
_LISTS_OF_NAMES = ("aliases", "column_aliases", "cte_aliases")


def names_in(node: Any) -> Iterator[str]:
    """Every part of every name of a tree."""
    for found in nodes_of(node):
        if found["type"] == "Identifier":
            yield from found.get("name_parts") or (str(found.get("name")),)


def table_names(tree: Any, words: ServerWords = NO_WORDS) -> Iterator[str]:
    """The names in a statement that may be those of tables: in FROM, and alone right of IN."""
    for node in nodes_of(tree):
        if node["type"] == "TableIdentifier" and (name := words.table_name(node)) is not None:
            yield name
        elif node["type"] == "Identifier" and "name_parts" not in node:
            yield str(node.get("name"))


def known_names(
    tree: Any, catalog: SqlCatalog, known_of: Callable[[str], Collection[str]], words: ServerWords = NO_WORDS
) -> frozenset[str]:
    """What a bare name may be: a column of a table that is read, an alias, an argument of a lambda.

    `known_of` says the same of a name that is no built-in table.
    """
    known: set[str] = set()
    for node in nodes_of(tree):
        kind = node["type"]
        if "table_function" in node:
            known.update(_columns_of(node["table_function"]))
        known.update(str(node[member]) for member in ("alias", "lambda_arg") if member in node)
        if kind in ("TableIdentifier", "WithElement"):
            name = words.table_name(node) or str(node.get("name"))
            known.update((name, name.rpartition(".")[2]) if "name_parts" in node else (name,))
            if name in catalog.tables:
                known.update(column.name for column in catalog.tables[name].columns)
            elif kind == "TableIdentifier" and words.table_name(node) is not None:
                known.update(known_of(name))
        if kind == "Function" and node.get("name") == "lambda":
            known.update(names_in(node.get("arguments", {}).get("children", [])[:1]))
        if kind == "ColumnsReplaceTransformerReplacement":
            known.add(str(node.get("name")))
        if "order_by_all" in node:
            known.add("all")
        for member in _LISTS_OF_NAMES:
            known.update(names_in(node.get(member)))
    return frozenset(known)


def check_column(parts: list[str], known: frozenset[str], source: SqlTable | None, given: Container[str]) -> None:
    """Raises RefusedError if a name can mean nothing, or a function that is not allowed.

    `source` is the table that its first part names, if it names one of the catalogue; `given` are names that surely mean no function here.
    """
    low = parts[0].lower()
    if not _WORD.fullmatch(parts[0]) or (len(parts) == 1 and low in _CALLED_BARE):  # no word: the engine's own name of an expression
        return
    is_function = len(parts) == 1 and low in _REFUSED_BARE and parts[0] not in given
    if is_function or parts[0] not in known or (source is not None and len(parts) > 1 and source.column(parts[1]) is None):
        name = ".".join(parts)
        raise RefusedError(f"There is no column {name[:100]} here.", name, kind=UnknownColumnError)


def outputs_of(subquery: Any) -> Iterator[str]:
    """The names of the columns of a subquery, as far as they are written out."""
    for union in subquery.get("children", ()):
        for select in union.get("list_of_selects", {}).get("children", ()):
            for item in select.get("select", {}).get("children", ()):
                yield str(item.get("alias") or (item.get("name_parts") or [item.get("name")])[-1])


def aliases_of(select: Any) -> Iterator[str]:
    """The aliases that a SELECT gives, those of its subqueries left out."""
    if isinstance(select, list):
        for item in select:
            yield from aliases_of(item)
    elif isinstance(select, dict):
        if "alias" in select:
            yield str(select["alias"])
        for name, member in select.items():
            if name != "tables" and not (select.get("type") == "Subquery" and name == "children"):
                yield from aliases_of(member)


def _columns_of(called: Any) -> Iterator[str]:
    """Names that the columns of a table function may have."""
    name = str(called.get("name")).lower()
    arguments = called.get("arguments", {}).get("children", [])
    yield _COLUMNS_OF.get(name, name)
    if name in ("values", "sqlstandardvalues"):
        structure = arguments[0].get("value") if arguments else None
        yield from _WORD.findall(str(structure.get("value"))) if isinstance(structure, dict) else ()
        yield from (f"{prefix}{number}" for prefix in ("c", "column") for number in range(1, 101))
