"""`/v1/invitations` and `/v1/projects/{project}/invitations`: who is invited and has not come yet, and ending that."""

from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.sign_in import InvitationAnswer
from analytics.domain.access import Permission
from analytics.metadata.account_links import Invitation
from analytics.services import Services

router = APIRouter(prefix="/v1", tags=["sign-in"])


@router.get("/invitations")
async def list_all_invitations(
    access: Annotated[Access, Allowed(Permission.MANAGE_USERS, "invitation.list")],
    services: OpenServices,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
) -> Page[InvitationAnswer]:
    """Open invitations, oldest first, into any project or none. Owners only."""
    return await _page(services, None, limit, cursor)


@router.delete("/invitations/{invitation_id}", status_code=204)
async def cancel_any_invitation(
    invitation_id: str, access: Annotated[Access, Allowed(Permission.MANAGE_USERS)], services: OpenServices
) -> None:
    """End an invitation: its link opens nothing any more. Owners only."""
    await services.metadata.account_links.cancel(access.actor, None, invitation_id)


@router.get("/projects/{project}/invitations")
async def list_invitations(
    access: Annotated[Access, Allowed(Permission.MANAGE_MEMBERS, "invitation.list")],
    services: OpenServices,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
) -> Page[InvitationAnswer]:
    """Open invitations into the project, oldest first."""
    return await _page(services, access.project.id, limit, cursor)


@router.delete("/projects/{project}/invitations/{invitation_id}", status_code=204)
async def cancel_invitation(
    invitation_id: str, access: Annotated[Access, Allowed(Permission.MANAGE_MEMBERS)], services: OpenServices
) -> None:
    """End an invitation into the project: its link opens nothing any more."""
    await services.metadata.account_links.cancel(access.actor, access.project.id, invitation_id)


async def _page(services: Services, project_id: str | None, limit: int, cursor: str | None) -> Page[InvitationAnswer]:
    rows = await services.metadata.account_links.invitations(project_id, decode_cursor_after(cursor), limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda invitation: (invitation.created_at.isoformat(), invitation.id))
    return Page(items=[_answer(services, invitation) for invitation in kept], next_cursor=next_cursor)


def _answer(services: Services, invitation: Invitation) -> InvitationAnswer:
    project = services.keys.project_by_id(invitation.project_id) if invitation.project_id else None
    return InvitationAnswer(
        id=invitation.id,
        email=invitation.email,
        name=invitation.name,
        project=project.slug if project else None,
        role=invitation.role,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
    )
