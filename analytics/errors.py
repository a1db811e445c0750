"""Every error this service raises on purpose, as one tree.

    AnalyticsError
    ├── RequestError                the caller can mend it
    │   ├── UnreadableBodyError       invalid-body
    │   ├── PayloadTooLargeError      payload-too-large
    │   ├── UnsupportedEncodingError  unsupported-encoding
    │   ├── InvalidRequestError       invalid-request
    │   │   ├── InvalidQueryError       invalid-query
    │   │   │   └── UnknownPropertyError  unknown-property
    │   │   ├── TimeRangeError          time-range
    │   │   ├── UnknownSettingError     unknown-setting
    │   │   └── UnknownFormatError      unknown-format
    │   ├── UnauthenticatedError      unauthenticated
    │   │   ├── SecondFactorRequiredError  second-factor-required
    │   │   └── SecondFactorWrongError     second-factor-wrong
    │   ├── ForbiddenError            forbidden
    │   │   └── CsrfError               csrf
    │   ├── NotFoundError             not-found
    │   ├── ConflictError             conflict
    │   ├── LimitExceededError        limit-exceeded
    │   ├── RateLimitedError          rate-limited
    │   ├── SqlSuspendedError         sql-suspended
    │   ├── SqlFailedError            sql-failed
    │   ├── QueryCancelledError       query-cancelled
    │   └── SqlRefusedError         sql-refused
    │       ├── SqlSyntaxError          sql-syntax
    │       ├── SqlNotAllowedError      sql-not-allowed
    │       ├── SqlTooComplexError      sql-too-complex
    │       ├── UnknownTableError       unknown-table
    │       ├── UnknownColumnError      unknown-column
    │       ├── UnknownFunctionError    unknown-function
    │       └── UnknownTypeError        unknown-type
    ├── StoreError                  a store is away or too slow; try again
    │   ├── WarehouseUnavailableError  warehouse-unavailable
    │   ├── MetadataUnavailableError   metadata-unavailable
    │   ├── CacheUnavailableError      cache-unavailable
    │   ├── MailUnavailableError       mail-unavailable
    │   ├── IdentityProviderUnavailableError  identity-provider-unavailable
    │   ├── SpoolFullError             spool-full
    │   ├── PictureFailedError         picture-failed
    │   ├── ShuttingDownError          shutting-down
    │   ├── SqlOffError                sql-off
    │   └── QueryTimeoutError          query-timeout
    ├── IntegrityError              the data is not what it should be; a person must look
    │   ├── SchemaDriftError           schema-drift
    │   ├── CorruptVerdictError        corrupt-verdict
    │   ├── SpoolWriteError            spool-write
    │   ├── UnsealError                unseal
    │   └── InsertRejectedError        insert-rejected
    └── StartError                  the service cannot start as configured
        ├── SettingsError              settings
        └── EngineStartError           engine-start

A class knows its stable `code` and its extras, and nothing of HTTP: `api/problems.py` maps classes to statuses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong place in a request: `pointer` is an RFC 6901 JSON pointer, `detail` a sentence."""

    pointer: str
    detail: str


class AnalyticsError(Exception):
    """Root of the tree. `detail` is a sentence for the person who reads the answer."""

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class RequestError(AnalyticsError):
    """The request is at fault; repeating it unchanged will not help."""

    code = "request"
    title = "Bad request"


class UnreadableBodyError(RequestError):
    """The body could not be read at all: broken JSON, broken compression, nothing there."""

    code = "invalid-body"
    title = "The body could not be read"


class PayloadTooLargeError(RequestError):
    """More bytes or more events than one request may carry, after expansion."""

    code = "payload-too-large"
    title = "The request is too large"


class UnsupportedEncodingError(RequestError):
    """A content type or content encoding that is not understood."""

    code = "unsupported-encoding"
    title = "Unsupported content type or encoding"


class InvalidRequestError(RequestError):
    """Readable, but wrong in the named places."""

    code = "invalid-request"
    title = "The request is invalid"

    def __init__(self, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)

    @classmethod
    def at(cls, pointer: str, detail: str) -> Self:
        """One wrong place, and what is wrong with it: `detail` goes on where the name of the place ends."""
        return cls(f"{pointer or 'It'} {detail}.", [FieldError(pointer, detail)])


class InvalidQueryError(InvalidRequestError):
    """A question that cannot be asked."""

    code = "invalid-query"
    title = "The question is invalid"


class UnknownPropertyError(InvalidQueryError):
    """A property or column that does not exist under that name."""

    code = "unknown-property"
    title = "Unknown property"


class TimeRangeError(InvalidRequestError):
    """A range that ends before it starts, or holds too many buckets."""

    code = "time-range"
    title = "The time range is invalid"


class UnknownSettingError(InvalidRequestError):
    """A setting of ClickHouse that cannot be chosen here, or not with this value."""

    code = "unknown-setting"
    title = "Unknown setting"


class UnknownFormatError(InvalidRequestError):
    """A format of ClickHouse in which nothing is answered here."""

    code = "unknown-format"
    title = "Unknown format"


class UnauthenticatedError(RequestError):
    """No credentials, or wrong ones."""

    code = "unauthenticated"
    title = "Not signed in"


class SecondFactorRequiredError(UnauthenticatedError):
    """The password is right, and a code of the second factor must come with it."""

    code = "second-factor-required"
    title = "A second factor is needed"


class SecondFactorWrongError(UnauthenticatedError):
    """The password is right, and the code of the second factor is not."""

    code = "second-factor-wrong"
    title = "The second factor is wrong"


class ForbiddenError(RequestError):
    """Known, but without the right to do this."""

    code = "forbidden"
    title = "Not allowed"


class CsrfError(ForbiddenError):
    """A change asked for by cookie without the header that proves it came from our own page, or a sign-in sent by another site."""

    code = "csrf"
    title = "Not asked for by our own page"


class NotFoundError(RequestError):
    """No such thing, or not the caller's: the same words for both."""

    code = "not-found"
    title = "Not found"

    def __init__(self, detail: str = "There is no such thing here.") -> None:
        super().__init__(detail)


class ConflictError(RequestError):
    """The thing exists already, or changed in between."""

    code = "conflict"
    title = "Conflict"


class LimitExceededError(RequestError):
    """A limit of the question was met; `limit` names it."""

    code = "limit-exceeded"
    title = "A limit was exceeded"

    def __init__(self, detail: str, limit: str) -> None:
        super().__init__(detail)
        self.limit = limit


class RateLimitedError(RequestError):
    """Too much at once from one caller."""

    code = "rate-limited"
    title = "Too many requests"

    def __init__(self, detail: str, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class SqlSuspendedError(RequestError):
    """The SQL of a caller, a statement or a project rests for a while: a query did not end. The detail says until when."""

    code = "sql-suspended"
    title = "SQL is suspended"

    def __init__(self, detail: str, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class SqlRefusedError(RequestError):
    """An analyst's SQL is not run; `position` is the character in it (from 0) where the reason stands, if known."""

    code = "sql-refused"
    title = "The SQL is refused"

    def __init__(self, detail: str, position: int | None = None) -> None:
        super().__init__(detail)
        self.position = position


class SqlSyntaxError(SqlRefusedError):
    """Text that the engine's parser does not read as one statement."""

    code = "sql-syntax"
    title = "The SQL cannot be read"


class SqlNotAllowedError(SqlRefusedError):
    """SQL that is more than one question to the project's tables, or that is not understood."""

    code = "sql-not-allowed"
    title = "The SQL asks for what is not allowed"


class SqlTooComplexError(SqlRefusedError):
    """SQL that is too long, too deep or has too many parts."""

    code = "sql-too-complex"
    title = "The SQL is too complex"


class UnknownTableError(SqlRefusedError):
    """A table or table function that does not exist here."""

    code = "unknown-table"
    title = "Unknown table"


class UnknownColumnError(SqlRefusedError):
    """A column that none of the tables in an analyst's SQL has."""

    code = "unknown-column"
    title = "Unknown column"


class UnknownFunctionError(SqlRefusedError):
    """A function that does not exist here."""

    code = "unknown-function"
    title = "Unknown function"


class UnknownTypeError(SqlRefusedError):
    """A data type that does not exist here."""

    code = "unknown-type"
    title = "Unknown data type"


class SqlFailedError(RequestError):
    """An analyst's SQL that the engine began and gave up; the detail holds nothing that is not the analyst's.

    `engine` is the number and name of the engine's own error, where that says nothing else.
    """

    code = "sql-failed"
    title = "The SQL failed"

    def __init__(self, detail: str, engine: tuple[int, str] | None = None) -> None:
        super().__init__(detail)
        self.engine = engine


class QueryCancelledError(RequestError):
    """A query that its caller, or an admin, ended."""

    code = "query-cancelled"
    title = "The query was cancelled"


class StoreError(AnalyticsError):
    """A store is away or too slow: the same request may succeed later."""

    code = "store"
    title = "A store is unavailable"

    def __init__(self, detail: str, retry_after_seconds: int = 5) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class WarehouseUnavailableError(StoreError):
    """ClickHouse does not answer."""

    code = "warehouse-unavailable"
    title = "The warehouse is unavailable"


class MetadataUnavailableError(StoreError):
    """PostgreSQL does not answer."""

    code = "metadata-unavailable"
    title = "The metadata store is unavailable"


class CacheUnavailableError(StoreError):
    """Redis does not answer."""

    code = "cache-unavailable"
    title = "The cache is unavailable"


class MailUnavailableError(StoreError):
    """The mail server does not take a mail."""

    code = "mail-unavailable"
    title = "Mail cannot be sent"


class IdentityProviderUnavailableError(StoreError):
    """The identity provider does not answer, or not as it should."""

    code = "identity-provider-unavailable"
    title = "The identity provider is unavailable"


class SpoolFullError(StoreError):
    """The spool has no room for these events."""

    code = "spool-full"
    title = "The spool is full"


class PictureFailedError(StoreError):
    """A picture was not drawn: it takes too much time or memory, or the process that draws died."""

    code = "picture-failed"
    title = "The picture could not be drawn"


class ShuttingDownError(StoreError):
    """The service is stopping and takes nothing new."""

    code = "shutting-down"
    title = "The service is stopping"


class SqlOffError(StoreError):
    """Ad-hoc SQL is off: a part of its fence is missing."""

    code = "sql-off"
    title = "SQL is off"


class QueryTimeoutError(StoreError):
    """A question took longer than it may."""

    code = "query-timeout"
    title = "The question took too long"


class IntegrityError(AnalyticsError):
    """Data is not what it should be; a person must look."""

    code = "integrity"
    title = "Integrity error"


class SchemaDriftError(IntegrityError):
    """The database is not what the migrations made: a changed old file, or a gap."""

    code = "schema-drift"
    title = "The schema has drifted"


class CorruptVerdictError(IntegrityError):
    """The file that says what was decided about the batch under way is not what was written."""

    code = "corrupt-verdict"
    title = "A verdict is damaged"


class SpoolWriteError(IntegrityError):
    """The disk refused a write or a sync: nothing may be answered 200 after it."""

    code = "spool-write"
    title = "The spool cannot be written"


class UnsealError(IntegrityError):
    """A sealed or encrypted value was altered, belongs elsewhere, or its key is not in the ring."""

    code = "unseal"
    title = "A sealed value cannot be opened"


class InsertRejectedError(IntegrityError):
    """The warehouse is there but refuses these rows."""

    code = "insert-rejected"
    title = "The warehouse refused rows"


class StartError(AnalyticsError):
    """The service cannot start as it is configured."""

    code = "start"
    title = "Cannot start"


class SettingsError(StartError):
    """A setting has a wrong value; the detail names it."""

    code = "settings"
    title = "A setting is wrong"


class EngineStartError(StartError):
    """An embedded engine did not come up."""

    code = "engine-start"
    title = "An engine did not start"
