"""Every route of the running app leaves a record of what it changed or showed, and of whom it refused.

A route that is new is held to it without a line here; one that leaves no record on purpose stands in UNRECORDED, with the reason.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from analytics.domain.access import ANYBODY
from tests.fixtures.api import Api, Caller
from tests.isolation.matrix import recipe_of
from tests.isolation.routes import RouteOf, routes_of
from tests.isolation.world import World

pytestmark = pytest.mark.anyio
_P = "/v1/projects/{project}"
UNRECORDED: Mapping[str, str] = {
    "POST /v1/events": "events are what is counted, not who looked",
    "GET /accept": "shows whoever has a link its own address",
    "GET /v1/auth/session": "shows a page what its own session is",
    "GET /v1/auth/oidc": "sends a browser away; its coming back is recorded",
    "GET /v1/auth/oidc/callback": "is nothing where no identity provider is set up; elsewhere see tests/api/test_oidc.py",
    "GET /v1/auth/second-factor": "shows callers themselves",
    "GET /v1/me": "shows callers themselves",
    "GET /v1/projects": "shows names of one's own projects, no persons",
    f"GET {_P}": "shows settings of one's own project, no persons",
    f"GET {_P}/keys": "shows keys that are public by nature, no persons",
    f"GET {_P}/tokens": "shows names of machines, no persons and no secrets",
    f"GET {_P}/sql/limits": "shows limits by role, no persons",
    f"GET {_P}/sql/suspensions": "shows ids of members and tokens",
    f"GET {_P}/dashboard-templates": "shows what everybody's are made of",
    f"GET {_P}/alerts": "shows what the team watches and how it stands",
    f"GET {_P}/alerts/{{alert_id}}": "shows what the team watches and how it stands",
    f"GET {_P}/alerts/{{alert_id}}/history": "shows when an alert fired",
    f"GET {_P}/queries": "shows what the team saved; each asking of it is recorded",
    f"GET {_P}/queries/{{name}}": "shows what the team saved; each asking of it is recorded",
    f"GET {_P}/queries/{{name}}/versions": "shows what the team saved; each asking of it is recorded",
    f"GET {_P}/rollups": "shows what the team counts; each asking of it is recorded",
    f"GET {_P}/rollups/{{name}}": "shows what the team counts; each asking of it is recorded",
    f"GET {_P}/subject-exports": "shows how far exports are; each download of one is recorded",
    f"GET {_P}/subject-exports/{{export_id}}": "shows how far an export is; each download of it is recorded",
    "GET /v1/reconciliations": "shows counts of rows",
    "GET /v1/reconciliations/{reconciliation_id}": "shows counts of rows",
    "GET /healthz": "for machines",
    "GET /readyz": "for machines",
    "GET /metrics": "for machines: counts",
    "GET /clickhouse/ping": "for machines",
    "GET /openapi.json": "the documentation",
    "GET /docs": "the documentation",
    "GET /docs/start.js": "the documentation",
    "GET /docs/{name}": "the documentation",
}


async def called(world: World, route: RouteOf, caller: Caller) -> tuple[httpx.Response, list[dict[str, Any]]]:
    """The answer of a call by the route's recipe, and the records that carry its request id."""
    recipe, slug, request_id = recipe_of(route), world.own.slug, uuid4().hex
    answer = await world.api.client.request(
        route.method,
        route.path.format(project=slug, **await recipe.values(world, world.own)),
        params=recipe.filled(recipe.query, slug),
        json=recipe.filled(recipe.body, slug) if recipe.body is not None else None,
        data=dict(recipe.form) if recipe.form else None,
        headers={**recipe.headers, **caller.headers, "x-request-id": request_id},
    )
    await world.api.services.metadata.audit_queue.flush()
    assert world.api.settings.postgres_url is not None
    with psycopg.connect(world.api.settings.postgres_url.get_secret_value(), row_factory=psycopg.rows.dict_row) as connection:
        return answer, connection.execute("SELECT * FROM audit_records WHERE request_id = %s", (request_id,)).fetchall()


async def test_each_route_leaves_a_record_or_says_why_not(world: World) -> None:
    world.api.forget_counts()
    silent: list[str] = []
    for route in routes_of(world.api.app_under_test):
        recipe = recipe_of(route)
        answer, records = await called(world, route, await world.outsider() if recipe.people else world.api.owner)
        assert answer.is_success or answer.status_code in recipe.statuses, f"{route.key}: {answer.status_code} {answer.text[:300]}"
        if route.key in UNRECORDED:
            assert not records, f"{route.key} leaves records: take it out of UNRECORDED"
        elif answer.is_success or recipe.public:
            if not records:
                silent.append(route.key)
            assert not any(record["action"] == "access.refused" for record in records if answer.is_success), route.key
    assert not silent, f"these leave no record of what they change or show: give Allowed(…) an action, or say in UNRECORDED why: {silent}"


async def test_each_refusal_leaves_a_record_of_who_wanted_what(world: World) -> None:
    world.api.forget_counts()
    stranger = await world.outsider()
    actor = world.api.services.metadata.audit.names.actor((await stranger.get("/v1/me")).json()["id"])
    refused = 0
    for route in routes_of(world.api.app_under_test):
        wanted = {recipe_of(route).asks} if recipe_of(route).asks else set(route.permissions)
        if not wanted or wanted <= ANYBODY:
            continue
        answer, records = await called(world, route, stranger)
        assert answer.status_code in (403, 404), route.key
        found = [(record["action"], record["actor"], record["target_id"], record["after"]) for record in records]
        assert found == [("access.refused", actor, str(next(iter(wanted))), {"times": 1})], f"{route.key} leaves no record of a refusal"
        if route.is_of_project or recipe_of(route).asks:
            assert records[0]["project_id"] == world.own.project["id"], route.key
        refused += 1
    assert refused > 20


def test_nothing_is_excused_that_is_not_there(api: Api) -> None:
    assert set(UNRECORDED) <= {route.key for route in routes_of(api.app_under_test)}
