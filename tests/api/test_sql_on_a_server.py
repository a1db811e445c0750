"""The routes of SQL where ClickHouse is a server: the same answers, limits and fence, with the rights of the analysts' user."""

import asyncio
import io
import time
from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import anyio.to_thread
import clickhouse_connect
import httpx
import pyarrow.parquet as pq
import pytest
from clickhouse_connect.driver.exceptions import StreamFailureError

from analytics.adhoc.tool_format import ToolFormat
from analytics.fence.server_rights import ServerRights
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api, make_settings, started
from tests.fixtures.clickhouse_server import PASSWORD, USER, ClickHouseServer
from tests.fixtures.engines import _database
from tests.fixtures.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio
DATABASE, ANALYST = "of the school", "analyst"
ENDLESS = "SELECT count() FROM numbers(1000000) AS a CROSS JOIN numbers(1000000) AS b WHERE sipHash64(a.number, b.number) % 7 = 9"
CANARY = "canary-of-the-neighbour"
_EVENTS = [{"event": "signup", "user_id": "u-1", "properties": {"plan": "gold"}}, {"event": "login", "user_id": "u-2"}]


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, anyio_backend: object) -> AsyncIterator[ClickHouseServer]:
    """Not started yet: its users are kept in files, which name the roles of projects."""
    made = ClickHouseServer(tmp_path_factory.mktemp("sql-server") / "server", users="<clickhouse/>")
    yield made
    made.kill()


@pytest.fixture(scope="module")
async def api(
    engines: Any, postgres_template: str, server: ClickHouseServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    with contextmanager(_database)(engines, postgres_template) as postgres_url:
        urls = {"clickhouse_url": server.url(DATABASE), "clickhouse_readonly_url": server.url(DATABASE, ANALYST)}
        async with started(make_settings(tmp_path_factory.mktemp("service"), postgres_url, engines.redis_url, **urls)) as running:
            yield running


@pytest.fixture(scope="module")
async def school(api: Api, server: ClickHouseServer) -> dict[str, Any]:
    """A project with a neighbour, on the server that now runs."""
    project, neighbour = await api.make_project(), await api.make_project()
    file = ServerRights(ANALYST, PASSWORD, DATABASE, USER).users_file([project["id"], neighbour["id"]])
    (server.folder / "users.d" / "more.xml").write_text(file, "utf-8")
    # clickhouse-local lets the function `file` read every file; a server reads those of its user_files alone.
    functions = server.folder / "functions"
    functions.mkdir()
    (functions / "function_file.sql").write_text("CREATE FUNCTION file AS (x) -> throwIf(1)", "utf-8")
    config = f"<clickhouse><user_defined_path>{functions}/</user_defined_path></clickhouse>"
    (server.folder / "config.d" / "functions.xml").write_text(config, "utf-8")
    server.start()  # not on another thread: the server ends with the thread that started it
    await eventually(lambda: api.services.sql.fence.reason is None, lambda: f"SQL is off: {api.services.sql.fence.reason}")
    await send_events(api, project, _EVENTS)
    await send_events(api, neighbour, [{"event": CANARY, "user_id": CANARY, "properties": {"plan": CANARY}}])
    return project


async def eventually(condition: Any, what: Any) -> None:
    deadline = time.monotonic() + 2 * PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.05)


def path(school: dict[str, Any], rest: str = "") -> str:
    return f"/v1/projects/{school['slug']}/sql{rest}"


async def test_an_answer_is_as_that_of_the_embedded_engine(api: Api, school: dict[str, Any]) -> None:
    sql = "SELECT event, properties.plan AS plan, count() AS n FROM events WHERE event != {no:String} GROUP BY event, plan ORDER BY event"
    answer = await api.owner.post(path(school), {"sql": sql, "params": {"no": "x"}})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["rows"] == [["login", None, 1], ["signup", "gold", 1]]
    assert (body["truncated"], body["meta"]["source"]) == (False, "raw")
    assert body["meta"]["rows_read"] >= 2


async def test_files_come_over_a_connection(api: Api, api_url: str, school: dict[str, Any]) -> None:
    question = {"sql": "SELECT number AS n FROM numbers(300000)", "max_rows": 200_000}
    async with httpx.AsyncClient(base_url=api_url, headers=dict(api.owner.headers), timeout=PATIENCE_SECONDS) as client:
        parquet = await client.post(path(school), json={**question, "format": "parquet"})
        text = await client.post(path(school), json={**question, "format": "csv"})
        failed = {"sql": "SELECT intDiv(1, toInt64(number) - 1500000) AS t, sipHash64(number) AS h FROM numbers(2000000)", "format": "csv"}
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(path(school), json=failed)
    assert parquet.headers["x-truncated"] == text.headers["x-truncated"] == "true"
    assert pq.read_table(io.BytesIO(parquet.content)).num_rows == len(text.text.splitlines()) - 1 == 200_000


async def test_long_values_of_parameters_arrive(api: Api, school: dict[str, Any]) -> None:
    for size in (100, 8_001, 90_000):
        text = ("it's \\ % & = + \u00fc" * size)[:size]
        asked = {"sql": "SELECT {a:String} = {b:String}, length({a:String}), {n:Int64}", "params": {"a": text, "b": text, "n": size}}
        answer = await api.owner.post(path(school), asked)
        assert answer.status_code == 200, answer.text[:300]
        assert answer.json()["rows"] == [[1, len(text.encode()), size]]


async def test_nothing_of_a_neighbour_is_seen(api: Api, school: dict[str, Any]) -> None:
    for sql in ("SELECT * FROM events", "SELECT event, sum(events) FROM event_counts GROUP BY event", "SELECT * FROM user_days"):
        answer = await api.owner.post(path(school), {"sql": sql})
        assert answer.status_code == 200, answer.text
        assert CANARY not in answer.text
    refused = await api.owner.post(path(school), {"sql": "SELECT * FROM system.processes"})
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown-table")


async def test_explain_schema_and_history_answer(api: Api, school: dict[str, Any]) -> None:
    told = (await api.owner.post(path(school, "/explain"), {"sql": "SELECT count() FROM events"})).json()
    assert ([table["table"] for table in told["tables"]], told["limit"]) == (["events"], None)
    schema = await api.owner.get(f"/v1/projects/{school['slug']}/schema")
    assert "signup" in schema.text
    assert CANARY not in schema.text
    kept = (await api.owner.get(path(school, "/history"))).json()["items"]
    assert "SELECT count() FROM events" in {item["sql"] for item in kept}


async def test_rollups_and_saved_queries_of_ones_own_are_tables_there_too(api: Api, school: dict[str, Any]) -> None:
    project = f"/v1/projects/{school['slug']}"
    daily = "SELECT toDate(timestamp) AS day, event, count() AS n, uniqExact(person) AS people FROM events GROUP BY day, event"
    made = await api.owner.post(f"{project}/rollups", {"name": "daily", "sql": daily})
    assert made.status_code == 201, made.text
    saved = {"name": "by-event", "question": {"kind": "sql", "sql": "SELECT event, sum(n) AS n FROM daily GROUP BY event ORDER BY event"}}
    assert (await api.owner.post(f"{project}/queries", saved)).status_code == 201
    assert (await api.owner.put(f"{project}/queries/by-event/publication", {})).status_code == 200

    async def rows() -> list[list[Any]]:
        """As each door says, which must be the same."""
        told = [
            await api.owner.post(path(school), {"sql": "SELECT event, sum(n) AS n FROM `by-event` GROUP BY event ORDER BY event"}),
            await api.owner.post(f"{project}/queries/by-event/run", {}),
            await api.owner.get(f"{project}/endpoints/by-event.json"),
            await api.owner.post(path(school), {"sql": f"SELECT event, sum(n) FROM ({daily}) GROUP BY event ORDER BY event"}),
        ]
        assert [one.status_code for one in told] == [200] * len(told), [one.text for one in told]
        assert all(one.json()["rows"] == told[0].json()["rows"] for one in told), [one.json()["rows"] for one in told]
        return told[0].json()["rows"]

    async def until(state: str) -> None:
        deadline = time.monotonic() + 2 * PATIENCE_SECONDS
        while (found := (await api.owner.get(f"{project}/rollups/daily")).json())["state"] != state:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.1)

    assert await rows() == [["login", 1], ["signup", 1]]
    await until("active")
    assert await rows() == [["login", 1], ["signup", 1]]
    await send_events(api, school, [{"event": "login", "user_id": "u-3"}])
    assert (await api.owner.post(path(school), {"sql": "SELECT sum(n), sum(people) FROM daily"})).json()["rows"] == [[3, 3]]
    assert (await api.owner.post(f"{project}/rollups/daily/pause", {})).status_code == 200
    await send_events(api, school, [{"event": "signup", "user_id": "u-4"}])
    assert (await api.owner.post(path(school), {"sql": "SELECT sum(n) FROM daily"})).json()["rows"] == [[4]]
    assert (await api.owner.post(f"{project}/rollups/daily/resume", {})).status_code == 200
    await until("active")
    assert (await api.owner.post(path(school), {"sql": "SELECT sum(n) FROM daily"})).json()["rows"] == [[4]]
    kinds = {one["name"]: one["kind"] for one in (await api.owner.get(f"{project}/schema")).json()["tables"]}
    assert (kinds["daily"], kinds["by-event"]) == ("rollup", "saved-query")
    assert (await api.owner.delete(f"{project}/rollups/daily")).status_code == 409
    assert (await api.owner.delete(f"{project}/queries/by-event")).status_code == 204
    assert (await api.owner.delete(f"{project}/rollups/daily")).status_code == 204
    assert (await api.owner.post(path(school), {"sql": "SELECT * FROM daily"})).json()["code"] == "unknown-table"


@pytest.mark.parametrize("size", [0, 1, 10_000])
async def test_tools_are_answered_as_by_the_server_itself(api: Api, server: ClickHouseServer, school: dict[str, Any], size: int) -> None:
    """In each format that is the same however its rows are cut into blocks."""
    sql = f"SELECT number AS n, concat('a\\t\\n\"', toString(number)) AS `t x`, toDecimal32(1.5, 2) AS d FROM numbers({size})"
    token = await api.token(school, ["sql"])
    others = {ToolFormat.NATIVE, ToolFormat.ARROW, ToolFormat.ARROW_STREAM, ToolFormat.PARQUET}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.http_port}", params={"user": "admin"}, timeout=PATIENCE_SECONDS
    ) as direct:
        for kind in ToolFormat:
            answer = await token.post("/clickhouse", content=f"{sql} FORMAT {kind}")
            assert answer.status_code == 200, answer.text
            whole = await direct.post("/", content=f"{sql} FORMAT {kind}")
            assert whole.status_code == 200, whole.text
            if kind.startswith("JSON") and "EachRow" not in kind:
                assert answer.json()["data"] == whole.json()["data"], kind
            elif kind not in others:
                assert answer.content == whole.content, kind


async def test_clickhouse_connect_reads_answers_and_failures_of_a_server(api: Api, api_url: str, school: dict[str, Any]) -> None:
    token = (await api.token(school, ["sql"])).headers["authorization"].removeprefix("Bearer ")
    parts = urlsplit(api_url)

    def read() -> tuple[Any, ...]:
        client = clickhouse_connect.get_client(
            host=parts.hostname, port=parts.port, username="anybody", password=token, proxy_path="clickhouse"
        )
        try:
            rows = client.query("SELECT event, {n:Int64} AS n FROM events ORDER BY event LIMIT 1", parameters={"n": -1}).result_rows
            tables = client.command("SHOW TABLES")
            for table in ("functions", "columns", "settings", "databases"):
                assert client.query(f"SELECT * FROM system.{table}").result_rows
            described = client.query("DESCRIBE TABLE events").result_rows[0][:2]
            frame = client.query_df("SELECT number AS n FROM numbers(100000)")
            table = client.query_arrow("SELECT number AS n FROM numbers(100000)")
            hashes = "sipHash64(number) AS a, sipHash64(number, 1) AS b, sipHash64(number, 2) AS c"
            with (
                pytest.raises(StreamFailureError) as failed,
                client.query_row_block_stream(
                    f"SELECT intDiv(1, toInt64(number) - 1500000) AS t, {hashes} FROM numbers(2000000)"
                ) as stream,
            ):
                for _ in stream:
                    pass
            return rows, tables, described, len(frame), table.num_rows, failed.value.code
        finally:
            client.close()

    rows, tables, described, frame_rows, arrow_rows, code = await anyio.to_thread.run_sync(read)
    assert rows[0][1] == -1
    assert "events" in tables.split("\n")
    assert described == ("event_id", "String")
    assert (frame_rows, arrow_rows, code) == (100_000, 100_000, 153)


async def test_a_query_is_cancelled_and_limited(api: Api, school: dict[str, Any]) -> None:
    query_id = uuid4()
    asking = asyncio.create_task(api.owner.post(path(school), {"sql": ENDLESS, "query_id": str(query_id)}))
    door = api.services.sql.queries.door
    await eventually(lambda: door.under_way, lambda: "it does not run")
    assert (await api.owner.delete(path(school, f"/{query_id}"))).status_code == 204
    assert (await asking).json()["code"] == "query-cancelled"
    limited = await api.owner.put(path(school, "/limits"), {"admin": {"seconds": 1}})
    assert limited.status_code == 200
    answer = await api.owner.post(path(school), {"sql": ENDLESS})
    assert (answer.status_code, answer.json()["limit"]) == (422, "seconds")
    await eventually(lambda: not door.under_way, lambda: "it never ended")
