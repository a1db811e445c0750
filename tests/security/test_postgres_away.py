"""While PostgreSQL is away nobody is let in by guess: each route that needs it says 503 and when to try again, never 500."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.fixtures.api import PASSWORD, Api, Caller, make_settings, started
from tests.fixtures.patience import eventually
from tests.fixtures.relay import Relay
from tests.isolation.matrix import recipe_of
from tests.isolation.routes import RouteOf, routes_of
from tests.isolation.world import make_world

pytestmark = pytest.mark.anyio
ADDRESS = "192.0.2.240"
# Public ones that look something up there.
SIGNING_IN = {
    *(f"POST /v1/auth/{name}" for name in ("token", "session", "refresh", "accept")),
    *("GET /accept", "POST /accept"),
}


@pytest.fixture
async def relay(postgres_url: str) -> AsyncIterator[Relay]:
    async with Relay.to_postgres(postgres_url) as made:
        yield made


@pytest.fixture
async def api(relay: Relay, redis_url: str, tmp_path: Path, anyio_backend: object) -> AsyncIterator[Api]:
    settings = make_settings(tmp_path, relay.url, redis_url, drain_timeout_seconds=0)
    async with started(settings, ADDRESS) as running:
        yield running


def is_told_to_come_again(answer: httpx.Response) -> bool:
    return answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1


async def test_each_route_that_needs_postgresql_says_so(api: Api, relay: Relay) -> None:
    world = await make_world(api)
    email = await api.make_user()
    person = await api.signed_in(email)
    token = await api.token(world.own.project, ["read", "personal-data", "manage", "sql"])
    session = await api.client.post("/v1/auth/session", json={"username": email, "password": PASSWORD})
    api.client.cookies.clear()
    cookie = session.headers["set-cookie"].partition(";")[0]
    browser = Caller(api.client, {"cookie": cookie, "x-csrf-token": session.json()["csrf_token"]})
    routes = routes_of(api.app_under_test)
    values = {route.key: await recipe_of(route).values(world, world.own) for route in routes}
    world.api.forget_counts()
    await relay.cut()

    async def call(route: RouteOf, caller: Caller) -> httpx.Response:
        recipe, slug = recipe_of(route), world.own.slug
        return await api.client.request(
            route.method,
            route.path.format(project=slug, **values[route.key]),
            params=recipe.filled(recipe.query, slug),
            json=recipe.filled(recipe.body, slug) if recipe.body is not None else None,
            data=dict(recipe.form) if recipe.form else None,
            headers={**recipe.headers, **caller.headers},
        )

    try:
        for who, caller in (("a person", person), ("a browser", browser), ("a token", token), ("the operator", api.owner)):
            answers = await asyncio.gather(*(call(route, caller) for route in routes))
            for route, answer in zip(routes, answers, strict=True):
                told = f"{route.key} by {who}: {answer.status_code} {answer.text[:300]}"
                assert answer.status_code != 500, told
                needs_it = route.permissions if who != "the operator" else route.actions  # who it is, or that it was recorded
                if caller is browser and route.path.startswith("/clickhouse"):
                    needs_it = ()  # cookies count for nothing there
                if needs_it or route.key in SIGNING_IN:
                    assert is_told_to_come_again(answer), told
            world.api.forget_counts()
    finally:
        await relay.mend()

    async def is_let_in_again() -> bool:
        return (await person.get("/v1/me")).status_code == 200

    await eventually(is_let_in_again, "PostgreSQL")
