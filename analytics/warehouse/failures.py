"""Driver errors of ClickHouse become ours here, and nowhere else.

The one thing to know: what is not known to be the caller's or the data's fault counts as "the warehouse is unavailable", so the writer
keeps its events and tries again.
"""

import re

from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from analytics.errors import AnalyticsError, InsertRejectedError, LimitExceededError, QueryTimeoutError, WarehouseUnavailableError

# ClickHouse error codes (ErrorCodes.cpp): what each says about whose fault it is.
_TIMEOUT = {159, 160, 209}
_CANCELLED = {394}
_MEMORY = {241}
_ROWS = {158, 396}
_BYTES = {307}
_TRANSIENT = {
    3,  # UNEXPECTED_END_OF_FILE
    32,  # ATTEMPT_TO_READ_AFTER_EOF
    74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
    75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
    76,  # CANNOT_OPEN_FILE
    164,  # READONLY
    202,  # TOO_MANY_SIMULTANEOUS_QUERIES
    203,  # NO_FREE_CONNECTION
    209,  # SOCKET_TIMEOUT
    210,  # NETWORK_ERROR
    241,  # MEMORY_LIMIT_EXCEEDED
    242,  # TABLE_IS_READ_ONLY
    243,  # NOT_ENOUGH_SPACE
    252,  # TOO_MANY_PARTS
    319,  # UNKNOWN_STATUS_OF_INSERT
    394,  # QUERY_WAS_CANCELLED
    425,  # SYSTEM_ERROR
    516,  # AUTHENTICATION_FAILED
    999,  # KEEPER_EXCEPTION
}
_CODE = re.compile(r"\bCode: (\d+)")


def error_code(error: BaseException) -> int | None:
    """The engine's numeric code, or None when the engine never answered."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return code
    match = _CODE.search(str(error))
    return int(match[1]) if match else None


def question_failure(error: Exception) -> AnalyticsError:
    """Our error for a failed question."""
    code = error_code(error)
    if code in _TIMEOUT:
        return QueryTimeoutError("The question took longer than it may.")
    if code in _MEMORY:
        return LimitExceededError("The question needs more memory than it may have.", limit="memory")
    if code in _ROWS:
        return LimitExceededError("The question reads or returns more rows than it may.", limit="rows")
    if code in _BYTES:
        return LimitExceededError("The question reads more bytes than it may.", limit="bytes")
    return WarehouseUnavailableError(f"The warehouse did not answer (code {code}).")


def insert_failure(error: Exception) -> AnalyticsError:
    """Our error for a failed insert: InsertRejectedError if the rows may be at fault, else WarehouseUnavailableError."""
    code = error_code(error)
    if isinstance(error, DatabaseError) and code is not None and code not in _TRANSIENT:
        return InsertRejectedError(f"The warehouse refused rows: {_first_line(error)}")
    return WarehouseUnavailableError(f"The warehouse did not take the insert: {_first_line(error)}")


def command_failure(error: Exception) -> WarehouseUnavailableError:
    """Our error for a failed statement of our own that changes something."""
    return WarehouseUnavailableError(f"The warehouse did not run a command: {_first_line(error)}")


def is_engine_error(error: Exception) -> bool:
    """Whether `error` came from the driver or the connection under it."""
    return isinstance(error, ClickHouseError | OSError)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return (text.splitlines()[0] if text else type(error).__name__)[:500]
