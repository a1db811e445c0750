"""Pictures of dashboards and tiles, drawn here from the same charts that others draw."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from analytics.api.asker import CurrentAsker
from analytics.api.auth import Access, Allowed
from analytics.api.board_answer import (
    DASHBOARD_PICTURE,
    TILE_PICTURE,
    PictureKind,
    Wanted,
    WantedLook,
    board_picture,
    noted_view,
    tile_picture,
    wanted_view,
)
from analytics.api.dependencies import OpenServices
from analytics.domain.access import Permission
from analytics.pictures.theme import ThemeName

router = APIRouter(prefix="/v1/projects/{project}/dashboards", tags=["dashboards"])
MayRead = Annotated[Access, Allowed(Permission.READ_DASHBOARDS)]
WantedView = Annotated[Wanted, Depends(wanted_view)]


@router.get("/{dashboard_id}.png", response_class=Response, responses=DASHBOARD_PICTURE)
async def draw_dashboard(
    dashboard_id: str, access: MayRead, services: OpenServices, asker: CurrentAsker, wanted: WantedView, theme: ThemeName = ThemeName.LIGHT
) -> Response:
    """The whole dashboard as a picture."""
    view = await noted_view(services, access, dashboard_id, wanted, "dashboard.picture")
    return await asker.answer(board_picture(services, view, theme))


@router.get("/{dashboard_id}/tiles/{tile_id}.{kind}", response_class=Response, responses=TILE_PICTURE)
async def draw_tile(
    dashboard_id: str,
    tile_id: str,
    kind: PictureKind,
    access: MayRead,
    services: OpenServices,
    asker: CurrentAsker,
    wanted: WantedView,
    look: WantedLook,
) -> Response:
    """One tile as SVG or PNG: shapes and text, nothing that loads, links or runs."""
    view = await noted_view(services, access, dashboard_id, wanted, "dashboard.picture")
    return await asker.answer(tile_picture(services, view, tile_id, kind, look))
