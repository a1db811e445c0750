"""`/v1/projects`: make, list, read, change."""

from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed, admit
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor
from analytics.api.schemas.projects import MadeProject, NewProject, ProjectAnswer, ProjectChange
from analytics.domain.access import Permission, is_of
from analytics.domain.personal_fields import check_personal_fields
from analytics.metadata.projects import new_project

router = APIRouter(prefix="/v1/projects", tags=["projects"])


@router.post("", status_code=201)
async def create_project(
    wanted: NewProject, access: Annotated[Access, Allowed(Permission.CREATE_PROJECT)], services: OpenServices
) -> MadeProject:
    """Make a project and its first write key. Owners only."""
    project = replace(
        new_project(wanted.slug, wanted.name or wanted.slug, wanted.timezone, services.clock),
        ip_policy=wanted.ip_policy,
        retention_days=wanted.retention_days,
        event_max_bytes=wanted.event_max_bytes,
        event_max_age_days=wanted.event_max_age_days,
        personal_fields=wanted.personal_fields,
        suppress_below=wanted.suppress_below,
    )
    check_personal_fields(project.personal_fields)
    key = await services.metadata.projects.create(access.actor, project)
    return MadeProject.model_validate({**asdict(project), "write_key": key.key})


@router.get("")
async def list_projects(
    access: Annotated[Access, Allowed(Permission.LIST_PROJECTS)],
    services: OpenServices,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
) -> Page[ProjectAnswer]:
    """The projects one is of, by slug; owners see all."""
    after: str = decode_cursor(cursor, str)[0] if cursor else ""
    seen = [project for project in services.keys.all() if project.slug > after and is_of(access.principal, project)]
    items, next_cursor = cut_page(seen, limit, lambda project: (project.slug,))
    return Page(items=[ProjectAnswer.model_validate(project) for project in items], next_cursor=next_cursor)


@router.get("/{project}")
async def read_project(access: Annotated[Access, Allowed(Permission.READ_PROJECT)]) -> ProjectAnswer:
    """One project."""
    return ProjectAnswer.model_validate(access.project)


@router.patch("/{project}")
async def change_project(
    change: ProjectChange, access: Annotated[Access, Allowed(Permission.MANAGE_PROJECT)], services: OpenServices
) -> ProjectAnswer:
    """Change name or policies; they count for events received from now on."""
    if "suppress_below" in change.model_fields_set:
        admit(services, access.principal, access.project, Permission.SET_SUPPRESSION)
    project = replace(access.project, **change.model_dump(exclude_unset=True))
    check_personal_fields(project.personal_fields)
    await services.metadata.projects.update(access.actor, project)
    return ProjectAnswer.model_validate(project)
