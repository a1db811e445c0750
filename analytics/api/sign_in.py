"""`/v1/auth` and `/v1/me`: signing in, staying signed in, and who one is."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request

from analytics.api.auth import Access, Allowed, record_refusal
from analytics.api.dependencies import OpenServices
from analytics.api.schemas.people import Me, Membership
from analytics.api.schemas.sign_in import NewPassword, Refresh, SignedIn, SigningKeyAnswer, SigningKeysAnswer
from analytics.audit.names import claimed
from analytics.domain.access import Permission, Person, Token, is_of
from analytics.domain.access_token import ACCESS_SECONDS, ends_at
from analytics.errors import ForbiddenError, RateLimitedError, SecondFactorRequiredError, UnauthenticatedError
from analytics.metadata.pool import Change
from analytics.metadata.refresh_tokens import KnownPassword
from analytics.services import Services

router = APIRouter(prefix="/v1", tags=["sign-in"])
MayChangeSelf = Annotated[Access, Allowed(Permission.CHANGE_SELF)]


@router.post("/auth/token")
async def sign_in(
    request: Request,
    services: OpenServices,
    username: Annotated[str, Form(max_length=300)],
    password: Annotated[str, Form(max_length=1000)],
    totp: Annotated[str | None, Form(max_length=50, description="A code of the second factor, for who has one.")] = None,
    grant_type: Annotated[str | None, Form(pattern="^password$")] = None,
) -> SignedIn:
    """Sign in with an e-mail address and a password (OAuth2 password form); who has a second factor adds a code of it as `totp`."""
    known = await check_password(request, services, username, password, totp)
    family_id, token = await services.metadata.refresh_tokens.begin(known)
    return _signed_in(services.signer.for_person(known.user_id, family_id), token)


@router.post("/auth/refresh")
async def refresh(body: Refresh, services: OpenServices) -> SignedIn:
    """The next access token and the next refresh token. A refresh token used twice signs all of its family out."""
    try:
        user_id, family_id, token = await services.metadata.refresh_tokens.rotate(body.refresh_token)
    except UnauthenticatedError:
        record_refusal(services, "anybody", "refresh-token")  # the sign-in it is of, if any, has a record of its own
        raise
    return _signed_in(services.signer.for_person(user_id, family_id), token)


@router.post("/auth/sign-out", status_code=204)
async def sign_out(access: MayChangeSelf, services: OpenServices) -> None:
    """End this sign-in: its access and refresh tokens, or its browser session, at once and everywhere."""
    person, sign_in = signed_in_person(access)
    await services.metadata.refresh_tokens.end(person.id, sign_in)


@router.post("/auth/sign-out-everywhere", status_code=204)
async def sign_out_everywhere(access: MayChangeSelf, services: OpenServices) -> None:
    """End all sign-ins of the person who asks, this one too."""
    person, _ = signed_in_person(access)
    await services.metadata.refresh_tokens.end_all(person.id, person.id)


@router.post("/auth/password", status_code=204)
async def change_password(wanted: NewPassword, request: Request, access: MayChangeSelf, services: OpenServices) -> None:
    """Change one's own password; ends all other sign-ins."""
    person, _ = signed_in_person(access)
    await brake(request, services, "password", person.email)
    await services.metadata.users.change_password(person, wanted.current_password, wanted.new_password)
    if (await services.metadata.second_factors.find(person.id)).enabled:  # whose codes were guessed before stays counted
        await services.sign_in_brake.taken_back(person.email, address_of(request))
    else:
        await services.sign_in_brake.succeeded(person.email, address_of(request))


@router.post("/auth/signing-keys/rotate")
async def rotate_signing_keys(access: Annotated[Access, Allowed(Permission.ROTATE_KEYS)], services: OpenServices) -> SigningKeysAnswer:
    """Sign access tokens with a new key; the old one is good until the last token it signed is over. Owners only."""
    ring = await services.metadata.signing_keys.rotate(access.actor)
    return SigningKeysAnswer(items=[SigningKeyAnswer(kid=key.id, created_at=key.created_at, ends_at=ends_at(ring, key)) for key in ring])


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


def address_of(request: Request) -> str:
    """The address a request came from."""
    return request.client.host if request.client else ""


async def check_password(request: Request, services: Services, username: str, password: str, code: str | None) -> KnownPassword:
    """Who this is. Raises UnauthenticatedError, alike for an unknown name and a wrong password, or RateLimitedError after too many.

    Whoever has a second factor needs a code of it too: SecondFactorRequiredError, SecondFactorWrongError, once the password was right.
    """
    await brake(request, services, "sign-in", username)
    try:
        known = await services.metadata.users.sign_in(username, password)
    except UnauthenticatedError:
        await services.metadata.audit.record_failed_sign_in(username)
        raise
    try:
        admitted = await services.metadata.second_factors.admit(known, code)
    except SecondFactorRequiredError:  # tries before it stay counted, or one who knows the password would have them forgiven
        await services.sign_in_brake.taken_back(username, address_of(request))
        services.metadata.audit_queue.count(Change(known.user_id, "second-factor.ask", known.user_id))
        raise
    await services.sign_in_brake.succeeded(username, address_of(request))
    return admitted


async def brake(request: Request, services: Services, what: Literal["sign-in", "password", "reset"], name: str) -> None:
    """Count a try of somebody who says to be `name`. Raises RateLimitedError after too many, and records that."""
    counted = services.forgot_brake if what == "reset" else services.sign_in_brake
    try:
        await counted.attempt(name, address_of(request))
    except RateLimitedError:
        services.metadata.audit_queue.count(Change(claimed(name), f"{what}.braked"))
        raise


def signed_in_person(access: Access) -> tuple[Person, str]:
    """The person who asks, and their sign-in. Raises ForbiddenError for machines and the operator, who never signed in."""
    person = access.principal
    if not isinstance(person, Person) or person.sign_in is None:
        raise ForbiddenError("This is for people who signed in.")
    return person, person.sign_in
