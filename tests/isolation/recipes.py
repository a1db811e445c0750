"""How each route is called: one line a route.

A route that is new needs a line here: `"POST /v1/projects/{project}/things": Recipe(body={"name": "x"})`, with

- `body`, `query`, `form`, `headers`: what it is sent, so that whoever may do it is answered 2xx;
- `values`: an async function from (World, School) to the path's other values, such as `{"thing_id": …}`; it is called anew for each caller
  who may, so it may make a thing that the call then removes;
- `shows`: the markers (tests/isolation/world.py) that its answer must hold for an owner; add the marker there if it is of a new kind;
- `asks`: the project stands in the body as `<project>`, and this permission is asked for in it;
- `people`: it is for people who signed in, and may end that: each call is made by somebody new;
- `cookies`: False: a browser's session is nobody here;
- `public`: it asks for no permission on purpose; `statuses`: what it may answer beside 2xx, such as {409}.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from analytics.domain.access import Permission
from analytics.metadata.sql_suspensions import HungQuery
from analytics.oidc.flow import begin_flow
from analytics.oidc.id_token import Identity
from tests.factories.second_factors import enrol
from tests.factories.subject_exports import ended_export
from tests.fixtures.api import PASSWORD
from tests.isolation.world import School, World

Values = Callable[[World, School], Awaitable[Mapping[str, str]]]


async def _none(world: World, school: School) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Recipe:
    """One route's."""

    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    values: Values = _none
    shows: tuple[str, ...] = ()
    asks: Permission | None = None
    people: bool = False
    public: bool = False
    cookies: bool = True
    statuses: frozenset[int] = frozenset()

    def filled(self, value: Any, slug: str) -> Any:
        """`value` with `<new>` made unique and `<project>` the project asked."""
        if isinstance(value, str):
            return value.replace("<new>", uuid4().hex).replace("<project>", slug)
        if isinstance(value, Mapping):
            return {name: self.filled(inner, slug) for name, inner in value.items()}
        return [self.filled(inner, slug) for inner in value] if isinstance(value, list) else value


async def _key(world: World, school: School) -> Mapping[str, str]:
    return {"key_id": (await world.api.owner.post(f"/v1/projects/{school.slug}/keys", {"name": "for one call"})).json()["id"]}


async def _token(world: World, school: School) -> Mapping[str, str]:
    made = await world.api.owner.post(f"/v1/projects/{school.slug}/tokens", {"name": "for one call", "scopes": ["read"]})
    return {"token_id": made.json()["id"]}


async def _member(world: World, school: School) -> Mapping[str, str]:
    email = await world.api.make_user()
    assert (await world.api.owner.put(f"/v1/projects/{school.slug}/members/{email}", {"role": "viewer"})).status_code == 200
    return {"email": email}


async def _their_user(world: World, school: School) -> Mapping[str, str]:
    return {"email": school.email}


async def _user(world: World, school: School) -> Mapping[str, str]:
    return {"email": await world.api.make_user()}


async def _enrolled_user(world: World, school: School) -> Mapping[str, str]:
    email = await world.api.make_user()
    await enrol(world.api, email)
    return {"email": email}


async def _bound_user(world: World, school: School) -> Mapping[str, str]:
    email = await world.api.make_user()
    flow, identity = begin_flow(None, world.api.services.clock.now()), Identity(uuid4().hex, email)
    await world.api.services.metadata.oidc_identities.admit("https://provider.example", identity, flow)
    return {"email": email}


async def _event(world: World, school: School) -> Mapping[str, str]:
    return {"event_id": school.markers["event_id"]}


async def _rejected(world: World, school: School) -> Mapping[str, str]:
    return {"rejected_id": school.rejected_id}


async def _reconciliation(world: World, school: School) -> Mapping[str, str]:
    await world.api.owner.post("/v1/reconciliations", {})
    return {"reconciliation_id": (await world.api.owner.get("/v1/reconciliations")).json()["items"][0]["id"]}


async def _erasure(world: World, school: School) -> Mapping[str, str]:
    return {"erasure_id": school.erasure_id}


async def _invitation(world: World, school: School) -> Mapping[str, str]:
    body = {"email": f"{uuid4().hex}@example.org", "project": school.slug, "role": "viewer"}
    made = await world.api.owner.post("/v1/invitations", body)
    assert made.status_code == 201, made.text
    items = (await world.api.owner.get(f"/v1/projects/{school.slug}/invitations", params={"limit": 1000})).json()["items"]
    return {"invitation_id": next(item["id"] for item in items if item["email"] == body["email"])}


async def _export(world: World, school: School) -> Mapping[str, str]:
    """One that is finished, of the person who is marked; made once a school."""
    path = f"/v1/projects/{school.slug}/subject-exports"
    found = (await world.api.owner.get(path)).json()["items"]
    for item in found:
        if item["status"] == "finished" and item["files"]["events.ndjson"]["lines"]:
            return {"export_id": item["id"]}
    made = (await world.api.owner.post(path, {"user_id": school.markers["user"]})).json()
    return {"export_id": (await ended_export(world.api, school.project, made["id"]))["id"]}


async def _page_part(world: World, school: School) -> Mapping[str, str]:
    return {"name": "swagger-ui.css"}


async def _sql_query(world: World, school: School) -> Mapping[str, str]:
    query_id = uuid4().hex
    await world.api.owner.post(f"/v1/projects/{school.slug}/sql", {"sql": "SELECT 1", "query_id": query_id})
    return {"query_id": query_id}


async def _suspension(world: World, school: School) -> Mapping[str, str]:
    hung = HungQuery(uuid4().hex, school.project["id"], None, f"SELECT '{uuid4().hex}'")
    await world.api.services.metadata.sql_suspensions.suspend(hung)
    listed = await world.api.owner.get(f"/v1/projects/{school.slug}/sql/suspensions")
    return {"suspension_id": next(item["id"] for item in listed.json()["items"] if item["query_id"] == hung.query_id)}


async def _board(world: World, school: School) -> Mapping[str, str]:
    return {"dashboard_id": school.dashboard_id, "tile_id": "events", "kind": "svg"}


async def _new_board(world: World, school: School) -> Mapping[str, str]:
    made = await world.api.owner.post(f"/v1/projects/{school.slug}/dashboards", {"name": "for one call"})
    return {"dashboard_id": made.json()["id"]}


async def _new_share(world: World, school: School) -> Mapping[str, str]:
    values = await _new_board(world, school)
    made = await world.api.owner.post(f"/v1/projects/{school.slug}/dashboards/{values['dashboard_id']}/shares", {})
    return {**values, "share_id": made.json()["id"]}


async def _share(world: World, school: School) -> Mapping[str, str]:
    return {"token": school.share_token, "tile_id": "events", "kind": "svg"}


async def _marks(world: World, school: School) -> Mapping[str, str]:
    """The published query that every school has."""
    return {"name": "marks", "format": "json"}


async def _their_alert(world: World, school: School) -> Mapping[str, str]:
    """The alert that every school has."""
    items = (await world.api.owner.get(f"/v1/projects/{school.slug}/alerts")).json()["items"]
    return {"alert_id": items[0]["id"]}


async def _alert(world: World, school: School) -> Mapping[str, str]:
    """One for one call: those of the calls before are removed, since a project has so many at the most."""
    path = f"/v1/projects/{school.slug}/alerts"
    for item in (await world.api.owner.get(path, params={"limit": 1000})).json()["items"][1:]:
        await world.api.owner.delete(f"{path}/{item['id']}")
    return {"alert_id": (await world.api.owner.post(path, _ALERT)).json()["id"]}


async def _saved_query(world: World, school: School) -> Mapping[str, str]:
    name = f"q-{uuid4().hex}"
    made = await world.api.owner.post(f"/v1/projects/{school.slug}/queries", {"name": name, "question": _SAVED})
    assert made.status_code == 201, made.text
    return {"name": name, "version": "1"}


_ALERT = {"name": "watched", "question": {"kind": "trends", "trends": {"series": [{}]}}, "condition": {"kind": "no_data"}}
_SAVED = {"kind": "trends", "trends": {"series": [{}]}}
_ROLLUP = "SELECT event, count() AS n FROM events GROUP BY event"


async def _rollup(world: World, school: School) -> Mapping[str, str]:
    """A new one; those of before are dropped, since a project has ten at most."""
    path = f"/v1/projects/{school.slug}/rollups"
    for item in (await world.api.owner.get(path, params={"limit": 1000})).json()["items"]:
        if item["name"].startswith("r"):
            await world.api.owner.delete(f"{path}/{item['name']}")
    made = await world.api.owner.post(path, {"name": f"r{uuid4().hex}", "sql": _ROLLUP})
    assert made.status_code == 201, made.text
    return {"name": made.json()["name"]}


async def _paused_rollup(world: World, school: School) -> Mapping[str, str]:
    values = await _rollup(world, school)
    paused = await world.api.owner.post(f"/v1/projects/{school.slug}/rollups/{values['name']}/pause")
    assert paused.status_code == 200, paused.text
    return values


async def _marked_rollup(world: World, school: School) -> Mapping[str, str]:
    return {"name": school.markers["rollup"]}


_PROOF = {"password": PASSWORD, "code": "000000"}
_SQL = {"sql": "SELECT * FROM events LIMIT {rows:UInt32}", "params": {"rows": 100}}
_EVENT_MARKS = ("event_name", "user", "anonymous", "session", "event_id", "property", "url", "title", "context")
_TREND = {"date_from": "2026-01-01", "series": [{}], "breakdown": {"property": "event"}, "source": "raw"}
_P = "/v1/projects/{project}"
_D = f"{_P}/dashboards/{{dashboard_id}}"
_FIRST_VERSION = {"if-match": '"1"'}

RECIPES: Mapping[str, Recipe] = {
    "POST /v1/events": Recipe(body={"event": "e", "user_id": "u"}, public=True, statuses=frozenset({401})),
    "POST /v1/auth/token": Recipe(form={"username": "a@example.org", "password": PASSWORD}, public=True, statuses=frozenset({401, 429})),
    "POST /v1/auth/refresh": Recipe(body={"refresh_token": "rt_unknown"}, public=True, statuses=frozenset({401})),
    "POST /v1/auth/session": Recipe(body={"username": "b@example.org", "password": PASSWORD}, public=True, statuses=frozenset({401, 429})),
    "GET /v1/auth/session": Recipe(statuses=frozenset({401})),  # these callers have no cookie
    "DELETE /v1/auth/session": Recipe(people=True),
    "POST /v1/auth/sign-out": Recipe(people=True),
    "POST /v1/auth/sign-out-everywhere": Recipe(people=True),
    "POST /v1/auth/password": Recipe(body={"current_password": PASSWORD, "new_password": "another battery staple"}, people=True),
    "GET /v1/auth/second-factor": Recipe(people=True),
    "POST /v1/auth/second-factor": Recipe(body={"password": PASSWORD}, people=True),
    # somebody new has none to confirm, renew or remove
    "POST /v1/auth/second-factor/confirm": Recipe(body={"code": "000000"}, people=True, statuses=frozenset({409})),
    "POST /v1/auth/second-factor/recovery-codes": Recipe(body=_PROOF, people=True, statuses=frozenset({409})),
    "POST /v1/auth/second-factor/remove": Recipe(body=_PROOF, people=True, statuses=frozenset({409})),
    # no identity provider is set up here
    "GET /v1/auth/oidc": Recipe(public=True, statuses=frozenset({404})),
    "GET /v1/auth/oidc/callback": Recipe(public=True, statuses=frozenset({404})),
    "DELETE /v1/users/{email}/oidc": Recipe(values=_bound_user),
    "GET /v1/users/{email}/second-factor": Recipe(values=_their_user),
    "DELETE /v1/users/{email}/second-factor": Recipe(values=_enrolled_user),
    "POST /v1/auth/forgot": Recipe(body={"email": "<new>@example.org"}, public=True, statuses=frozenset({429})),
    "POST /v1/auth/accept": Recipe(body={"token": "<new>", "password": PASSWORD}, public=True, statuses=frozenset({422})),
    "GET /accept": Recipe(query={"token": "<new>"}, public=True, statuses=frozenset({410})),
    "POST /accept": Recipe(form={"token": "x", "password": PASSWORD, "again": PASSWORD}, public=True, statuses=frozenset({410})),
    "GET /v1/invitations": Recipe(query={"limit": "1000"}, shows=("invited",)),
    "DELETE /v1/invitations/{invitation_id}": Recipe(values=_invitation),
    f"GET {_P}/invitations": Recipe(query={"limit": "1000"}, shows=("invited",)),
    f"DELETE {_P}/invitations/{{invitation_id}}": Recipe(values=_invitation),
    "POST /v1/auth/signing-keys/rotate": Recipe(),
    "POST /v1/invitations": Recipe(
        body={"email": "<new>@example.org", "project": "<project>", "role": "viewer"}, asks=Permission.MANAGE_MEMBERS
    ),
    "POST /v1/secrets/rotate": Recipe(),
    "GET /v1/audit": Recipe(
        query={"project": "<project>", "limit": "1000"},
        asks=Permission.READ_AUDIT,
        shows=("key_name", "token_name", "project_id", "erasure_id"),
    ),
    "GET /v1/audit/head": Recipe(),
    "GET /v1/audit/verification": Recipe(),
    "GET /v1/users": Recipe(query={"limit": "1000"}, shows=("email", "member_name")),
    "GET /v1/users/{email}": Recipe(values=_their_user, shows=("email", "member_name")),
    "PATCH /v1/users/{email}": Recipe(body={"name": "<new>"}, values=_user),
    "POST /v1/users/{email}/reset": Recipe(values=_user),
    "GET /v1/me": Recipe(shows=("project_id",)),
    "GET /healthz": Recipe(public=True),
    "GET /readyz": Recipe(public=True),
    "GET /metrics": Recipe(public=True),
    "GET /openapi.json": Recipe(public=True),
    "GET /docs": Recipe(public=True),
    "GET /docs/start.js": Recipe(public=True),
    "GET /docs/{name}": Recipe(public=True, values=_page_part),
    "POST /v1/users": Recipe(body={"email": "<new>@example.org", "password": PASSWORD}),
    "POST /v1/projects": Recipe(body={"slug": "made-<new>"}),
    "GET /v1/projects": Recipe(query={"limit": "1000"}, shows=("project_id", "project_name")),
    f"GET {_P}": Recipe(shows=("project_id", "project_name")),
    f"PATCH {_P}": Recipe(body={"event_max_bytes": 32_768}, shows=("project_name",)),
    f"GET {_P}/keys": Recipe(query={"limit": "1000"}, shows=("key_name", "write_key", "second_key")),
    f"POST {_P}/keys": Recipe(body={"name": "<new>"}),
    f"PATCH {_P}/keys/{{key_id}}": Recipe(body={"name": "<new>"}, values=_key),
    f"POST {_P}/keys/{{key_id}}/rotate": Recipe(body={}, values=_key),
    f"DELETE {_P}/keys/{{key_id}}": Recipe(values=_key),
    f"GET {_P}/tokens": Recipe(query={"limit": "1000"}, shows=("token_name",)),
    f"POST {_P}/tokens": Recipe(body={"name": "<new>", "scopes": ["manage"]}),
    f"DELETE {_P}/tokens/{{token_id}}": Recipe(values=_token),
    f"GET {_P}/members": Recipe(query={"limit": "1000"}, shows=("email", "member_name")),
    f"PUT {_P}/members/{{email}}": Recipe(body={"role": "viewer"}, values=_member),
    f"DELETE {_P}/members/{{email}}": Recipe(values=_member),
    f"POST {_P}/trends": Recipe(body=_TREND, shows=("event_name",)),
    f"GET {_P}/events": Recipe(shows=_EVENT_MARKS),
    f"GET {_P}/events/{{event_id}}/status": Recipe(values=_event),
    f"GET {_P}/rejected-events": Recipe(shows=("rejected_user", "rejected_property")),
    f"POST {_P}/rejected-events/{{rejected_id}}/replay": Recipe(body={"event": {"event": "e", "user_id": "u"}}, values=_rejected),
    f"POST {_P}/erasures": Recipe(body={"user_id": "erased-<new>"}),
    f"GET {_P}/erasures": Recipe(query={"limit": "1000"}, shows=("erasure_id",)),
    f"GET {_P}/erasures/{{erasure_id}}": Recipe(values=_erasure, shows=("erasure_id",)),
    f"POST {_P}/subject-exports": Recipe(body={"user_id": "exported-<new>"}),
    f"GET {_P}/subject-exports": Recipe(),
    f"GET {_P}/subject-exports/{{export_id}}": Recipe(values=_export),
    f"GET {_P}/subject-exports/{{export_id}}/file": Recipe(values=_export, shows=_EVENT_MARKS),
    f"POST {_P}/sql": Recipe(body=_SQL, shows=("event_name", "user", "property")),
    f"POST {_P}/sql/explain": Recipe(body=_SQL),
    f"GET {_P}/sql/history": Recipe(query={"limit": "1000"}, shows=("sql",)),
    f"GET {_P}/sql/limits": Recipe(),
    f"PUT {_P}/sql/limits": Recipe(body={"analyst": {"seconds": 60}}),
    f"GET {_P}/sql/suspensions": Recipe(query={"limit": "1000"}, shows=("suspended_query",)),
    f"DELETE {_P}/sql/suspensions/{{suspension_id}}": Recipe(values=_suspension),
    f"DELETE {_P}/sql/{{query_id}}": Recipe(values=_sql_query, statuses=frozenset({404})),  # of others for all but admins
    f"GET {_P}/schema": Recipe(shows=("event_name", "user", "property")),
    f"GET {_P}/queries": Recipe(query={"limit": "1000"}, shows=("saved_text",)),
    f"POST {_P}/queries": Recipe(body={"name": "q-<new>", "question": _SAVED}),
    f"GET {_P}/queries/{{name}}": Recipe(values=_marks, shows=("saved_text",)),
    f"PUT {_P}/queries/{{name}}": Recipe(body={"question": _SAVED}, headers={"if-match": "*"}, values=_saved_query),
    f"DELETE {_P}/queries/{{name}}": Recipe(values=_saved_query),
    f"GET {_P}/queries/{{name}}/versions": Recipe(values=_marks, shows=("saved_text",)),
    f"POST {_P}/queries/{{name}}/versions/{{version}}/restore": Recipe(values=_saved_query),
    f"POST {_P}/queries/{{name}}/run": Recipe(body={}, values=_marks, shows=("event_name", "user", "property")),
    f"PUT {_P}/queries/{{name}}/publication": Recipe(body={}, values=_saved_query),
    f"DELETE {_P}/queries/{{name}}/publication": Recipe(values=_saved_query),
    f"GET {_P}/alerts": Recipe(query={"limit": "1000"}, shows=("alert_name",)),
    f"POST {_P}/alerts": Recipe(body=_ALERT),
    f"GET {_P}/alerts/{{alert_id}}": Recipe(values=_their_alert, shows=("alert_name",)),
    f"PUT {_P}/alerts/{{alert_id}}": Recipe(body=_ALERT, headers={"if-match": "*"}, values=_alert),
    f"DELETE {_P}/alerts/{{alert_id}}": Recipe(values=_alert),
    f"GET {_P}/alerts/{{alert_id}}/history": Recipe(values=_their_alert),
    f"GET {_P}/endpoints/{{name}}.{{format}}": Recipe(values=_marks, shows=("event_name", "user", "property")),
    f"GET {_P}/rollups": Recipe(query={"limit": "1000"}, shows=("rollup",)),
    f"POST {_P}/rollups": Recipe(body={"name": "r<new>", "sql": _ROLLUP}, statuses=frozenset({422})),  # a project has ten at most
    f"GET {_P}/rollups/{{name}}": Recipe(values=_marked_rollup, shows=("rollup",)),
    f"POST {_P}/rollups/{{name}}/pause": Recipe(values=_rollup),
    f"POST {_P}/rollups/{{name}}/resume": Recipe(values=_paused_rollup),
    f"DELETE {_P}/rollups/{{name}}": Recipe(values=_rollup),
    f"GET {_P}/live": Recipe(headers={"accept": "application/json"}, shows=("event_name",)),
    "GET /clickhouse/ping": Recipe(public=True),
    **{
        f"{method} /clickhouse{slash}": Recipe(
            query={"database": "<project>", "query": "SELECT * FROM events"},
            asks=Permission.RUN_SQL,
            shows=("event_name", "user", "property"),
            cookies=False,
        )
        for method in ("GET", "POST")
        for slash in ("", "/")
    },
    f"GET {_P}/dashboard-templates": Recipe(),
    f"POST {_P}/dashboards": Recipe(body={"name": "new"}),
    f"GET {_P}/dashboards": Recipe(query={"limit": "1000"}, shows=("dashboard", "dashboard_id")),
    f"POST {_P}/dashboards/import": Recipe(body={"format": "analytics-dashboard", "version": 1, "dashboard": {"name": "new"}}),
    f"GET {_D}": Recipe(values=_board, shows=("dashboard", "dashboard_id")),
    f"PUT {_D}": Recipe(body={"name": "changed"}, headers=_FIRST_VERSION, values=_new_board),
    f"PATCH {_D}": Recipe(body={"name": "changed"}, headers=_FIRST_VERSION, values=_new_board),
    f"DELETE {_D}": Recipe(values=_new_board),
    f"POST {_D}/duplicate": Recipe(values=_new_board),
    f"GET {_D}/export": Recipe(values=_board, shows=("dashboard",)),
    f"GET {_D}/data": Recipe(values=_board, shows=("dashboard", "event_name")),
    f"GET {_D}.png": Recipe(values=_board),
    f"GET {_D}/tiles/{{tile_id}}.{{kind}}": Recipe(values=_board, shows=("dashboard",)),
    f"POST {_D}/shares": Recipe(body={}, values=_new_board),
    f"GET {_D}/shares": Recipe(values=_board, shows=("share_id",)),
    f"DELETE {_D}/shares/{{share_id}}": Recipe(values=_new_share),
    "GET /v1/shared/{token}/data": Recipe(values=_share, public=True, shows=("dashboard", "event_name")),
    "POST /v1/shared/{token}/data": Recipe(body={"password": "none is needed"}, values=_share, public=True),
    "GET /v1/shared/{token}/dashboard.png": Recipe(values=_share, public=True),
    "GET /v1/shared/{token}/tiles/{tile_id}.{kind}": Recipe(values=_share, public=True),
    f"POST {_P}/live/ticket": Recipe(),
    "POST /v1/reconciliations": Recipe(body={}, statuses=frozenset({409})),
    "GET /v1/reconciliations": Recipe(),
    "GET /v1/reconciliations/{reconciliation_id}": Recipe(values=_reconciliation),
}
