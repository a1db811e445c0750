"""Retention per project, on the real engine: rows beyond it leave every table, and nothing brings them back."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.factories.reconciliations import drift
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
TABLES = ("events", "event_counts", "user_days", "user_timeline")
NO_DRIFT = drift(0, 0, 0)


def ago(days: int, name: str) -> dict[str, Any]:
    return {"event": name, "user_id": "u", "timestamp": (datetime.now(UTC) - timedelta(days=days)).isoformat()}


@contextmanager
def rows_stay(api: Api) -> Iterator[None]:
    """The engine drops nothing by itself: it would whenever it likes."""
    command = api.services.warehouse.command
    for table in TABLES:
        command(f"SYSTEM STOP TTL MERGES {table}")
    try:
        yield
    finally:
        for table in TABLES:
            command(f"SYSTEM START TTL MERGES {table}")


async def merged(api: Api, *tables: str) -> None:
    """What the engine does sooner or later."""
    for table in tables:
        await asyncio.to_thread(api.services.warehouse.command, f"OPTIMIZE TABLE {table} FINAL", lane="reconcile")


async def names(api: Api, project: Mapping[str, Any]) -> dict[str, set[str]]:
    """Names of the events that stand in each table."""
    found = {}
    for table in TABLES:
        statement = f"SELECT DISTINCT toString(event) FROM {table} WHERE project_id = {{project_id:String}}"
        answer = await asyncio.to_thread(api.services.warehouse.query, statement, {"project_id": project["id"]})
        found[table] = {name for (name,) in answer.rows}
    return found


def in_all(*found: str) -> dict[str, set[str]]:
    return {table: set(found) for table in TABLES}


async def shown(api: Api, project: Mapping[str, Any]) -> dict[str, float]:
    """Events that trends count, from rows and from rollups; and how many are listed."""
    now = datetime.now(UTC)
    path = f"/v1/projects/{project['slug']}"
    found = {}
    for source in ("raw", "rollup"):
        question = {
            "date_from": (now - timedelta(days=70)).date().isoformat(),
            "date_to": (now + timedelta(days=1)).date().isoformat(),
            "interval": "day",
            "series": [{"event": "*", "metric": "total", "label": "A"}],
            "source": source,
        }
        found[source] = (await api.owner.post(f"{path}/trends", question)).json()["series"][0]["total"]
    found["listed"] = len((await api.owner.get(f"{path}/events")).json()["items"])
    return found


def numbers(number: int) -> dict[str, int]:
    return dict.fromkeys(("raw", "rollup", "listed"), number)


async def reconciled(api: Api) -> tuple[int, dict[str, int]]:
    """What a full reconciliation removed and put right."""
    asked = (await api.owner.post("/v1/reconciliations", {"full": True})).json()

    async def its_end() -> dict[str, Any] | None:
        record = (await api.owner.get(f"/v1/reconciliations/{asked['id']}")).json()
        return record if record["status"] in ("finished", "failed") else None

    record = await eventually(its_end, "the end of a reconciliation")
    assert record["status"] == "finished", record
    return record["removed"], record["drift"]


async def test_rows_beyond_the_retention_leave_every_table_and_only_those(api: Api) -> None:
    project = await api.make_project(retention_days=30)
    other = await api.make_project()
    with rows_stay(api):
        await send_events(api, project, [ago(40, "old"), ago(5, "new")])
        await send_events(api, other, [ago(40, "old"), ago(5, "new")])
        assert await names(api, project) == in_all("old", "new")
        # Nobody is shown what is only waiting to be dropped.
        assert await shown(api, project) == numbers(1)
    await merged(api, *TABLES)
    assert await names(api, project) == in_all("new")
    assert await names(api, other) == in_all("old", "new")
    assert await shown(api, project) == numbers(1)
    assert await shown(api, other) == numbers(2)


async def test_what_expired_is_no_drift_and_is_not_brought_back(api: Api) -> None:
    project = await api.make_project(retention_days=30)
    with rows_stay(api):
        await send_events(api, project, [ago(40, "old"), ago(5, "new")])
        assert await reconciled(api) == (0, NO_DRIFT)
    await merged(api, "events", "user_days")  # two tables dropped theirs, the others have not yet
    assert (await names(api, project))["events"] == {"new"}
    assert await reconciled(api) == (0, NO_DRIFT)
    await merged(api, *TABLES)
    assert await reconciled(api) == (0, NO_DRIFT)
    assert await names(api, project) == in_all("new")
    assert await shown(api, project) == numbers(1)


async def test_another_retention_counts_for_events_sent_from_then_on(api: Api) -> None:
    project = await api.make_project(retention_days=30)
    path = f"/v1/projects/{project['slug']}"
    await send_events(api, project, [ago(20, "before")])
    assert (await api.owner.patch(path, {"retention_days": 10})).status_code == 200
    await send_events(api, project, [ago(20, "shorter"), ago(5, "kept")])
    assert (await api.owner.patch(path, {"retention_days": None})).status_code == 200
    await send_events(api, project, [ago(60, "for ever")])
    await merged(api, *TABLES)
    assert await names(api, project) == in_all("before", "kept", "for ever")
    assert await shown(api, project) == numbers(3)
    assert await reconciled(api) == (0, NO_DRIFT)


async def test_an_erasure_and_an_export_know_what_expired(api: Api) -> None:
    project = await api.make_project(retention_days=30)
    with rows_stay(api):
        await send_events(api, project, [ago(40, "old"), ago(5, "new")])
        path = f"/v1/projects/{project['slug']}"
        asked = {kind: (await api.owner.post(f"{path}/{kind}", {"user_id": "u"})).json()["id"] for kind in ("subject-exports", "erasures")}

        async def its_end() -> dict[str, Any] | None:
            record = (await api.owner.get(f"{path}/erasures/{asked['erasures']}")).json()
            return record if record["status"] in ("finished", "failed") else None

        record = await eventually(its_end, "the end of the erasure")
        # What only waits to be dropped is erased all the same.
        assert record["receipt"]["stores"]["clickhouse:events"] == {"found": 2, "removed": 2, "left": 0}
    export = (await api.owner.get(f"{path}/subject-exports/{asked['subject-exports']}")).json()
    assert export["status"] == "erased"
    assert export["files"] is None or export["files"]["events.ndjson"]["lines"] == 1
