"""Two schools on one service. Whatever is said of the one is marked, so that it can be looked for in what others are answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from analytics.metadata.sql_suspensions import HungQuery
from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import PASSWORD, Api, Caller

SCOPES = ("read", "personal-data", "sql", "manage", "endpoint:marks")
MARKS = (
    *("project_name", "event_name", "user", "anonymous", "session", "event_id", "property", "url", "title", "context"),
    *("rejected_user", "rejected_property", "key_name", "token_name", "member_name", "invited", "sql", "dashboard", "rollup"),
    *("saved_text", "alert_name"),
)
ROLES = ("viewer", "analyst", "editor", "admin")


@dataclass(frozen=True)
class Principal:
    """Somebody who asks. `role` or `scopes` in the project they are of; `kind` tells the rest; a `browser` has a cookie, no bearer."""

    name: str
    kind: str  # nobody, wrong, write-key, token, person, owner
    caller: Caller
    role: str | None = None
    scopes: frozenset[str] = frozenset()
    browser: bool = False


@dataclass
class School:
    """One project, what is in it, and the strings that must be found nowhere else."""

    project: dict[str, Any]
    markers: dict[str, str]
    key: dict[str, Any]
    token: dict[str, Any]
    email: str
    rejected_id: str
    erasure_id: str
    dashboard_id: str
    share_id: str
    share_token: str
    secrets: list[str] = field(default_factory=list)

    @property
    def slug(self) -> str:
        return self.project["slug"]


@dataclass
class World:
    """`theirs` is looked for, the `principals` are of `own`."""

    api: Api
    theirs: School
    own: School
    principals: list[Principal]

    async def outsider(self) -> Caller:
        """Somebody new, who is a member of nothing."""
        return await self.api.signed_in(await self.api.make_user())

    async def somebody_like(self, principal: Principal) -> Caller:
        """Somebody new who is what this person is, and came the same way."""
        email = await member_of(self.api, {self.own.slug: principal.role} if principal.role else {})
        return await (in_a_browser if principal.browser else Api.signed_in)(self.api, email)

    async def of_both(self, own_role: str, their_role: str) -> Caller:
        """Somebody new who is a member of both projects."""
        return await self.api.signed_in(await member_of(self.api, {self.own.slug: own_role, self.theirs.slug: their_role}))

    def everything_of(self, school: School) -> Mapping[str, str]:
        return {**school.markers, **{f"secret {number}": secret for number, secret in enumerate(school.secrets)}}


async def member_of(api: Api, roles: Mapping[str, str]) -> str:
    """The address of somebody new with these roles by project."""
    email = await api.make_user()
    for slug, role in roles.items():
        assert (await api.owner.put(f"/v1/projects/{slug}/members/{email}", {"role": role})).status_code == 200
    return email


async def in_a_browser(api: Api, email: str) -> Caller:
    """Signed in by a cookie; the page sends its CSRF token."""
    answer = await api.client.post("/v1/auth/session", json={"username": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    api.client.cookies.clear()  # the client is everybody's
    cookie = answer.headers["set-cookie"].partition(";")[0]
    return Caller(api.client, {"cookie": cookie, "x-csrf-token": answer.json()["csrf_token"]})


async def make_school(api: Api) -> School:
    """A project with one of each: an event, a rejected event, a key, a token, a member."""
    mark = {name: f"mark{name.replace('_', '')}{uuid4().hex[:10]}" for name in MARKS}
    project = await api.make_project(name=mark["project_name"])
    path = f"/v1/projects/{project['slug']}"
    email = f"{uuid4().hex}@school.example"
    made = await api.owner.post("/v1/users", {"email": email, "password": PASSWORD, "name": mark["member_name"]})
    assert made.status_code == 201, made.text
    assert (await api.owner.put(f"{path}/members/{email}", {"role": "analyst"})).status_code == 200
    invited = {"email": f"{mark['invited']}@school.example", "project": project["slug"], "role": "viewer"}
    assert (await api.owner.post("/v1/invitations", invited)).status_code == 201
    key = (await api.owner.post(f"{path}/keys", {"name": mark["key_name"]})).json()
    token = (await api.owner.post(f"{path}/tokens", {"name": mark["token_name"], "scopes": ["read"]})).json()
    event = {
        "event": mark["event_name"],
        "event_id": mark["event_id"],
        "user_id": mark["user"],
        "anonymous_id": mark["anonymous"],
        "session_id": mark["session"],
        "properties": {"note": mark["property"]},
        "context": {"page": {"url": f"https://school.example/{mark['url']}", "title": mark["title"]}, "own": mark["context"]},
    }
    refused = {"event": "", "user_id": mark["rejected_user"], "properties": {"note": mark["rejected_property"]}}
    await send_events(api, project, [event, refused])
    await until_stored(api)
    asked = await api.owner.post(f"{path}/sql", {"sql": f"SELECT '{mark['sql']}'"})
    assert asked.status_code == 200, asked.text
    rollup = {"name": mark["rollup"], "sql": "SELECT event, count() AS n FROM events GROUP BY event"}
    assert (await api.owner.post(f"{path}/rollups", rollup)).status_code == 201
    (rejected,) = (await api.owner.get(f"{path}/rejected-events")).json()["items"]
    board = (await api.owner.post(f"{path}/dashboards", dashboard(mark["dashboard"]))).json()
    share = (await api.owner.post(f"{path}/dashboards/{board['id']}/shares", {})).json()
    saved = {"kind": "sql", "sql": f"SELECT *, '{mark['saved_text']}' AS note FROM events"}
    assert (
        await api.owner.post(f"{path}/queries", {"name": "marks", "description": mark["saved_text"], "question": saved})
    ).status_code == 201
    assert (await api.owner.put(f"{path}/queries/marks/publication", {})).status_code == 200
    watched = {"name": mark["alert_name"], "query": "marks", "condition": {"kind": "no_data"}}
    assert (await api.owner.post(f"{path}/alerts", watched)).status_code == 201
    erasure = (await api.owner.post(f"{path}/erasures", {"user_id": f"erased-{uuid4().hex}"})).json()
    suspended_query = uuid4().hex
    hung = HungQuery(suspended_query, project["id"], None, f"SELECT '{suspended_query}'")
    await api.services.metadata.sql_suspensions.suspend(hung)
    markers = {
        **mark,
        "suspended_query": suspended_query,
        "erasure_id": erasure["id"],
        "dashboard_id": board["id"],
        "share_id": share["id"],
        "project_id": project["id"],
        "write_key": project["write_key"],
        "second_key": key["key"],
        "email": email,
    }
    ids = (rejected["id"], erasure["id"], board["id"], share["id"], share["token"])
    return School(project, markers, key, token, email, *ids, [token["token"], share["token"]])


def dashboard(name: str) -> dict[str, Any]:
    """The document of a dashboard whose one tile counts the project's events by name."""
    trends = {"series": [{}], "breakdown": {"property": "event"}, "interval": "month"}
    chart = {"mark": "bar", "encoding": {"x": {"field": "value", "type": "quantitative"}, "y": {"field": "breakdown", "type": "nominal"}}}
    position = {"x": 0, "y": 0, "width": 4, "height": 5}
    tile = {"id": "events", "title": name, "question": {"kind": "trends", "trends": trends}, "chart": chart, "position": position}
    return {"name": name, "tiles": [tile]}


async def make_world(api: Api) -> World:
    theirs, own = await make_school(api), await make_school(api)
    outsider = await api.make_user()
    principals = [
        Principal("nobody", "nobody", api.nobody),
        Principal("wrong token", "wrong", api.bearer("at_" + "x" * 43)),
        Principal("wrong signature", "wrong", api.bearer(f"{api.services.signer.for_operator()[:-8]}AAAAAAAA")),
        Principal("wrong key", "wrong", api.bearer("wk_" + "x" * 32)),
        Principal("write key", "write-key", api.bearer(own.key["key"])),
        Principal("member of nothing", "person", await api.signed_in(outsider)),
        Principal("owner", "owner", api.owner),
    ]
    principals += [Principal(role, "person", await api.member(own.project, role), role=role) for role in ROLES]
    for role in (None, "viewer", "admin"):
        email = await member_of(api, {own.slug: role} if role else {})
        principals.append(Principal(f"browser of {role or 'nobody'}", "person", await in_a_browser(api, email), role=role, browser=True))
    for scopes in (*((scope,) for scope in SCOPES), SCOPES):
        caller = await api.token(own.project, scopes)
        principals.append(Principal(f"token of {' '.join(scopes)}", "token", caller, scopes=frozenset(scopes)))
    return World(api, theirs, own, principals)
