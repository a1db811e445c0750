"""The one map from an error's class to an HTTP status, and the one shape of an error's body (RFC 9457).

The one thing to know: routes never make an error answer themselves. They let our errors rise, and what is not ours becomes a 500 that says
nothing of its cause to the caller and everything to the log.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from analytics.errors import (
    AnalyticsError,
    CacheUnavailableError,
    ConflictError,
    CorruptVerdictError,
    CsrfError,
    EngineStartError,
    FieldError,
    ForbiddenError,
    IdentityProviderUnavailableError,
    InsertRejectedError,
    IntegrityError,
    InvalidQueryError,
    InvalidRequestError,
    LimitExceededError,
    MailUnavailableError,
    MetadataUnavailableError,
    NotFoundError,
    PayloadTooLargeError,
    PictureFailedError,
    QueryCancelledError,
    QueryTimeoutError,
    RateLimitedError,
    RequestError,
    SchemaDriftError,
    SecondFactorRequiredError,
    SecondFactorWrongError,
    SettingsError,
    ShuttingDownError,
    SpoolFullError,
    SpoolWriteError,
    SqlFailedError,
    SqlNotAllowedError,
    SqlOffError,
    SqlRefusedError,
    SqlSuspendedError,
    SqlSyntaxError,
    SqlTooComplexError,
    StartError,
    StoreError,
    TimeRangeError,
    UnauthenticatedError,
    UnknownColumnError,
    UnknownFormatError,
    UnknownFunctionError,
    UnknownPropertyError,
    UnknownSettingError,
    UnknownTableError,
    UnknownTypeError,
    UnreadableBodyError,
    UnsealError,
    UnsupportedEncodingError,
    WarehouseUnavailableError,
)

PROBLEM_MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger("analytics.api")

STATUS: Mapping[type[AnalyticsError], int] = {
    AnalyticsError: 500,
    RequestError: 400,
    UnreadableBodyError: 400,
    PayloadTooLargeError: 413,
    UnsupportedEncodingError: 415,
    InvalidRequestError: 422,
    InvalidQueryError: 422,
    UnknownPropertyError: 422,
    TimeRangeError: 422,
    UnknownSettingError: 422,
    UnknownFormatError: 422,
    UnauthenticatedError: 401,
    SecondFactorRequiredError: 401,
    SecondFactorWrongError: 401,
    ForbiddenError: 403,
    CsrfError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    LimitExceededError: 422,
    RateLimitedError: 429,
    SqlSuspendedError: 429,
    SqlRefusedError: 400,
    SqlSyntaxError: 400,
    SqlNotAllowedError: 400,
    SqlTooComplexError: 400,
    UnknownTableError: 400,
    UnknownColumnError: 400,
    UnknownFunctionError: 400,
    UnknownTypeError: 400,
    SqlFailedError: 400,
    QueryCancelledError: 409,
    StoreError: 503,
    WarehouseUnavailableError: 503,
    MetadataUnavailableError: 503,
    CacheUnavailableError: 503,
    MailUnavailableError: 503,
    IdentityProviderUnavailableError: 503,
    SpoolFullError: 503,
    PictureFailedError: 503,
    ShuttingDownError: 503,
    SqlOffError: 503,
    QueryTimeoutError: 503,
    IntegrityError: 500,
    SchemaDriftError: 500,
    CorruptVerdictError: 500,
    SpoolWriteError: 500,
    UnsealError: 500,
    InsertRejectedError: 500,
    StartError: 500,
    SettingsError: 500,
    EngineStartError: 500,
}

# What the router and the framework answer by themselves, in our words.
_ROUTER: Mapping[int, tuple[str, str]] = {
    400: (UnreadableBodyError.code, UnreadableBodyError.title),
    401: (UnauthenticatedError.code, UnauthenticatedError.title),
    403: (ForbiddenError.code, ForbiddenError.title),
    404: (NotFoundError.code, NotFoundError.title),
    405: ("method-not-allowed", "Method not allowed"),
    413: (PayloadTooLargeError.code, PayloadTooLargeError.title),
    415: (UnsupportedEncodingError.code, UnsupportedEncodingError.title),
}
ROUTER_CODES = frozenset(code for code, _ in _ROUTER.values())
_HIDDEN = "Something went wrong here; the request id leads to it in the log."


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    instance: str | None = None,
    extras: Mapping[str, Any] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a problem answer, for places without FastAPI too.

    `instance` is the path of the request. An extra `retry_after_seconds` is also sent as the header Retry-After.
    """
    body: dict[str, Any] = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail, "code": code}
    if instance is not None:
        body["instance"] = instance
    body.update(extras or {})
    headers = {"content-type": PROBLEM_MEDIA_TYPE}
    if "retry_after_seconds" in body:
        headers["retry-after"] = str(body["retry_after_seconds"])
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    # A caller's text may hold lone surrogates (a path, a value echoed): escaped they are still JSON, raw they cannot be encoded.
    return status, headers, json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def problem_of(error: AnalyticsError, instance: str | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body for one of our errors; errors that are no business of the caller's keep their detail to themselves."""
    parts = problem_parts(error)
    return problem(parts["status"], error.code, error.title, parts["detail"], instance, extras_of(error))


def problem_parts(error: AnalyticsError) -> dict[str, Any]:
    """What stands in a problem about one of our errors, for answers that hold several."""
    status = STATUS.get(type(error)) or next(STATUS[base] for base in type(error).__mro__ if base in STATUS)
    detail = _HIDDEN if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, StoreError) else error.detail
    return {"code": error.code, "title": error.title, "detail": detail, "status": status}


def extras_of(error: AnalyticsError) -> dict[str, Any]:
    """The members beside the standard ones."""
    extras: dict[str, Any] = {}
    errors = getattr(error, "errors", None)
    if isinstance(errors, Sequence) and errors:
        extras["errors"] = [{"pointer": item.pointer, "detail": item.detail} for item in cast(Sequence[FieldError], errors)]
    for name in ("limit", "position", "retry_after_seconds"):
        value = getattr(error, name, None)
        if value is not None:
            extras[name] = value
    return extras


def internal_problem(instance: str | None = None) -> tuple[int, dict[str, str], bytes]:
    """The answer to an error nobody foresaw."""
    return problem(500, AnalyticsError.code, AnalyticsError.title, _HIDDEN, instance)


def install_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer every error as a problem. What no handler takes is answered by RequestContext."""
    app.add_exception_handler(AnalyticsError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_router)


def _response(answer: tuple[int, dict[str, str], bytes], more: Mapping[str, str] | None = None) -> Response:
    status, headers, body = answer
    return Response(body, status, {**headers, **(more or {})})


async def _on_ours(request: Request, error: Exception) -> Response:
    ours = cast(AnalyticsError, error)
    answer = problem_of(ours, request.url.path)
    if answer[0] == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request failed", code=ours.code, detail=ours.detail, path=request.url.path, exc_info=ours)
    elif isinstance(ours, StoreError):
        _log.warning("request not served", code=ours.code, detail=ours.detail, path=request.url.path)
    return _response(answer)


async def _on_validation(request: Request, error: Exception) -> Response:
    return _response(problem_of(_validation_error(request, cast(RequestValidationError, error)), request.url.path))


def _validation_error(request: Request, error: RequestValidationError) -> AnalyticsError:
    found = cast(Sequence[Mapping[str, Any]], error.errors())
    for item in found:
        if item["type"] == "json_invalid":
            return UnreadableBodyError(f"The body is not JSON: {item.get('ctx', {}).get('error', item['msg'])}.")
        if tuple(item["loc"]) == ("body",):
            if item["type"] == "missing":
                return UnreadableBodyError("The body is empty.")
            if not _says_json(request):
                return UnsupportedEncodingError("Send the body as application/json.")
    fields = tuple(FieldError(_pointer(item["loc"]), str(item["msg"]).removeprefix("Value error, ")) for item in found)
    return InvalidRequestError("; ".join(f"{f.pointer or 'body'}: {f.detail}" for f in fields[:3]), fields)


def _says_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _pointer(loc: Sequence[int | str]) -> str:
    # ("body", "series", 0, "metric") is /series/0/metric in the body; a parameter is named by where it stands: /query/limit.
    parts = loc[1:] if loc and loc[0] == "body" else loc
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


async def _on_router(request: Request, error: Exception) -> Response:
    theirs = cast(HTTPException, error)
    if isinstance(theirs.__cause__, AnalyticsError):  # FastAPI wraps what rises while it reads the body
        return await _on_ours(request, theirs.__cause__)
    code, title = _ROUTER.get(theirs.status_code, ("http", HTTPStatus(theirs.status_code).phrase))
    detail = NotFoundError().detail if theirs.status_code == HTTPStatus.NOT_FOUND else f"{theirs.detail}."
    return _response(problem(theirs.status_code, code, title, detail, request.url.path), theirs.headers)
