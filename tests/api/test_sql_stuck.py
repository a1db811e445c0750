"""Queries that no limit of the engine ends: they turn SQL off and have the worker started anew, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest

from analytics.adhoc.delivery import MOST_BYTES
from analytics.adhoc.door import WantedSql
from analytics.adhoc.formats import Format
from analytics.adhoc.watchdog import NOTE_SECONDS, Watchdog
from analytics.background import running
from analytics.domain.access import Role
from analytics.errors import AnalyticsError, MetadataUnavailableError
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api, make_settings, started
from tests.fixtures.engines import _database

pytestmark = pytest.mark.anyio
SECONDS = 120.0
# One call, which takes some seconds whatever the limits say. Its size is no constant that the gate could see.
STUCK = "SELECT length(extractAll(repeat('a', 80 * 1000), 'a*b|a'))"


@pytest.fixture(scope="module")
async def api(engines: Any, postgres_template: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: object) -> AsyncIterator[Api]:
    with contextmanager(_database)(engines, postgres_template) as postgres_url:
        settings = make_settings(
            tmp_path_factory.mktemp("stuck"),
            postgres_url,
            engines.redis_url,
            sql_grace_seconds=0.5,
            sql_limits={role: {"seconds": 1} for role in ("analyst", "editor", "admin")},
        )
        async with started(settings) as running:
            yield running


async def until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


async def test_a_query_that_does_not_end_turns_sql_off_until_it_has(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [{"event": "signup", "user_id": "u-1"}])
    path = f"/v1/projects/{project['slug']}"
    watchdog, door = api.services.sql.watchdog, api.services.sql.queries.door
    asking = asyncio.create_task(api.owner.post(f"{path}/sql", {"sql": STUCK, "query_id": str(uuid4())}))
    await until(lambda: watchdog.hopeless, "the worker is not asked to end")

    answer = await asking
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (422, "limit-exceeded", "seconds")
    assert len(door.under_way) == 1, "it keeps its place"
    assert door._places.taken == 1
    refused = await api.owner.post(f"{path}/sql", {"sql": "SELECT 1"})
    assert (refused.status_code, refused.json()["code"]) == (503, "sql-off")
    assert "does not end" in refused.json()["detail"]
    assert "analytics_sql_stuck_queries 1.0" in (await api.client.get("/metrics")).text
    reason = await api.services.health._checks["sql"].ask()
    assert reason == (False, "Off: A query does not end.")
    assert (await api.owner.post(f"{path}/trends", {"date_from": "2026-01-01", "series": [{}]})).status_code == 200

    await until(lambda: not door.under_way and watchdog.off is None, "it never ended")
    assert not watchdog.hopeless
    assert door._places.taken == 0
    somebody = await api.member(project, "analyst")
    assert (await somebody.post(f"{path}/sql", {"sql": "SELECT count() FROM events"})).json()["rows"] == [[1]]
    refused = await api.owner.post(f"{path}/sql", {"sql": "SELECT 1"})
    assert (refused.status_code, refused.json()["code"]) == (429, "sql-suspended"), "who asked it waits"
    (kept,) = [item for item in (await api.owner.get(f"{path}/sql/history")).json()["items"] if item["sql"] == STUCK]
    assert (kept["status"], kept["code"]) == ("failed", "limit-exceeded")


async def test_a_saved_question_that_does_not_end_is_kept_and_suspended_with_whoever_wrote_it(api: Api) -> None:
    project = await api.make_project()
    path, author, viewer = f"/v1/projects/{project['slug']}", await api.member(project, "editor"), await api.member(project, "viewer")
    for name, sql in (("stuck", STUCK), ("fine", "SELECT 1")):
        wanted = {"name": name, "question": {"kind": "sql", "sql": sql}}
        assert (await author.post(f"{path}/queries", wanted)).status_code == 201
    watchdog = api.services.sql.watchdog
    asking = asyncio.create_task(viewer.post(f"{path}/queries/stuck/run", {}))
    await until(lambda: watchdog.hopeless, "the worker is asked to end before it is kept why, or never")
    assert (await api.owner.get(f"{path}/sql/suspensions")).json()["items"][0]["query_id"], "kept before the worker may end"
    assert (await asking).json()["code"] == "limit-exceeded"
    await until(lambda: watchdog.off is None, "it never ended")
    (kept,) = (await api.owner.get(f"{path}/sql/history")).json()["items"]
    assert (kept["sql"], kept["code"]) == (STUCK, "limit-exceeded")
    for name in ("stuck", "fine"):
        refused = await viewer.post(f"{path}/queries/{name}/run", {})
        assert (refused.status_code, refused.json()["code"]) == (429, "sql-suspended")
    assert (await author.post(f"{path}/sql", {"sql": "SELECT 1"})).status_code == 429


async def test_who_gave_the_values_with_which_a_saved_question_does_not_end_is_suspended_and_its_author_is_not(api: Api) -> None:
    project = await api.make_project()
    path, author = f"/v1/projects/{project['slug']}", await api.member(project, "editor")
    sized = STUCK.replace("80 * 1000", "{size:UInt32}")
    question = {"kind": "sql", "sql": sized, "parameters": [{"name": "size", "type": "UInt32", "default": 10}]}
    assert (await author.post(f"{path}/queries", {"name": "sized", "question": question})).status_code == 201
    assert (await author.put(f"{path}/queries/sized/publication", {})).status_code == 200
    token = await api.token(project, ["endpoint:sized"])
    watchdog = api.services.sql.watchdog
    assert (await token.get(f"{path}/endpoints/sized.json")).status_code == 200
    asking = asyncio.create_task(token.get(f"{path}/endpoints/sized.json?size=80000"))
    await until(lambda: watchdog.hopeless, "the worker is asked to end before it is kept why, or never")
    assert (await asking).json()["code"] == "limit-exceeded"
    await until(lambda: watchdog.off is None, "it never ended")
    found = {one["kind"]: one["of"] for one in (await api.owner.get(f"{path}/sql/suspensions")).json()["items"]}
    writer = (await author.get("/v1/me")).json()["id"]
    assert found.keys() == {"caller", "statement"}
    assert writer not in found.values()
    refused = await token.get(f"{path}/endpoints/sized.json?size=11&max_age_seconds=0")
    assert (refused.status_code, refused.json()["code"]) == (429, "sql-suspended")
    for one in (await api.owner.get(f"{path}/sql/suspensions")).json()["items"]:
        if one["kind"] == "statement":
            assert (await api.owner.delete(f"{path}/sql/suspensions/{one['id']}")).status_code == 204
    refused = await token.get(f"{path}/endpoints/sized.json?size=12&max_age_seconds=0")
    assert (refused.status_code, refused.json()["code"]) == (429, "sql-suspended"), "whoever gave the values waits"
    assert (await author.post(f"{path}/queries/sized/run", {"params": {"size": 13}})).status_code == 200, "its author does not"


async def test_a_saved_question_that_does_not_end_while_the_schema_asks_for_its_columns_suspends_whoever_wrote_it(api: Api) -> None:
    project = await api.make_project()
    path, author, other = f"/v1/projects/{project['slug']}", await api.member(project, "editor"), await api.member(project, "analyst")
    wanted = {"name": "stuck", "question": {"kind": "sql", "sql": f"{STUCK} AS n"}}
    assert (await author.post(f"{path}/queries", wanted)).status_code == 201
    watchdog = api.services.sql.watchdog
    asking = asyncio.create_task(other.get(f"{path}/schema"))
    await until(lambda: watchdog.hopeless, "the worker is asked to end before it is kept why, or never")
    found = (await api.owner.get(f"{path}/sql/suspensions")).json()["items"]
    writer = (await author.get("/v1/me")).json()["id"]
    assert {(one["kind"], one["of"]) for one in found} == {("caller", writer), ("statement", writer)}
    await asking
    await until(lambda: watchdog.off is None, "it never ended")
    (shown,) = [table for table in (await other.get(f"{path}/schema")).json()["tables"] if table["name"] == "stuck"]
    assert shown["columns"] == []


async def test_who_reads_slowly_is_no_query_that_does_not_end(api: Api) -> None:
    project = await api.make_project()
    door, watchdog = api.services.sql.queries.door, api.services.sql.watchdog
    checked = await door.check("SELECT number, repeat('x', 1000) FROM numbers(100000)", {})
    policy = (await api.services.sql.queries.policies(api.services.keys.all()[0]))[Role.ANALYST]
    wanted = WantedSql(uuid4().hex, project["id"], "somebody", replace(policy, seconds=60), checked, Format.CSV)
    async with door.running(wanted) as query:
        await until(lambda: query._delivery._bytes >= MOST_BYTES and query._asked is None, "nothing comes")
        query._started -= 1_000  # the time of its limit is over, and it is the reader who is waited for
        watchdog.look()
        assert query.over_time_seconds <= 0
        query.cancel()
        await asyncio.sleep(0.6)  # longer than the grace
        watchdog.look()
        assert watchdog.off is None


async def test_one_that_does_not_end_keeps_its_place_however_often_its_asker_is_cancelled(api: Api) -> None:
    project = await api.make_project()
    door = api.services.sql.queries.door
    policy = (await api.services.sql.queries.policies(api.services.keys.all()[0]))[Role.ANALYST]
    checked = await door.check(STUCK, {})
    wanted = WantedSql(uuid4().hex, project["id"], "somebody", replace(policy, seconds=60), checked, Format.CSV)

    async def ask() -> None:
        async with door.running(wanted) as query:
            async for _ in query.chunks():
                pass

    asking = asyncio.create_task(ask())
    await until(lambda: any(query._asked is not None for query in door.under_way), "it is not asked")
    (query,) = door.under_way
    for _ in range(2):
        asking.cancel()
        await asyncio.sleep(0.05)
    query.give_up()
    await asyncio.wait({asking})
    assert not query.has_ended
    assert door._places.taken == 1
    await until(lambda: not door.under_way and door._places.taken == 0, "it never ended")


@dataclass
class Overdue:
    """A query that was killed so long ago, as the watchdog sees it."""

    name: str
    overdue_seconds: float
    over_time_seconds: float = 0.0
    given_up: bool = False

    def kill(self, why: AnalyticsError) -> None:
        raise AssertionError(why)

    def give_up(self) -> None:
        self.given_up = True


async def test_only_a_query_that_the_worker_has_to_end_for_is_kept_and_before_it_ends() -> None:
    slow, stuck = Overdue("slow", 16.0), Overdue("stuck", 16.0)
    noted: list[str] = []
    tried: list[str] = []
    stores_work = False

    async def note(query: Overdue) -> None:
        tried.append(query.name)
        if not stores_work:
            raise MetadataUnavailableError("Away.")
        noted.append(query.name)

    watchdog = Watchdog(lambda: [slow, stuck], note, 15.0, embedded=True)
    async with running(watchdog.keep(), "keep"):
        watchdog.look()
        assert watchdog.off is not None
        assert slow.given_up
        assert stuck.given_up
        assert not watchdog._unnoted, "after one grace the author of a query that is slow to die is not to blame"
        slow.overdue_seconds = 31.0
        stuck.overdue_seconds = 31.0
        watchdog.look()
        assert not watchdog.hopeless, "first it is kept whose it was"
        await until(lambda: {"slow", "stuck"} <= set(tried), "nothing is kept")
        slow.overdue_seconds = 0.0  # it ends while PostgreSQL is away
        await until(lambda: "slow" not in watchdog._unnoted, "what has ended is still to be kept")
        stuck.overdue_seconds = 31.0 + NOTE_SECONDS
        watchdog.look()
        assert watchdog.hopeless, "it waits for PostgreSQL for ever"
        stuck.overdue_seconds = 31.0
        watchdog.look()
        assert not watchdog.hopeless
        stores_work = True
        await until(lambda: not watchdog._unnoted, "it is never kept")
        watchdog.look()
        assert watchdog.hopeless
    assert noted == ["stuck"]
