"""`POST /v1/events`: the way in, as bare ASGI.

It stands before FastAPI since a route of FastAPI costs as much as decoding 150 events. The one thing to know: whatever is not of exactly
this path goes through to the application behind it.
"""

import asyncio
import base64
import binascii
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_plus

import anyio.to_thread
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from analytics.api.problems import internal_problem, problem, problem_of
from analytics.api.request_context import request_id_of
from analytics.api.safe_headers import DATA_POLICY, HSTS
from analytics.cache.key_rates import KeyRates
from analytics.cache.rate_limit import CallerKind, OverRateError, RateLimits
from analytics.domain.project import Project
from analytics.errors import (
    AnalyticsError,
    ForbiddenError,
    PayloadTooLargeError,
    SpoolFullError,
    StoreError,
    UnauthenticatedError,
    UnreadableBodyError,
    UnsupportedEncodingError,
)
from analytics.ingest.ingestor import Ingestor, Request, Verdict
from analytics.telemetry.metrics import Metrics

PATH = "/v1/events"
_NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
_JSON = frozenset({"", "application/json", "text/plain"})
_BODY_SECONDS = 60.0
_BODIES_BYTES = 400_000_000  # of all requests that are being received or decoded
_REFUSALS_ON_THE_LOOP = 200  # more take milliseconds to write
_ALLOWED_HEADERS = b"authorization, content-type, content-encoding, x-write-key, x-request-id"
_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, x-request-id"),
]
_PREFLIGHT = [
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", _ALLOWED_HEADERS),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]
_REFUSED_ORIGIN: list[tuple[bytes, bytes]] = [(b"vary", b"origin")]
_SAFE = [(b"x-content-type-options", b"nosniff"), (b"content-security-policy", DATA_POLICY.encode()), (b"referrer-policy", b"no-referrer")]
_HSTS = (b"strict-transport-security", HSTS.encode())
_KEY_IN_QUERY = re.compile(rb"(?:^|&)key=([^&]+)")
_SINGLE = frozenset({b"authorization", b"content-length", b"content-type", b"origin", b"user-agent", b"x-write-key"})
_log = structlog.get_logger("analytics.ingest")


class WriteKeys(Protocol):
    """Who may send: the project of a write key that is not revoked."""

    def project_of_key(self, key: str) -> Project | None:
        """The project, None for an unknown or revoked key."""
        ...

    def origins_of_key(self, key: str) -> frozenset[str]:
        """The origins whose pages may send with the key; none: of any."""
        ...

    def is_origin_of_any_key(self, origin: str) -> bool:
        """Whether pages of this origin may send with some key."""
        ...


@dataclass(frozen=True, slots=True)
class IngestParts:
    """The open services that the way in needs."""

    ingestor: Ingestor
    keys: WriteKeys
    key_rates: KeyRates
    rate_limits: RateLimits
    metrics: Metrics


class _SenderGone(Exception):
    """The sender hung up before its body was whole."""


class EventsIngest:
    """Answers whatever is sent to `/v1/events`, passes everything else on."""

    def __init__(
        self,
        app: ASGIApp,
        parts: Callable[[], IngestParts],
        max_body_bytes: int,
        body_seconds: float = _BODY_SECONDS,
    ) -> None:
        """`parts` gives the open services; it is only called while the application runs."""
        self._app = app
        self._parts = parts
        self._max_body_bytes = max_body_bytes
        self._body_seconds = body_seconds
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await self._preflight(scope, send)
            return
        if scope["method"] != "POST":
            status, headers, body = problem(405, "method-not-allowed", "Method not allowed", "Events are sent by POST.", PATH)
            await self._answer(scope, send, status, {**headers, "allow": "POST, OPTIONS"}, body, _CORS)
            return
        started = time.perf_counter()
        parts = self._parts()
        metrics = parts.metrics
        cors = _CORS
        rate: Mapping[str, str] = {}
        try:
            fields = _single_headers(scope["headers"])
            key, project = await _sender(fields, scope, parts)
            if b"origin" in fields:
                cors = _cors_of(fields[b"origin"], parts.keys.origins_of_key(key))
                if cors is _REFUSED_ORIGIN:
                    raise ForbiddenError("Pages of this origin may not send with this write key.")
            rate = parts.key_rates.charge(key).headers
            status, headers, body = await self._take(scope, receive, fields, project, parts.ingestor, metrics)
        except AnalyticsError as error:
            status, headers, body = problem_of(error, PATH)
            if isinstance(error, OverRateError):
                rate = error.stand.headers
            if isinstance(error, StoreError):
                _log.warning("events not taken", code=error.code, detail=error.detail)
        except TimeoutError:
            status, headers, body = problem(408, "request-timeout", "The request took too long", "The body did not arrive in time.", PATH)
        except _SenderGone:
            metrics.ingest_requests.labels("499").inc()
            return
        except Exception as error:
            _log.error("events failed unforeseen", exc_info=error)
            status, headers, body = internal_problem(PATH)
        metrics.ingest_requests.labels(str(status)).inc()
        metrics.ingest_request_seconds.observe(time.perf_counter() - started)
        await self._answer(scope, send, status, {**rate, **headers}, body, cors)

    async def _preflight(self, scope: Scope, send: Send) -> None:
        """A browser asks whether a page may send. It does so without credentials: only a key in the address is known here."""
        keys = self._parts().keys
        origin = dict[bytes, bytes](scope["headers"]).get(b"origin")
        key = _key_in_query(scope["query_string"])
        cors = _CORS
        if origin is not None and key is not None and keys.project_of_key(key) is not None:
            cors = _cors_of(origin, keys.origins_of_key(key))
        elif origin is not None and not keys.is_origin_of_any_key(origin.decode("latin-1")):
            cors = _REFUSED_ORIGIN
        if cors is _REFUSED_ORIGIN:
            refused = ForbiddenError("Pages of this origin may not send here.")
            status, headers, body = problem_of(refused, PATH)
            await self._answer(scope, send, status, headers, body, cors)
        else:
            await _send(send, 204, [*cors, *_PREFLIGHT], b"")

    async def _answer(
        self, scope: Scope, send: Send, status: int, headers: Mapping[str, str], body: bytes, cors: list[tuple[bytes, bytes]]
    ) -> None:
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        raw.append((b"content-length", str(len(body)).encode()))
        raw.append((b"x-request-id", request_id_of(scope).encode("latin-1")))
        raw += _SAFE
        if scope.get("scheme") == "https":
            raw.append(_HSTS)
        await _send(send, status, [*raw, *cors], body)

    async def _take(
        self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes], project: Project, ingestor: Ingestor, metrics: Metrics
    ) -> tuple[int, Mapping[str, str], bytes]:
        ndjson = _is_ndjson(headers.get(b"content-type", b""))
        declared = _declared_length(headers.get(b"content-length"))
        if declared > self._max_body_bytes:
            raise PayloadTooLargeError(f"The body is larger than {self._max_body_bytes:,} bytes.")
        if self._held_bytes + declared > _BODIES_BYTES:
            raise _too_many_bodies()
        holder = _Held(self)
        try:
            body = await self._receive_body(receive, holder)
            metrics.ingest_body_bytes.inc(len(body))
            is_browser = b"origin" in headers or b"sec-fetch-mode" in headers
            client: tuple[str, int] | None = scope.get("client")
            request = Request(
                project,
                body,
                headers.get(b"content-encoding", b"").decode("latin-1").strip(),
                ndjson,
                client[0] if is_browser and client else "",
                headers.get(b"user-agent", b"").decode("latin-1") if is_browser else "",
            )
            verdict = await ingestor.submit(request)
        finally:
            holder.give_back()
        metrics.events_accepted.inc(verdict.accepted)
        if verdict.refusals:
            metrics.events_rejected.inc(len(verdict.refusals))
            for reason, count in Counter(refusal.reason for refusal in verdict.refusals).items():
                metrics.ingest_rejected.labels(reason.value).inc(count)
        many = len(verdict.refusals) > _REFUSALS_ON_THE_LOOP
        body = await anyio.to_thread.run_sync(verdict_body, verdict) if many else verdict_body(verdict)
        return 200, {"content-type": "application/json"}, body

    async def _receive_body(self, receive: Receive, holder: "_Held") -> bytes:
        chunks = list[bytes]()
        async with asyncio.timeout(self._body_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _SenderGone
                chunks.append(message.get("body", b""))
                holder.take(len(chunks[-1]))
                if not message.get("more_body"):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def hold(self, size_bytes: int, of_request: int) -> None:
        """Count bytes of a body being received."""
        if of_request > self._max_body_bytes:
            raise PayloadTooLargeError(f"The body is larger than {self._max_body_bytes:,} bytes.")
        if self._held_bytes + size_bytes > _BODIES_BYTES:
            raise _too_many_bodies()
        self._held_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Uncount them."""
        self._held_bytes -= size_bytes


class _Held:
    """What one request holds of the room for bodies."""

    def __init__(self, owner: EventsIngest) -> None:
        self._owner = owner
        self._size = 0

    def take(self, size_bytes: int) -> None:
        self._owner.hold(size_bytes, self._size + size_bytes)
        self._size += size_bytes

    def give_back(self) -> None:
        self._owner.give_back(self._size)


def _too_many_bodies() -> SpoolFullError:
    return SpoolFullError("Too many bodies are being received at once.", retry_after_seconds=1)


def verdict_body(verdict: Verdict) -> bytes:
    """`{"accepted", "rejected", "errors"}` as shapes promise; text that was no Unicode is escaped."""
    errors: Sequence[Mapping[str, Any]] = [
        {"index": refusal.index, "event_id": refusal.event_id, "code": refusal.reason.value, "detail": refusal.detail}
        for refusal in verdict.refusals
    ]
    answer = {"accepted": verdict.accepted, "rejected": len(errors), "errors": errors}
    return json.dumps(answer, ensure_ascii=True, separators=(",", ":")).encode("ascii")


async def _sender(headers: Mapping[bytes, bytes], scope: Scope, parts: IngestParts) -> tuple[str, Project]:
    """The key and its project. Whoever has no good one is counted by address, so that keys cannot be guessed at speed.

    Raises UnauthenticatedError or OverRateError.
    """
    key = _write_key(headers, scope["query_string"])
    project = None if key is None else parts.keys.project_of_key(key)
    if key is not None and project is not None:
        return key, project
    client: tuple[str, int] | None = scope.get("client")
    await parts.rate_limits.charge(CallerKind.ADDRESS, client[0] if client else "")
    if key is None:
        raise UnauthenticatedError("A write key is needed: as Bearer token, as Basic user name, as X-Write-Key or as ?key=.")
    raise UnauthenticatedError("The write key is unknown or revoked.")


def _cors_of(origin: bytes, allowed: frozenset[str]) -> list[tuple[bytes, bytes]]:
    """What the browser is told: without named origins that anybody may, with them that this one may, or nothing."""
    if not allowed:
        return _CORS
    if origin.decode("latin-1") not in allowed:
        return _REFUSED_ORIGIN
    return [(b"access-control-allow-origin", origin), (b"vary", b"origin"), *_CORS[1:]]


def _write_key(headers: Mapping[bytes, bytes], query: bytes) -> str | None:
    scheme, _, value = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    if b"x-write-key" in headers:
        return headers[b"x-write-key"].decode("latin-1").strip()
    return _key_in_query(query)


def _key_in_query(query: bytes) -> str | None:
    found = _KEY_IN_QUERY.findall(query)  # nothing else is parsed, however many members there are
    return unquote_plus(found[-1].decode("latin-1")) if found else None


def _single_headers(sent: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The fields of the head by name. Lines of a list become one, as RFC 9110 5.3 has it.

    Raises UnreadableBodyError for a field of one value that comes twice: which of them counts is anybody's guess.
    """
    headers = dict(sent)
    if len(headers) == len(sent):
        return headers
    headers.clear()
    for name, value in sent:
        if name not in headers:
            headers[name] = value
        elif name in _SINGLE:
            raise UnreadableBodyError(f"The header {name.decode('latin-1')} came more than once.")
        else:
            headers[name] += b", " + value
    return headers


def _is_ndjson(content_type: bytes) -> bool:
    media_type, _, parameters = content_type.decode("latin-1").lower().partition(";")
    charset = "utf-8"
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            charset = value.strip().strip('"')
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedEncodingError(f"Charset {charset[:40]!r} is not understood: send UTF-8.")
    media_type = media_type.strip()
    if media_type in _NDJSON:
        return True
    if media_type not in _JSON:
        raise UnsupportedEncodingError(
            f"Content-Type {media_type[:80]!r} is not understood: send application/json or application/x-ndjson."
        )
    return False


def _declared_length(value: bytes | None) -> int:
    if value is None:
        return 0
    if not value.isdigit() or len(value) > 18:
        raise UnreadableBodyError("Content-Length is not a number.")
    return int(value)


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
