"""Our errors as a ClickHouse server says them: a code, a name, and a text that tools take apart.

The one thing to know: the text is the same detail that a problem would have, and what a problem keeps to itself is kept here too.
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from analytics.answers.system_tables import CLICKHOUSE_VERSION
from analytics.api.problems import problem_parts
from analytics.cache.rate_limit import OverRateError
from analytics.errors import (
    AnalyticsError,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    PayloadTooLargeError,
    QueryCancelledError,
    QueryTimeoutError,
    RateLimitedError,
    RequestError,
    ShuttingDownError,
    SqlFailedError,
    SqlNotAllowedError,
    SqlSuspendedError,
    SqlSyntaxError,
    SqlTooComplexError,
    StoreError,
    UnauthenticatedError,
    UnknownColumnError,
    UnknownFormatError,
    UnknownFunctionError,
    UnknownSettingError,
    UnknownTableError,
    UnknownTypeError,
    UnreadableBodyError,
    UnsupportedEncodingError,
    WarehouseUnavailableError,
)

CODE_HEADER = "X-ClickHouse-Exception-Code"
TAG_HEADER = "X-ClickHouse-Exception-Tag"
_CODES: Mapping[type[AnalyticsError], tuple[int, str]] = {
    AnalyticsError: (1002, "UNKNOWN_EXCEPTION"),
    RequestError: (36, "BAD_ARGUMENTS"),
    InvalidRequestError: (36, "BAD_ARGUMENTS"),
    UnreadableBodyError: (62, "SYNTAX_ERROR"),
    UnsupportedEncodingError: (89, "UNKNOWN_COMPRESSION_METHOD"),
    UnknownSettingError: (115, "UNKNOWN_SETTING"),
    UnknownFormatError: (73, "UNKNOWN_FORMAT"),
    PayloadTooLargeError: (229, "QUERY_IS_TOO_LARGE"),
    UnauthenticatedError: (516, "AUTHENTICATION_FAILED"),
    ForbiddenError: (497, "ACCESS_DENIED"),
    NotFoundError: (81, "UNKNOWN_DATABASE"),
    ConflictError: (216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING"),
    RateLimitedError: (202, "TOO_MANY_SIMULTANEOUS_QUERIES"),
    OverRateError: (201, "QUOTA_EXCEEDED"),
    SqlSuspendedError: (201, "QUOTA_EXCEEDED"),
    SqlSyntaxError: (62, "SYNTAX_ERROR"),
    SqlNotAllowedError: (164, "READONLY"),
    SqlTooComplexError: (168, "TOO_BIG_AST"),
    UnknownTableError: (60, "UNKNOWN_TABLE"),
    UnknownColumnError: (47, "UNKNOWN_IDENTIFIER"),
    UnknownFunctionError: (46, "UNKNOWN_FUNCTION"),
    UnknownTypeError: (50, "UNKNOWN_TYPE"),
    QueryCancelledError: (394, "QUERY_WAS_CANCELLED"),
    QueryTimeoutError: (159, "TIMEOUT_EXCEEDED"),
    StoreError: (210, "NETWORK_ERROR"),
    WarehouseUnavailableError: (279, "ALL_CONNECTION_TRIES_FAILED"),
    ShuttingDownError: (236, "ABORTED"),
}
_LIMITS: Mapping[str, tuple[int, str]] = {
    "seconds": (159, "TIMEOUT_EXCEEDED"),
    "memory_bytes": (241, "MEMORY_LIMIT_EXCEEDED"),
    "rows_read": (158, "TOO_MANY_ROWS"),
    "bytes_read": (307, "TOO_MANY_BYTES"),
    "rows_returned": (396, "TOO_MANY_ROWS_OR_BYTES"),
    "bytes_returned": (396, "TOO_MANY_ROWS_OR_BYTES"),
    "complexity": (168, "TOO_BIG_AST"),
}


def exception_of(error: AnalyticsError) -> tuple[int, int, str]:
    """Status, code and text."""
    parts = problem_parts(error)
    code, name = _code(error)
    detail = " ".join(str(parts["detail"]).split()).replace("__exception__", "")
    position = getattr(error, "position", None)
    if position is not None and isinstance(error, SqlSyntaxError):
        detail = f"{detail} (at character {position + 1})"
    text = f"Code: {code}. DB::Exception: {detail} ({name}) (version {CLICKHOUSE_VERSION} (official build))\n"
    return parts["status"], code, text.encode("utf-8", "replace").decode()


def exception_answer(error: AnalyticsError, more: Mapping[str, str] | None = None) -> Response:
    """The whole answer to a query that failed before anything of it was sent."""
    status, code, text = exception_of(error)
    headers: dict[str, Any] = {CODE_HEADER: str(code), "cache-control": "no-store", **(more or {})}
    retry_after = getattr(error, "retry_after_seconds", None)
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    if isinstance(error, UnauthenticatedError):
        headers["www-authenticate"] = 'Basic realm="ClickHouse"'
    return Response(text, status, headers, "text/plain; charset=UTF-8")


def exception_in_stream(error: AnalyticsError, tag: str) -> bytes:
    """What stands where an answer breaks off; `tag` was said in the head of the answer, so that no data can look like it."""
    text = exception_of(error)[2].encode()
    return b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (tag.encode(), text, len(text), tag.encode())


def _code(error: AnalyticsError) -> tuple[int, str]:
    if isinstance(error, LimitExceededError) and error.limit in _LIMITS:
        return _LIMITS[error.limit]
    if isinstance(error, SqlFailedError) and error.engine is not None:
        return error.engine
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
