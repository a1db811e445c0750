"""The web application: lifespan, the layers around every request, and the routers."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from analytics.api import (
    accept_page,
    account_links,
    alerts,
    audit,
    browser_session,
    clickhouse,
    dashboard_pictures,
    dashboard_shares,
    dashboards,
    docs,
    endpoints,
    erasures,
    health,
    invitations,
    keys,
    live,
    oidc,
    people,
    projects,
    queries,
    reconciliations,
    rejected_events,
    rollups,
    second_factor,
    secrets,
    shared,
    sign_in,
    sql,
    stored_events,
    subject_exports,
    tokens,
    trends,
)
from analytics.api.events import EventsIngest, IngestParts
from analytics.api.openapi import install_openapi
from analytics.api.problems import install_problem_handlers
from analytics.api.rates import AddressRates
from analytics.api.request_context import RequestContext
from analytics.jobs.export import exports_running
from analytics.jobs.running import jobs_running
from analytics.metadata.bootstrap import BootstrapResult
from analytics.services import Services, open_services
from analytics.settings import Settings

# One a resource. A new route needs `Allowed(permission)`, or a line in the short list of public ones in tests/architecture.
ROUTERS = (
    sign_in.router,
    browser_session.router,
    account_links.router,
    second_factor.router,
    oidc.router,
    accept_page.router,
    invitations.router,
    projects.router,
    keys.router,
    tokens.router,
    people.router,
    trends.router,
    stored_events.router,
    rejected_events.router,
    reconciliations.router,
    rollups.router,
    audit.router,
    secrets.router,
    erasures.router,
    subject_exports.router,
    live.router,
    sql.router,
    clickhouse.router,
    dashboard_pictures.router,  # before the dashboards, whose ids would take the names of pictures
    dashboards.router,
    dashboard_shares.router,
    shared.router,
    queries.router,
    endpoints.router,
    alerts.router,
    health.router,
    docs.router,
)


class Application(FastAPI):
    """FastAPI with the way in before it: events meet none of its layers."""

    _events: EventsIngest | None = None

    def take_events(self, max_body_bytes: int) -> None:
        """Answer `/v1/events` here."""

        def parts() -> IngestParts:
            services: Services = self.state.services
            return IngestParts(services.event_path.ingestor, services.keys, services.key_rates, services.rate_limits, services.metrics)

        self._events = EventsIngest(super().__call__, parts, max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._events or super().__call__)(scope, receive, send)


def create_app(settings: Settings, bootstrapped: Callable[[BootstrapResult], None] = lambda made: None) -> Application:
    """The application for `settings`. Nothing is opened before its lifespan starts; then `app.state.services` holds the open Services.

    The lifespan raises what `open_services` raises.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[Mapping[str, Any]]:
        async with (
            open_services(settings, bootstrapped) as services,
            jobs_running(services) if "scheduler" in settings.roles else nullcontext(),
            exports_running(services, makes="api" in settings.roles, stores="writer" in settings.roles),
        ):
            app.state.services = services
            yield {"services": services}

    app = Application(
        redirect_slashes=False,  # it would send a client, with what it has in hand, to an address made of its own Host header
        title="Analytics",
        version="1",
        description="Events in over HTTP, stored exactly once, counted in real time. Errors are RFC 9457 problems.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    for router in ROUTERS if "api" in settings.roles else (health.router,):
        app.include_router(router)
    install_problem_handlers(app)
    install_openapi(app)
    app.add_middleware(AddressRates)
    is_https = bool(settings.public_url and settings.public_url.startswith("https://"))
    app.add_middleware(RequestContext, timeout_seconds=settings.request_timeout_seconds, is_https=is_https)

    if "writer" in settings.roles:  # who takes events must also store them: the spool is this process's own
        app.take_events(settings.request_max_bytes)
    return app
