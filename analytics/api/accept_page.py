"""`/accept`: the page that the links of invitations and resets lead to. A form of plain HTML: it works without scripts, and runs none.

The one thing to know: the token of the link is all that the form proves, so it needs no other protection against forged requests: who could
forge one would have to know a token, and could then use it anyway. To look at the page uses nothing up.
"""

import base64
import hashlib
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from analytics.api.account_links import use_link
from analytics.api.dependencies import OpenServices
from analytics.api.problems import problem_of
from analytics.domain.password import LEAST_CHARACTERS
from analytics.errors import InvalidRequestError, RequestError, StoreError
from analytics.metadata.account_links import OpenLink

router = APIRouter(prefix="/accept", include_in_schema=False)
_MOST_TOKEN, _MOST_PASSWORD = 500, 1000


@router.get("")
async def accept_page(services: OpenServices, token: Annotated[str, Query(max_length=_MOST_TOKEN)] = "") -> HTMLResponse:
    """The form, for the link's token; without one it asks for that too."""
    try:
        link = await services.metadata.account_links.find(token) if token else None
    except StoreError as error:
        return _failed(error, token, None)
    if token and link is None:
        return _page(HTTPStatus.GONE, is_over=True)
    return _page(token=token, link=link)


@router.post("")
async def accept_form(request: Request, services: OpenServices) -> HTMLResponse:
    """Use the link up, or say what is wrong and show the form again."""
    form = await request.form(max_files=0, max_fields=10)
    token, password, again = (str(form.get(name, "")) for name in ("token", "password", "again"))
    token = token.strip()[:_MOST_TOKEN]
    link: OpenLink | None = None
    try:
        link = await services.metadata.account_links.find(token)
        if link is not None and password != again:
            raise InvalidRequestError("The two passwords are not the same.")
        if len(password) > _MOST_PASSWORD:
            raise InvalidRequestError(f"The password must have at most {_MOST_PASSWORD} characters.")
        email = await use_link(services, token, password)
    except (RequestError, StoreError) as error:
        if link is None and isinstance(error, InvalidRequestError):
            return _page(HTTPStatus.GONE, is_over=True)
        return _failed(error, token, link)
    return _page(done_for=email)


def _failed(error: RequestError | StoreError, token: str, link: OpenLink | None) -> HTMLResponse:
    status, headers, _ = problem_of(error)
    retry = {name: value for name, value in headers.items() if name == "retry-after"}
    words = error.detail if isinstance(error, RequestError) else "That does not work just now. Try again in a minute; the link stays good."
    return _page(status, retry, token=token, link=link, problem=words)


def _page(
    status: int = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    *,
    token: str = "",
    link: OpenLink | None = None,
    **more: Any,
) -> HTMLResponse:
    environment, style, policy = _template()
    values = {"problem": None, "done_for": None, "is_over": False, **more}
    text = environment.get_template("accept.html").render(
        style=Markup(style),  # noqa: S704 our own file; nothing in it is anybody's
        action="accept",
        token=token,
        email=link.email if link else None,
        is_reset=bool(link and link.is_reset),
        least=LEAST_CHARACTERS,
        **values,
    )
    return HTMLResponse(text, status, {**(headers or {}), "content-security-policy": policy})


@cache
def _template() -> tuple[Environment, str, str]:
    """Templates, the style of the page, and the policy under which that style, and nothing else, is applied."""
    environment = Environment(loader=PackageLoader("analytics.api"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    style = environment.get_template("accept.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    return environment, style, policy
