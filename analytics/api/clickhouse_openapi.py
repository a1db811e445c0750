"""What `/openapi.json` says of `/clickhouse`, whose requests and answers are ClickHouse's own."""

from collections.abc import Mapping
from typing import Any

from analytics.adhoc.tool_format import ToolFormat
from analytics.api.problems import PROBLEM_MEDIA_TYPE

_TEXT = {"type": "string", "examples": ["Code: 62. DB::Exception: Syntax error (SYNTAX_ERROR) (version 26.9.2.1 (official build))"]}
_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
_REFUSED: Mapping[int, str] = {
    400: "The SQL is refused or failed, or the request cannot be read.",
    401: "No credentials, or none that are good.",
    403: "Not allowed, or a secret stands in the address.",
    404: "There is no such database, or it is a project that is not yours.",
    408: "The body did not come in time.",
    409: "The query was cancelled, or its id was used.",
    413: "Larger than allowed.",
    415: "An encoding that is not understood.",
    422: "A setting, a format or a value of a parameter is refused, or a limit was met.",
    429: "Too many; `Retry-After` says when to try again.",
    503: "A store is away or overloaded, or SQL is off.",
}
_PARAMETERS: tuple[tuple[str, str, str], ...] = (
    ("query", "query", "The SQL, or its beginning: the body follows it."),
    ("query", "database", "The project. An API token may leave it out, or say `default`: then its own."),
    ("query", "default_format", "How the answer is written where the SQL has no FORMAT; absent: TabSeparated."),
    ("query", "query_id", "A new UUID."),
    ("query", "enable_http_compression", "`1`: compress the answer as Accept-Encoding says (zstd or gzip)."),
    ("query", "max_execution_time", "Seconds; may only lower the caller's limit, as max_result_rows and the like."),
    ("header", "X-ClickHouse-Key", "An API token with the scope `sql`."),
    ("header", "X-ClickHouse-Database", "As `database`."),
    ("header", "X-ClickHouse-Format", "As `default_format`."),
)


def tool_operations() -> dict[str, Any]:
    """Those of the path `/clickhouse`."""
    return {"get": _operation("ask_by_address", body=False), "post": _operation("ask", body=True)}


def security_schemes() -> dict[str, Any]:
    """How tools show a token."""
    return {
        "ToolBasic": {"type": "http", "scheme": "basic", "description": "An API token as the password; the user's name does not matter."},
        "ToolKey": {"type": "apiKey", "in": "header", "name": "X-ClickHouse-Key"},
    }


def _operation(name: str, *, body: bool) -> dict[str, Any]:
    formats = {kind.media_type.partition(";")[0] for kind in ToolFormat}
    described: dict[str, Any] = {
        "tags": ["clickhouse"],
        "summary": "Run one SELECT as a ClickHouse server would",
        "description": (
            "One SELECT, or a statement that asks what there is, for tools that speak ClickHouse's HTTP interface.\n\n"
            "A project is a database. Values of `{name:Type}` stand in the address as "
            "`param_name`. Errors are ClickHouse's: a text, and its code in `X-ClickHouse-Exception-Code`; an answer that breaks off "
            "holds one behind the tag of `X-ClickHouse-Exception-Tag`, and has no end."
        ),
        "operationId": name,
        "security": [{"ToolBasic": []}, {"ToolKey": []}, {"OAuth2PasswordBearer": []}],
        "parameters": [
            {"name": name, "in": place, "required": False, "schema": {"type": "string"}, "description": text}
            for place, name, text in _PARAMETERS
        ],
        "responses": {
            "200": {
                "description": "The rows, in the format that was asked for.",
                "content": {kind: {} for kind in sorted(formats)},
            },
            **{str(status): {"description": text, "content": _refusal(status)} for status, text in _REFUSED.items()},
        },
    }
    if body:
        described["requestBody"] = {
            "required": False,
            "content": {"text/plain": {"schema": {"type": "string"}}, "multipart/form-data": {"schema": {"type": "object"}}},
        }
    return described


def _refusal(status: int) -> dict[str, Any]:
    """What stands before every route answers as it answers everybody."""
    text = {"text/plain": {"schema": _TEXT}}
    return {**text, PROBLEM_MEDIA_TYPE: _PROBLEM} if status in (408, 413, 429, 503) else text
