"""What a ClickHouse tool asked, read from the address, the headers and the body of its request.

The one thing to know: whatever is not listed here is refused by its name, and so is whatever is said twice. Nothing that a tool sends as a
setting reaches the engine but how values are written; limits are lowered, never raised.
"""

import base64
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import uuid4

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import Request

from analytics.adhoc.parameters import EngineText
from analytics.adhoc.tool_format import ToolFormat, tool_format
from analytics.adhoc.tool_statement import ToolStatement, read_statement
from analytics.answers.system_tables import ToolSetting
from analytics.api.schemas.sql import MOST_PARAMS, MOST_SQL
from analytics.errors import (
    FieldError,
    ForbiddenError,
    InvalidRequestError,
    UnauthenticatedError,
    UnknownFormatError,
    UnknownSettingError,
    UnreadableBodyError,
)
from analytics.ingest.body import expand

DEFAULT_DATABASE = "default"  # what tools say that were told none
_BODY_BYTES = 4 * MOST_SQL
_PARAM = "param_"
_HEADER = "x-clickhouse-"
_USER, _KEY = f"{_HEADER}user", f"{_HEADER}key"
_HEADERS = frozenset(f"{_HEADER}{name}" for name in ("user", "key", "database", "format", "quota"))
_SECRETS = frozenset({"user", "password"})
_PLACES = frozenset({"query", "database", "default_format", "query_id", "enable_http_compression"})
# They could change nothing here: there are no sessions and no quotas by key, and an answer of some megabytes is whole before it is sent.
_WITHOUT_EFFECT = frozenset(
    {
        *("session_id", "session_timeout", "session_check", "quota_key", "buffer_size", "wait_end_of_query", "client_protocol_version"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms", "http_zlib_compression_level", "close_session"),
    }
)
# By name: the values that say what is so in any case.
_FIXED: Mapping[str, frozenset[str]] = {
    "readonly": frozenset({"1", "2"}),
    "compress": frozenset({"0", "false"}),
    "decompress": frozenset({"0", "false"}),
    "stacktrace": frozenset({"0", "false"}),
    "cancel_http_readonly_queries_on_client_close": frozenset({"1", "true"}),
    "http_write_exception_in_output_format": frozenset({"0", "false"}),
    "result_overflow_mode": frozenset({"throw"}),
    "read_overflow_mode": frozenset({"throw"}),
    "timeout_overflow_mode": frozenset({"throw"}),
    "session_timezone": frozenset({"", "UTC"}),
}
_LIMITS: Mapping[str, str] = {
    "max_execution_time": "seconds",
    "max_memory_usage": "memory_bytes",
    "max_rows_to_read": "rows_read",
    "max_bytes_to_read": "bytes_read",
    "max_result_rows": "rows_returned",
    "max_result_bytes": "bytes_returned",
}
_SWITCHES = (
    "output_format_json_quote_64bit_integers",
    "output_format_json_quote_decimals",
    "output_format_json_quote_denormals",
    "output_format_arrow_string_as_string",
)
_TIMES = "date_time_output_format"
# How a ClickHouse server writes values that was told nothing.
_WRITING: Mapping[str, int | str] = {_TIMES: "simple", **dict.fromkeys(_SWITCHES, 0), "output_format_arrow_string_as_string": 1}
_TRUE, _FALSE = ("1", "true"), ("0", "false")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\Z")
_NUMBER = re.compile(r"\d{1,18}(?:\.\d{1,9})?\Z")

SETTINGS = (
    ToolSetting("enable_http_compression", "0", "Compress the answer as Accept-Encoding says.", "Bool"),
    *(ToolSetting(name, "0", "May lower the caller's limit; 0: that.", "UInt64") for name in sorted(_LIMITS)),
    *(ToolSetting(name, str(_WRITING[name]), "How values are written.", "Bool") for name in _SWITCHES),
    ToolSetting(_TIMES, "simple", "How times are written: simple, iso or unix_timestamp."),
    ToolSetting("session_timezone", "UTC", "The zone of times without one.", readonly=True),
    ToolSetting("readonly", "1", "Nothing is changed here.", "UInt64", readonly=True),
)


@dataclass(frozen=True, slots=True)
class ToolQuestion:
    """One request.

    `query_id` is ours, hexadecimal; `shown_id` as the tool wrote it. `compressed`: the answer may be, as Accept-Encoding says.
    """

    statement: ToolStatement
    format: ToolFormat
    params: Mapping[str, EngineText]
    query_id: str
    shown_id: str
    limits: Mapping[str, float]
    writing: Mapping[str, int | str]
    compressed: bool


def credential_of(request: Request) -> str:
    """The API token (or access token) that a request carries. Raises UnauthenticatedError; ForbiddenError for one in the address."""
    if _SECRETS & request.query_params.keys():
        raise ForbiddenError("A secret does not belong in an address: send it as Basic authorization, or in the header X-ClickHouse-Key.")
    headers = request.headers
    shown = [name for name in ("authorization", _KEY) for _ in headers.getlist(name)]
    if len(shown) > 1 or (_USER in headers and "authorization" in headers):
        raise UnauthenticatedError("Credentials are sent in more than one way.")
    if _KEY in headers:
        return headers[_KEY]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        return basic_password(value.strip())
    raise UnauthenticatedError("Send an API token as the password of Basic authorization, or in the header X-ClickHouse-Key.")


def basic_password(value: str) -> str:
    """The password of Basic authorization; whose name stands before it does not matter. Raises UnauthenticatedError."""
    try:
        _, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError as error:
        raise UnauthenticatedError("The Basic authorization cannot be read.") from error
    return password if colon else ""


def database_of(request: Request) -> str | None:
    """The database that a request names; None: none. Raises InvalidRequestError for two."""
    named = {*request.query_params.getlist("database"), *request.headers.getlist(f"{_HEADER}database")} - {""}
    if len(named) > 1:
        raise InvalidRequestError.at("/database", "is named twice")
    return next(iter(named), None)


async def read_question(request: Request) -> ToolQuestion:
    """All of it but who asks. Raises RequestError naming what is wrong."""
    _check_headers(request.headers)
    told = _once(request.query_params.multi_items())
    text, params = await _text(request, told)
    statement = await _read(text)
    if not statement.sql:
        raise UnreadableBodyError("The query is empty.")
    query_id, shown_id = _query_id(told.get("query_id", ""))
    limits, writing = _settings(told)
    return ToolQuestion(
        statement=statement,
        format=_format(statement.format or told.get("default_format") or request.headers.get(f"{_HEADER}format") or "TabSeparated"),
        params=params,
        query_id=query_id,
        shown_id=shown_id,
        limits=limits,
        writing=writing,
        compressed=_is_on("enable_http_compression", told.get("enable_http_compression", "0")),
    )


def _check_headers(headers: Headers) -> None:
    for name in headers:
        if name.startswith(_HEADER) and name not in _HEADERS:
            raise InvalidRequestError.at(f"/{name}", "is no header that is understood here")


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    told: dict[str, str] = {}
    for name, value in pairs:
        if name in told:
            raise InvalidRequestError.at(f"/{name[:100]}", "is said twice")
        told[name] = value
    return told


async def _text(request: Request, told: Mapping[str, str]) -> tuple[str, Mapping[str, EngineText]]:
    """The query, of which a part may stand in the address, and the values of its parameters."""
    begun = told.get("query", "")
    if begun and (await _read(begun)).refused is not None:  # its data is not looked at
        return begun, {}
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await _form(request)
        told = {**told, **form}
        body = form.get("query", "")
    else:
        raw = expand(await request.body(), request.headers.get("content-encoding", ""), _BODY_BYTES)
        try:
            body = raw.decode()
        except UnicodeDecodeError as error:
            text = raw[:MOST_SQL].decode(errors="replace")
            if not begun and (await _read(text)).refused is not None:
                return text, {}
            raise UnreadableBodyError("The query is not UTF-8.") from error
    text = f"{begun}\n{body}" if begun and body else begun or body
    params = {name.removeprefix(_PARAM): EngineText(value) for name, value in told.items() if name.startswith(_PARAM)}
    if len(text) > MOST_SQL or len(params) > MOST_PARAMS:
        raise InvalidRequestError(f"A query has at most {MOST_SQL:,} characters and {MOST_PARAMS} parameters.")
    return text, params


async def _read(text: str) -> ToolStatement:
    """On another thread: a long text takes its time."""
    return await anyio.to_thread.run_sync(read_statement, text)


async def _form(request: Request) -> dict[str, str]:
    told: dict[str, str] = {}
    async with request.form(max_files=0, max_fields=MOST_PARAMS + 1, max_part_size=_BODY_BYTES) as form:
        for name, value in form.multi_items():
            if not isinstance(value, str) or (name != "query" and not name.startswith(_PARAM)):
                raise InvalidRequestError.at(f"/{name[:100]}", "is not taken: a form holds the query and values of its parameters")
            if name in told or name in request.query_params:
                raise InvalidRequestError.at(f"/{name[:100]}", "is said twice")
            told[name] = value
    return told


def _query_id(told: str) -> tuple[str, str]:
    if not told:
        made = uuid4()
        return made.hex, str(made)
    if not _UUID.match(told):  # it is said again in a header of the answer
        raise InvalidRequestError.at("/query_id", "must be a UUID")
    return told.replace("-", "").lower(), told


def _format(name: str) -> ToolFormat:
    found = tool_format(name)
    if found is None:
        raise UnknownFormatError(f"Nothing is answered as {name[:50]} here: there are {', '.join(ToolFormat)}.")
    return found


def _settings(told: Mapping[str, str]) -> tuple[dict[str, float], dict[str, int | str]]:
    limits: dict[str, float] = {}
    writing = dict(_WRITING)
    for name, value in told.items():
        if name in _LIMITS:
            if (limit := _limit(name, value)) > 0:  # 0 is none of one's own
                limits[_LIMITS[name]] = limit
        elif name in _SWITCHES:
            writing[name] = int(_is_on(name, value))
        elif name == _TIMES:
            if value not in ("simple", "iso", "unix_timestamp"):
                raise _unknown(name, f"is not set to {value[:50]!r} here")
            writing[name] = value
        elif name in _FIXED:
            if value.lower() not in {one.lower() for one in _FIXED[name]}:
                raise _unknown(name, f"is not set to {value[:50]!r} here: it is {' or '.join(sorted(_FIXED[name]))!r}")
        elif name not in _PLACES and name not in _WITHOUT_EFFECT and not name.startswith(_PARAM):
            raise _unknown(name, "is no setting that can be chosen here")
    return limits, writing


def _limit(name: str, value: str) -> float:
    if not _NUMBER.match(value):
        raise _unknown(name, "must be a number, 0 or above")
    return float(value) if name == "max_execution_time" else math.ceil(float(value))


def _is_on(name: str, value: str) -> bool:
    if value.lower() not in (*_TRUE, *_FALSE):
        raise _unknown(name, "must be 0 or 1")
    return value.lower() in _TRUE


def _unknown(name: str, detail: str) -> UnknownSettingError:
    return UnknownSettingError(f"{name[:100]} {detail}.", [FieldError(f"/{name[:100]}", detail)])
