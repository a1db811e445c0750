"""Who is asking, and whether they may: the one dependency every route has.

    async def list_keys(access: Annotated[Access, Allowed(Permission.MANAGE_KEYS)], ...) -> ...

The one thing to know: the project in the path is looked up here and nowhere else, so no route can forget to ask whose it is.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from analytics.api.dependencies import OpenServices
from analytics.api.rates import charge_principal
from analytics.domain.access import Permission, Person, Principal, WriteKey, may, require
from analytics.domain.access_token import OPERATOR
from analytics.domain.browser_cookie import CSRF_HEADER
from analytics.domain.project import Project
from analytics.errors import CsrfError, UnauthenticatedError
from analytics.services import Services

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Reads `Authorization: Bearer …` and tells OpenAPI where to sign in; keys and API tokens travel the same way.
bearer_credential = OAuth2PasswordBearer(
    "/v1/auth/token",
    refreshUrl="/v1/auth/refresh",
    auto_error=False,
    description="An access token from sign-in, or an API token (`at_…`).",
)


@dataclass(frozen=True, slots=True)
class Access:
    """A request that may go on. `project` is the one in the path."""

    principal: Principal
    scope: Project | None

    @property
    def project(self) -> Project:
        """The project of the route. A route without `{project}` in its path has none: asking for it there is a mistake in the code."""
        if self.scope is None:
            raise LookupError("this route has no project in its path")
        return self.scope

    @property
    def actor(self) -> str:
        """Who it is, for the log and the audit."""
        return self.principal.project_id if isinstance(self.principal, WriteKey) else self.principal.id

    def may(self, permission: Permission) -> bool:
        """Whether the same caller may also do `permission` here."""
        return may(self.principal, self.scope, permission)


class AccessCheck:
    """The dependency behind `Allowed`; tests find it on every route."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(
        self, request: Request, services: OpenServices, credential: Annotated[str | None, Depends(bearer_credential)]
    ) -> Access:
        session = session_token(request, services)
        principal = await principal_of(services, credential, session)
        await charge_principal(services, request.scope, principal)
        if session is not None and request.method not in SAFE_METHODS:
            require_own_page(request, services, session)
        slug = request.path_params.get("project")
        project = services.keys.project_by_slug(slug) if slug is not None else None
        require(principal, project, self.permission)
        return Access(principal, project)


def Allowed(permission: Permission) -> Any:  # noqa: N802 reads as what it is in a signature
    """Lets in who has `permission`, in the project of the path if there is one.

    Raises UnauthenticatedError, ForbiddenError, or NotFoundError for a project that is unknown or foreign.
    """
    return Depends(AccessCheck(permission))


def session_token(request: Request, services: Services) -> str | None:
    """The token of a browser's session, from its cookie; None where there is an Authorization header, which counts alone."""
    if "authorization" in request.headers:
        return None
    return request.cookies.get(services.browser_cookie.name(request.url.scheme))


def require_own_page(request: Request, services: Services, session: str) -> None:
    """A browser sends its cookie whoever made it ask: only our own page knows the session's CSRF token. Raises CsrfError."""
    if not services.browser_cookie.csrf_matches(session, request.headers.get(CSRF_HEADER)):
        raise CsrfError(f"With the session's cookie this needs the header {CSRF_HEADER}; GET /v1/auth/session answers it.")


async def principal_of(services: Services, credential: str | None, session: str | None = None) -> Principal:
    """Whose credential, or else session, this is. Raises UnauthenticatedError, or MetadataUnavailableError if it cannot be known."""
    if session is not None and not credential:
        found = await services.metadata.browser_sessions.find(session)
        if found is None:
            raise UnauthenticatedError("The session is over; sign in again.")
        return found.person
    if not credential:
        raise UnauthenticatedError("Send `Authorization: Bearer` with an access token or an API token.")
    principal: Principal | None
    if credential.startswith("wk_"):
        project = services.keys.project_of_key(credential)
        principal = WriteKey(project.id) if project else None
    elif credential.startswith("at_"):
        principal = await services.metadata.api_tokens.principal(credential)
    else:
        principal = await _person(services, credential)
    if principal is None:
        raise UnauthenticatedError("The credentials are not good.")
    return principal


async def _person(services: Services, credential: str) -> Person | None:
    claims = services.signer.read(credential)
    return OPERATOR if claims.user_id is None else await services.metadata.users.person(claims.user_id, claims.family_id)
