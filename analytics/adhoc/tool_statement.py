"""What a ClickHouse tool sends as its query: one SELECT with, perhaps, the format of its answer, or one of the statements that ask what
there is.

The one thing to know: `SHOW`, `DESCRIBE` and `EXISTS` become a SELECT of our own over the tables that describe the project, with the names
that were sent as parameters. What would change something is `refused` here, since data may follow it; whatever else goes to the gate as it
came, which refuses it with its reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analytics.fence.pieces import Piece, pieces_of

_WRITES = frozenset(
    {
        *("insert", "create", "alter", "drop", "truncate", "delete", "update", "rename", "exchange", "attach", "detach", "optimize"),
        *("grant", "revoke", "kill", "system", "set", "use", "backup", "restore", "undrop", "move", "check", "watch", "begin", "commit"),
    }
)
_BEGINNING = 200  # characters of what is refused
_MOST_WORDS = 8  # more than any statement that is understood here has
_NAMES = "SELECT name FROM system.tables WHERE database = {database:String} AND name ILIKE {like:String} ORDER BY name"
SHOW_TABLES = _NAMES.replace(" ILIKE ", " LIKE ")
EXISTS_DATABASE = "SELECT toUInt8(count() > 0) AS result FROM system.databases WHERE name = {database:String}"
SHOW_DATABASES = "SELECT name FROM system.databases ORDER BY name"
DESCRIBE = (
    "SELECT name, type, default_kind AS default_type, default_expression, comment, '' AS codec_expression, '' AS ttl_expression"
    " FROM system.columns WHERE database = {database:String} AND table = {table:String} ORDER BY position"
)
EXISTS = "SELECT toUInt8(count() > 0) AS result FROM system.tables WHERE database = {database:String} AND name = {table:String}"


@dataclass(frozen=True, slots=True)
class ToolStatement:
    """`sql` is the text without its FORMAT clause, `format` what that says. `meant` is run in its place, with `values`.

    `described` is a table that must be there, `database` the one that the statement names, None: none. `refused` says why nothing is run;
    then `sql` is how the text begins.
    """

    sql: str
    format: str | None = None
    meant: str | None = None
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    described: str | None = None
    database: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    low: str  # empty for what is quoted
    start: int
    is_name: bool


def read_statement(text: str) -> ToolStatement:
    """What the text says."""
    pieces = [piece for piece in pieces_of(text) if piece.kind != "space"]
    end = len(text)  # cut once: a text of many semicolons would be copied for each
    while pieces and text[pieces[-1].start : pieces[-1].end] == ";":
        end = pieces.pop().start
    told = None
    if len(pieces) > 2:
        before, last = (_word(text, piece) for piece in pieces[-2:])
        if before.low == "format" and last.is_name:
            told, end = last.text, before.start
            del pieces[-2:]
    sql = text[:end].strip()
    words = [_word(text, piece) for piece in pieces[:_MOST_WORDS]]
    first = words[0].low if words else ""
    if first in _WRITES:
        why = f"{first.upper()} is not done here: this is for reading; events come in by POST /v1/events."
        return ToolStatement(sql[:_BEGINNING], refused=why)  # a format there is that of its data
    shown = _shown(sql, told, words)
    return shown if shown is not None else ToolStatement(sql, told)


def _shown(sql: str, told: str | None, words: Sequence[_Word]) -> ToolStatement | None:
    low = [word.low for word in words]
    match low[:2]:
        case ["show", "databases" | "schemas"] if len(low) == 2:
            return ToolStatement(sql, told, SHOW_DATABASES)
        case ["exists", "database"] if len(words) == 3 and words[2].is_name:
            return ToolStatement(sql, told, EXISTS_DATABASE, database=words[2].text)
        case ["show", "tables"]:
            return _show_tables(sql, told, words[2:])
        case ["describe" | "desc" | "exists", *_]:
            rest = words[2:] if low[1:2] == ["table"] and len(words) > 2 else words[1:]
            name = _table(rest)
            if name is None:
                return None
            database, table = name
            if low[0] == "exists":
                return ToolStatement(sql, told, EXISTS, {"table": table}, database=database)
            return ToolStatement(sql, told, DESCRIBE, {"table": table}, described=table, database=database)
        case _:
            pass
    return None


def _show_tables(sql: str, told: str | None, rest: Sequence[_Word]) -> ToolStatement | None:
    database, like, ignores_case = None, "%", False
    if len(rest) >= 2 and rest[0].low in ("from", "in") and rest[1].is_name:
        database, rest = rest[1].text, rest[2:]
    if len(rest) == 2 and rest[0].low in ("like", "ilike") and not rest[1].is_name and not rest[1].low:
        like, ignores_case, rest = rest[1].text, rest[0].low == "ilike", ()
    if rest:
        return None
    return ToolStatement(sql, told, _NAMES if ignores_case else SHOW_TABLES, {"like": like}, database=database)


def _table(words: Sequence[_Word]) -> tuple[str | None, str] | None:
    """Database and name of a table; None: it is something else."""
    if len(words) == 1 and words[0].is_name:
        return None, words[0].text
    if len(words) == 3 and words[0].is_name and words[1].low == "." and words[2].is_name:
        return words[0].text, words[2].text
    return None


def _word(text: str, piece: Piece) -> _Word:
    value = text[piece.start : piece.end]
    match piece.kind:
        case "word":
            return _Word(value, value.lower(), piece.start, is_name=True)
        case "quoted":
            inner = value[1:-1]
            return _Word(inner, "", piece.start, is_name="\\" not in inner and value[0] not in inner)
        case "text" if value[0] == "'":
            inner = value[1:-1].replace("''", "'").replace("\\'", "'").replace("\\\\", "\\")
            return _Word(inner, "", piece.start, is_name=False)
        case _:
            return _Word(value, value.lower(), piece.start, is_name=False)
