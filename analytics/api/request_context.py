"""Around every request: its id, its limits of size and time, the safe headers, a line in the log, and an answer when nobody else made one.

Pure ASGI, since Starlette's BaseHTTPMiddleware costs a task per request. The one thing to know: it is the outermost layer, so what it
catches has passed every exception handler already.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.api.problems import internal_problem, problem, problem_of
from analytics.api.safe_headers import set_safe_headers
from analytics.audit.origin import request_from
from analytics.errors import PayloadTooLargeError, QueryTimeoutError
from analytics.services import Services
from analytics.telemetry.logging import log_context

MAX_BODY_BYTES = 2_000_000  # a refused event of 1 MB, escaped and sent again, still fits; POST /v1/events has limits of its own
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}\Z")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_QUIET = ("/healthz", "/readyz", "/metrics")
_log = structlog.get_logger("analytics.api")


class RequestContext:
    """Binds `request_id` to the log and returns it as X-Request-Id; a readable id sent by the caller is kept."""

    def __init__(self, app: ASGIApp, max_body_bytes: int = MAX_BODY_BYTES, timeout_seconds: float = 120.0, is_https: bool = False) -> None:
        """`is_https`: the service is reached by https even where a request does not show it, behind a proxy that ends it."""
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._timeout_seconds = timeout_seconds
        self._is_https = is_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        path: str = scope["path"]
        started = time.perf_counter()
        status = 0
        is_timed = False
        body_in = _Bounded(scope, receive, self._max_body_bytes)
        limit = asyncio.timeout(self._timeout_seconds)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _count(scope, status, time.perf_counter() - started)
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                set_safe_headers(headers, path, self._is_https or scope.get("scheme") == "https")
                if is_timed:
                    limit.reschedule(None)  # a stream lasts as long as it lasts
            await send(message)

        async def answer(code: int, headers: Mapping[str, str], body: bytes) -> None:
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
            await send_with_headers({"type": "http.response.start", "status": code, "headers": raw})
            await send_with_headers({"type": "http.response.body", "body": body})

        with log_context(request_id=request_id), request_from(address_of(scope), request_id):
            try:
                async with limit:
                    is_timed = True
                    try:
                        await self._app(scope, body_in, send_with_headers)
                    finally:
                        is_timed = False
            except Exception as error:
                if limit.expired() and status == 0:
                    _log.warning("request took too long", method=scope["method"], path=path, body_came=body_in.whole)
                    await answer(*_too_slow(body_in.whole, self._timeout_seconds, path))
                    return
                _log.error("request failed unforeseen", method=scope["method"], path=path, exc_info=error)
                if status == 0:
                    await answer(*internal_problem(path))
                else:
                    raise  # half an answer is out: only a broken connection tells the caller
            finally:
                if path not in _QUIET:
                    elapsed_ms = round((time.perf_counter() - started) * 1000, 1)
                    _log.debug("request", method=scope["method"], path=path, status=status, elapsed_ms=elapsed_ms)


def _count(scope: Scope, status: int, seconds: float) -> None:
    # Counted as the answer begins: the end of a stream says nothing. A caller may send any word as its method.
    services: Services | None = getattr(scope["app"].state, "services", None) if "app" in scope else None
    if services is not None:
        services.metrics.http_requests.labels(scope["method"] if scope["method"] in _METHODS else "other", f"{status // 100}xx").inc()
        services.metrics.http_request_seconds.observe(seconds)


def request_id_of(scope: Scope) -> str:
    """The caller's X-Request-Id if it is short and plain, else a new one."""
    sent = Headers(scope=scope).get("x-request-id", "")
    return sent if _REQUEST_ID.match(sent) else uuid4().hex


def address_of(scope: Scope) -> str | None:
    """The network address of whoever is connected."""
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else None


def _too_slow(body_came: bool, seconds: float, path: str) -> tuple[int, dict[str, str], bytes]:
    if body_came:
        return problem_of(QueryTimeoutError(f"It took longer than {seconds:g} seconds."), path)
    return problem(408, "request-timeout", "The request took too long", "The body did not arrive in time.", path)


class _Bounded:
    """A `receive` that stops at `limit` bytes, whether the length was declared or not."""

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._seen = 0
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        self.whole = declared in ("", "0") and "transfer-encoding" not in headers  # there is none
        self._declared = int(declared) if declared.isdecimal() and len(declared) < 20 else 0

    async def __call__(self) -> Message:
        if self._declared > self._limit:
            raise self._too_large()
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > self._limit:
                raise self._too_large()
            self.whole = not message.get("more_body")
        return message

    def _too_large(self) -> PayloadTooLargeError:
        return PayloadTooLargeError(f"The body is larger than {self._limit} bytes.")
