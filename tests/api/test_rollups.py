"""Own rollups from the route to the rows: built while events come in, equal to their SELECT over the events at all times."""

import asyncio
from typing import Any

import pytest

from analytics.errors import LimitExceededError
from analytics.fence.catalog import SqlCatalog
from analytics.metadata import rollups
from analytics.rollups import keeping, making
from analytics.rollups.plan import RollupPlan
from analytics.rollups.tables import OwnTable, OwnTables
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
DAILY = (
    "SELECT toDate(timestamp) AS day, event, properties.course_id AS course, count() AS events, uniqExact(person) AS people,"
    " countIf(properties.passed::UInt8 = 1) AS passed, max(properties.score::Int64) AS best, avg(properties.score::Int64) AS mean"
    " FROM events WHERE event != 'noise' GROUP BY day, event, course"
)


def lessons(count: int, day: str = "2026-10-05", first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "event_id": f"{day}-{number}",
            "event": ("lesson_started", "lesson_completed", "noise")[number % 3],
            "user_id": f"u-{number % 7}",
            "timestamp": f"{day}T{number % 24:02}:00:00Z",
            "properties": {"course_id": f"c-{number % 4}" if number % 5 else None, "score": number % 11, "passed": number % 2},
        }
        for number in range(first, first + count)
    ]


async def state_of(api: Api, project: dict[str, Any], name: str) -> dict[str, Any]:
    answer = await api.owner.get(f"/v1/projects/{project['slug']}/rollups/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def is_gone(api: Api, rollup_id: str) -> bool:
    return rollup_id not in {rollup.id for rollup in await api.services.metadata.rollups.all()}


async def until(api: Api, project: dict[str, Any], name: str, state: str) -> dict[str, Any]:
    """The rollup, once it has this state."""

    async def look() -> bool:
        found = await state_of(api, project, name)
        assert found["state"] in ("building", state) or state == "failed", found
        return found["state"] == state

    await eventually(look, state)
    return await state_of(api, project, name)


async def make(api: Api, project: dict[str, Any], sql: str = DAILY, name: str = "daily") -> dict[str, Any]:
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/rollups", {"name": name, "sql": sql})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def kept(api: Api, project: dict[str, Any], name: str = "daily") -> list[Any]:
    """The rows of its table, as its name reads them."""
    rollup = await api.services.metadata.rollups.find(project["id"], name)
    table = RollupPlan.of(rollup.plan).asked_as(name, rollup.physical, "")
    text = SqlCatalog.of_database("default", (table,)).rows_of(table)
    answer = await asyncio.to_thread(api.services.warehouse.query, f"SELECT * FROM ({text}) ORDER BY ALL", {"fence_project": project["id"]})
    return list(answer.rows)


async def asked(api: Api, project: dict[str, Any], sql: str) -> list[Any]:
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/sql", {"sql": sql})
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


async def test_a_rollup_holds_what_its_select_says_of_events_before_and_after(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, lessons(90) + lessons(30, "2026-09-30"))
    made = await make(api, project)
    assert made["state"] == "building"
    await send_events(api, project, lessons(40, first=70) + lessons(20, "2026-10-06"))
    await until(api, project, "daily", "active")
    await send_events(api, project, lessons(25, "2026-09-30", first=20) + lessons(10, "2026-11-01"))
    found = await kept(api, project)
    truth = await asked(api, project, f"SELECT * FROM ({DAILY}) ORDER BY ALL")
    assert [[str(row[0]), *row[1:]] for row in found] == truth
    assert sum(row[3] for row in found) > 100
    assert await asked(api, project, "SELECT * FROM daily ORDER BY ALL") == truth
    per_day = "SELECT day, sum(events) AS n, max(best) AS b FROM {} WHERE course = 'c-1' GROUP BY day ORDER BY day"
    assert await asked(api, project, per_day.format("daily")) == await asked(api, project, per_day.format(f"({DAILY})"))
    assert await asked(api, project, "SELECT count() FROM events WHERE event IN (SELECT event FROM daily)") != [[0]]


async def test_a_rollup_answers_the_same_whether_it_is_built_paused_resumed_or_not(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/rollups/daily"
    await send_events(api, project, lessons(60))
    await make(api, project)
    truth = await asked(api, project, f"SELECT * FROM ({DAILY}) ORDER BY ALL")
    assert await asked(api, project, "SELECT * FROM daily ORDER BY ALL") == truth
    await until(api, project, "daily", "active")
    assert (await api.owner.post(f"{path}/resume")).status_code == 409
    assert (await api.owner.post(f"{path}/pause")).json()["state"] == "paused"
    await send_events(api, project, lessons(30, "2026-10-07"))
    truth = await asked(api, project, f"SELECT * FROM ({DAILY}) ORDER BY ALL")
    assert await asked(api, project, "SELECT * FROM daily ORDER BY ALL") == truth
    assert (await api.owner.post(f"{path}/resume")).json()["state"] == "building"
    await until(api, project, "daily", "active")
    assert await asked(api, project, "SELECT * FROM daily ORDER BY ALL") == truth
    assert [[str(row[0]), *row[1:]] for row in await kept(api, project)] == truth


async def test_a_dropped_rollup_gives_back_its_name_at_once_and_its_table_when_its_rows_are_gone(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, lessons(20))
    await make(api, project)
    await until(api, project, "daily", "active")
    first = await api.services.metadata.rollups.find(project["id"], "daily")
    assert (await api.owner.delete(f"/v1/projects/{project['slug']}/rollups/daily")).status_code == 204
    assert (await api.owner.get(f"/v1/projects/{project['slug']}/rollups/daily")).status_code == 404
    refused = await api.owner.post(f"/v1/projects/{project['slug']}/sql", {"sql": "SELECT * FROM daily"})
    assert refused.json()["code"] == "unknown-table"
    again = await make(api, project, "SELECT event, count() AS n FROM events GROUP BY event")
    assert again["id"] != first.id
    await until(api, project, "daily", "active")

    await eventually(lambda: is_gone(api, first.id), "the end of its table")
    tables = {table.rollup_id for table in await asyncio.to_thread(OwnTables(api.services.warehouse).all)}
    assert first.id not in tables
    assert again["id"] in tables
    assert len(await asked(api, project, "SELECT * FROM daily")) == 3


THROWS = "SELECT toDate(timestamp) AS day, sum(toInt64(event)) AS total FROM events GROUP BY day"


async def test_a_rollup_that_fails_on_an_event_keeps_nobodys_events_from_being_stored(api: Api) -> None:
    project, other = await api.make_project(), await api.make_project()
    await send_events(api, project, [{"event": "17", "user_id": "u-1", "timestamp": "2026-10-05T10:00:00Z"}])
    for of in (project, other):
        await make(api, of)
        await until(api, of, "daily", "active")
    await make(api, project, THROWS, "throws")
    await until(api, project, "throws", "active")
    assert [row[1] for row in await kept(api, project, "throws")] == [17]

    await asyncio.gather(
        send_events(api, project, [*lessons(10), {"event": "4", "user_id": "u-2", "timestamp": "2026-10-05T10:00:00Z"}]),
        send_events(api, other, lessons(12)),
    )
    failed = await until(api, project, "throws", "failed")
    assert "could not be read" in failed["reason"]
    assert "lesson" not in failed["reason"]
    assert await asked(api, project, "SELECT count() FROM events") == [[12]]
    assert await asked(api, other, "SELECT count() FROM events") == [[12]]
    rejected = await api.owner.get(f"/v1/projects/{project['slug']}/rejected-events")
    assert rejected.json()["items"] == []
    for of in (project, other):
        truth = await asked(api, of, f"SELECT * FROM ({DAILY}) ORDER BY ALL")
        assert [[str(row[0]), *row[1:]] for row in await kept(api, of)] == truth


async def test_an_erased_person_is_counted_in_no_rollup_and_named_in_none(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}"
    person = "erase-me-93f1"
    theirs = [{**event, "event_id": f"p-{number}", "user_id": person} for number, event in enumerate(lessons(12))]
    await send_events(api, project, [*lessons(40), *lessons(10, "2026-09-30"), *theirs])
    await make(api, project)
    await make(api, project, f"SELECT event, countIf(user_id = '{person}') AS n FROM events GROUP BY event", "names_them")
    await until(api, project, "daily", "active")
    before = await kept(api, project)
    asked_for = await api.owner.post(f"{path}/erasures", {"user_id": person})
    assert asked_for.status_code == 202, asked_for.text

    async def finished() -> bool:
        return (await api.owner.get(f"{path}/erasures/{asked_for.json()['id']}")).json()["status"] == "finished"

    await eventually(finished, "the end of the erasure")
    truth = await asked(api, project, f"SELECT * FROM ({DAILY}) ORDER BY ALL")
    after = [[str(row[0]), *row[1:]] for row in await kept(api, project)]
    assert after == truth
    assert sum(row[3] for row in before) - sum(row[3] for row in after) == 8  # two of three were no noise
    assert (await state_of(api, project, "daily"))["state"] == "active"
    assert (await api.owner.get(f"{path}/rollups/names_them")).status_code == 404
    texts = "SELECT count() FROM system.tables WHERE position(concat(create_table_query, comment), {person:String}) > 0"
    assert (await asyncio.to_thread(api.services.warehouse.query, texts, {"person": person})).rows[0][0] == 0


async def test_a_rollup_that_differs_from_the_events_is_found_and_put_right_by_reconciliation(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, lessons(60) + lessons(9, "2026-09-30"))
    await make(api, project)
    await until(api, project, "daily", "active")
    truth = await kept(api, project)
    physical = (await api.services.metadata.rollups.find(project["id"], "daily")).physical
    warehouse = api.services.warehouse
    for sabotage in (
        f"ALTER TABLE {physical} DROP PARTITION ID '202609'",
        f"INSERT INTO {physical} SELECT * FROM {physical} WHERE event = 'lesson_started'",
    ):
        await asyncio.to_thread(warehouse.command, sabotage, settings={"insert_deduplicate": 0})
    assert await kept(api, project) != truth
    wanted = (await api.owner.post("/v1/reconciliations", {})).json()

    async def ended() -> dict[str, Any] | None:
        record = (await api.owner.get(f"/v1/reconciliations/{wanted['id']}")).json()
        return record if record["status"] in ("finished", "failed") else None

    record = await eventually(ended, "the end of the reconciliation")
    assert (record["status"], record["drift"]["own_rollups"]) == ("finished", 26)  # 6 of a day that was gone, 20 that were there twice
    assert await kept(api, project) == truth
    assert 'analytics_reconcile_drift_rows{table="own_rollups"} 26.0' in (await api.nobody.get("/metrics")).text


async def test_names_are_the_projects_own_and_cannot_be_had_twice(api: Api) -> None:
    project, other = await api.make_project(), await api.make_project()
    path = f"/v1/projects/{project['slug']}"
    made = await make(api, project, "SELECT event, count() AS n FROM events GROUP BY event", "mine")
    for sql in ("SELECT * FROM mine", "SELECT * FROM analyst_table_00", "SELECT * FROM analyst_table_00_feed"):
        refused = await api.owner.post(f"/v1/projects/{other['slug']}/sql", {"sql": sql})
        assert (refused.status_code, refused.json()["code"]) == (400, "unknown-table")
    again = {"name": "mine", "sql": made["sql"]}
    assert (await api.owner.post(f"{path}/rollups", again)).status_code == 409
    for name in ("events", "fence_x", "Mine", "x y", "users"):
        assert (await api.owner.post(f"{path}/rollups", {**again, "name": name})).status_code == 422
    over = {"name": "over", "sql": "SELECT event, sum(n) AS n FROM mine GROUP BY event"}
    assert (await api.owner.post(f"{path}/rollups", over)).json()["code"] == "unknown-table"


async def test_a_rollup_that_grows_too_wide_later_fails_and_keeps_no_event(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    await make(
        api, project, "SELECT toDate(timestamp) AS day, properties.course_id AS course, count() AS n FROM events GROUP BY day, course"
    )
    await until(api, project, "daily", "active")
    monkeypatch.setattr(keeping, "MOST_GROUPS_A_DAY", 20)
    courses = [{"event": "seen", "user_id": "u", "timestamp": "2026-10-05T10:00:00Z", "properties": {"course_id": n}} for n in range(20)]
    await send_events(api, project, courses)
    assert (await state_of(api, project, "daily"))["state"] == "active"
    await send_events(api, project, [{**courses[0], "properties": {"course_id": f"more-{n}"}} for n in range(5)])
    failed = await until(api, project, "daily", "failed")
    assert "groups" in failed["reason"]
    await send_events(api, project, courses)
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/sql", {"sql": "SELECT count(), sum(n) FROM daily"})
    assert answer.json()["rows"] == [[25, 45]], answer.text

    async def is_told() -> bool:
        told = (await api.nobody.get("/metrics")).text
        return 'own_rollups{state="failed"} ' in told and 'own_rollups{state="failed"} 0.0' not in told

    await eventually(is_told, "the failure among the metrics")
    assert (await api.owner.post(f"/v1/projects/{project['slug']}/rollups/daily/resume", {})).status_code == 200
    await until(api, project, "daily", "failed")  # it is as wide as it was


async def test_a_rollup_whose_groups_do_not_fit_into_memory_fails_and_holds_up_no_other(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    await make(api, project, "SELECT event, count() AS n FROM events GROUP BY event")
    await until(api, project, "daily", "active")
    wide = (await api.services.metadata.rollups.find(project["id"], "daily")).physical

    def too_wide(_: object, table: OwnTable, __: int) -> None:
        if table.table == wide:
            raise LimitExceededError("The question needs more memory than it may have.", limit="memory")

    monkeypatch.setattr(OwnTables, "too_wide", too_wide)
    monkeypatch.setattr(keeping, "MOST_GROUPS_A_DAY", 0)
    await send_events(api, project, lessons(20))
    await make(api, project, "SELECT event, count() AS n FROM events GROUP BY event", "other")
    await until(api, project, "daily", "failed")
    await until(api, project, "other", "active")


async def test_rollups_are_bounded_in_number_and_in_groups(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/rollups"
    await send_events(api, project, lessons(60))
    monkeypatch.setattr(making, "GROUPS_A_DAY", 10)
    wide = {"name": "wide", "sql": "SELECT toStartOfHour(timestamp) AS hour, event, count() AS n FROM events GROUP BY hour, event"}
    refused = await api.owner.post(path, wide)
    assert (refused.status_code, refused.json()["limit"]) == (422, "groups")
    monkeypatch.setattr(rollups, "MOST_OF_PROJECT", 1)
    await make(api, project, "SELECT event, count() AS n FROM events GROUP BY event", "first")
    refused = await api.owner.post(path, {"name": "second", "sql": "SELECT event, count() AS n FROM events GROUP BY event"})
    assert (refused.status_code, refused.json()["limit"]) == (422, "rollups")
