"""Cost, history, schema, limits and cancelling of SQL: who may, and what they are told."""

import asyncio
import threading
import time
from typing import Any
from uuid import uuid4

import anyio.to_thread
import pytest

from analytics.adhoc.door import RunningSql
from analytics.adhoc.queries import AdhocQueries
from analytics.errors import AnalyticsError
from analytics.privacy.subject import Subject
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api, Caller
from tests.fixtures.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio
# Takes far longer than a test waits, and reads next to nothing.
ENDLESS = "SELECT count() FROM numbers(1000000) AS a CROSS JOIN numbers(1000000) AS b WHERE sipHash64(a.number, b.number) % 7 = 9"
SECONDS = PATIENCE_SECONDS


@pytest.fixture
async def school(api: Api) -> dict[str, Any]:
    project = await api.make_project()
    await send_events(api, project, [{"event": "signup", "user_id": "someone-17", "properties": {"plan": "gold", "seats": 3}}])
    return project


def path(school: dict[str, Any], rest: str = "") -> str:
    return f"/v1/projects/{school['slug']}{rest}"


async def until_running(api: Api, number: int = 1) -> None:
    deadline = time.monotonic() + SECONDS
    while len(api.services.sql.queries.door.under_way) < number:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_viewer_may_not_a_token_needs_the_scope_and_an_analyst_may(api: Api, school: dict[str, Any]) -> None:
    question = {"sql": "SELECT 1"}
    assert (await (await api.member(school, "viewer")).post(path(school, "/sql"), question)).status_code == 403
    assert (await (await api.token(school, ["read", "personal-data"])).post(path(school, "/sql"), question)).status_code == 403
    assert (await (await api.token(school, ["sql"])).post(path(school, "/sql"), question)).status_code == 200
    assert (await (await api.member(school, "analyst")).post(path(school, "/sql"), question)).status_code == 200
    stranger = await api.member(await api.make_project(), "admin")
    assert (await stranger.post(path(school, "/sql"), question)).status_code == 404


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({}, "/params/day"),
        ({"day": "2026-11-01", "more": 1}, "/params/more"),
        ({"day": "yesterday"}, "/params/day"),
        ({"day": 5}, "/params/day"),
        ({"day": None}, "/params/day"),
        ({"day": "2026-11-01') OR 1=1 --"}, "/params/day"),
    ],
)
async def test_a_wrong_parameter_is_named(api: Api, school: dict[str, Any], params: dict[str, Any], pointer: str) -> None:
    answer = await api.owner.post(path(school, "/sql"), {"sql": "SELECT count() FROM events WHERE date >= {day:Date}", "params": params})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("text", ["it's", "a\tb\nc", "\\N", "\\", "'; DROP TABLE events --", "{x:String}", "\u202e", "", "0x27", "/*", "ü"])
async def test_a_text_parameter_arrives_as_it_was_sent(api: Api, school: dict[str, Any], text: str) -> None:
    sql = "SELECT {a:String} AS a, {b:Array(String)} AS b, {c:Nullable(String)} AS c, {d:Map(String, String)} AS d"
    params = {"a": text, "b": [text, text], "c": text, "d": {text: text}}
    answer = await api.owner.post(path(school, "/sql"), {"sql": sql, "params": params})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == [[text, [text, text], text, {text: text}]]


async def test_typed_parameters_arrive(api: Api, school: dict[str, Any]) -> None:
    kinds = {
        "i": ("Int64", "-9223372036854775808", "-9223372036854775808"),
        "u": ("UInt8", 255, 255),
        "f": ("Float64", 1e300, 1e300),
        "m": ("Decimal(10, 2)", "1.25", "1.25"),
        "b": ("Bool", True, True),
        "t": ("DateTime64(3, 'UTC')", "2026-11-01T12:00:00.5+02:00", "2026-11-01T10:00:00.500Z"),
        "n": ("Nullable(Int32)", None, None),
        "l": ("Array(Tuple(String, Int32))", [["a", 1]], [["a", 1]]),
    }
    sql = "SELECT " + ", ".join(f"{{{name}:{kind}}}" for name, (kind, _, _) in kinds.items())
    answer = await api.owner.post(path(school, "/sql"), {"sql": sql, "params": {name: sent for name, (_, sent, _) in kinds.items()}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"][0] == [wanted for _, _, wanted in kinds.values()]


async def test_a_query_that_takes_too_long_meets_its_limit_by_name(api: Api, school: dict[str, Any]) -> None:
    changed = await api.owner.put(path(school, "/sql/limits"), {"analyst": {"seconds": 1}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["limits"]["analyst"]["seconds"] == 1
    answer = await (await api.member(school, "analyst")).post(path(school, "/sql"), {"sql": ENDLESS})
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (422, "limit-exceeded", "seconds")


@pytest.mark.parametrize(
    ("limits", "sql", "limit"),
    [
        ({"memory_bytes": 100_000_000}, "SELECT length(groupArray(toString(number))) FROM numbers(50000000)", "memory_bytes"),
        ({"rows_returned": 10}, "SELECT number FROM numbers(100)", "rows_returned"),
        ({"rows_read": 10_000}, "SELECT sum(number) FROM numbers(1000000)", "rows_read"),
        ({"bytes_returned": 1_000}, "SELECT number FROM numbers(10000)", "bytes_returned"),
    ],
)
async def test_each_limit_is_met_by_name(api: Api, school: dict[str, Any], limits: dict[str, int], sql: str, limit: str) -> None:
    await api.owner.put(path(school, "/sql/limits"), {"analyst": limits})
    answer = await (await api.token(school, ["sql"])).post(path(school, "/sql"), {"sql": sql})
    assert (answer.status_code, answer.json().get("limit")) == (422, limit), answer.text


async def test_queries_of_an_hour_are_counted(api: Api, school: dict[str, Any]) -> None:
    await api.owner.put(path(school, "/sql/limits"), {"analyst": {"queries_per_hour": 2}})
    caller = await api.member(school, "analyst")
    answers = [await caller.post(path(school, "/sql"), {"sql": "SELECT 1"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "limits", [{"viewer": {"seconds": 1}}, {"analyst": {"speed": 1}}, {"analyst": {"seconds": 0}}, {"analyst": {"rows_read": 1.5}}]
)
async def test_limits_that_make_no_sense_are_refused(api: Api, school: dict[str, Any], limits: dict[str, Any]) -> None:
    assert (await api.owner.put(path(school, "/sql/limits"), limits)).status_code == 422


async def test_only_owners_change_limits(api: Api, school: dict[str, Any]) -> None:
    assert (await (await api.member(school, "admin")).put(path(school, "/sql/limits"), {})).status_code == 403


async def test_a_query_is_cancelled_by_its_own_caller_and_by_admins_alone(api: Api, school: dict[str, Any]) -> None:
    mine, other, admin = [await api.member(school, role) for role in ("analyst", "editor", "admin")]
    for canceller in (mine, admin):
        query_id = uuid4()
        asking = asyncio.create_task(mine.post(path(school, "/sql"), {"sql": ENDLESS, "query_id": str(query_id)}))
        await until_running(api)
        assert (await other.delete(path(school, f"/sql/{query_id}"))).status_code == 404
        assert (await canceller.delete(path(school, f"/sql/{query_id.hex}"))).status_code == 204
        answer = await asyncio.wait_for(asking, SECONDS)
        assert (answer.status_code, answer.json()["code"]) == (409, "query-cancelled")
        assert (await canceller.delete(path(school, f"/sql/{query_id}"))).status_code == 204, "once more is no error"
    assert (await mine.delete(path(school, f"/sql/{uuid4()}"))).status_code == 404
    statuses = [item["status"] for item in (await mine.get(path(school, "/sql/history"))).json()["items"]]
    assert statuses == ["cancelled", "cancelled"]


async def test_a_cancel_is_answered_before_the_query_has_ended(api: Api, school: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    let_go, cancel = threading.Event(), RunningSql.cancel
    query_id = uuid4()

    def slow_cancel(query: RunningSql, why: AnalyticsError | None = None) -> None:
        assert let_go.wait(SECONDS)
        cancel(query, why)

    monkeypatch.setattr(RunningSql, "cancel", slow_cancel)
    asking = asyncio.create_task(api.owner.post(path(school, "/sql"), {"sql": ENDLESS, "query_id": str(query_id)}))
    await until_running(api)
    assert (await api.owner.delete(path(school, f"/sql/{query_id}"))).status_code == 204
    assert not asking.done()
    let_go.set()
    assert (await asyncio.wait_for(asking, SECONDS)).json()["code"] == "query-cancelled"


async def test_a_query_is_cancelled_from_another_process(api: Api, school: dict[str, Any]) -> None:
    here = api.services.sql.queries
    # All that two processes share is PostgreSQL.
    elsewhere = AdhocQueries(
        here.door, here.history, here.limits, here.suspensions, here.saved, {}, api.services.rate_limits, api.services.clock
    )
    query_id = uuid4()
    asking = asyncio.create_task(api.owner.post(path(school, "/sql"), {"sql": ENDLESS, "query_id": str(query_id)}))
    await until_running(api)
    project = api.services.keys.project_by_id(school["id"])
    assert project is not None
    await elsewhere.cancel(project, query_id.hex, None)
    answer = await asyncio.wait_for(asking, SECONDS)
    assert (answer.status_code, answer.json()["code"]) == (409, "query-cancelled")
    await elsewhere.cancel(project, query_id.hex, None)
    (kept, *_) = (await api.owner.get(path(school, "/sql/history"))).json()["items"]
    assert kept["status"] == "cancelled"


async def test_a_query_that_waits_for_its_turn_is_cancelled_too(api: Api, school: dict[str, Any]) -> None:
    await api.owner.put(path(school, "/sql/limits"), {"analyst": {"concurrency": 1}})
    mine = await api.member(school, "analyst")
    first, second = uuid4(), uuid4()
    running = asyncio.create_task(mine.post(path(school, "/sql"), {"sql": ENDLESS, "query_id": str(first)}))
    await until_running(api)
    waiting = asyncio.create_task(mine.post(path(school, "/sql"), {"sql": "SELECT 1", "query_id": str(second)}))
    deadline = time.monotonic() + SECONDS
    while (await mine.delete(path(school, f"/sql/{second}"))).status_code == 404:
        assert time.monotonic() < deadline
    assert (await asyncio.wait_for(waiting, SECONDS)).status_code == 409
    assert not running.done()
    assert (await mine.delete(path(school, f"/sql/{first}"))).status_code == 204
    assert (await asyncio.wait_for(running, SECONDS)).status_code == 409


async def test_the_cost_is_told_before_a_query_runs(api: Api, school: dict[str, Any]) -> None:
    question = {"sql": "SELECT count() FROM events WHERE date >= {day:Date}", "params": {"day": "2000-01-01"}}
    answer = await api.owner.post(path(school, "/sql/explain"), question)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [table["table"] for table in body["tables"]] == ["events"]
    assert body["rows"] >= 1
    assert body["limit"] is None
    await api.owner.put(path(school, "/sql/limits"), {"analyst": {"bytes_read": 10}})
    assert (await (await api.token(school, ["sql"])).post(path(school, "/sql/explain"), question)).json()["limit"] == "bytes_read"


async def test_the_cost_of_what_would_meet_a_limit_names_it(api: Api, school: dict[str, Any]) -> None:
    answer = await api.owner.post(path(school, "/sql/explain"), {"sql": "SELECT count() FROM numbers(1e11)"})
    assert (answer.status_code, answer.json()["limit"]) == (200, "rows_read"), answer.text


async def test_the_history_is_ones_own_and_an_admins_is_everybodys(api: Api, school: dict[str, Any]) -> None:
    one, two, admin = [await api.member(school, role) for role in ("analyst", "analyst", "admin")]
    await one.post(path(school, "/sql"), {"sql": "SELECT {a:Int8}", "params": {"a": 1}})
    await two.post(path(school, "/sql"), {"sql": "SELECT 2"})
    mine = (await one.get(path(school, "/sql/history"))).json()["items"]
    assert [(item["sql"], item["params"], item["status"], item["rows_returned"]) for item in mine] == [
        ("SELECT {a:Int8}", {"a": 1}, "finished", 1)
    ]
    page = (await admin.get(path(school, "/sql/history"), params={"limit": 1})).json()
    rest = (await admin.get(path(school, "/sql/history"), params={"cursor": page["next_cursor"]})).json()
    assert [item["sql"] for item in page["items"] + rest["items"]] == ["SELECT 2", "SELECT {a:Int8}"]


async def test_each_query_is_audited_without_its_text(api: Api, school: dict[str, Any]) -> None:
    await (await api.member(school, "analyst")).post(path(school, "/sql"), {"sql": "SELECT 'very secret' FROM events"})
    await api.owner.post(path(school, "/sql"), {"sql": "SELECT FROM WHERE"})
    answer = await api.owner.get("/v1/audit", params={"project": school["slug"], "action": "sql.run"})
    records = answer.json()["items"]
    assert len(records) == 2
    assert records[1]["after"]["tables"] == ["events"]
    assert records[0]["after"]["refused"]
    assert "very secret" not in answer.text


async def test_an_erased_persons_id_is_taken_out_of_the_history(api: Api, school: dict[str, Any]) -> None:
    for sql, params in (
        ("SELECT count() FROM events WHERE user_id = 'someone-17'", {}),
        ("SELECT count() FROM events WHERE user_id = {who:String}", {"who": "someone-17"}),
        ("SELECT count() FROM events", {}),
    ):
        assert (await api.owner.post(path(school, "/sql"), {"sql": sql, "params": params})).status_code == 200
    await api.owner.get(path(school, "/schema"))
    stores = {store.name: store for store in api.services.erasing._stores}
    subject = Subject(school["id"], ("someone-17", "another-1"))
    for name, found in (("postgres:sql_queries", 2), ("memory:sql_schema", 1)):
        assert await anyio.to_thread.run_sync(stores[name].find, subject) == found
        await anyio.to_thread.run_sync(stores[name].remove, subject)
        assert await anyio.to_thread.run_sync(stores[name].find, subject) == 0
    assert [item["sql"] for item in (await api.owner.get(path(school, "/sql/history"))).json()["items"]] == [
        "SELECT count() FROM events",
        None,
        None,
    ]


async def test_the_schema_shows_samples_and_those_of_persons_only_to_who_may_see_them(api: Api, school: dict[str, Any]) -> None:
    full = (await (await api.member(school, "analyst")).get(path(school, "/schema"))).json()
    bare_answer = await (await api.token(school, ["sql"])).get(path(school, "/schema"))
    columns = {column["name"]: column for column in full["tables"][0]["columns"]}
    assert full["tables"][0]["name"] == "events"
    assert columns["event"]["samples"] == ["signup"]
    assert columns["user_id"]["samples"] == ["someone-17"]
    assert columns["user_id"]["personal"]
    assert [(seen["name"], seen["share"]) for seen in full["properties"]] == [("plan", 1.0), ("seats", 1.0)]
    assert "someone-17" not in bare_answer.text
    assert "signup" in bare_answer.text


async def test_fifty_at_once_all_get_an_answer(api: Api, school: dict[str, Any]) -> None:
    caller: Caller = await api.token(school, ["sql"])
    answers = await asyncio.gather(*(caller.post(path(school, "/sql"), {"sql": f"SELECT {n}, count() FROM events"}) for n in range(50)))
    assert [answer.json()["rows"] for answer in answers] == [[[n, 1]] for n in range(50)]


async def test_too_many_that_wait_are_sent_away_and_who_leaves_takes_the_query_along(
    api: Api, school: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = api.services.sql.queries.door
    monkeypatch.setattr(door._places, "_most_waiting", 1)
    await api.owner.put(path(school, "/sql/limits"), {"analyst": {"concurrency": 1}})
    caller = await api.token(school, ["sql"])
    asking = [asyncio.create_task(caller.post(path(school, "/sql"), {"sql": ENDLESS})) for _ in range(2)]
    deadline = time.monotonic() + SECONDS
    while door._places.queued < 1:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    refused = await caller.post(path(school, "/sql"), {"sql": "SELECT 1"})
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
    assert int(refused.headers["retry-after"]) > 0
    while door.under_way or door._places.queued:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
