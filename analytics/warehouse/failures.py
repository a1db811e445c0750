"""Driver errors of ClickHouse become ours here, and nowhere else.

The one thing to know: what is not known to be the caller's or the data's fault counts as "the warehouse is unavailable", so the writer
keeps its events and tries again.
"""

import re

from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from pyarrow import ArrowException
from urllib3.exceptions import HTTPError

from analytics.errors import AnalyticsError, InsertRejectedError, LimitExceededError, QueryTimeoutError, WarehouseUnavailableError
from analytics.warehouse.server_address import ServerAddress

# All that the driver lets through when the engine or the way to it fails: an answer that is cut short may be noticed by whoever reads it.
DRIVER_ERRORS = (ClickHouseError, OSError, HTTPError, ArrowException)

# ClickHouse error codes (ErrorCodes.cpp): what each says about whose fault it is.
_TIMEOUT = {159, 160, 209}
_CANCELLED = {394}
_MEMORY = {241}
_ROWS = {158, 396}
_BYTES = {307}
_TRANSIENT = {
    3,  # UNEXPECTED_END_OF_FILE
    24,  # CANNOT_WRITE_TO_OSTREAM
    32,  # ATTEMPT_TO_READ_AFTER_EOF
    74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
    75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
    76,  # CANNOT_OPEN_FILE
    159,  # TIMEOUT_EXCEEDED
    160,  # TOO_SLOW
    164,  # READONLY
    173,  # CANNOT_ALLOCATE_MEMORY
    192,  # UNKNOWN_USER
    193,  # WRONG_PASSWORD
    194,  # REQUIRED_PASSWORD
    201,  # QUOTA_EXCEEDED
    202,  # TOO_MANY_SIMULTANEOUS_QUERIES
    203,  # NO_FREE_CONNECTION
    209,  # SOCKET_TIMEOUT
    210,  # NETWORK_ERROR
    236,  # ABORTED
    241,  # MEMORY_LIMIT_EXCEEDED
    242,  # TABLE_IS_READ_ONLY
    243,  # NOT_ENOUGH_SPACE
    252,  # TOO_MANY_PARTS
    319,  # UNKNOWN_STATUS_OF_INSERT
    394,  # QUERY_WAS_CANCELLED
    425,  # SYSTEM_ERROR
    439,  # CANNOT_SCHEDULE_TASK
    473,  # DEADLOCK_AVOIDED
    516,  # AUTHENTICATION_FAILED
    735,  # QUERY_WAS_CANCELLED_BY_CLIENT
    745,  # SERVER_OVERLOADED
    999,  # KEEPER_EXCEPTION
}
# A no that lasts until somebody mends the server or its user, and says nothing about the rows.
_SETUP = {
    60,  # UNKNOWN_TABLE
    81,  # UNKNOWN_DATABASE
    115,  # UNKNOWN_SETTING
    218,  # TABLE_IS_DROPPED
    291,  # DATABASE_ACCESS_DENIED
    452,  # SETTING_CONSTRAINT_VIOLATION
    497,  # ACCESS_DENIED
}
_SIGN_IN = {192, 193, 194, 516}
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
    if is_refusal(error) and error_code(error) not in _SETUP:
        return InsertRejectedError(f"The warehouse refused rows: {_first_line(error)}")
    return WarehouseUnavailableError(f"The warehouse did not take the insert: {_first_line(error)}")


def command_failure(error: Exception) -> WarehouseUnavailableError:
    """Our error for a failed statement of our own that changes something."""
    return WarehouseUnavailableError(f"The warehouse did not run a command: {_first_line(error)}")


def is_refusal(error: Exception) -> bool:
    """Whether the engine itself said no, for good: nothing has changed by the statement, and repeating it as it is will not help."""
    code = error_code(error)
    return isinstance(error, DatabaseError) and code is not None and code not in _TRANSIENT


def is_at_fault(error: BaseException) -> bool:
    """Whether a statement failed by itself: the engine refused it, or it needs more than it may have. `error` is ours or the driver's."""
    cause = error.__cause__ or error
    code = error_code(cause)
    needs_more = {159, 160} | _MEMORY | _ROWS | _BYTES
    return code in needs_more or (isinstance(cause, DatabaseError) and is_refusal(cause) and code not in _SETUP)


def is_transient(code: int) -> bool:
    """Whether the engine's code speaks of its own state: the same statement may succeed later."""
    return code in _TRANSIENT


def connect_failure(error: Exception, address: ServerAddress | None) -> WarehouseUnavailableError:
    """Our error for a handle that did not open: whose fault it is, in words for whoever set the URL."""
    if address is None:
        return WarehouseUnavailableError(f"The embedded ClickHouse does not open: {_first_line(error)}")
    code = error_code(error)
    if code in _SIGN_IN:
        return WarehouseUnavailableError(
            f"ClickHouse at {address.name} does not accept the user or the password of ANALYTICS_CLICKHOUSE_URL."
        )
    if code == 81:
        return WarehouseUnavailableError(f"ClickHouse at {address.name} has no database {address.database} yet: it is made at a start.")
    if code is not None:
        return WarehouseUnavailableError(f"ClickHouse at {address.name} does not let us in: {_first_line(error)}")
    return WarehouseUnavailableError(f"ClickHouse at {address.name} cannot be reached: {_reason(error)}")


def _reason(error: BaseException) -> str:
    """The innermost cause, which names it in the fewest words."""
    while (inner := getattr(error, "reason", None) or error.__cause__) is not None and isinstance(inner, BaseException):
        error = inner
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return (text.splitlines()[0] if text else type(error).__name__)[:500]
