"""`/v1/auth/oidc`: a browser's sign-in by an identity provider. Ends as that by a password does: with the session's cookie.

The one thing to know: the flow under way is sealed in a cookie of ten minutes, so what comes back is good for the browser that went, once.
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from analytics.api.auth import Access, Allowed, record_refusal
from analytics.api.browser_session import session_answer, set_session_cookie
from analytics.api.dependencies import OpenServices
from analytics.domain.access import Permission
from analytics.errors import FieldError, InvalidRequestError, NotFoundError, UnauthenticatedError, UnsealError
from analytics.oidc.flow import FLOW, Flow, begin_flow, is_own_path, read_flow
from analytics.oidc.id_token import not_good
from analytics.oidc.provider import IdentityProvider
from analytics.services import Services

router = APIRouter(prefix="/v1", tags=["sign-in"])
_PURPOSE = "oidc-flow"


@router.get("/auth/oidc", include_in_schema=False)
async def begin(request: Request, services: OpenServices, return_to: Annotated[str | None, Query(max_length=500)] = None) -> Response:
    """Send a browser to the identity provider; afterwards it goes to the path `return_to` of this site, or is answered the session."""
    provider = _provider(services)
    if return_to is not None and not is_own_path(return_to):
        raise InvalidRequestError("Only a path of this site can be gone back to.", [FieldError("/query/return_to", "must be a path here")])
    flow = begin_flow(return_to, services.clock.now())
    response = RedirectResponse(await provider.authorization_url(flow), 302)
    sealed = services.metadata.key_rings.secrets.seal("", _PURPOSE, msgspec.json.encode(flow).decode())
    response.set_cookie(value=sealed, max_age=int(FLOW.total_seconds()), **_flow_cookie(request, services))
    return response


@router.get("/auth/oidc/callback", include_in_schema=False)
async def come_back(
    request: Request,
    services: OpenServices,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=5000)] = "",
    iss: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """Where the identity provider sends the browser back to: sets the session's cookie."""
    provider = _provider(services)
    try:
        flow = _flow(request, services, state)
        if not code:  # the provider, or the person there, said no
            raise not_good()
        identity = await provider.identity(flow, code, iss)
    except UnauthenticatedError:
        record_refusal(services, "anybody", "oidc")
        raise
    token = await services.metadata.browser_sessions.begin(await services.metadata.oidc_identities.admit(provider.issuer, identity, flow))
    response: Response
    if flow.return_to is None:
        answer = await session_answer(services, token)
        response = Response(answer.model_dump_json(), media_type="application/json")
    else:
        response = RedirectResponse(f"{provider.own_origin}{flow.return_to}", 303)
    set_session_cookie(request, response, services, token)
    response.delete_cookie(**_flow_cookie(request, services))
    return response


@router.delete("/users/{email}/oidc", status_code=204)
async def unbind(email: str, access: Annotated[Access, Allowed(Permission.MANAGE_USERS)], services: OpenServices) -> None:
    """Forget who somebody is at the identity provider: their next sign-in there binds anew, by address. Owners only."""
    await services.metadata.oidc_identities.unbind(access.actor, email)


def _provider(services: Services) -> IdentityProvider:
    if services.oidc is None:
        raise NotFoundError("No identity provider is set up.")
    return services.oidc


def _flow(request: Request, services: Services, state: str) -> Flow:
    """The flow that this browser began. Raises UnauthenticatedError."""
    sealed = request.cookies.get(services.browser_cookie.flow_name(request.url.scheme), "")
    try:
        text = services.metadata.key_rings.secrets.open("", _PURPOSE, sealed)
    except UnsealError as error:
        raise not_good() from error
    return read_flow(text, state, services.clock.now())


def _flow_cookie(request: Request, services: Services) -> dict[str, Any]:
    scheme = request.url.scheme
    return {
        "key": services.browser_cookie.flow_name(scheme),
        "path": "/",
        "secure": services.browser_cookie.secure(scheme),
        "httponly": True,
        "samesite": "lax",  # the provider sends the browser back from another site
    }
