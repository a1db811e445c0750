"""`/v1/projects/{project}/dashboards`: make, read, change, copy, carry elsewhere, and ask all tiles at once."""

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Body, Depends, Response

from analytics.api.asker import CurrentAsker
from analytics.api.auth import Access, Allowed
from analytics.api.board_answer import Wanted, data_answer, document_of, noted_view, view_of, wanted_view
from analytics.api.dependencies import OpenServices
from analytics.api.etags import IfMatch, etag_of, revision_of
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.dashboards import (
    DashboardAnswer,
    DashboardChange,
    DashboardDataAnswer,
    DashboardItem,
    ExportedDashboard,
    TemplateAnswer,
)
from analytics.dashboards.document import DashboardDocument, checked_document
from analytics.dashboards.templates import every_template, template
from analytics.domain.access import Permission
from analytics.errors import ConflictError, FieldError, ForbiddenError, InvalidRequestError
from analytics.metadata.dashboards import Dashboard
from analytics.services import Services

router = APIRouter(prefix="/v1/projects/{project}", tags=["dashboards"])
MayRead = Annotated[Access, Allowed(Permission.READ_DASHBOARDS)]
MayLookUp = Annotated[Access, Allowed(Permission.READ_DASHBOARDS, "dashboard.read")]  # questions in it may name persons
MayEdit = Annotated[Access, Allowed(Permission.EDIT_DASHBOARDS)]
_NEW = {
    "template": {"summary": "From a template", "value": {"template": "course-completion"}},
    "own": {
        "summary": "One's own",
        "value": {
            "name": "Lessons",
            "days": {"last": 14},
            "filters": [{"name": "course", "property": "properties.course_id"}],
            "tiles": [
                {
                    "id": "completed",
                    "title": "Lessons completed",
                    "question": {"kind": "trends", "trends": {"series": [{"event": "lesson_completed"}]}},
                    "chart": {
                        "mark": "line",
                        "encoding": {"x": {"field": "bucket", "type": "temporal"}, "y": {"field": "value", "type": "quantitative"}},
                    },
                    "position": {"x": 0, "y": 0, "width": 6, "height": 6},
                }
            ],
        },
    },
}


@router.get("/dashboard-templates")
async def list_dashboard_templates(access: MayRead) -> Page[TemplateAnswer]:
    """Dashboards to begin with: `POST …/dashboards {"template": "…"}` makes one."""
    found = every_template().items()
    return Page(
        items=[
            TemplateAnswer(
                template=name, name=one["name"], description=one.get("description", ""), tiles=[tile["title"] for tile in one["tiles"]]
            )
            for name, one in found
        ]
    )


@router.post("/dashboards", status_code=201)
async def create_dashboard(
    wanted: Annotated[dict[str, Any], Body(openapi_examples=_NEW)],  # type: ignore[arg-type]
    access: MayEdit,
    services: OpenServices,
    response: Response,
) -> DashboardAnswer:
    """Make a dashboard: a document of one's own, or from a template, whose name, description, days and time zone may be others."""
    if "template" in wanted:
        name = wanted["template"]
        found = template(name if isinstance(name, str) else "")
        wanted = {**found, **{member: value for member, value in wanted.items() if member != "template"}}
    return await _created(services, access, wanted, "dashboard.create", response)


@router.post("/dashboards/import", status_code=201)
async def import_dashboard(wanted: ExportedDashboard, access: MayEdit, services: OpenServices, response: Response) -> DashboardAnswer:
    """Make a dashboard of what was exported, here or elsewhere. Whatever charts could fetch, link or evaluate is refused."""
    return await _created(services, access, wanted.dashboard, "dashboard.import", response)


@router.get("/dashboards")
async def list_dashboards(
    access: MayLookUp, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None
) -> Page[DashboardItem]:
    """Dashboards, oldest first."""
    rows = await services.metadata.dashboards.page(access.project.id, decode_cursor_after(cursor), limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda board: (board.created_at.isoformat(), board.id))
    return Page(items=[_item(board) for board in kept], next_cursor=next_cursor)


@router.get("/dashboards/{dashboard_id}")
async def read_dashboard(dashboard_id: str, access: MayLookUp, services: OpenServices, response: Response) -> DashboardAnswer:
    """One dashboard; its ETag is its version."""
    return _answer(await services.metadata.dashboards.find(access.project.id, dashboard_id), response)


@router.put("/dashboards/{dashboard_id}")
async def replace_dashboard(
    dashboard_id: str,
    wanted: DashboardDocument,
    access: MayEdit,
    services: OpenServices,
    response: Response,
    if_match: IfMatch = None,
) -> DashboardAnswer:
    """Change the whole dashboard. If-Match is needed; 409 if somebody else was quicker."""
    return _answer(await _changed(services, access, dashboard_id, if_match, wanted), response)


@router.patch("/dashboards/{dashboard_id}")
async def change_dashboard(
    dashboard_id: str,
    change: DashboardChange,
    access: MayEdit,
    services: OpenServices,
    response: Response,
    if_match: IfMatch = None,
) -> DashboardAnswer:
    """Change parts of it. If-Match is needed; 409 if somebody else was quicker."""
    return _answer(await _changed(services, access, dashboard_id, if_match, change), response)


@router.delete("/dashboards/{dashboard_id}", status_code=204)
async def delete_dashboard(dashboard_id: str, access: MayEdit, services: OpenServices, if_match: IfMatch = None) -> None:
    """Remove it and all links to it; with If-Match only in that version."""
    version = revision_of(if_match, needed=False)
    await services.metadata.dashboards.delete(access.actor, access.project.id, dashboard_id, version)


@router.post("/dashboards/{dashboard_id}/duplicate", status_code=201)
async def duplicate_dashboard(dashboard_id: str, access: MayEdit, services: OpenServices, response: Response) -> DashboardAnswer:
    """Another one that is the same, without its links."""
    read = await services.metadata.dashboards.find(access.project.id, dashboard_id)
    document = {**read.document, "name": f"Copy of {read.name}"[:200]}
    return _answer(await services.metadata.dashboards.create(access.actor, access.project.id, document, "dashboard.duplicate"), response)


@router.get("/dashboards/{dashboard_id}/export")
async def export_dashboard(dashboard_id: str, access: MayLookUp, services: OpenServices, response: Response) -> ExportedDashboard:
    """The dashboard as a document that can be imported elsewhere. It holds questions and charts, no data and no links."""
    read = await services.metadata.dashboards.find(access.project.id, dashboard_id)
    response.headers["content-disposition"] = f'attachment; filename="{read.id}.json"'
    return ExportedDashboard(dashboard=document_of(read))


@router.get("/dashboards/{dashboard_id}/data", response_model=DashboardDataAnswer)
async def read_dashboard_data(
    dashboard_id: str,
    access: MayRead,
    services: OpenServices,
    asker: CurrentAsker,
    wanted: Annotated[Wanted, Depends(wanted_view)],
) -> Response:
    """Ask all tiles, side by side, within 20 seconds together. A tile that fails or is late has an error; the others are there."""
    view = await noted_view(services, access, dashboard_id, wanted, "dashboard.data")
    return await asker.answer(data_answer(services, dashboard_id, view))


async def _created(services: Services, access: Access, body: Any, action: str, response: Response) -> DashboardAnswer:
    document = await anyio.to_thread.run_sync(checked_document, body)
    await _require_answerable(services, access, document)
    return _answer(await services.metadata.dashboards.create(access.actor, access.project.id, document.saved(), action), response)


async def _changed(
    services: Services, access: Access, dashboard_id: str, if_match: str | None, wanted: DashboardDocument | DashboardChange
) -> Dashboard:
    version = revision_of(if_match)
    read = await services.metadata.dashboards.find(access.project.id, dashboard_id)
    if version is not None and read.version != version:
        raise ConflictError("The dashboard was changed in between; read it again.")
    body: Any = wanted
    if isinstance(wanted, DashboardChange):
        body = {**read.document, **{name: getattr(wanted, name) for name in wanted.model_fields_set}}
    document = await anyio.to_thread.run_sync(checked_document, body)
    await _require_answerable(services, access, document, document_of(read))
    return await services.metadata.dashboards.update(access.actor, read, document.saved())


async def _require_answerable(
    services: Services, access: Access, document: DashboardDocument, before: DashboardDocument | None = None
) -> None:
    """Whoever saves a question may ask it: the tiles are asked for others as their editor saved them. Tiles that stay are not asked about.

    Raises ForbiddenError, SqlRefusedError, InvalidRequestError, StoreError.
    """
    known = {} if before is None else {tile.id: tile.question for tile in before.tiles}
    view = view_of(services, access.project, document, access.actor, Wanted(None, None, ()))
    for place, tile in enumerate(document.tiles):
        if known.get(tile.id) == tile.question and before is not None and before.filters == document.filters:
            continue
        try:
            kind, personal = await services.boards.check(view, tile)
        except InvalidRequestError as error:
            errors = [FieldError(f"/tiles/{place}{one.pointer}", one.detail) for one in error.errors]
            raise InvalidRequestError(f"Tile {tile.id}: {error.detail}", errors or [FieldError(f"/tiles/{place}", error.detail)]) from error
        if kind is not None and not access.may(Permission.RUN_SQL if kind == "sql" else Permission.ASK_QUESTIONS):
            raise ForbiddenError(f"Tile {tile.id} asks a question of the kind {kind}, which needs the right to ask it.")
        if personal and not access.may(Permission.READ_EVENTS):
            raise ForbiddenError(f"Tile {tile.id} is about single persons: it needs a token with the scope personal-data.")


def _answer(board: Dashboard, response: Response) -> DashboardAnswer:
    response.headers["etag"] = etag_of(board.version)
    told = {"id": board.id, "version": board.version, "created_at": board.created_at, "updated_at": board.updated_at}
    return DashboardAnswer.model_validate({**board.document, **told})


def _item(board: Dashboard) -> DashboardItem:
    return DashboardItem(
        id=board.id,
        name=board.name,
        description=board.document.get("description", ""),
        version=board.version,
        tiles=len(board.document["tiles"]),
        created_at=board.created_at,
        updated_at=board.updated_at,
    )
