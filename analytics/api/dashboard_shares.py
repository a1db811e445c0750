"""`/v1/projects/{project}/dashboards/{id}/shares`: links by which others see a dashboard."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed
from analytics.api.board_answer import document_of
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.dashboards import MadeShare, NewShare, ShareAnswer
from analytics.domain.access import Permission
from analytics.errors import FieldError, InvalidRequestError
from analytics.metadata.dashboard_shares import Share

router = APIRouter(prefix="/v1/projects/{project}/dashboards/{dashboard_id}/shares", tags=["dashboards"])
MayShare = Annotated[Access, Allowed(Permission.SHARE_DASHBOARDS)]
MayLookUp = Annotated[Access, Allowed(Permission.SHARE_DASHBOARDS, "share.read")]  # filters that are fixed may name persons
USUAL_LIFE = timedelta(days=30)
LONGEST_LIFE = timedelta(days=366)


@router.post("", status_code=201)
async def share_dashboard(dashboard_id: str, wanted: NewShare, access: MayShare, services: OpenServices) -> MadeShare:
    """Make a link to a dashboard: whoever has it sees what the dashboard shows, with some filters fixed, until it ends."""
    read = await services.metadata.dashboards.find(access.project.id, dashboard_id)
    properties = {one.name: one.property for one in document_of(read).filters}
    for name in wanted.filters:
        if name not in properties:
            detail = f"is none of the dashboard's filters: {', '.join(sorted(properties)) or 'it has none'}"
            raise InvalidRequestError(f"The filter {name} {detail}.", [FieldError(f"/filters/{name}", detail)])
    now = services.clock.now()
    expires_at = wanted.expires_at or now + USUAL_LIFE
    if not now < expires_at <= now + LONGEST_LIFE:
        detail = "must be in the future, a year from now at most"
        raise InvalidRequestError(f"The end of the link {detail}.", [FieldError("/expires_at", detail)])
    filters = {name: {"property": properties[name], "values": values} for name, values in wanted.filters.items()}
    share, token = await services.metadata.dashboard_shares.create(
        access.actor, access.project.id, read.id, filters, expires_at, wanted.password
    )
    return MadeShare(**share_answer(share).model_dump(), token=token, path=f"/v1/shared/{token}/data")


@router.get("")
async def list_shares(
    dashboard_id: str, access: MayLookUp, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None
) -> Page[ShareAnswer]:
    """Links to a dashboard, oldest first, without their tokens."""
    read = await services.metadata.dashboards.find(access.project.id, dashboard_id)
    rows = await services.metadata.dashboard_shares.page(access.project.id, read.id, decode_cursor_after(cursor), limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda share: (share.created_at.isoformat(), share.id))
    return Page(items=[share_answer(share) for share in kept], next_cursor=next_cursor)


@router.delete("/{share_id}", status_code=204)
async def end_share(dashboard_id: str, share_id: str, access: MayShare, services: OpenServices) -> None:
    """End a link at once, everywhere."""
    await services.metadata.dashboard_shares.delete(access.actor, access.project.id, dashboard_id, share_id)


def share_answer(share: Share) -> ShareAnswer:
    """What is told of a link after it was made."""
    return ShareAnswer(
        id=share.id,
        has_password=share.has_password,
        filters={name: fixed["values"] for name, fixed in share.filters.items()},
        created_at=share.created_at,
        expires_at=share.expires_at,
    )
