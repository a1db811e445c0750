"""What the engine says about a failed query, in words that are safe to hand to the analyst who asked it.

The one thing to know: only messages of known codes are handed on at all, and those without names, paths and hosts of the service's own;
of any other code only its name is said.
"""

import re
from collections.abc import Mapping

from analytics.errors import AnalyticsError, LimitExceededError, QueryCancelledError, SqlFailedError, WarehouseUnavailableError
from analytics.fence.limits import LimitName
from analytics.warehouse.failures import is_transient

_CODE = re.compile(r"\bCode: (\d+)")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_CANCELLED = {394, 735}
_LIMITS: dict[int, LimitName] = {
    159: "seconds",
    160: "seconds",
    158: "rows_read",
    307: "bytes_read",
    241: "memory_bytes",
    243: "memory_bytes",  # no room left for what is sorted or grouped on disk
    161: "complexity",
    162: "complexity",
    167: "complexity",
    168: "complexity",
    191: "memory_bytes",
    306: "complexity",
}
_WORDS: dict[LimitName, str] = {
    "seconds": "The query took longer than it may.",
    "memory_bytes": "The query needs more memory than it may have.",
    "rows_read": "The query would read more rows than it may.",
    "bytes_read": "The query would read more bytes than it may.",
    "rows_returned": "The answer has more rows than it may.",
    "bytes_returned": "The answer has more bytes than it may.",
    "complexity": "The query is too complex.",
}
_TOO_MANY_ROWS_OR_BYTES = 396
# The query is at fault, and says how: the engine's words about the query itself.
_TOLD = {
    6,  # CANNOT_PARSE_TEXT
    10,  # NOT_FOUND_COLUMN_IN_BLOCK
    26,  # CANNOT_PARSE_QUOTED_STRING
    27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
    34,  # TOO_MANY_ARGUMENTS_FOR_FUNCTION
    35,  # TOO_FEW_ARGUMENTS_FOR_FUNCTION
    36,  # BAD_ARGUMENTS
    38,  # CANNOT_PARSE_DATE
    41,  # CANNOT_PARSE_DATETIME
    42,  # NUMBER_OF_ARGUMENTS_DOESNT_MATCH
    43,  # ILLEGAL_TYPE_OF_ARGUMENT
    44,  # ILLEGAL_COLUMN
    46,  # UNKNOWN_FUNCTION
    47,  # UNKNOWN_IDENTIFIER
    50,  # UNKNOWN_TYPE
    53,  # TYPE_MISMATCH
    62,  # SYNTAX_ERROR
    63,  # UNKNOWN_AGGREGATE_FUNCTION
    69,  # ARGUMENT_OUT_OF_BOUND
    70,  # CANNOT_CONVERT_TYPE
    72,  # CANNOT_PARSE_NUMBER
    80,  # INCORRECT_QUERY
    125,  # INCORRECT_RESULT_OF_SCALAR_SUBQUERY
    128,  # TOO_LARGE_ARRAY_SIZE
    131,  # TOO_LARGE_STRING_SIZE
    153,  # ILLEGAL_DIVISION
    171,  # UNION_ALL_RESULT_STRUCTURES_MISMATCH
    179,  # MULTIPLE_EXPRESSIONS_FOR_ALIAS
    184,  # ILLEGAL_AGGREGATION
    190,  # SIZES_OF_ARRAYS_DONT_MATCH
    207,  # AMBIGUOUS_IDENTIFIER
    215,  # NOT_AN_AGGREGATE
    258,  # UNION_ALL_RESULT_STRUCTURES_MISMATCH
    349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    352,  # AMBIGUOUS_COLUMN_NAME
    386,  # NO_COMMON_TYPE
    395,  # FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
    403,  # INVALID_JOIN_ON_EXPRESSION
    407,  # DECIMAL_OVERFLOW
    427,  # CANNOT_COMPILE_REGEXP
    456,  # UNKNOWN_QUERY_PARAMETER
    457,  # BAD_QUERY_PARAMETER
    475,  # INCOMPATIBLE_COLUMNS
}
_REFUSED = {164, 291, 446, 452, 497}  # READONLY, DATABASE_ACCESS_DENIED, FUNCTION_NOT_ALLOWED, SETTING_CONSTRAINT_VIOLATION, ACCESS_DENIED
_UNKNOWN_NAME = {60, 81}  # UNKNOWN_TABLE, UNKNOWN_DATABASE
_TAILS = (
    re.compile(r"\s*\([A-Z][A-Z0-9_]+\)\s*$"),
    re.compile(r"\(version [^)]*\)"),
    re.compile(r"\s*Stack trace:.*", re.DOTALL),
    re.compile(r"[:.,]? ?[Mm]aybe you meant:?.*", re.DOTALL),
    re.compile(r"[:.,]? ?Expected one of:.*", re.DOTALL),
    re.compile(r"[:.,]? ?\(in query: .*", re.DOTALL),
    re.compile(r"[:.,]? ?[Ii]n scope .*", re.DOTALL),
    re.compile(r"[:.,]? ?[Ww]hile executing .*", re.DOTALL),
    re.compile(r"[:.,]? ?[Ww]hile processing .*", re.DOTALL),
)
_TAG = re.compile(r"/\*q:[\w-]*\*/ ?")
_PREFIX = re.compile(r"^.*?DB::Exception: ", re.DOTALL)
_INNER_NAMES = re.compile(r"__table\d+\.")
_PATH = re.compile(r"(?<![\w'\"])/(?:[\w.@+-]+/)+[\w.@+-]*")
_HOST = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b|\[[0-9a-fA-F:]+\](?::\d+)?|\blocalhost(?::\d+)?\b")
_LONGEST = 600


def failure_of(text: str) -> AnalyticsError:
    """Our error for the engine's message."""
    code = _code(text)
    if code is None:
        return WarehouseUnavailableError("The warehouse did not answer the query.")
    if code in _CANCELLED:
        return QueryCancelledError("The query was cancelled.")
    if code == _TOO_MANY_ROWS_OR_BYTES:
        return _limit("bytes_returned" if "max bytes" in text else "rows_returned")
    if code in _LIMITS:
        limit = _LIMITS[code]
        return _limit("bytes_read" if limit == "rows_read" and "max bytes" in text else limit)
    if code in _REFUSED:
        return SqlFailedError("The query asks for something that it may not.")
    if code in _UNKNOWN_NAME:
        return SqlFailedError("The query names a table that is not there.")
    if code in _TOLD:
        return SqlFailedError(clean(text), _named(code, text))
    if is_transient(code):
        return WarehouseUnavailableError(f"The warehouse did not answer the query (code {code}).")
    name = _NAME.findall(text)
    return SqlFailedError(f"The query failed: {name[-1] if name else code}.")


def require_text(sql: str, parameters: Mapping[str, str]) -> None:
    """Raises SqlFailedError for what no engine can be sent: half a character."""
    try:
        "".join([sql, *parameters, *parameters.values()]).encode()
    except UnicodeEncodeError as error:
        raise SqlFailedError("The query holds half a character.") from error


def clean(text: str) -> str:
    """The engine's message without what is not the analyst's: codes, versions, hints at other names, paths, hosts, stack traces."""
    text = _PREFIX.sub("", text.strip())
    for tail in _TAILS:
        text = tail.sub("", text)
    text = _INNER_NAMES.sub("", _TAG.sub("", text))
    text = _HOST.sub("(a host)", _PATH.sub("(a path)", text))
    text = " ".join(text.split()).rstrip(" :.")[:_LONGEST]
    return f"{text or 'The query failed'}."


def _code(text: str) -> int | None:
    match = _CODE.search(text)
    return int(match[1]) if match else None


def _named(code: int, text: str) -> tuple[int, str]:
    found = _NAME.findall(text)
    return code, found[-1] if found else "UNKNOWN_EXCEPTION"


def _limit(name: LimitName) -> LimitExceededError:
    return LimitExceededError(_WORDS[name], limit=name)
