"""`/v1/auth/session`: a browser's sign-in, held by a cookie that no script can read."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from analytics.api.auth import Access, Allowed, session_token
from analytics.api.dependencies import OpenServices
from analytics.api.schemas.sign_in import SessionAnswer, SessionForm
from analytics.api.sign_in import check_password, signed_in_person
from analytics.domain.access import Permission
from analytics.errors import CsrfError, UnauthenticatedError, UnreadableBodyError, UnsupportedEncodingError
from analytics.metadata.browser_sessions import IDLE, LONGEST
from analytics.services import Services

router = APIRouter(prefix="/v1/auth/session", tags=["sign-in"])
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": SessionForm.model_json_schema()} for kind in ("application/json", _FORMS[0])},
    }
}


@router.post("", openapi_extra=_BODY)
async def begin_session(request: Request, response: Response, services: OpenServices) -> SessionAnswer:
    """Sign a browser in: sets the cookie, answers the CSRF token that every change needs as X-CSRF-Token. JSON or a form, also `totp`."""
    headers = request.headers
    if not services.browser_cookie.is_own_page(headers.get("sec-fetch-site"), headers.get("origin"), headers.get("host")):
        raise CsrfError("Another site may not sign anybody in.")
    wanted = await _form(request)
    known = await check_password(request, services, wanted.username, wanted.password, wanted.totp)
    token = await services.metadata.browser_sessions.begin(known)
    set_session_cookie(request, response, services, token)
    return await session_answer(services, token)


@router.get("")
async def read_session(request: Request, access: Annotated[Access, Allowed(Permission.READ_SELF)], services: OpenServices) -> SessionAnswer:
    """The session of the cookie; a page that was loaded anew finds its CSRF token here."""
    token = session_token(request, services)
    if token is None:
        raise UnauthenticatedError("There is no browser session; sign in at POST /v1/auth/session.")
    return await session_answer(services, token)


@router.delete("", status_code=204)
async def end_session(
    request: Request, response: Response, access: Annotated[Access, Allowed(Permission.CHANGE_SELF)], services: OpenServices
) -> None:
    """Sign the browser out, at once and everywhere."""
    person, sign_in = signed_in_person(access)
    await services.metadata.refresh_tokens.end(person.id, sign_in)
    response.delete_cookie(**_cookie(request, services))


def _cookie(request: Request, services: Services) -> dict[str, Any]:
    scheme = request.url.scheme
    return {
        "key": services.browser_cookie.name(scheme),
        "path": "/",
        "secure": services.browser_cookie.secure(scheme),
        "httponly": True,
        "samesite": "lax",  # strict would meet whoever follows a link from a mail with a sign-in form
    }


def set_session_cookie(request: Request, response: Response, services: Services, token: str) -> None:
    """Give the browser its session."""
    response.set_cookie(max_age=int(LONGEST.total_seconds()), value=token, **_cookie(request, services))


async def session_answer(services: Services, token: str) -> SessionAnswer:
    """What a page is told of its session. Raises UnauthenticatedError if it is over."""
    session = await services.metadata.browser_sessions.find(token)
    if session is None:
        raise UnauthenticatedError("The session is over; sign in again.")
    return SessionAnswer(
        csrf_token=services.browser_cookie.csrf_token(token), expires_at=session.expires_at, idle_seconds=int(IDLE.total_seconds())
    )


async def _form(request: Request) -> SessionForm:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            sent = cast(object, await request.json())
        except (ValueError, RecursionError) as error:
            raise UnreadableBodyError("The body is not JSON.") from error
    elif kind in _FORMS:
        sent = dict(await request.form(max_files=0, max_fields=10))
    else:
        raise UnsupportedEncodingError("Send the body as application/json or as a form.")
    try:
        return SessionForm.model_validate(sent)
    except ValidationError as error:
        places = [{**item, "loc": ("body", *item["loc"])} for item in error.errors(include_input=False, include_url=False)]
        raise RequestValidationError(places) from error
