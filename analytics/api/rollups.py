"""`/v1/projects/{project}/rollups`: rollups that a project makes for itself, kept up on the way of its events."""

from typing import Annotated

from fastapi import APIRouter

from analytics.answers.names import check_source_name
from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.rollups import NewRollup, RollupAnswer
from analytics.domain.access import Permission

router = APIRouter(prefix="/v1/projects/{project}/rollups", tags=["rollups"])
MayRead = Annotated[Access, Allowed(Permission.READ_ROLLUPS)]
MayEdit = Annotated[Access, Allowed(Permission.EDIT_ROLLUPS)]


@router.post("", status_code=201)
async def make_rollup(wanted: NewRollup, access: MayEdit, services: OpenServices) -> RollupAnswer:
    """Make a rollup. It can be asked at once, and is fast as soon as the past is in it."""
    check_source_name(wanted.name)
    await services.sql.queries.suspensions.require_none(access.project.id, [access.actor], wanted.sql)
    made = await services.rollups.make(access.actor, access.project.id, wanted.name, wanted.description, wanted.sql)
    return RollupAnswer.of(made)


@router.get("")
async def list_rollups(access: MayRead, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None) -> Page[RollupAnswer]:
    """Rollups of the project, oldest first."""
    rows = await services.rollups.store.page(access.project.id, decode_cursor_after(cursor), limit + 1)
    items, next_cursor = cut_page(rows, limit, lambda rollup: (rollup.created_at.isoformat(), rollup.id))
    return Page(items=[RollupAnswer.of(rollup) for rollup in items], next_cursor=next_cursor)


@router.get("/{name}")
async def read_rollup(name: str, access: MayRead, services: OpenServices) -> RollupAnswer:
    """One rollup, and how far it is filled."""
    return RollupAnswer.of(await services.rollups.store.find(access.project.id, name))


@router.post("/{name}/pause")
async def pause_rollup(name: str, access: MayEdit, services: OpenServices) -> RollupAnswer:
    """Keep it up no longer; its name then stands for its SELECT over the events."""
    return RollupAnswer.of(await services.rollups.pause(access.actor, access.project.id, name))


@router.post("/{name}/resume")
async def resume_rollup(name: str, access: MayEdit, services: OpenServices) -> RollupAnswer:
    """Build a paused or failed one anew."""
    return RollupAnswer.of(await services.rollups.resume(access.actor, access.project.id, name))


@router.delete("/{name}", status_code=204)
async def drop_rollup(name: str, access: MayEdit, services: OpenServices) -> None:
    """Drop it: its name is free at once, its rows are gone soon. 409 while a saved query, an alert or a dashboard asks it."""
    await services.sources_in_texts.require_unread(access.project.id, name)
    await services.rollups.drop(access.actor, access.project.id, name)
