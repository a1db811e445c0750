"""Who did what to what, as it is recorded and as it is asked for."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import psycopg
import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from analytics.api.auth import AccessCheck
from analytics.cli.main import main
from analytics.domain.access import PERSONAL, Permission
from tests.fixtures.api import PASSWORD, Api
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
Run = Callable[..., Awaitable[Result]]
QUESTION = {"date_from": "2026-11-01", "date_to": "2026-11-02", "series": [{}]}


@pytest.fixture(autouse=True)
async def written(api: Api) -> AsyncIterator[None]:
    """What a test leaves in the queue is written before the next."""
    yield
    await api.services.metadata.audit_queue.flush()


def rows(api: Api, after: int = 0) -> list[dict[str, Any]]:
    """What stands in the table, oldest first."""
    assert api.settings.postgres_url is not None
    with psycopg.connect(api.settings.postgres_url.get_secret_value(), row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute("SELECT * FROM audit_records WHERE id > %s ORDER BY id", (after,)).fetchall()


async def left(api: Api, done: Awaitable[Any]) -> list[dict[str, Any]]:
    """The records that `done`, which must succeed, leaves."""
    await api.services.metadata.audit_queue.flush()
    before = max((row["id"] for row in rows(api)), default=0)
    answer = await done
    assert answer.is_success, answer.text
    await api.services.metadata.audit_queue.flush()
    return rows(api, before)


async def the_one(api: Api, done: Awaitable[Any]) -> dict[str, Any]:
    (record,) = await left(api, done)
    return record


async def test_each_change_leaves_one_record_with_before_and_after(api: Api) -> None:
    names = api.services.metadata.audit.names
    slug = "audited-changes"
    made = await the_one(api, api.owner.post("/v1/projects", {"slug": slug}))
    project = api.services.keys.project_by_slug(slug)
    assert project is not None
    assert (made["action"], made["target_id"], made["before"], made["after"]["slug"]) == ("project.create", project.id, None, slug)
    assert (made["actor_kind"], made["actor"]) == ("operator", names.actor("operator"))
    path = f"/v1/projects/{slug}"

    changed = await the_one(api, api.owner.patch(path, {"ip_policy": "drop"}))
    assert (changed["action"], changed["before"]["ip_policy"], changed["after"]["ip_policy"]) == ("project.update", "keep", "drop")

    key = await the_one(api, api.owner.post(f"{path}/keys", {"name": "a key"}))
    assert (key["action"], key["target_kind"], key["after"]["name"]) == ("key.create", "key", "a key")
    renamed = await the_one(api, api.owner.patch(f"{path}/keys/{key['target_id']}", {"name": "another"}))
    assert (renamed["action"], renamed["before"]["name"], renamed["after"]["name"]) == ("key.change", "a key", "another")
    revoked = await the_one(api, api.owner.delete(f"{path}/keys/{key['target_id']}"))
    assert (revoked["action"], revoked["target_id"]) == ("key.revoke", key["target_id"])

    token = await the_one(api, api.owner.post(f"{path}/tokens", {"name": "a robot", "scopes": ["read"]}))
    assert (token["action"], token["after"]["scopes"]) == ("token.create", ["read"])
    ended = await the_one(api, api.owner.delete(f"{path}/tokens/{token['target_id']}"))
    assert (ended["action"], ended["before"]["scopes"]) == ("token.delete", ["read"])

    email = "audited@example.org"
    user = await the_one(api, api.owner.post("/v1/users", {"email": email, "password": PASSWORD, "name": "Somebody"}))
    assert user["action"] == "user.create"
    for before, after in ((None, "viewer"), ("viewer", "admin")):
        member = await the_one(api, api.owner.put(f"{path}/members/{email}", {"role": after}))
        assert (member["action"], member["target_id"], member["project_id"]) == ("member.set", user["target_id"], project.id)
        assert (member["before"], member["after"]) == (before and {"role": before}, {"role": after})
    removed = await the_one(api, api.owner.delete(f"{path}/members/{email}"))
    assert (removed["action"], removed["before"]) == ("member.remove", {"role": "admin"})


async def test_a_change_that_is_refused_leaves_no_record(api: Api) -> None:
    project = await api.make_project()
    before = rows(api)[-1]["id"]
    assert (await api.owner.post("/v1/projects", {"slug": project["slug"]})).status_code == 409
    assert (await api.owner.delete(f"/v1/projects/{project['slug']}/keys/k_1")).status_code == 404
    assert (await api.owner.delete(f"/v1/projects/{project['slug']}/tokens/t_1")).status_code == 404
    assert rows(api, before) == []


async def test_sign_ins_failures_and_reuse_are_recorded(api: Api) -> None:
    names = api.services.metadata.audit.names
    email = await api.make_user()
    person = rows(api)[-1]["target_id"]
    before = rows(api)[-1]["id"]
    signed_in = (await api.client.post("/v1/auth/token", data={"username": email, "password": PASSWORD})).json()
    for who in (email, "nobody@example.org"):
        assert (await api.client.post("/v1/auth/token", data={"username": who, "password": "wrong"})).status_code == 401
    for status in (200, 401):
        answer = await api.client.post("/v1/auth/refresh", json={"refresh_token": signed_in["refresh_token"]})
        assert answer.status_code == status
    found = [row for row in rows(api, before) if row["action"] != "access.refused"]
    assert [row["action"] for row in found] == [
        "sign-in.succeeded",
        "sign-in.failed",
        "sign-in.failed",
        "session.refresh",
        "session.reuse",
    ]
    assert [row["actor"] for row in found] == [person, names.actor(email), names.actor("nobody@example.org"), person, person]
    assert [row["target_id"] for row in found[1:3]] == [person, None]
    (address,) = {row["address"] for row in found}
    assert address.startswith("192.0.2.")  # one of those that the tests call from


async def test_tries_that_the_brake_refuses_are_recorded_with_how_often(api: Api) -> None:
    names, email = api.services.metadata.audit.names, await api.make_user()
    await api.services.metadata.audit_queue.flush()
    before = rows(api)[-1]["id"]
    statuses = [
        (
            await api.client.post("/v1/auth/token", data={"username": email, "password": "wrong"}, headers={"x-request-id": "guess"})
        ).status_code
        for _ in range(8)
    ]
    assert statuses == [401] * 5 + [429] * 3
    await api.services.metadata.audit_queue.flush()
    braked = [row for row in rows(api, before) if row["action"] == "sign-in.braked"]
    assert {row["actor"] for row in braked} == {names.actor(email)}
    assert sum(row["after"]["times"] for row in braked) == 3
    found = (await api.owner.get("/v1/audit", params={"actor": email, "action": "sign-in"})).json()["items"]
    assert {item["action"] for item in found} == {"sign-in.failed", "sign-in.braked"}


async def test_a_wrong_password_at_its_change_and_a_made_up_credential_or_link_are_recorded(api: Api) -> None:
    names, email = api.services.metadata.audit.names, await api.make_user()
    person = rows(api)[-1]["target_id"]
    caller = await api.signed_in(email)
    await api.services.metadata.audit_queue.flush()
    before = rows(api)[-1]["id"]
    wrong = {"current_password": "wrong", "new_password": "another horse battery"}
    assert (await caller.post("/v1/auth/password", wrong)).status_code == 422
    assert (await api.bearer("at_" + "x" * 43).get("/v1/me")).status_code == 401
    assert (await api.nobody.post("/v1/auth/accept", {"token": "in_x", "password": PASSWORD})).status_code == 422
    assert (await api.nobody.get("/v1/me")).status_code == 401
    await api.services.metadata.audit_queue.flush()
    found = {(row["action"], row["actor"], row["target_id"]) for row in rows(api, before)}
    nobody = names.actor("anybody")
    assert found == {
        ("password.failed", person, person),
        ("access.refused", nobody, "sign-in"),
        ("access.refused", nobody, "link"),
    }


async def test_every_read_of_personal_data_is_recorded_once(api: Api) -> None:
    project = await api.make_project()
    reader = await api.token(project, ["read", "personal-data", "manage"])
    path = f"/v1/projects/{project['slug']}"
    for route, action in (("/events?user_id=u-17", "events.read"), ("/rejected-events", "rejected-events.read"), ("/live", "live.read")):
        asked = api.client.get(path + route, headers={**reader.headers, "accept": "application/json", "x-request-id": "a@b.example"})
        read = await the_one(api, asked)
        assert (read["action"], read["actor_kind"], read["project_id"]) == (action, "token", project["id"])
        assert read["request_id"] == api.services.metadata.audit.names.clean("a@b.example")
    assert (await reader.get(f"{path}/events/e-1/status")).status_code == 404
    assert rows(api)[-1]["action"] == "event-status.read"
    subject = api.services.metadata.audit.names.subject(project["id"], "u-17")
    assert [row["action"] for row in rows(api) if (row["after"] or {}).get("subject") == subject] == ["events.read"]


def test_a_permission_that_shows_persons_cannot_go_unrecorded() -> None:
    assert {Permission.READ_EVENTS, Permission.MANAGE_REJECTED} <= PERSONAL
    assert all(AccessCheck(permission).action for permission in PERSONAL)


async def test_questions_are_recorded_by_kind_and_source_and_not_by_value(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/trends"
    asked = await the_one(api, api.owner.post(path, {**QUESTION, "series": [{"event": "a-secret-name"}], "source": "raw"}))
    assert (asked["action"], asked["after"]) == ("query.trends", {"source": "raw", "personal": False})
    assert asked["request_id"]
    shown = await the_one(api, api.owner.post(path, {**QUESTION, "breakdown": {"property": "user_id"}}))
    assert shown["after"]["personal"] is True


async def test_a_reconciliation_that_is_asked_for_is_recorded(api: Api) -> None:
    found = await left(api, api.owner.post("/v1/reconciliations", {}))
    assert [row["action"] for row in found] == ["reconciliation.request"]


async def test_the_audit_is_read_by_filters_and_pages_and_that_is_recorded(api: Api) -> None:
    project = await api.make_project()
    email = await api.make_user()
    member = f"/v1/projects/{project['slug']}/members/{email}"
    for role in ("viewer", "analyst", "admin"):
        await api.owner.put(member, {"role": role})
    admin = await api.signed_in(email)
    query = {"project": project["slug"], "action": "member", "target": email.upper()}
    before = rows(api)[-1]["id"]
    seen: list[str] = []
    cursor = None
    while True:
        answer = await admin.get("/v1/audit", params={**query, "limit": 2, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        seen += [item["after"]["role"] for item in answer.json()["items"]]
        assert all(item["project"] == project["slug"] for item in answer.json()["items"])
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == ["admin", "analyst", "viewer"]
    assert [row["action"] for row in rows(api, before)] == ["audit.read", "audit.read"]
    mine = (await admin.get("/v1/audit", params={"project": project["slug"], "actor": email})).json()["items"]
    assert {item["action"] for item in mine} == {"audit.read"}
    for span, found in (({"to": "2020-01-01"}, 0), ({"from": "2020-01-01"}, 3), ({"from": "2090-01-01T00:00:00Z"}, 0)):
        assert len((await admin.get("/v1/audit", params={**query, **span})).json()["items"]) == found
    signed_in = (await api.owner.get("/v1/audit", params={"actor": email, "action": "sign-in.succeeded"})).json()["items"]
    assert len(signed_in) == 1


async def test_an_admin_sees_the_audit_of_the_project_alone(api: Api) -> None:
    mine, theirs = await api.make_project(), await api.make_project()
    admin, editor = await api.member(mine, "admin"), await api.member(mine, "editor")
    own = (await admin.get("/v1/audit", params={"project": mine["slug"]})).json()["items"]
    assert {item["project_id"] for item in own} == {mine["id"]}
    assert (await admin.get("/v1/audit")).status_code == 403
    assert (await editor.get("/v1/audit", params={"project": mine["slug"]})).status_code == 403
    foreign = [await admin.get("/v1/audit", params={"project": slug}) for slug in (theirs["slug"], "unknown")]
    assert [answer.status_code for answer in foreign] == [404, 404]
    assert foreign[0].json() == foreign[1].json()
    for route in ("/v1/audit/head", "/v1/audit/verification"):
        assert (await admin.get(route)).status_code == 403
        assert (await api.nobody.get(route)).status_code == 401
    everything = (await api.owner.get("/v1/audit", params={"limit": 1000})).json()["items"]
    assert {mine["id"], theirs["id"], None} <= {item["project_id"] for item in everything}


async def test_an_export_is_a_line_a_record_and_all_of_them(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.api.audit.MAX_PAGE_ITEMS", 3)
    project = await api.make_project()
    for number in range(7):
        await api.owner.post(f"/v1/projects/{project['slug']}/keys", {"name": str(number)})
    answer = await api.client.get(
        "/v1/audit", params={"project": project["slug"], "action": "key"}, headers={**api.owner.headers, "accept": "application/x-ndjson"}
    )
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line)["after"]["name"] for line in answer.text.splitlines()] == [str(number) for number in reversed(range(7))]
    assert rows(api)[-1]["action"] == "audit.export"


async def test_no_address_and_no_secret_stands_anywhere_in_the_table(api: Api) -> None:
    project = await api.make_project(name="of anna@example.org")
    email = await api.make_user()
    path = f"/v1/projects/{project['slug']}"
    key = (await api.owner.post(f"{path}/keys", {"name": "for anna@example.org"})).json()
    await api.owner.put(f"{path}/members/{email}", {"role": "admin"})
    token = (await api.owner.post(f"{path}/tokens", {"name": "Anna <anna@example.org>", "scopes": ["read"]})).json()
    await api.owner.post("/v1/invitations", {"email": "bob@example.org", "project": project["slug"], "role": "viewer"})
    await api.signed_in(email)
    await api.owner.get("/v1/audit", params={"actor": email})
    await api.client.post("/v1/auth/token", data={"username": email, "password": "wrong"}, headers={"x-request-id": email})
    text = json.dumps(rows(api), default=str)
    assert "@" not in text
    for secret in (key["key"], token["token"], PASSWORD, "rt_", "argon2"):
        assert secret not in text


@pytest.fixture
def run(api: Api, api_url: str) -> Run:
    """The command line, as owner."""

    async def command(*arguments: str) -> Result:
        token = api.services.signer.for_operator()
        with capture_logs():
            return await anyio.to_thread.run_sync(lambda: CliRunner().invoke(main, [*arguments, "--url", api_url, "--token", token]))

    return command


async def test_the_command_verifies_prints_the_head_and_exits_by_what_it_found(api: Api, run: Run, tmp_path: Path) -> None:
    await api.make_project()
    while await api.services.metadata.audit_chain.seal():
        pass
    head = (await run("audit", "head")).stdout.strip()
    number, _, seal = head.partition(":")
    assert int(number) > 0
    good = await run("audit", "verify", "--expect", head)
    assert good.exit_code == 0, good.stderr
    assert int(good.stdout.partition(":")[0]) >= int(number)
    cut = await run("audit", "verify", "--expect", f"{int(number) + 1_000_000}:{seal}")
    assert (cut.exit_code, "cut-tail" in cut.stderr) == (1, True)
    other = await run("audit", "verify", "--expect", f"{number}:{'0' * 64}", "--json")
    assert other.exit_code == 1
    assert [finding["kind"] for finding in json.loads(other.stdout)["findings"]] == ["other-chain"]
    assert (await run("audit", "verify", "--expect", "nonsense")).exit_code == 1
    exported = await run("audit", "export", str(tmp_path / "audit.ndjson"))
    assert exported.exit_code == 0, exported.stderr
    assert len((tmp_path / "audit.ndjson").read_text().splitlines()) == len(rows(api))


async def test_records_are_sealed_by_the_running_service(api: Api) -> None:
    await api.make_project()
    last = rows(api)[-1]["id"]

    async def are_sealed() -> bool:
        found = (await api.owner.get("/v1/audit/verification")).json()
        assert found["intact"], found
        return found["seals"] >= last

    await eventually(are_sealed, "the seal")
