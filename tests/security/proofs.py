"""What must hold of the running service, each as one function: run as it is, and run again with the protection switched off.

A proof raises AssertionError when the protection is not there (tests/security/test_sabotage.py counts on it).
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

from tests.factories.sent_events import send_events
from tests.factories.subject_exports import exported, files_of
from tests.fixtures.api import Api
from tests.isolation.matrix import check_other, check_own
from tests.isolation.routes import RouteOf, routes_of
from tests.isolation.world import World

Proof = Callable[[World], Awaitable[None]]
EVENT = {"event": "e", "user_id": "u"}


def _routes(api: Api, *keys: str) -> list[RouteOf]:
    found = [route for route in routes_of(api.app_under_test) if route.key in keys]
    assert len(found) == len(keys), f"not all of {keys} are there"
    return found


async def callers_are_held_to_their_rights(world: World) -> None:
    for route in _routes(world.api, "GET /v1/projects/{project}", "GET /v1/projects/{project}/members", "POST /v1/users"):
        await check_own(world, route)


async def a_foreign_project_is_unknown(world: World) -> None:
    for route in _routes(world.api, "GET /v1/projects/{project}", "GET /v1/projects/{project}/keys"):
        await check_other(world, route)


async def one_lists_only_ones_own_projects(world: World) -> None:
    for route in _routes(world.api, "GET /v1/projects", "GET /v1/me"):
        await check_own(world, route)


async def rows_of_others_stay_away(world: World) -> None:
    for route in _routes(
        world.api,
        "GET /v1/projects/{project}/events",
        "GET /v1/projects/{project}/rejected-events",
        "POST /v1/projects/{project}/trends",
    ):
        await check_own(world, route)


async def things_of_others_stay_away(world: World) -> None:
    """Also by their ids, from within one's own project."""
    api, theirs = world.api, world.theirs
    admin = await api.member(world.own.project, "admin")
    path = f"/v1/projects/{world.own.slug}"
    for kind, thing in (("keys", theirs.key["id"]), ("tokens", theirs.token["id"])):
        assert (await admin.delete(f"{path}/{kind}/{thing}")).status_code == 404, kind
    assert (await admin.patch(f"{path}/keys/{theirs.key['id']}", {"name": "taken"})).status_code == 404
    assert (await admin.post(f"{path}/keys/{theirs.key['id']}/rotate", {})).status_code == 404
    assert (await admin.delete(f"{path}/members/{theirs.email}")).status_code == 404
    assert (await admin.get(f"{path}/events/{theirs.markers['event_id']}/status")).status_code == 404
    replay = {"event": {"event": "e", "user_id": "u"}}
    assert (await admin.post(f"{path}/rejected-events/{theirs.rejected_id}/replay", replay)).status_code == 404
    assert api.services.keys.project_of_key(theirs.key["key"]) is not None


async def a_revoked_key_takes_nothing(world: World) -> None:
    api, path = world.api, f"/v1/projects/{world.own.slug}/keys"
    key = (await api.owner.post(path, {"name": "x"})).json()
    assert (await api.bearer(key["key"]).post("/v1/events", EVENT)).status_code == 200
    assert (await api.owner.delete(f"{path}/{key['id']}")).status_code == 204
    assert (await api.bearer(key["key"]).post("/v1/events", EVENT)).status_code == 401


async def a_rotated_key_ends(world: World) -> None:
    api, path = world.api, f"/v1/projects/{world.own.slug}/keys"
    key = (await api.owner.post(path, {"name": "x"})).json()
    assert (await api.owner.post(f"{path}/{key['id']}/rotate", {"overlap_seconds": 0})).status_code == 201
    assert (await api.bearer(key["key"]).post("/v1/events", EVENT)).status_code == 401


async def a_deleted_token_opens_nothing(world: World) -> None:
    api, path = world.api, f"/v1/projects/{world.own.slug}"
    token = (await api.owner.post(f"{path}/tokens", {"name": "x", "scopes": ["read"]})).json()
    assert (await api.bearer(token["token"]).get(path)).status_code == 200
    assert (await api.owner.delete(f"{path}/tokens/{token['id']}")).status_code == 204
    assert (await api.bearer(token["token"]).get(path)).status_code == 401


async def an_expired_token_opens_nothing(world: World) -> None:
    api = world.api
    now = api.services.clock.now()
    _, secret = await api.services.metadata.api_tokens.create(
        "a test", world.own.project["id"], "x", ("read",), now - timedelta(milliseconds=1)
    )
    assert (await api.bearer(secret).get(f"/v1/projects/{world.own.slug}")).status_code == 401


async def a_token_makes_no_stronger_one(world: World) -> None:
    manager = await world.api.token(world.own.project, ["manage"])
    stronger = {"name": "x", "scopes": ["manage", "personal-data"]}
    assert (await manager.post(f"/v1/projects/{world.own.slug}/tokens", stronger)).status_code == 403


async def pages_of_other_origins_may_not_send(world: World) -> None:
    api = world.api
    made = {"name": "x", "allowed_origins": ["https://school.example"]}
    key = (await api.owner.post(f"/v1/projects/{world.own.slug}/keys", made)).json()["key"]
    answer = await api.client.post("/v1/events", json=EVENT, headers={"x-write-key": key, "origin": "https://evil.example"})
    assert answer.status_code == 403


async def bodies_are_bounded(world: World) -> None:
    answer = await world.api.owner.post("/v1/projects", content=b" " * 2_000_001, headers={"content-type": "application/json"})
    assert answer.status_code == 413


async def callers_are_limited(world: World) -> None:
    """With limits of one a minute, a second request waits."""
    api = world.api
    limits = api.services.rate_limits
    before = dict(limits._per_minute)
    token = await api.token(world.own.project, ["read"])
    try:
        limits._per_minute.update(token=1)  # type: ignore[call-arg]
        answers = [(await token.get("/v1/me")).status_code for _ in range(2)]
    finally:
        limits._per_minute.update(before)
    assert answers == [200, 429]


async def guessing_passwords_is_slowed_down(world: World) -> None:
    email = await world.api.make_user()
    wrong = {"username": email, "password": "not the password"}
    statuses = [(await world.api.client.post("/v1/auth/token", data=wrong)).status_code for _ in range(8)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


async def answers_carry_safe_headers(world: World) -> None:
    for path in ("/v1/me", "/nowhere", "/docs", "/openapi.json"):
        headers = (await world.api.client.get(path)).headers
        assert headers.get("x-content-type-options") == "nosniff", path
        assert "frame-ancestors 'none'" in headers.get("content-security-policy", ""), path
        assert "unsafe" not in headers["content-security-policy"], path


async def errors_tell_nothing(world: World) -> None:
    """An error that nobody foresaw, deep below a route."""
    api = world.api

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("swordfish in /srv/secret/place.py at 10.1.2.3")

    tokens = api.services.metadata.api_tokens
    real = type(tokens).page
    type(tokens).page = fail  # type: ignore[assignment]
    try:
        answer = await api.owner.get(f"/v1/projects/{world.own.slug}/tokens")
    finally:
        type(tokens).page = real  # type: ignore[method-assign]
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    for said in ("swordfish", "Traceback", "RuntimeError", "/srv", ".py", "10.1.2.3"):
        assert said not in answer.text + str(answer.headers)


async def events_of_the_erased_are_refused(world: World) -> None:
    api, person = world.api, f"erased-{uuid4().hex}"
    asked = await api.owner.post(f"/v1/projects/{world.own.slug}/erasures", {"user_id": person})
    assert asked.status_code == 202
    answer = await api.bearer(world.own.key["key"]).post("/v1/events", {"event": "e", "user_id": person})
    assert [error["code"] for error in answer.json()["errors"]] == ["erased-user"]


async def only_who_manages_and_may_see_persons_takes_one_out(world: World) -> None:
    api, path = world.api, f"/v1/projects/{world.own.slug}/subject-exports"
    callers = [principal for principal in world.principals if principal.role in ("viewer", "analyst", "editor")]
    callers += [principal for principal in world.principals if principal.scopes in ({"manage"}, {"personal-data"})]
    assert len(callers) == 6  # a viewer also by cookie
    for principal in callers:
        assert (await principal.caller.post(path, {"user_id": "u"})).status_code == 403, principal.name
    assert (await (await api.member(world.own.project, "admin")).post(path, {"user_id": "u"})).status_code == 202


async def an_export_follows_the_links_of_ids(world: World) -> None:
    person, device = (f"{kind}-{uuid4().hex}" for kind in ("person", "device"))
    linked = {"event": "$identify", "user_id": person, "anonymous_id": device}
    await send_events(world.api, world.own.project, [{"event": "before", "anonymous_id": device}, linked])
    files = await files_of(world.api, world.own.project, await exported(world.api, world.own.project, {"user_id": person}))
    assert {line["event"] for line in files["events.ndjson"]} == {"before", "$identify"}


PROOFS: tuple[Proof, ...] = (
    callers_are_held_to_their_rights,
    a_foreign_project_is_unknown,
    one_lists_only_ones_own_projects,
    rows_of_others_stay_away,
    things_of_others_stay_away,
    a_revoked_key_takes_nothing,
    a_rotated_key_ends,
    a_deleted_token_opens_nothing,
    an_expired_token_opens_nothing,
    a_token_makes_no_stronger_one,
    pages_of_other_origins_may_not_send,
    bodies_are_bounded,
    callers_are_limited,
    guessing_passwords_is_slowed_down,
    answers_carry_safe_headers,
    errors_tell_nothing,
    events_of_the_erased_are_refused,
    only_who_manages_and_may_see_persons_takes_one_out,
    an_export_follows_the_links_of_ids,
)
