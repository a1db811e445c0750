"""Every route asks for a permission, or stands on the short list of those that are open on purpose."""

from collections.abc import Iterator, Sequence

from fastapi import FastAPI

from analytics.app import create_app
from analytics.domain.access import ANYBODY, OWNERS, RULES, Permission
from analytics.settings import Settings
from tests.isolation.routes import routes_of

PUBLIC = {
    ("POST", "/v1/auth/token"),
    ("POST", "/v1/auth/refresh"),
    ("POST", "/v1/auth/session"),
    ("POST", "/v1/auth/forgot"),
    ("GET", "/v1/auth/oidc"),
    ("GET", "/v1/auth/oidc/callback"),
    ("POST", "/v1/auth/accept"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/clickhouse/ping"),
    # has write keys of its own, in front of the framework
    ("POST", "/v1/events"),
    ("OPTIONS", "/v1/events"),
    # the framework's
    *((method, "/openapi.json") for method in ("GET", "HEAD")),
    # the documentation of the routes
    # the page of a link: its token is the credential
    *(("GET", f"/v1/shared/{{token}}/{what}") for what in ("data", "dashboard.png", "tiles/{tile_id}.{kind}")),
    ("POST", "/v1/shared/{token}/data"),
    ("GET", "/accept"),
    ("POST", "/accept"),
    *(("GET", path) for path in ("/docs", "/docs/start.js", "/docs/{name}")),
}


def app() -> FastAPI:
    return create_app(Settings())


def routes() -> Iterator[tuple[str, str, Sequence[Permission]]]:
    for route in routes_of(app()):
        yield route.method, route.path, route.permissions


def test_every_route_asks_for_a_permission_or_is_public_on_purpose() -> None:
    found = list(routes())
    assert len(found) > 20
    unguarded = {(method, path) for method, path, asked in found if not asked}
    assert unguarded <= PUBLIC, f"without Allowed(...): {sorted(unguarded - PUBLIC)}"


def test_a_route_of_a_project_asks_for_a_right_in_it() -> None:
    for method, path, asked in routes():
        if "{project}" in path:
            assert asked, (method, path)
            assert all(permission in RULES for permission in asked), (method, path)


def test_every_permission_has_one_rule() -> None:
    assert set(RULES) | ANYBODY | OWNERS == set(Permission)
    assert len(RULES) + len(ANYBODY) + len(OWNERS) == len(Permission)
