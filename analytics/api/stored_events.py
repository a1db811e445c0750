"""`/v1/projects/{project}/events`: what is stored, event by event, and where one event is."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from analytics.api.asker import CurrentAsker
from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.paging import PageCursor, PageLimit, cut_page, decode_cursor
from analytics.api.schemas.stored_events import EventPage, EventStatus, encode_events
from analytics.domain.access import Permission
from analytics.domain.time_range import TimeRange, parse_zone, resolve_range
from analytics.errors import NotFoundError
from analytics.query.revealed import RevealedValues
from analytics.query.stored_events import EventFilter
from analytics.services import Services

router = APIRouter(prefix="/v1/projects/{project}/events", tags=["events"])

Name = Annotated[str | None, Query(min_length=1, max_length=200)]
EventId = Annotated[str | None, Query(min_length=1, max_length=100)]
Moment = Annotated[str | None, Query(max_length=64)]
_EARLIEST = "2000-01-01T00:00:00Z"
_LATEST = "2104-12-31T00:00:00Z"


@router.get("", responses={200: {"model": EventPage}})
async def list_events(
    access: Annotated[Access, Allowed(Permission.READ_EVENTS, "events.read")],
    services: OpenServices,
    asker: CurrentAsker,
    event: Name = None,
    user_id: Name = None,
    event_id: EventId = None,
    from_: Annotated[Moment, Query(alias="from", description="Event time: a date (whole day) or an instant.")] = None,
    to: Annotated[Moment, Query(description="Event time: a date (whole day, inclusive) or an instant (exclusive).")] = None,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
    reveal: Annotated[bool, Query(description="Show encrypted values of personal fields in clear.")] = False,
) -> Response:
    """Events, newest received first. What arrives while one pages stands before the first page and moves nothing."""
    forms = services.metadata.personal.ids_as_stored(access.project, user_id)[1:] if user_id is not None else ()
    wanted = EventFilter(event, user_id, event_id, _span(services, access, from_, to), forms)
    after = decode_cursor(cursor, int, int, int) if cursor else None
    newest = services.stored_events.newest(access.project, wanted, limit + 1, after and (after[0], after[1], after[2]))
    rows = await asker.answer(newest)
    kept, next_cursor = cut_page(rows, limit, lambda row: row.key)
    revealed = RevealedValues(services.metadata.personal, access.project) if reveal else None
    return Response(encode_events(kept, next_cursor, revealed), media_type="application/json")


@router.get("/{event_id:path}/status")
async def read_event_status(
    event_id: str, access: Annotated[Access, Allowed(Permission.READ_EVENTS, "event-status.read")], services: OpenServices
) -> EventStatus:
    """Where the event with this id is. 404 for an id that was never seen."""
    # The queue first: an event that leaves it meanwhile is then found stored.
    if (place := await _accepted_status(services, access, event_id)) is not None:
        return EventStatus(status=place)
    return EventStatus(status=await _rejected_status(services, access, event_id))


async def _accepted_status(services: Services, access: Access, event_id: str) -> Literal["queued", "stored"] | None:
    if await services.event_path.is_queued(access.project.id, event_id):
        return "queued"
    return "stored" if await services.stored_events.is_stored(access.project, event_id) else None


async def _rejected_status(services: Services, access: Access, event_id: str) -> Literal["queued", "stored", "refused", "quarantined"]:
    waits = await services.event_path.is_refusal_queued(access.project.id, event_id)  # asked first: it may be stored in between
    rejected = await services.rejected_events.latest_of(access.project, event_id)
    if rejected is None:
        if waits:
            return "refused"
        raise NotFoundError
    if rejected.status == "replayed":
        # Accepted again since it was looked for, or under another id: then this one stays refused.
        return await _accepted_status(services, access, event_id) or "refused"
    return "quarantined" if rejected.status == "quarantined" else "refused"


def _span(services: Services, access: Access, first: str | None, last: str | None) -> TimeRange | None:
    if first is None and last is None:
        return None
    zone = parse_zone(access.project.timezone)
    return resolve_range(first or _EARLIEST, last or _LATEST, zone, services.clock.now(), "/query/from", "/query/to")
