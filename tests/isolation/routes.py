"""Every route of the running application, with the permissions that it asks for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from analytics.api.auth import AccessCheck
from analytics.domain.access import Permission


@dataclass(frozen=True)
class RouteOf:
    """One method of one route."""

    method: str
    path: str
    permissions: tuple[Permission, ...]

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_of_project(self) -> bool:
        return "{project}" in self.path


def routes_of(app: FastAPI) -> list[RouteOf]:
    """From `app.routes`, and the way in, which stands before them."""
    found = [RouteOf("POST", "/v1/events", ())]
    for route in _leaves(app.routes):
        assert isinstance(route, Route), f"{route} is of a kind that the matrix does not know"
        permissions = tuple(_permissions(route.dependant)) if isinstance(route, APIRoute) else ()
        found += [
            RouteOf(method, route.path.replace(":path}", "}"), permissions) for method in sorted(route.methods or ()) if method != "HEAD"
        ]
    return found


def _permissions(dependant: Dependant) -> Iterator[Permission]:
    if isinstance(dependant.call, AccessCheck):
        yield dependant.call.permission
    for below in dependant.dependencies:
        yield from _permissions(below)


def _leaves(found: Sequence[BaseRoute]) -> Iterator[BaseRoute]:
    for route in found:
        included: Any = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _leaves(included.routes)
