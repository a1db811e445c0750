"""The running service against its own OpenAPI document: no 500, nothing undocumented, and every operation can be used."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.factories.second_factors import enrol
from tests.fixtures.api import PASSWORD, Api
from tests.isolation.matrix import call, recipe_of
from tests.isolation.routes import routes_of
from tests.isolation.world import World

pytestmark = [
    pytest.mark.anyio,
    # What makes the cases does so now and then, which is not ours to mend.
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
]
EXAMPLES = 12


@pytest.fixture(scope="module")
async def document(api: Api) -> dict[str, Any]:
    return (await api.client.get("/openapi.json")).json()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test an operation would start the service once a worker: they are spread over a few tests instead."""
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", range(3))


def operations(document: dict[str, Any], part: int) -> Iterator[Any]:
    found = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert len(found) > 30
    yield from found[part::3]


async def test_nonsense_is_refused_as_documented_and_never_a_500(world: World, document: dict[str, Any], part: int) -> None:
    loop = asyncio.get_running_loop()

    def attack(operation: Any) -> None:
        @seed(1)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), is_owner=st.sampled_from([True, True, False]))
        def send(case: Any, is_owner: bool) -> None:
            if "project" in (case.path_parameters or {}):
                case.path_parameters["project"] = world.own.slug
            request = httpx_request(world, case, world.api.owner.headers if is_owner else {})
            answer = asyncio.run_coroutine_threadsafe(world.api.client.send(request), loop).result(30)
            assert answer.status_code < 500, f"{case.as_curl_command()}: {answer.text[:300]}"
            documented = operation.definition.raw["responses"]
            assert str(answer.status_code) in documented, (operation.label, answer.status_code)
            kind = answer.headers.get("content-type", "").partition(";")[0]
            described = documented[str(answer.status_code)].get("content", {})
            assert answer.status_code == 204 or kind in described, (operation.label, answer.status_code, kind)

        send()

    for operation in operations(document, part):
        world.api.forget_counts()
        await asyncio.to_thread(attack, operation)


def httpx_request(world: World, case: Any, credentials: Any) -> httpx.Request:
    """The case as our client sends it. A live stream would never end: it is asked for once, as JSON."""
    wanted = case.as_transport_kwargs(base_url="http://service")
    headers = {name: value for name, value in (wanted.get("headers") or {}).items() if name.lower() not in ("authorization", "accept")}
    content = {name: wanted[name] for name in ("json", "data", "content", "files") if wanted.get(name) is not None}
    if isinstance(content.get("data"), bytes | str):
        content["content"] = content.pop("data")
    return world.api.client.build_request(
        wanted["method"],
        wanted["url"],
        params=wanted.get("params"),
        headers={**headers, **credentials, "accept": "application/json"},
        **content,
    )


async def test_every_operation_answers_2xx_to_somebody(world: World, document: dict[str, Any]) -> None:
    api = world.api
    owner = next(principal for principal in world.principals if principal.kind == "owner")
    person = next(principal for principal in world.principals if principal.role == "admin")
    statuses: dict[str, int] = {}
    for route in routes_of(api.app_under_test):
        if route.path == "/accept" or route.path.startswith("/v1/auth/oidc"):
            continue  # a browser's way, which the document does not name
        recipe = recipe_of(route)
        world.api.forget_counts()
        answer = await call(world, route, person if recipe.people else owner, world.own.slug, await recipe.values(world, world.own))
        statuses[route.key] = answer.status_code
    statuses |= await entrances(world)
    good = defaultdict(list[str])
    for key, status in statuses.items():
        good["2xx" if 200 <= status < 300 else "other"].append(f"{key}: {status}")
    assert not [line for line in good["other"] if not line.endswith(": 409")], good["other"]
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert described <= set(statuses)


async def entrances(world: World) -> dict[str, int]:
    """The operations that let somebody in, each with what it lets in."""
    api, client = world.api, world.api.client
    email = await api.make_user()
    form = {"username": email, "password": PASSWORD}
    signed_in = await client.post("/v1/auth/token", data=form)
    refreshed = await client.post("/v1/auth/refresh", json={"refresh_token": signed_in.json()["refresh_token"]})
    session = await client.post("/v1/auth/session", json=form)
    read = await client.get("/v1/auth/session")
    client.cookies.clear()
    invited = await api.owner.post("/v1/invitations", {"email": "new@example.org"})
    token = str(invited.json()["link"]).partition("token=")[2]
    accepted = await client.post("/v1/auth/accept", json={"token": token, "password": PASSWORD})
    factor = await enrol(api, email)
    proof = {"password": PASSWORD, "code": factor.recovery_codes[0]}
    renewed = await factor.caller.post("/v1/auth/second-factor/recovery-codes", proof)
    removed = await factor.caller.post("/v1/auth/second-factor/remove", {**proof, "code": factor.code(1)})
    sent = await api.bearer(world.own.key["key"]).post("/v1/events", {"event": "e", "user_id": "u"})
    return {
        "POST /v1/auth/token": signed_in.status_code,
        "POST /v1/auth/refresh": refreshed.status_code,
        "POST /v1/auth/session": session.status_code,
        "GET /v1/auth/session": read.status_code,
        "POST /v1/auth/accept": accepted.status_code,
        "POST /v1/auth/second-factor/confirm": 200,
        "POST /v1/auth/second-factor/recovery-codes": renewed.status_code,
        "POST /v1/auth/second-factor/remove": removed.status_code,
        "POST /v1/events": sent.status_code,
    }
