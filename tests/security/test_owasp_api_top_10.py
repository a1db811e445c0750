"""The OWASP API Security Top 10 (2023), one test an item. What each says in short, and where more of it is proved."""

import socket

import pytest

from tests.factories.sent_events import until_stored
from tests.isolation.matrix import check_own
from tests.isolation.routes import routes_of
from tests.isolation.world import World
from tests.security import proofs

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("counted_anew")]


async def test_api1_broken_object_level_authorization(world: World) -> None:
    """Things of another project, by their right ids, from one's own project and from theirs (all routes: tests/isolation)."""
    await proofs.things_of_others_stay_away(world)
    await proofs.a_foreign_project_is_unknown(world)


async def test_api2_broken_authentication(world: World) -> None:
    """Guessing is slowed down; what was ended or is over opens nothing; credentials in an address count for events alone."""
    await proofs.guessing_passwords_is_slowed_down(world)
    await proofs.a_revoked_key_takes_nothing(world)
    await proofs.a_deleted_token_opens_nothing(world)
    await proofs.an_expired_token_opens_nothing(world)
    token = world.own.secrets[0]
    for query in ({"access_token": token}, {"token": token}, {"key": world.own.key["key"]}):
        assert (await world.api.client.get("/v1/me", params=query)).status_code == 401


async def test_api3_broken_object_property_level_authorization(world: World) -> None:
    """No member of a body that is not meant to be set is taken (mass assignment), and no secret is answered a second time."""
    api, path = world.api, f"/v1/projects/{world.own.slug}"
    admin = await api.member(world.own.project, "admin")
    for method, place, body in (
        ("PATCH", path, {"name": "x", "id": "p_mine"}),
        ("PATCH", path, {"id_seed": 1}),
        ("PATCH", path, {"slug": "another"}),
        ("POST", f"{path}/keys", {"name": "x", "key": "wk_chosen_by_myself"}),
        ("POST", f"{path}/keys", {"name": "x", "project_id": world.theirs.project["id"]}),
        ("POST", f"{path}/tokens", {"name": "x", "scopes": ["read"], "project_id": world.theirs.project["id"]}),
        ("PUT", f"{path}/members/{world.own.email}", {"role": "viewer", "is_owner": True}),
    ):
        answer = await api.client.request(method, place, json=body, headers=admin.headers)
        assert answer.status_code == 422, (place, body, answer.text)
    listed = (await admin.get(f"{path}/tokens")).text + (await admin.get(path)).text + (await admin.get(f"{path}/members")).text
    for hidden in ("token_hash", "id_seed", "password", *world.own.secrets):
        assert hidden not in listed


async def test_api4_unrestricted_resource_consumption(world: World) -> None:
    """Requests are limited in number, size, pages and time."""
    await proofs.callers_are_limited(world)
    await proofs.bodies_are_bounded(world)
    path = f"/v1/projects/{world.own.slug}"
    assert (await world.api.owner.get(f"{path}/events", params={"limit": "100000"})).status_code == 422
    wide = {"date_from": "2000-01-01", "date_to": "2026-01-01", "interval": "minute", "series": [{}]}
    assert (await world.api.owner.post(f"{path}/trends", wide)).status_code == 422


async def test_api5_broken_function_level_authorization(world: World) -> None:
    """Whoever is below the role, or without the scope, may not; and unknown methods do nothing (all routes: tests/isolation)."""
    await proofs.callers_are_held_to_their_rights(world)
    await proofs.a_token_makes_no_stronger_one(world)
    viewer = await world.api.member(world.own.project, "viewer")
    for header in ("x-http-method-override", "x-method-override", "x-http-method"):
        answer = await world.api.client.get(f"/v1/projects/{world.own.slug}/keys", headers={**viewer.headers, header: "POST"})
        assert answer.status_code == 403
    for header in ("x-original-url", "x-rewrite-url"):
        answer = await world.api.client.get("/healthz", headers={**viewer.headers, header: f"/v1/projects/{world.own.slug}/keys"})
        assert world.own.key["key"] not in answer.text


async def test_api6_unrestricted_access_to_sensitive_business_flows(world: World) -> None:
    """What is worth automating: sending from foreign pages, and replaying, which counts once however often it is asked."""
    await proofs.pages_of_other_origins_may_not_send(world)
    api, path = world.api, f"/v1/projects/{world.own.slug}"
    replay = {"event": {"event": "replayed", "user_id": "u"}}
    ids = set()
    for _ in range(2):
        answer = await api.owner.post(f"{path}/rejected-events/{world.own.rejected_id}/replay", replay)
        assert answer.status_code == 200
        ids.add(answer.json()["event_id"])
    assert len(ids) == 1


async def test_api7_server_side_request_forgery(world: World) -> None:
    """Addresses that come in events are text: nothing is fetched, and they are stored as they were sent."""
    api = world.api
    with socket.create_server(("127.0.0.1", 0)) as bait:
        bait.setblocking(False)
        address = f"http://127.0.0.1:{bait.getsockname()[1]}/latest/meta-data"
        event = {"event": "page_view", "user_id": "u", "context": {"page": {"url": address, "referrer": address}}}
        assert (await api.bearer(world.own.key["key"]).post("/v1/events", event)).status_code == 200
        await until_stored(api)
        with pytest.raises(BlockingIOError):  # nobody came
            bait.accept()


async def test_api8_security_misconfiguration(world: World) -> None:
    """Safe headers, errors that tell nothing, no CORS but for events, no methods that nobody needs."""
    await proofs.answers_carry_safe_headers(world)
    await proofs.errors_tell_nothing(world)
    client = world.api.client
    for path in ("/v1/me", f"/v1/projects/{world.own.slug}", "/openapi.json", "/docs"):
        answer = await client.get(path, headers={"origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control-")], path
        assert "server" not in answer.headers
        assert "x-powered-by" not in answer.headers
    for method in ("TRACE", "CONNECT", "PROPFIND"):
        assert (await client.request(method, "/v1/me")).status_code in {404, 405}


async def test_api9_improper_inventory_management(world: World) -> None:
    """Every route is described, asks for a permission or is public on purpose, and has one version."""
    described = (await world.api.client.get("/openapi.json")).json()["paths"]
    for route in routes_of(world.api.app_under_test):
        if route.path.startswith(("/docs", "/accept", "/v1/auth/oidc")) or route.path == "/openapi.json":  # pages, and ways of a browser
            continue
        # With a slash behind it or without, it is one.
        assert route.method.lower() in described.get(route.path.removesuffix("/"), {}), f"{route.key} is not described"
        # What speaks ClickHouse's interface has ClickHouse's version.
        assert route.path.startswith(("/v1/", "/clickhouse")) or route.path in {"/healthz", "/readyz", "/metrics"}


async def test_api10_unsafe_consumption_of_apis(world: World) -> None:
    """What others send is data: SQL, templates, formulas and markup go in as text and come out as the same text."""
    api = world.api
    nasty = "'; DROP TABLE events; -- {{7*7}} ${jndi:ldap://x} =cmd|'/c calc' <script>alert(1)</script> \\' %s {x:String}"
    path = f"/v1/projects/{world.own.slug}"
    assert (await api.owner.post(f"{path}/keys", {"name": nasty})).json()["name"] == nasty
    question = {"date_from": "2026-01-01", "series": [{"event": nasty}], "breakdown": {"property": f"properties.{nasty}"}, "source": "raw"}
    assert (await api.owner.post(f"{path}/trends", question)).status_code in {200, 422}
    assert (await api.owner.get(f"{path}/events", params={"user_id": nasty})).json()["items"] == []
    (rows,) = [route for route in routes_of(api.app_under_test) if route.key == "GET /v1/projects/{project}/events"]
    await check_own(world, rows)
