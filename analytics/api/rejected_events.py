"""`/v1/projects/{project}/rejected-events`: what was refused or quarantined, and a second try with a corrected event."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from msgspec import DecodeError, Raw, Struct, ValidationError
from msgspec.json import Decoder, decode, encode

from analytics.api.asker import CurrentAsker
from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.events import verdict_body
from analytics.api.paging import PageCursor, PageLimit, cut_page, decode_cursor
from analytics.api.schemas.base import iso_utc
from analytics.api.schemas.stored_events import RejectedPage, ReplayAnswer, encode_rejected
from analytics.domain.access import Permission
from analytics.errors import FieldError, InvalidRequestError, UnreadableBodyError
from analytics.ingest.ingestor import Request as IngestRequest
from analytics.query.rejected_events import RejectedEvent

router = APIRouter(prefix="/v1/projects/{project}/rejected-events", tags=["events"])

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 4_000_000_000_000
_REPLAY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["event"], "properties": {"event": {"type": "object"}}},
                "example": {"event": {"event": "lesson_completed", "user_id": "u-17", "properties": {"course_id": "c-101"}}},
            }
        },
    }
}


class _Replay(Struct, forbid_unknown_fields=True):
    event: dict[str, Raw]


_replay = Decoder(_Replay)


@router.get("", responses={200: {"model": RejectedPage}})
async def list_rejected_events(
    access: Annotated[Access, Allowed(Permission.READ_EVENTS, "rejected-events.read")],
    services: OpenServices,
    asker: CurrentAsker,
    code: Annotated[str | None, Query(max_length=100)] = None,
    status: Literal["refused", "quarantined", "replayed"] | None = None,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
) -> Response:
    """Rejected events with their reason, newest received first. They are kept for 90 days."""
    rows = await asker.answer(services.rejected_events.newest(access.project, limit + 1, _after(cursor), code=code, status=status))
    kept, next_cursor = cut_page(rows, limit, lambda row: (_milliseconds(row.received_at), row.id))
    return Response(encode_rejected(kept, next_cursor), media_type="application/json")


@router.post("/{rejected_id}/replay", responses={200: {"model": ReplayAnswer}}, openapi_extra=_REPLAY_BODY)
async def replay_rejected_event(
    rejected_id: str,
    request: Request,
    access: Annotated[Access, Allowed(Permission.MANAGE_REJECTED, "rejected-events.replay")],
    services: OpenServices,
) -> Response:
    """Send the corrected event in place of the rejected one; a second replay under the same `event_id` changes nothing.

    It keeps its `event_id` or gets `replay-` and the id of the rejected one. Without a `timestamp` it happened when the rejected one
    arrived; `sent_at` is left out, since it was said of another sending. Hashes and ciphertexts that the rejected event has in its personal
    fields may be sent back in them.
    """
    rejected = await services.rejected_events.find(access.project, rejected_id)
    event = _corrected(await request.body(), rejected)
    ours = services.event_path.personal.values_in(access.project, rejected.body)
    verdict = await services.event_path.ingestor.submit(IngestRequest(access.project, encode(event), kept_values=ours))
    if verdict.accepted:
        await services.rejected_events.mark_replayed(access.project, rejected)
    answer: dict[str, Any] = {"event_id": event["event_id"], **decode(verdict_body(verdict))}
    return Response(encode(answer), media_type="application/json")


def _corrected(body: bytes, rejected: RejectedEvent) -> dict[str, Any]:
    try:
        event: dict[str, Any] = dict(_replay.decode(body).event)
    except ValidationError as error:
        raise InvalidRequestError(
            f'The body must be {{"event": {{…}}}}: {error}.', [FieldError("/event", "must be the corrected event")]
        ) from error
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableBodyError(f"The body is not JSON: {error}.") from error
    event.pop("sent_at", None)
    if _is_absent(event.get("event_id")):
        event["event_id"] = f"replay-{rejected.id}"
    if _is_absent(event.get("timestamp")):
        event["timestamp"] = iso_utc(rejected.received_at)
    return event


def _is_absent(value: Raw | None) -> bool:
    return value is None or bytes(value) == b"null"


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    milliseconds, rejected_id = decode_cursor(cursor, int, str)
    if not 0 <= milliseconds < _LATEST_MS:
        raise InvalidRequestError("The cursor is not one of ours.", [FieldError("/query/cursor", "is not a cursor of this list")])
    return _EPOCH + timedelta(milliseconds=milliseconds), rejected_id


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)
