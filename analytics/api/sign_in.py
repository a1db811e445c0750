"""`/v1/auth` and `/v1/me`: signing in, staying signed in, and who one is."""

from typing import Annotated

from fastapi import APIRouter, Form, Request

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.schemas.people import Me, Membership, Refresh, SignedIn
from analytics.domain.access import Permission, Person, Token, is_of
from analytics.domain.access_token import ACCESS_SECONDS
from analytics.errors import UnauthenticatedError

router = APIRouter(prefix="/v1", tags=["sign-in"])


@router.post("/auth/token")
async def sign_in(
    request: Request,
    services: OpenServices,
    username: Annotated[str, Form(max_length=300)],
    password: Annotated[str, Form(max_length=1000)],
    grant_type: Annotated[str | None, Form(pattern="^password$")] = None,
) -> SignedIn:
    """Sign in with an e-mail address and a password (OAuth2 password form)."""
    place = request.client.host if request.client else ""
    services.sign_in_brake.check(username, place)
    try:
        user_id = await services.metadata.users.sign_in(username, password)
    except UnauthenticatedError:
        services.sign_in_brake.failed(username, place)
        raise
    services.sign_in_brake.succeeded(username, place)
    return _signed_in(services.signer.for_person(user_id), await services.metadata.refresh_tokens.begin(user_id))


@router.post("/auth/refresh")
async def refresh(body: Refresh, services: OpenServices) -> SignedIn:
    """The next access token and the next refresh token. A refresh token used twice signs all of its family out."""
    user_id, token = await services.metadata.refresh_tokens.rotate(body.refresh_token)
    return _signed_in(services.signer.for_person(user_id), token)


@router.get("/me")
async def who_am_i(access: Annotated[Access, Allowed(Permission.READ_SELF)], services: OpenServices) -> Me:
    """Who is asking, and of which projects."""
    who = access.principal
    roles = who.roles if isinstance(who, Person) else {}
    return Me(
        kind="person" if isinstance(who, Person) else "token",
        id=access.actor,
        name=who.name if isinstance(who, Person | Token) else "",
        email=who.email if isinstance(who, Person) else None,
        is_owner=isinstance(who, Person) and who.is_owner,
        scopes=sorted(who.scopes) if isinstance(who, Token) else None,
        projects=[
            Membership(id=project.id, slug=project.slug, role=roles.get(project.id))
            for project in services.keys.all()
            if is_of(who, project)
        ],
    )


def _signed_in(access_token: str, refresh_token: str) -> SignedIn:
    return SignedIn(access_token=access_token, expires_in=ACCESS_SECONDS, refresh_token=refresh_token)
