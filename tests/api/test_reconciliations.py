"""`/v1/reconciliations`: asked for, run in the background, looked at; and what a quarantine asks for."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from analytics.metadata.claims import Job, claimed
from tests.factories.reconciliations import NONE, drift
from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import Api
from tests.fixtures.patience import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.anyio


async def ended(api: Api, record: dict[str, Any]) -> dict[str, Any]:
    async def its_end() -> dict[str, Any] | None:
        found = (await api.owner.get(f"/v1/reconciliations/{record['id']}")).json()
        return None if found["status"] in ("requested", "running") else found

    return await eventually(its_end, "the end of a reconciliation")


async def nothing_open(api: Api) -> None:
    async def none_is_open() -> bool:
        return not await asyncio.to_thread(api.services.reconciliations.records.open)

    await eventually(none_is_open, "the end of all reconciliations")


async def test_what_is_asked_for_is_run_and_shown(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [{"event": "x", "user_id": f"u-{number}"} for number in range(5)])
    await until_stored(api)
    await asyncio.to_thread(api.services.warehouse.command, "TRUNCATE TABLE user_days")
    answer = await api.owner.post("/v1/reconciliations", {"full": True})
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "requested"
    record = await ended(api, answer.json())
    started_at, finished_at = (datetime.fromisoformat(record[name]) for name in ("started_at", "finished_at"))
    assert started_at <= finished_at <= datetime.now(UTC)
    assert record["progress"]["done"] == record["progress"]["total"] > 0
    assert record == {
        **answer.json(),
        "status": "finished",
        "started_at": record["started_at"],
        "finished_at": record["finished_at"],
        "progress": record["progress"],
        "removed": 0,
        "drift": drift(0, 5, 0),
    }
    listed = (await api.owner.get("/v1/reconciliations")).json()
    assert record in listed["items"]
    metrics = (await api.nobody.get("/metrics")).text
    assert 'analytics_reconcile_drift_rows{table="user_days"} 5.0' in metrics


async def test_only_one_is_wanted_or_under_way(api: Api) -> None:
    await nothing_open(api)
    async with claimed(api.services.metadata.database, Job.RECONCILE) as claim:  # as another process has it
        assert claim is not None
        async with claimed(api.services.metadata.database, Job.RECONCILE) as second:
            assert second is None
        first = await api.owner.post("/v1/reconciliations", {})
        assert first.status_code == 202
        again = await api.owner.post("/v1/reconciliations", {})
        assert (again.status_code, again.json()["code"]) == (409, "conflict")
        await asyncio.sleep(0.3)
        assert (await api.owner.get(f"/v1/reconciliations/{first.json()['id']}")).json()["status"] == "requested"
    api.services.reconciliations.requests.on_request()
    assert (await ended(api, first.json()))["status"] == "finished"


async def test_a_run_that_nobody_runs_any_more_is_marked(api: Api) -> None:
    await nothing_open(api)
    records = api.services.reconciliations.records
    killed = await asyncio.to_thread(records.request, False, "daily")
    await asyncio.to_thread(records.save, replace(killed, status="running", started_at=datetime.now(UTC)))
    api.services.reconciliations.requests.on_request()
    record = await ended(api, {"id": killed.id})
    assert record["status"] == "interrupted"


async def test_events_that_come_in_meanwhile_are_no_drift_and_all_there(api: Api) -> None:
    await nothing_open(api)
    project = await api.make_project(timezone="Asia/Kolkata")
    sending = True

    async def send() -> int:
        sent = 0
        while sending:
            events = [{"event": f"x-{number % 5}", "user_id": f"u-{number % 50}", "event_id": f"{sent}-{number}"} for number in range(200)]
            answer = await api.bearer(project["write_key"]).post("/v1/events", events)
            assert answer.status_code == 200, answer.text
            sent += len(events)
            await asyncio.sleep(0.02)
        return sent

    sender = asyncio.create_task(send())
    found = [await ended(api, (await api.owner.post("/v1/reconciliations", {"full": bool(number % 2)})).json()) for number in range(4)]
    sending = False
    sent = await sender
    await until_stored(api)
    assert [(record["status"], record["removed"], record["drift"]) for record in found] == [("finished", 0, NONE)] * 4
    for table, count in (
        ("events", "count()"),
        ("event_counts", "sum(events)"),
        ("user_days", "sum(events)"),
        ("user_timeline", "count()"),
    ):
        question = f"SELECT toInt64({count}) FROM {table} WHERE project_id = {{project_id:String}}"
        rows = (await api.services.warehouse.ask(question, {"project_id": project["id"]})).rows
        assert rows[0][0] == sent, table
    assert sent >= 1000


async def test_while_the_writer_is_held_events_wait_on_disk(api: Api) -> None:
    await nothing_open(api)
    project = await api.make_project()

    def held() -> int:
        with api.services.event_path.writer.paused() as hold:
            asyncio.run_coroutine_threadsafe(send(), loop).result(PATIENCE_SECONDS)
            time.sleep(0.6)  # more than twice as long as a batch waits for more
            assert hold.intact()
            return api.services.event_path.spool.pending_rows()

    async def send() -> None:
        answer = await api.bearer(project["write_key"]).post("/v1/events", [{"event": "x", "user_id": "u"}] * 3)
        assert answer.json()["accepted"] == 3

    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(held) == 3
    await until_stored(api)


async def test_a_quarantine_asks_for_one_soon(api: Api) -> None:
    await nothing_open(api)
    requests = api.services.reconciliations.requests
    await asyncio.to_thread(requests.ask_after_quarantine)
    (newest,) = (await api.owner.get("/v1/reconciliations", params={"limit": 1})).json()["items"]
    assert newest["reason"] == "quarantine"
    assert (await ended(api, newest))["status"] == "finished"


async def test_pages_go_on_where_the_last_ended(api: Api) -> None:
    await nothing_open(api)
    for _ in range(2):
        await ended(api, (await api.owner.post("/v1/reconciliations", {})).json())
    every = (await api.owner.get("/v1/reconciliations")).json()["items"]
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = (await api.owner.get("/v1/reconciliations", params={"limit": 1, **({"cursor": cursor} if cursor else {})})).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == every
    assert len(every) >= 2


async def test_only_owners_may(api: Api) -> None:
    project = await api.make_project()
    admin = await api.member(project, "admin")
    assert (await admin.post("/v1/reconciliations", {})).status_code == 403
    assert (await admin.get("/v1/reconciliations")).status_code == 403
    assert (await api.owner.get("/v1/reconciliations/none")).status_code == 404
    assert (await api.owner.post("/v1/reconciliations", {"fully": True})).status_code == 422
