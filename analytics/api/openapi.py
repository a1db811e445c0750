"""What `/openapi.json` says beyond what FastAPI knows: problems, `POST /v1/events`, which stands before FastAPI, and `/clickhouse`."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from analytics.api.clickhouse_openapi import security_schemes, tool_operations
from analytics.api.problems import PROBLEM_MEDIA_TYPE

_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457. `code` names the kind of problem and never changes; `detail` is for people.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/invalid-request"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "examples": ["invalid-request"]},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}}},
        },
        "position": {"type": "integer"},
        "limit": {"type": "string"},
        "retry_after_seconds": {"type": "integer"},
    },
}
_PROBLEMS = {
    400: "The request cannot be read.",
    401: "No credentials, or none that are good.",
    403: "Not allowed.",
    404: "There is no such thing, or it is of a project that is not yours.",
    408: "The body did not come in time.",
    409: "In conflict with what is there.",
    413: "Larger than allowed.",
    415: "A type or an encoding that is not understood.",
    422: "Readable, but not valid; `errors` name the fields. Or a limit was met; `limit` names it.",
    429: "Too many; `Retry-After` says when to try again.",
    503: "A store is away or overloaded; `Retry-After` says when to try again.",
}
_ALWAYS_ANSWERED = ("/healthz", "/readyz", "/metrics")
_EVENT: dict[str, Any] = {
    "title": "Event",
    "description": "One of `user_id` and `anonymous_id` is needed. Unknown members are ignored.",
    "type": "object",
    "required": ["event"],
    "properties": {
        "event_id": {"type": "string", "minLength": 1, "maxLength": 100, "description": "Makes a repeat harmless; a UUID v7 is best."},
        "event": {"type": "string", "minLength": 1, "maxLength": 200},
        "timestamp": {
            "description": "ISO 8601, or Unix seconds or milliseconds; the time of receipt if absent.",
            "anyOf": [{"type": "string"}, {"type": "number"}],
        },
        "user_id": {"type": "string", "minLength": 1, "maxLength": 200},
        "anonymous_id": {"type": "string", "minLength": 1, "maxLength": 200},
        "session_id": {"type": "string"},
        "properties": {"type": "object"},
        "context": {"type": "object"},
        "sent_at": {"anyOf": [{"type": "string"}, {"type": "number"}]},
    },
    "examples": [
        {
            "event_id": "01932f0c-6f1e-7c4e-8f4b-0a6f1c2d3e4f",
            "event": "lesson_completed",
            "timestamp": "2026-11-22T10:00:00.123Z",
            "user_id": "u-17",
            "properties": {"course_id": "c-101", "score": 0.93},
        }
    ],
}
_VERDICT: dict[str, Any] = {
    "title": "Verdict",
    "type": "object",
    "required": ["accepted", "rejected", "errors"],
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "index": {"type": "integer"},
                    "event_id": {"type": ["string", "null"]},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_EVENTS: dict[str, Any] = {
    "post": {
        "tags": ["events"],
        "summary": "Send events",
        "description": (
            "200 means: on disk, survives a power cut, will be stored once. `Content-Encoding` gzip, deflate, br or zstd. "
            "A refused event is a verdict, not an error; it is kept and can be listed, corrected and replayed."
        ),
        "operationId": "send_events",
        "security": [{"WriteKey": []}, {"WriteKeyHeader": []}, {"WriteKeyBasic": []}, {"WriteKeyQuery": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            {"$ref": "#/components/schemas/Event"},
                            {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
                            {
                                "type": "object",
                                "required": ["events"],
                                "properties": {
                                    "events": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
                                    "sent_at": {"anyOf": [{"type": "string"}, {"type": "number"}]},
                                },
                            },
                        ]
                    }
                },
                "application/x-ndjson": {"schema": {"type": "string", "description": "One event a line."}},
                "text/plain": {"schema": {"type": "string", "description": "JSON, as navigator.sendBeacon sends it."}},
            },
        },
        "responses": {
            "200": {
                "description": "A verdict on each event.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Verdict"}}},
            }
        },
    }
}
_WRITE_KEYS: dict[str, Any] = {
    "WriteKey": {"type": "http", "scheme": "bearer", "description": "A write key (`wk_…`)."},
    "WriteKeyHeader": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
    "WriteKeyBasic": {"type": "http", "scheme": "basic", "description": "The write key as user name."},
    "WriteKeyQuery": {"type": "apiKey", "in": "query", "name": "key", "description": "For navigator.sendBeacon."},
}


def install_openapi(app: FastAPI) -> None:
    """Make `app` describe itself so."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(
                get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = describe


def _completed(schema: dict[str, Any]) -> dict[str, Any]:
    components: dict[str, Any] = schema.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= {"Problem": _PROBLEM, "Event": _EVENT, "Verdict": _VERDICT}
    components.setdefault("securitySchemes", {}).update({**_WRITE_KEYS, **security_schemes()})
    schema["paths"] = {"/v1/events": _EVENTS, **schema["paths"]}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            operation["responses"].pop("422", None)  # FastAPI's own shape, which nobody is answered in
            for status in _problems_of(method, path, operation):
                operation["responses"][str(status)] = _problem_answer(_PROBLEMS[status])
    schema["paths"]["/clickhouse"] = tool_operations()
    return schema


def _problems_of(method: str, path: str, operation: dict[str, Any]) -> list[int]:
    """The problems that an operation may answer, by what it asks and changes."""
    if path in _ALWAYS_ANSWERED:
        return [503]
    statuses = {429, 503}
    if operation.get("security"):
        statuses |= {401, 403}
    if "{" in path:
        statuses |= {404, 422}
    if operation.get("parameters"):
        statuses |= {422}
    if any(parameter["name"] == "project" for parameter in operation.get("parameters", ())):
        statuses |= {404}
    if "requestBody" in operation:
        statuses |= {400, 401, 403, 408, 413, 415, 422}
    if method != "get":
        statuses |= {404, 409, 422}
    return sorted(statuses - {int(status) for status in operation["responses"] if status.isdigit()})


def _problem_answer(description: str) -> dict[str, Any]:
    return {"description": description, "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
