"""The web application: lifespan, the layers around every request, and the routers."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from analytics.api.problems import install_problem_handlers
from analytics.api.request_context import RequestContext
from analytics.services import open_services
from analytics.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The application for `settings`. Nothing is opened before its lifespan starts; then `app.state.services` holds the open Services.

    The lifespan raises what `open_services` raises.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[Mapping[str, Any]]:
        async with open_services(settings) as services:
            app.state.services = services
            yield {"services": services}

    app = FastAPI(
        title="Analytics",
        version="1",
        description="Events in over HTTP, stored exactly once, counted in real time. Errors are RFC 9457 problems.",
        lifespan=lifespan,
        redoc_url=None,
    )
    install_problem_handlers(app)
    app.add_middleware(RequestContext)
    return app
