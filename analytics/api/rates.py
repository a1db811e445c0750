"""Rate limits around requests: by address before anybody is asked who they are, by person or token once that is known.

The standing goes out with each answer as RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset (seconds); above the limit the answer
is 429 with Retry-After. `POST /v1/events` does not come here: its limits are in memory.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.api.problems import problem_of
from analytics.cache.rate_limit import CallerKind, OverRateError
from analytics.domain.access import Person, Principal, Token
from analytics.domain.rate import RateStand
from analytics.services import Services

_FREE = ("/healthz", "/readyz", "/metrics")  # asked by machines that must not be turned away
_STANDS = "analytics.rate_stands"


class AddressRates:
    """Counts each request against the address it comes from."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        services: Services | None = getattr(scope["app"].state, "services", None) if scope["type"] == "http" else None
        if services is None or scope["path"] in _FREE:
            await self._app(scope, receive, send)
            return
        stands: list[RateStand] = []
        scope[_STANDS] = stands

        async def send_with_stand(message: Message) -> None:
            if message["type"] == "http.response.start" and stands:
                MutableHeaders(scope=message).update(stands[-1].headers)
            await send(message)

        client: tuple[str, int] | None = scope.get("client")
        try:
            stands.append(await services.rate_limits.charge(CallerKind.ADDRESS, client[0] if client else ""))
        except OverRateError as error:
            stands.append(error.stand)
            status, headers, body = problem_of(error, scope["path"])
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
            await send_with_stand({"type": "http.response.start", "status": status, "headers": raw})
            await send_with_stand({"type": "http.response.body", "body": body})
            return
        await self._app(scope, receive, send_with_stand)


async def charge_principal(services: Services, scope: Scope, principal: Principal) -> None:
    """Count a request against whoever it is known to be of. Raises OverRateError."""
    if isinstance(principal, Person):
        kind, who = CallerKind.USER, principal.id
    elif isinstance(principal, Token):
        kind, who = CallerKind.TOKEN, principal.id
    else:
        kind, who = CallerKind.WRITE_KEY, principal.project_id
    stands: list[RateStand] = scope.get(_STANDS, [])
    try:
        stands.append(await services.rate_limits.charge(kind, who))
    except OverRateError as error:
        stands.append(error.stand)
        raise
