"""Who is asking, and whether they may: the one dependency every route has.

    async def list_keys(access: Annotated[Access, Allowed(Permission.MANAGE_KEYS)], ...) -> ...

The one thing to know: the project in the path is looked up here and nowhere else, so no route can forget to ask whose it is.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from analytics.api.dependencies import OpenServices
from analytics.api.rates import charge_principal
from analytics.domain.access import PERSONAL, Permission, Person, Principal, WriteKey, may, require
from analytics.domain.access_token import OPERATOR
from analytics.domain.browser_cookie import CSRF_HEADER
from analytics.domain.project import Project
from analytics.errors import CsrfError, ForbiddenError, NotFoundError, UnauthenticatedError
from analytics.metadata.pool import Change
from analytics.services import Services

_PARAMETER = re.compile(r"(?!ticket)[a-z_]{1,40}\Z")  # anything else is none of ours and may hold anything
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
        return _actor(self.principal)

    def may(self, permission: Permission) -> bool:
        """Whether the same caller may also do `permission` here."""
        return may(self.principal, self.scope, permission)


def _actor(principal: Principal) -> str:
    return principal.project_id if isinstance(principal, WriteKey) else principal.id


class AccessCheck:
    """The dependency behind `Allowed`; tests find it on every route."""

    def __init__(self, permission: Permission, action: str | None = None) -> None:
        self.permission = permission
        self.action = action or (f"{permission}.use" if permission in PERSONAL else None)

    async def __call__(
        self, request: Request, services: OpenServices, credential: Annotated[str | None, Depends(bearer_credential)]
    ) -> Access:
        session = session_token(request, services)
        principal = await principal_of(services, credential, session)
        await charge_principal(services, request.scope, principal)
        if session is not None and request.method not in SAFE_METHODS:
            try:
                require_own_page(request, services, session)
            except CsrfError:
                record_refusal(services, _actor(principal), CsrfError.code)
                raise
        slug = request.path_params.get("project")
        project = services.keys.project_by_slug(slug) if slug is not None else None
        admit(services, principal, project, self.permission, request.path_params.get("name"))
        access = Access(principal, project)
        if self.action is not None:
            await record_request(services, request, access, self.action)
        return access


def admit(services: Services, principal: Principal, project: Project | None, permission: Permission, endpoint: str | None = None) -> None:
    """Let `principal` do `permission` in `project`, as `require` decides; whom it refuses is recorded."""
    try:
        require(principal, project, permission, endpoint)
    except (ForbiddenError, NotFoundError):
        record_refusal(services, _actor(principal), permission, project)
        raise


def record_refusal(services: Services, actor: str, what: str, project: Project | None = None) -> None:
    """Record within a second that `actor` was refused `what`, with how often. Never waits, never fails."""
    services.metadata.audit_queue.count(Change(actor, "access.refused", what, project.id if project else None))


async def record_request(services: Services, request: Request, access: Access, action: str) -> None:
    """Record that this request was let in, before it is answered. Raises MetadataUnavailableError if that cannot be kept.

    Of its parameters only the names are kept, and of a `user_id` the hash, so that one can ask who looked at whom.
    """
    after: dict[str, Any] = {"parameters": sorted(name for name in set(request.query_params) if _PARAMETER.match(name))}
    user_id = request.query_params.get("user_id")
    if user_id and access.scope is not None:
        after["subject"] = services.metadata.audit.names.subject(access.scope.id, user_id)
    project_id = access.scope.id if access.scope else None
    await services.metadata.audit.record(Change(access.actor, action, project_id, project_id, after=after))


def Allowed(permission: Permission, action: str | None = None) -> Any:  # noqa: N802 reads as what it is in a signature
    """Lets in who has `permission`, in the project of the path if there is one, and records it as `action`.

    Permissions that show persons are always recorded, others where `action` says so.

    Raises UnauthenticatedError, ForbiddenError, or NotFoundError for a project that is unknown or foreign.
    """
    return Depends(AccessCheck(permission, action))


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
    try:
        return await _principal_of(services, credential, session)
    except UnauthenticatedError:
        if credential or session:  # whoever shows none at all tried nothing
            record_refusal(services, "anybody", "sign-in")
        raise


async def _principal_of(services: Services, credential: str | None, session: str | None) -> Principal:
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
