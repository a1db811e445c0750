"""Invitations and forgotten passwords: links that are good once."""

from typing import Annotated

from fastapi import APIRouter, Request

from analytics.api.auth import Access, Allowed, admit, record_refusal
from analytics.api.dependencies import OpenServices
from analytics.api.schemas.sign_in import Acceptance, AcceptedAnswer, Forgotten, ForgottenAnswer, LinkAnswer, NewInvitation
from analytics.api.sign_in import brake
from analytics.audit.names import claimed
from analytics.domain.access import Permission, require_role_grantable
from analytics.errors import FieldError, InvalidRequestError, NotFoundError
from analytics.metadata.account_links import AccountLink
from analytics.metadata.pool import Change
from analytics.services import Services

router = APIRouter(prefix="/v1", tags=["sign-in"])


@router.post("/invitations", status_code=201)
async def invite(wanted: NewInvitation, access: Annotated[Access, Allowed(Permission.INVITE)], services: OpenServices) -> LinkAnswer:
    """Invite somebody into a project (its admins) or into none yet (owners): by mail, or by a link to hand over. Good once, 72 hours."""
    if (wanted.project is None) != (wanted.role is None):
        missing = "/role" if wanted.role is None else "/project"
        raise InvalidRequestError("A project and a role go together.", [FieldError(missing, "must be there, since the other is")])
    project = services.keys.project_by_slug(wanted.project) if wanted.project is not None else None
    admit(services, access.principal, project, Permission.CREATE_USER if wanted.project is None else Permission.MANAGE_MEMBERS)
    if wanted.project is not None and project is None:  # an owner may do it everywhere, but not nowhere
        raise NotFoundError
    if wanted.role is not None:
        require_role_grantable(access.principal, wanted.role)
    link = await services.metadata.account_links.invite(
        access.actor, wanted.email, wanted.name, project.id if project else None, wanted.role
    )
    return _answer(services, link, mailed=await services.letters.invitation(link.email, link.token))


@router.post("/users/{email}/reset", status_code=201)
async def reset(email: str, access: Annotated[Access, Allowed(Permission.MANAGE_USERS)], services: OpenServices) -> LinkAnswer:
    """A link to another password for somebody: by mail, or to hand over. Good once, for an hour. Owners only."""
    link = await services.metadata.account_links.reset(access.actor, email)
    return _answer(services, link, mailed=await services.letters.reset(link.email, link.token))


@router.post("/auth/forgot", status_code=202)
async def forgot(wanted: Forgotten, request: Request, services: OpenServices) -> ForgottenAnswer:
    """Ask for a link to another password, by mail. The answer is the same whether there is such a person or not."""
    await brake(request, services, "reset", wanted.email)
    services.metadata.audit_queue.count(Change(claimed(wanted.email), "reset.request"))  # alike for who is there and who is not
    if services.letters.can_mail:  # else an owner hands links over, and nobody's request may end such a link
        services.letters.later(_mail_reset(services, wanted.email))
    return ForgottenAnswer(detail="If somebody with this address may sign in, a link is on its way.")


@router.post("/auth/accept")
async def accept(wanted: Acceptance, services: OpenServices) -> AcceptedAnswer:
    """Use up an invitation or a reset with the password to have; a reset ends all sign-ins."""
    return AcceptedAnswer(email=await use_link(services, wanted.token, wanted.password))


async def use_link(services: Services, token: str, password: str) -> str:
    """Use a link up; the address it was for. A link that is none is recorded. Raises as `AccountLinks.accept`."""
    try:
        return await services.metadata.account_links.accept(token, password)
    except InvalidRequestError as error:
        if any(found.pointer == "/token" for found in error.errors):
            record_refusal(services, "anybody", "link")
        raise


async def _mail_reset(services: Services, email: str) -> None:
    try:
        link = await services.metadata.account_links.reset("forgot", email)
    except NotFoundError:
        return
    await services.letters.reset(link.email, link.token)


def _answer(services: Services, link: AccountLink, *, mailed: bool) -> LinkAnswer:
    return LinkAnswer(
        email=link.email, expires_at=link.expires_at, mailed=mailed, link=None if mailed else services.letters.link(link.token)
    )
