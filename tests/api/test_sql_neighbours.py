"""Figures of a query hold nothing of other projects, whose rows lie in the same granules."""

import json
from typing import Any
from uuid import uuid4

import pytest

from analytics.adhoc.door import WantedSql
from analytics.adhoc.formats import Format
from analytics.adhoc.reads import LEAST_ROWS, Sources, bytes_shown, rows_shown
from analytics.domain.access import Role
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio
QUESTIONS = (
    "SELECT count() FROM events",
    "SELECT count() FROM events WHERE date >= '2030-01-01'",
    "SELECT count() FROM user_days AS a JOIN user_timeline AS b ON a.person = b.person",
    "SELECT sum(events) FROM event_counts",
    "WITH x AS (SELECT event FROM events) SELECT count() FROM x WHERE event IN (SELECT event FROM x)",
    "SELECT count() FROM events AS e, numbers(1040000) AS n",
    "SELECT count() FROM (SELECT 1 AS one FROM events UNION ALL SELECT 1 AS one FROM numbers(1048000))",
)


async def figures(api: Api, project: dict[str, Any], sql: str) -> Any:
    path = f"/v1/projects/{project['slug']}/sql"
    told = (await api.owner.post(f"{path}/explain", {"sql": sql})).json()
    meta = (await api.owner.post(path, {"sql": sql})).json()["meta"]
    (kept, *_) = (await api.owner.get(f"{path}/history")).json()["items"]
    told.pop("query_id")
    assert set(told) == {"tables", "rows", "bytes", "limit"}
    assert all(set(table) == {"table", "rows"} for table in told["tables"])
    return told, *((found["rows_read"], found["bytes_read"]) for found in (meta, kept))


async def engines_own(api: Api, project: dict[str, Any], sql: str) -> Any:
    """What the engine says, which no caller sees."""
    door = api.services.sql.queries.door
    policy = (await api.services.sql.queries.policies(api.services.keys.all()[0]))[Role.ANALYST]
    wanted = WantedSql(uuid4().hex, project["id"], "nobody", policy, await door.check(sql, {}), Format.JSON, explain=True)
    async with door.running(wanted) as query:
        async for _ in query.chunks():
            pass
    return [(estimate.table, estimate.rows) for estimate in query.estimates]


def store_around(api: Api) -> None:
    """Rows of neighbours whose ids stand before and behind every other: each part of them has a granule in which any project may be."""
    api.services.warehouse.command(
        "INSERT INTO events (project_id, event, timestamp, received_at, local_date, expires_on, event_id, user_id, id_hash)"
        " SELECT if(number % 2 = 0, '!', '~'), 'e', toDateTime64('2030-11-01 00:00:00', 3, 'UTC'), now64(3), '2030-11-01', '2099-01-01',"
        " toString(rand64()), toString(number), rand64() FROM numbers(12000)"
    )


async def test_a_neighbours_insert_changes_no_figure(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [{"event": "signup", "user_id": f"u-{n}", "timestamp": "2026-11-01T10:00:00Z"} for n in range(20)])
    before = [await figures(api, project, sql) for sql in QUESTIONS]
    engine = [await engines_own(api, project, sql) for sql in QUESTIONS]
    for _ in range(3):
        store_around(api)
    assert [await engines_own(api, project, sql) for sql in QUESTIONS] != engine, "else this test proves nothing"
    assert [await figures(api, project, sql) for sql in QUESTIONS] == before
    told = json.dumps(before)
    assert '"rows": 8192' in told, "small data is small"


async def test_a_project_without_rows_does_not_see_that_there_are_others(api: Api) -> None:
    project = await api.make_project()
    before = [await figures(api, project, sql) for sql in QUESTIONS[:4]]
    store_around(api)
    assert [await figures(api, project, sql) for sql in QUESTIONS[:4]] == before


def test_what_is_shown_is_no_less_than_what_was_read_of_ones_own() -> None:
    one, two, beside, none = Sources(1, False), Sources(2, False), Sources(1, True), Sources(0, True)
    assert rows_shown(123, none, None) == 123, "nobody else's rows are in it"
    assert bytes_shown(123, 123, none) == 123
    assert rows_shown(20_000, one, 3) == 8_192
    assert rows_shown(20_000, two, 3) == 16_384
    assert rows_shown(60_000, one, 50_000) == 65_536
    assert rows_shown(1_500_000, one, 50_000_000) == 2_097_152
    assert rows_shown(100, one, 50_000_000) == rows_shown(900_000, one, 50_000_000) == LEAST_ROWS
    assert rows_shown(900_000, beside, 50_000) == rows_shown(1_100_000, beside, 50_000) == 65_536
    assert rows_shown(900_000, one, None) == LEAST_ROWS
    assert bytes_shown(5, 8_192, one) == bytes_shown(1_000_000, 8_192, one)
