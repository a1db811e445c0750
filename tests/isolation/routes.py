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
    """One method of one route. `actions`: as what its checks record that it was asked for."""

    method: str
    path: str
    permissions: tuple[Permission, ...]
    actions: tuple[str, ...] = ()

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
        checks = list(_checks(route.dependant)) if isinstance(route, APIRoute) else []
        permissions = tuple(check.permission for check in checks)
        actions = tuple(check.action for check in checks if check.action is not None)
        path = route.path.replace(":path}", "}")
        found += [RouteOf(method, path, permissions, actions) for method in sorted(route.methods or ()) if method != "HEAD"]
    return found


def _checks(dependant: Dependant) -> Iterator[AccessCheck]:
    if isinstance(dependant.call, AccessCheck):
        yield dependant.call
    for below in dependant.dependencies:
        yield from _checks(below)


def _leaves(found: Sequence[BaseRoute]) -> Iterator[BaseRoute]:
    for route in found:
        included: Any = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _leaves(included.routes)
