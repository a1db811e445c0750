"""`/v1/projects/{project}/live`: what happens right now, as server-sent events.

The one thing to know: who watches is asked again each second, so a stream ends soon after the right to it does; and whoever may not
read events gets their names and times only.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from analytics.api.auth import Access, AccessCheck, Allowed, admit, bearer_credential, principal_of, record_request, session_token
from analytics.api.dependencies import OpenServices
from analytics.api.event_stream import EventStream, server_sent
from analytics.api.rates import charge_principal
from analytics.api.schemas.base import iso_utc
from analytics.api.schemas.live import LiveCountersAnswer, LiveEventAnswer, LiveTicketAnswer
from analytics.cache.live_feed import SampledEvent
from analytics.cache.live_snapshot import LiveSnapshot
from analytics.cache.live_view import LiveView
from analytics.cache.tickets import TicketGrant
from analytics.domain.access import Permission, Person, Principal
from analytics.domain.access_token import OPERATOR
from analytics.errors import RateLimitedError, RequestError, ShuttingDownError, StoreError, UnauthenticatedError
from analytics.metadata.pool import Change
from analytics.services import Services

TICK_SECONDS = 0.25
COUNTERS_SECONDS = 1.0
RECHECK_SECONDS = 1.0  # as soon as a token or a sign-in that is ended opens nothing else any more
UNCHECKED_SECONDS = 60.0  # a stream ends if for so long nobody could be asked whether it may go on

router = APIRouter(prefix="/v1/projects/{project}/live", tags=["live"])
Recheck = Callable[[], Awaitable[Access]]


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who watches; `recheck` asks anew whether they may."""

    access: Access
    recheck: Recheck


class WatcherCheck(AccessCheck):
    """As `Allowed(WATCH_LIVE)`, and also lets in who brings a ticket of this project."""

    def __init__(self) -> None:
        super().__init__(Permission.WATCH_LIVE)

    async def __call__(  # type: ignore[override]  # the answer says more than Access
        self,
        request: Request,
        services: OpenServices,
        credential: Annotated[str | None, Depends(bearer_credential)],
        ticket: Annotated[str | None, Query(max_length=200, description="From `POST …/live/ticket`; good once.")] = None,
    ) -> Watcher:
        slug = request.path_params["project"]

        async def check(principal: Awaitable[Principal]) -> Access:
            found = await principal
            await charge_principal(services, request.scope, found)
            project = services.keys.project_by_slug(slug)
            admit(services, found, project, self.permission)
            return Access(found, project)

        session = session_token(request, services)
        if ticket is None or credential:
            return Watcher(
                await check(principal_of(services, credential, session)), lambda: check(principal_of(services, credential, session))
            )
        grant = await services.live_tickets.redeem(ticket)
        if grant is None:
            raise UnauthenticatedError("The ticket is not good, is over, or was used.")
        return Watcher(await check(_holder(services, grant)), lambda: check(_holder(services, grant)))


@router.get(
    "",
    response_model=LiveCountersAnswer,
    responses={200: {"content": {"text/event-stream": {}}, "description": "`counters` each second and `event`s as they are stored."}},
)
async def live(request: Request, watcher: Annotated[Watcher, Depends(WatcherCheck())], services: OpenServices) -> Response:
    """Watch a project: a stream of server-sent events, or, with `Accept: application/json`, its counters once."""
    project_id = watcher.access.project.id
    await _record(services, request, watcher.access)
    accepted = request.headers.get("accept", "")
    if "application/json" in accepted and "text/event-stream" not in accepted:
        return JSONResponse(counters(await services.live.snapshot(project_id)).model_dump())
    services.live.require_place(project_id)
    return EventStream(_news(services.live, project_id, watcher))


async def _record(services: Services, request: Request, access: Access) -> None:
    if access.may(Permission.READ_EVENTS):
        await record_request(services, request, access, "live.read")  # persons will be in it
    else:
        services.metadata.audit_queue.add(Change(access.actor, "live.watch", access.project.id, access.project.id))


@router.post("/ticket")
async def create_ticket(
    access: Annotated[Access, Allowed(Permission.WATCH_LIVE, "live-ticket.create")], services: OpenServices
) -> LiveTicketAnswer:
    """A ticket for a browser's EventSource, which can send no header: good once, for a minute."""
    who = access.principal
    if isinstance(who, Person):
        grant = TicketGrant(access.project.id, who.id, who.sign_in)
    else:
        grant = TicketGrant(access.project.id, token_id=access.actor)
    ticket = await services.live_tickets.issue(grant)
    return LiveTicketAnswer(ticket=ticket, expires_in=services.live_tickets.seconds)


async def _holder(services: Services, grant: TicketGrant) -> Principal:
    """Who a ticket stands for: the person or token as they are now."""
    holder: Principal | None = None
    if grant.user_id == OPERATOR.id:
        holder = OPERATOR
    elif grant.user_id is not None:
        holder = await services.metadata.users.person(grant.user_id, grant.sign_in)
    elif grant.token_id is not None:
        holder = await services.metadata.api_tokens.by_id(grant.token_id)
    if holder is None:
        raise UnauthenticatedError("The ticket is not good, is over, or was used.")
    return holder


async def _news(view: LiveView, project_id: str, watcher: Watcher) -> AsyncGenerator[bytes]:
    """What there is to say, every tick; b"" where that is nothing."""
    personal_data = watcher.access.may(Permission.READ_EVENTS)
    started = time.monotonic()
    counters_due, recheck_due, number, checked = started, started + RECHECK_SECONDS, 0, started
    try:
        with view.watch(project_id):
            while not view.stopping:
                now = time.monotonic()
                if now >= recheck_due:
                    recheck_due = now + RECHECK_SECONDS
                    try:
                        personal_data, checked = (await watcher.recheck()).may(Permission.READ_EVENTS), now
                    except StoreError:  # cannot be asked now: as it was, for a while
                        if now - checked >= UNCHECKED_SECONDS:
                            return
                news: list[bytes] = []
                if now >= counters_due:
                    counters_due = max(counters_due + COUNTERS_SECONDS, now)
                    news.append(server_sent("counters", counters(await view.snapshot_or_none(project_id)).model_dump()))
                number, samples = view.feed.since(project_id, number)
                news += [server_sent("event", shown(sample, personal_data)) for sample in samples]
                yield b"".join(news)
                await asyncio.sleep(TICK_SECONDS)
    except (RateLimitedError, ShuttingDownError, RequestError):  # the last place was just taken; or the right to watch is gone
        return


def counters(snapshot: LiveSnapshot | None) -> LiveCountersAnswer:
    """The data of `counters`; with nulls where they could not be read."""
    if snapshot is None:
        nulls: dict[str, Any] = dict.fromkeys(LiveCountersAnswer.model_fields)
        return LiveCountersAnswer.model_validate({**nulls, "available": False, "at": iso_utc(datetime.now(UTC))})
    at = iso_utc(datetime.fromtimestamp(snapshot.at, UTC))
    fields = {name: getattr(snapshot, name) for name in LiveCountersAnswer.model_fields if name not in ("available", "at")}
    return LiveCountersAnswer.model_validate({**fields, "available": True, "at": at})


def shown(sample: SampledEvent, personal_data: bool) -> dict[str, Any]:
    """The data of `event`: all of it, or name and times."""
    answer = LiveEventAnswer(event=sample.event, timestamp=_iso(sample.timestamp_ms), received_at=_iso(sample.received_ms))
    if not personal_data:
        return answer.model_dump(exclude_unset=True)
    return {
        **answer.model_dump(exclude_unset=True),
        "event_id": sample.event_id,
        "user_id": sample.user_id or None,
        "anonymous_id": sample.anonymous_id or None,
        "session_id": sample.session_id or None,
        "properties": json.loads(sample.properties),
    }


def _iso(milliseconds: int) -> str:
    return iso_utc(datetime.fromtimestamp(milliseconds / 1000, UTC))
