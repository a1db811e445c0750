"""`/v1/shared/{token}`: a dashboard as whoever has a link sees it.

The one thing to know: the token in the path is the credential, and all that a visitor says beside it is a password, a theme and a size.
Days and filters are those of the dashboard and of the link. Each look is recorded before it is answered.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from analytics.api.asker import CurrentAsker
from analytics.api.auth import record_refusal
from analytics.api.board_answer import (
    DASHBOARD_PICTURE,
    TILE_PICTURE,
    PictureKind,
    Wanted,
    WantedLook,
    board_picture,
    data_answer,
    document_of,
    fixed,
    tile_picture,
    view_of,
)
from analytics.api.dependencies import OpenServices
from analytics.api.schemas.dashboards import DashboardDataAnswer, SharePassword
from analytics.api.sign_in import address_of
from analytics.dashboards.board import View
from analytics.errors import NotFoundError, UnauthenticatedError
from analytics.metadata.dashboard_shares import Share
from analytics.metadata.pool import Change
from analytics.pictures.theme import ThemeName
from analytics.services import Services

router = APIRouter(prefix="/v1/shared/{token}", tags=["shared dashboards"])
Password = Annotated[str | None, Header(alias="X-Share-Password", max_length=200, description="The password of the link, if it has one.")]


async def visit(token: str, request: Request, services: OpenServices, password: Password = None) -> "tuple[Share, View]":
    """The link that was followed, and what it shows. Raises NotFoundError, UnauthenticatedError or RateLimitedError."""
    return await _visited(services, request, token, password)


Visit = Annotated["tuple[Share, View]", Depends(visit)]


@router.get("/data", response_model=DashboardDataAnswer)
async def read_shared_data(found: Visit, services: OpenServices, asker: CurrentAsker) -> Response:
    """All tiles of the dashboard behind a link. 404 once it has ended; 401 without its password."""
    share, view = found
    await _note(services, share, "data")
    return await asker.answer(data_answer(services, share.dashboard_id, view))


@router.post("/data", response_model=DashboardDataAnswer)
async def read_shared_data_with_password(
    token: str, body: SharePassword, request: Request, services: OpenServices, asker: CurrentAsker
) -> Response:
    """The same, with the password in the body."""
    share, view = await _visited(services, request, token, body.password)
    await _note(services, share, "data")
    return await asker.answer(data_answer(services, share.dashboard_id, view))


@router.get("/dashboard.png", response_class=Response, responses=DASHBOARD_PICTURE)
async def draw_shared_dashboard(found: Visit, services: OpenServices, asker: CurrentAsker, theme: ThemeName = ThemeName.LIGHT) -> Response:
    """The dashboard behind a link as a picture."""
    share, view = found
    await _note(services, share, "picture")
    return await asker.answer(board_picture(services, view, theme))


@router.get("/tiles/{tile_id}.{kind}", response_class=Response, responses=TILE_PICTURE)
async def draw_shared_tile(
    tile_id: str, kind: PictureKind, found: Visit, services: OpenServices, asker: CurrentAsker, look: WantedLook
) -> Response:
    """One tile of the dashboard behind a link, as SVG or PNG."""
    share, view = found
    await _note(services, share, "picture")
    return await asker.answer(tile_picture(services, view, tile_id, kind, look))


async def _visited(services: Services, request: Request, token: str, password: str | None) -> "tuple[Share, View]":
    share = await services.metadata.dashboard_shares.find(token)
    project = None if share is None else services.keys.project_by_id(share.project_id)
    if share is None or project is None:
        record_refusal(services, "anybody", "share")
        raise NotFoundError
    if share.has_password:
        await _check_password(services, request, share, password)
    read = await services.metadata.dashboards.find(project.id, share.dashboard_id)
    document = document_of(read)
    # A filter that is gone, or filters by something else by now, fixes nothing: then the link shows nothing.
    properties = {one.name: one.property for one in document.filters}
    if any(properties.get(name) != kept["property"] for name, kept in share.filters.items()):
        record_refusal(services, share.id, "share", project)
        raise NotFoundError
    view = view_of(services, project, document, share.id, Wanted(None, None, ()), read.changed_by)
    return share, fixed(view, {name: kept["values"] for name, kept in share.filters.items()})


async def _check_password(services: Services, request: Request, share: Share, password: str | None) -> None:
    if password is None:
        raise UnauthenticatedError("The link needs its password.")
    address = address_of(request)
    await services.share_brake.attempt(share.id, address)
    if not await services.metadata.dashboard_shares.opens(share, password):
        record_refusal(services, "anybody", "share-password")
        raise UnauthenticatedError("That is not the password of the link.")
    await services.share_brake.succeeded(share.id, address)


async def _note(services: Services, share: Share, what: str) -> None:
    await services.metadata.audit.record(
        Change(share.id, "share.use", share.id, share.project_id, after={"dashboard": share.dashboard_id, "what": what})
    )
