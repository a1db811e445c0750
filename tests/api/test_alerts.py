"""`/v1/projects/{project}/alerts`: asked by one process, told once, resolved, and never a way around anybody's rights."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from analytics.jobs.check_alerts import AlertJob
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api, Caller

pytestmark = pytest.mark.anyio

COUNT = {
    "kind": "sql",
    "sql": "SELECT count() AS n FROM events WHERE event = {event:String}",
    "parameters": [{"name": "event", "type": "String"}],
}


class Watch:
    """A project whose alerts are looked at when a test says so: each `look` is a minute later."""

    def __init__(self, api: Api, project: dict[str, Any], editor: Caller) -> None:
        self.api, self.project, self.editor = api, project, editor
        self.path = f"/v1/projects/{project['slug']}/alerts"

    async def make(self, **more: Any) -> dict[str, Any]:
        body = {
            "name": "Many",
            "question": COUNT,
            "params": {"event": "signup"},
            "condition": {"kind": "threshold", "column": "n", "comparison": "gte", "value": 1},
            **more,
        }
        answer = await self.editor.post(self.path, body)
        assert answer.status_code == 201, answer.text
        return {**answer.json(), "etag": answer.headers["etag"]}

    def job(self) -> AlertJob:
        services = self.api.services
        return AlertJob(services.metadata.alerts, services.metadata.saved_queries, services.answers, services.keys, services.clock)

    async def due(self, alert: dict[str, Any]) -> None:
        async with self.api.services.metadata.database._pool.connection() as connection:
            await connection.execute(
                b"UPDATE alerts SET next_check_at = now() - interval '1 minute' WHERE id = %(id)s", {"id": alert["id"]}
            )

    async def look(self, alert: dict[str, Any]) -> dict[str, Any]:
        """After one check: by the job of this test, or by the service's own, whichever claims it."""
        before = (await self.read(alert))["last_checked_at"]
        await self.due(alert)
        await self.job().look()
        for _ in range(600):
            found = await self.read(alert)
            if found["last_checked_at"] != before:
                return found
            await asyncio.sleep(0.1)
        pytest.fail("it is not checked")

    async def look_until(self, alert: dict[str, Any], state: str) -> dict[str, Any]:
        """After as many checks as it takes: an answer that was kept may be a second old."""
        found = await self.look(alert)
        for _ in range(100):
            if found["state"] == state:
                return found
            await asyncio.sleep(0.2)
            found = await self.look(alert)
        pytest.fail(f"it does not come to be {state}")

    async def read(self, alert: dict[str, Any]) -> dict[str, Any]:
        return (await self.editor.get(f"{self.path}/{alert['id']}")).json()

    async def history(self, alert: dict[str, Any]) -> list[tuple[str, str]]:
        items = (await self.editor.get(f"{self.path}/{alert['id']}/history")).json()["items"]
        return [(item["state"], item["reason"]) for item in items]


@pytest.fixture
async def watch(api: Api) -> Watch:
    project = await api.make_project()
    return Watch(api, project, await api.member(project, "editor"))


async def test_an_alert_fires_once_and_is_resolved_once(watch: Watch) -> None:
    alert = await watch.make()
    assert (alert["state"], alert["last_checked_at"], alert["query"]) == ("ok", None, None)
    assert (await watch.look(alert))["state"] == "ok"
    await send_events(watch.api, watch.project, [{"event": "signup", "user_id": "u"}])
    fired = await watch.look_until(alert, "firing")
    assert (fired["state"], fired["last_value"], fired["last_error"]) == ("firing", 1, None)
    for _ in range(3):
        assert (await watch.look(alert))["state_since"] == fired["state_since"]
    assert await watch.history(alert) == [("firing", "checked")]
    changed = {"name": "Many", "question": COUNT, "params": {"event": "never"}, "condition": alert["condition"]}
    headers = {**watch.editor.headers, "if-match": alert["etag"]}
    answer = await watch.api.client.put(f"{watch.path}/{alert['id']}", json=changed, headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (200, "ok"), answer.text
    assert (await watch.look(alert))["state"] == "ok"
    assert await watch.history(alert) == [("resolved", "changed"), ("firing", "checked")]
    assert (await watch.api.client.put(f"{watch.path}/{alert['id']}", json=changed, headers=headers)).status_code == 409


async def test_many_processes_that_look_at_once_check_and_tell_once(watch: Watch) -> None:
    await send_events(watch.api, watch.project, [{"event": "signup", "user_id": "u"}])
    alerts = [await watch.make() for _ in range(4)]
    for alert in alerts:
        await watch.due(alert)
    looked = await asyncio.gather(*(watch.job().look() for _ in range(6)))
    for alert in alerts:
        for _ in range(600):  # the service's own job may have claimed it
            if (await watch.read(alert))["state"] == "firing":
                break
            await asyncio.sleep(0.1)
        assert await watch.history(alert) == [("firing", "checked")]
    assert sum(looked) <= len(alerts)


async def test_two_checks_of_one_moment_change_the_state_once(watch: Watch) -> None:
    """As if a claim had been lost and given again."""
    alert = await watch.make()
    alerts, project_id = watch.api.services.metadata.alerts, watch.project["id"]
    stands = await alerts.find(project_id, alert["id"])
    told = await asyncio.gather(*(alerts.checked(stands, fires=True, value=1.0, level=1.0) for _ in range(5)))
    assert sorted(told) == [False, False, False, False, True]
    assert await watch.history(alert) == [("firing", "checked")]


async def test_a_claimed_check_is_not_claimed_again_before_the_next_minute(watch: Watch) -> None:
    alert = await watch.make()
    alerts, now = watch.api.services.metadata.alerts, watch.api.services.clock.now()
    await watch.due(alert)
    claims = await asyncio.gather(*(alerts.claim(now, now + timedelta(minutes=5), 1000) for _ in range(5)))
    assert [one.id for claim in claims for one in claim].count(alert["id"]) <= 1
    assert alert["id"] not in [one.id for one in await alerts.claim(now, now + timedelta(minutes=5), 1000)]


async def test_the_outbox_holds_each_change_until_a_delivery_took_it(watch: Watch) -> None:
    alert = await watch.make()
    alerts = watch.api.services.metadata.alerts
    stands = await alerts.find(watch.project["id"], alert["id"])
    assert await alerts.checked(stands, fires=True, value=3.0, level=3.0)

    async def fails() -> None:
        async with alerts.outbox(1000) as entries:
            assert [(entry.state, entry.value) for entry in entries if entry.alert_id == alert["id"]] == [("firing", 3.0)]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert (await watch.editor.delete(f"{watch.path}/{alert['id']}")).status_code == 204
    async with alerts.outbox(1000) as entries:
        mine = [(entry.state, entry.reason) for entry in entries if entry.alert_id == alert["id"]]
        async with alerts.outbox(1000) as others:  # another delivery at the same time
            assert not [entry for entry in others if entry.alert_id == alert["id"]]
    assert mine == [("firing", "checked"), ("resolved", "deleted")]
    async with alerts.outbox(1000) as entries:
        assert not [entry for entry in entries if entry.alert_id == alert["id"]]


async def test_a_check_that_fails_says_why_and_changes_no_state(watch: Watch) -> None:
    saved = {"name": "watched", "question": {"kind": "sql", "sql": "SELECT count() AS n FROM events"}}
    queries = watch.path.replace("/alerts", "/queries")
    assert (await watch.editor.post(queries, saved)).status_code == 201
    await send_events(watch.api, watch.project, [{"event": "signup", "user_id": "u"}])
    alert = await watch.make(question=None, query="watched", params={})
    await watch.look_until(alert, "firing")
    broken = {"question": {"kind": "sql", "sql": "SELECT intDiv(count(), 0) AS n FROM events"}}
    headers = {**watch.editor.headers, "if-match": "*"}
    assert (await watch.api.client.put(f"{queries}/watched", json=broken, headers=headers)).status_code == 200
    failed = await watch.look(alert)
    assert (failed["state"], failed["last_error"]) == ("firing", "sql-failed")
    assert await watch.history(alert) == [("firing", "checked")]


async def test_no_data_and_trends_are_watched_too(watch: Watch) -> None:
    trends = {"kind": "trends", "trends": {"series": [{"event": "signup"}]}}
    alert = await watch.make(question=trends, params={}, condition={"kind": "no_data"})
    assert (await watch.look(alert))["state"] == "firing"
    await send_events(watch.api, watch.project, [{"event": "signup", "user_id": "u"}])
    await watch.look_until(alert, "ok")
    assert await watch.history(alert) == [("resolved", "checked"), ("firing", "checked")]
    listed = await watch.editor.get(watch.path, params={"state": "firing"})
    assert listed.json()["items"] == []


async def test_an_alert_that_is_switched_off_is_not_asked(watch: Watch) -> None:
    alert = await watch.make(enabled=False)
    await watch.due(alert)
    await watch.job().look()
    assert (await watch.read(alert))["last_checked_at"] is None


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"question": None}, 422, "/question"),
        ({"query": "both"}, 422, "/question"),
        ({"question": None, "query": "nowhere", "params": {}}, 404, None),
        ({"params": {}}, 422, "/params/event"),
        ({"params": {"event": "e", "fence_project": "p"}}, 422, "/params/fence_project"),
        ({"condition": {"kind": "threshold"}}, 422, "/condition"),
        ({"condition": {"kind": "threshold", "comparison": "gt", "value": 1, "sql": "SELECT 1"}}, 422, "/condition/sql"),
        ({"question": {"kind": "sql", "sql": "SELECT * FROM system.tables"}, "params": {}}, 400, None),
    ],
)
async def test_what_cannot_be_watched_is_refused(watch: Watch, change: dict[str, Any], status: int, pointer: str | None) -> None:
    body = {
        "name": "Many",
        "question": COUNT,
        "params": {"event": "signup"},
        "condition": {"kind": "threshold", "comparison": "gt", "value": 1},
        **change,
    }
    answer = await watch.editor.post(watch.path, {name: value for name, value in body.items() if value is not None})
    assert answer.status_code == status, answer.text
    if pointer is not None:
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_only_who_may_ask_a_question_may_watch_it(watch: Watch) -> None:
    body = {"name": "x", "question": COUNT, "params": {"event": "e"}, "condition": {"kind": "no_data"}}
    for scopes, status in ((["manage"], 403), (["manage", "sql"], 201), (["read", "sql"], 403)):
        assert (await (await watch.api.token(watch.project, scopes)).post(watch.path, body)).status_code == status
    viewer = await watch.api.member(watch.project, "viewer")
    assert (await viewer.post(watch.path, body)).status_code == 403
    assert (await viewer.get(watch.path)).status_code == 200


async def test_an_alert_counts_the_events_of_its_own_project(watch: Watch) -> None:
    other = await watch.api.make_project()
    await send_events(watch.api, other, [{"event": "signup", "user_id": "u"}] * 5)
    alert = await watch.make()
    assert (await watch.look(alert))["last_value"] == 0
