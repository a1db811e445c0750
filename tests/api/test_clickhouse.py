"""The HTTP interface of ClickHouse, as clickhouse-connect and curl use it."""

import asyncio
import io
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import anyio.to_thread
import clickhouse_connect
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chdb import _chdb
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from analytics.adhoc.tool_format import ToolFormat
from analytics.adhoc.tool_statement import ToolStatement, read_statement
from analytics.answers.system_tables import CLICKHOUSE_VERSION
from analytics.api import clickhouse_request
from analytics.metadata.sql_suspensions import HungQuery
from tests.factories.sent_events import send_events
from tests.fence import corpus
from tests.fixtures.api import Api, Caller
from tests.fixtures.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio
T = TypeVar("T")
ENDLESS = "SELECT count() FROM numbers(1000000) AS a CROSS JOIN numbers(1000000) AS b WHERE sipHash64(a.number, b.number) % 7 = 9"
CANARY = "canary-of-the-neighbour"
_EVENTS = [
    {"event": "signup", "user_id": "u-1", "timestamp": "2026-11-01T10:00:00.123Z", "properties": {"plan": "gold", "seats": 3}},
    {"event": "login", "user_id": "u-2", "timestamp": "2026-11-02T10:00:00Z", "properties": {}},
]


@pytest.fixture(scope="module")
async def school(api: Api) -> dict[str, Any]:
    project, neighbour = await api.make_project(), await api.make_project()
    await send_events(api, project, _EVENTS)
    await send_events(api, neighbour, [{"event": CANARY, "user_id": CANARY, "properties": {"plan": CANARY}}])
    return {**project, "neighbour": neighbour["slug"]}


@pytest.fixture(scope="module")
async def token(api: Api, school: dict[str, Any]) -> str:
    return (await api.token(school, ["sql"])).headers["authorization"].removeprefix("Bearer ")


@pytest.fixture
async def connect(api: Api, api_url: str, token: str) -> AsyncIterator[Callable[..., Any]]:
    """Opens a client of clickhouse-connect."""
    opened: list[Client] = []

    async def opening(**more: Any) -> Client:
        parts = urlsplit(api_url)
        wanted = {"username": "anybody", "password": token, "proxy_path": "clickhouse", **more}
        client = await anyio.to_thread.run_sync(lambda: clickhouse_connect.get_client(host=parts.hostname, port=parts.port, **wanted))
        opened.append(client)
        return client

    yield opening
    for client in opened:
        await anyio.to_thread.run_sync(client.close)


async def calmly(call: Callable[..., T], *args: Any, **more: Any) -> T:
    """On another thread: the service answers on this one."""
    return await anyio.to_thread.run_sync(lambda: call(*args, **more))


async def test_a_query_of_clickhouse_connect_answers(connect: Callable[..., Any]) -> None:
    client = await connect()
    found = await calmly(client.query, "SELECT event, user_id, properties.seats::Int64 AS seats FROM events ORDER BY event")
    assert found.column_names == ("event", "user_id", "seats")
    assert found.result_rows == [("login", "u-2", None), ("signup", "u-1", 3)]
    assert await calmly(client.ping)
    assert client.server_version == CLICKHOUSE_VERSION


async def test_types_arrive_as_clickhouse_has_them(connect: Callable[..., Any]) -> None:
    client = await connect(tz_mode="aware")
    sql = (
        "SELECT timestamp, date, event, toDecimal64(1.25, 2) AS d, [1, 2] AS l, map('a', 1) AS m, (1, 'x') AS t, "
        "toUInt64(18446744073709551615) AS u, CAST(NULL, 'Nullable(String)') AS n FROM events WHERE event = 'signup'"
    )
    found = await calmly(client.query, sql)
    assert found.result_rows == [
        (
            datetime(2026, 11, 1, 10, 0, 0, 123000, UTC),
            date(2026, 11, 1),
            "signup",
            Decimal("1.25"),
            [1, 2],
            {"a": 1},
            (1, "x"),
            18446744073709551615,
            None,
        )
    ]
    assert [kind.name for kind in found.column_types][:3] == ["DateTime64(3, 'UTC')", "Date", "LowCardinality(String)"]


async def test_parameters_are_bound_by_the_server(connect: Callable[..., Any]) -> None:
    client = await connect(tz_mode="aware")
    sql = "SELECT {a:String} AS a, {b:Array(String)} AS b, {c:Nullable(Int64)} AS c, {d:DateTime} AS d, {e:Float64} AS e"
    for text in ("it's", "a\tb\nc", "\\", "'; DROP TABLE events --", "{x:String}", "ü", ""):
        wanted = {"a": text, "b": [text, "x"], "c": None, "d": datetime(2026, 11, 1, 10, tzinfo=UTC), "e": 0.5}
        found = await calmly(client.query, sql, parameters=wanted)
        assert found.first_row == (text, [text, "x"], None, datetime(2026, 11, 1, 10, tzinfo=UTC), 0.5)
    with pytest.raises(DatabaseError) as refused:
        await calmly(client.query, "SELECT {a:UInt8}", parameters={"a": "not a number"})
    assert "Code: 457" in str(refused.value)


async def test_data_frames_and_arrow_arrive(connect: Callable[..., Any]) -> None:
    client = await connect()
    frame = await calmly(client.query_df, "SELECT event, count() AS n FROM events GROUP BY event ORDER BY event")
    assert frame.to_dict("list") == {"event": ["login", "signup"], "n": [1, 1]}
    table = await calmly(client.query_arrow, "SELECT number AS n, toString(number) AS t FROM numbers(100000)")
    assert (table.num_rows, table.column_names) == (100_000, ["n", "t"])
    assert table["t"][99_999].as_py() == "99999"


async def test_a_query_may_come_as_a_form(connect: Callable[..., Any]) -> None:
    client = await connect(form_encode_query_params=True)
    found = await calmly(client.query, "SELECT {a:String} AS a, {b:Array(Int64)} AS b", parameters={"a": "it's" * 1000, "b": [1, 2]})
    assert found.first_row == ("it's" * 1000, [1, 2])
    data = ExternalData(file_name="more", data=b"1", fmt="TSV", types=["Int64"])
    with pytest.raises(DatabaseError) as refused:
        await calmly(client.query, "SELECT * FROM more", external_data=data)
    assert refused.value.code == 36


async def test_every_table_of_the_catalogue_is_read_whole_and_by_conditions(connect: Callable[..., Any], school: dict[str, Any]) -> None:
    client = await connect(database=school["slug"])
    for table in ("databases", "tables", "columns", "settings", "functions", "one"):
        rows = (await calmly(client.query, f"SELECT * FROM system.{table}")).result_rows
        assert (await calmly(client.query, f"SELECT count() FROM system.{table}")).first_row == (len(rows),)
        assert rows
    asked = "SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1"
    assert (await calmly(client.query, asked)).first_row[1:] == ("UTC", CLICKHOUSE_VERSION)
    joined = (
        "SELECT t.name, c.name, c.type FROM system.tables AS t "
        "LEFT JOIN system.columns AS c ON t.database = c.database AND t.name = c.table "
        "WHERE t.name ILIKE {like:String} AND c.position = 1 ORDER BY t.name"
    )
    found = await calmly(client.query, joined, parameters={"like": "USER%"})
    assert [row[0] for row in found.result_rows] == ["user_days", "user_timeline"]
    empty = await calmly(client.query, "SELECT event, timestamp FROM events LIMIT 0")
    assert empty.column_names == ("event", "timestamp")
    assert await calmly(client.command, f"EXISTS DATABASE `{school['slug']}`") == 1
    assert await calmly(client.command, f"EXISTS DATABASE `{school['neighbour']}`") == 0
    assert await calmly(client.command, f"SHOW TABLES FROM `{school['neighbour']}`") in ("", [""])


async def test_the_version_is_that_of_the_engine(api: Api) -> None:
    assert await anyio.to_thread.run_sync(api.services.warehouse.version) == CLICKHOUSE_VERSION


async def test_rows_and_blocks_are_streamed(connect: Callable[..., Any]) -> None:
    client = await connect()

    def rows() -> tuple[int, int]:
        blocks = count = 0
        with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(300000)") as stream:
            for block in stream:
                blocks += 1
                count += len(block)
        return blocks, count

    def frames() -> int:
        with client.query_df_stream("SELECT number AS n FROM numbers(200000)") as stream:
            return sum(int(frame["n"].sum()) for frame in stream)

    def arrow() -> int:
        with client.query_arrow_stream("SELECT number AS n FROM numbers(200000)") as stream:
            return sum(batch.num_rows for batch in stream)

    blocks, count = await calmly(rows)
    assert count == 300_000
    assert blocks > 10
    assert await calmly(frames) == sum(range(200_000))
    assert await calmly(arrow) == 200_000


async def test_what_there_is_is_told_from_the_projects_own_catalogue(api: Api, school: dict[str, Any], connect: Callable[..., Any]) -> None:
    own = f"`{school['slug']}`"
    saved = {"name": "by-event", "question": {"kind": "sql", "sql": "SELECT event, count() AS n FROM events GROUP BY event"}}
    assert (await api.owner.post(f"/v1/projects/{school['slug']}/queries", saved)).status_code == 201
    client = await connect()
    tables = ["by-event", "event_counts", "events", "user_days", "user_timeline"]
    assert (await calmly(client.command, "SHOW TABLES")).split("\n") == tables
    assert (await calmly(client.query, "SHOW TABLES LIKE 'event%'")).result_rows == [("event_counts",), ("events",)]
    assert await calmly(client.command, "SHOW DATABASES") == school["slug"]
    assert await calmly(client.command, "EXISTS TABLE events") == 1
    assert await calmly(client.command, f"EXISTS {own}.nothing") == 0
    assert await calmly(client.command, "SELECT currentDatabase(), version()") == [school["slug"], CLICKHOUSE_VERSION]
    described = await calmly(client.query, "DESCRIBE TABLE events")
    assert described.column_names[:2] == ("name", "type")
    schema = (await api.owner.get(f"/v1/projects/{school['slug']}/schema")).json()["tables"]
    told = {table["name"]: [(column["name"], column["type"]) for column in table["columns"]] for table in schema}
    assert [row[:2] for row in described.result_rows] == told["events"]
    columns = await calmly(
        client.query, "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY position"
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for table, name, kind in columns.result_rows:
        found.setdefault(table, []).append((name, kind))
    assert found == told
    sql = f"SELECT t.name, {own}.events.event FROM {own}.events CROSS JOIN system.tables AS t WHERE t.name = 'by-event'"
    assert (await calmly(client.query, f"{sql} AND event = 'login'")).result_rows == [("by-event", "login")]
    assert (await calmly(client.query, f"SELECT n FROM {own}.`by-event` ORDER BY n")).result_rows == [(1,), (1,)]


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT * FROM nothing", 60, "UNKNOWN_TABLE"),
        ("SELECT nothing FROM events", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT noSuchThing(1)", 46, "UNKNOWN_FUNCTION"),
        ("SELECT 1::Nothing5", 50, "UNKNOWN_TYPE"),
        ("SELECT intDiv(1, number) FROM numbers(3)", 153, "ILLEGAL_DIVISION"),
        ("SELECT * FROM numbers(1e11)", 158, "TOO_MANY_ROWS"),
        ("INSERT INTO events VALUES (1)", 164, "READONLY"),
        ("DROP TABLE events", 164, "READONLY"),
        ("DESCRIBE TABLE nothing", 60, "UNKNOWN_TABLE"),
        ("SELECT 1 SETTINGS max_threads = 8", 164, "READONLY"),
    ],
)
async def test_failures_are_those_of_clickhouse(connect: Callable[..., Any], sql: str, code: int, name: str) -> None:
    client = await connect()
    with pytest.raises(DatabaseError) as refused:
        await calmly(client.query, sql)
    assert (refused.value.code, refused.value.name) == (code, name), str(refused.value)


async def test_data_is_not_taken(api: Api, school: dict[str, Any], connect: Callable[..., Any]) -> None:
    client = await connect(compress=False)
    with pytest.raises(DatabaseError) as refused:
        await calmly(client.insert, "events", [["x"]], column_names=["event"])
    assert refused.value.code == 164
    with pytest.raises(DatabaseError) as refused:
        await calmly(client.raw_insert, "events", ["event"], b"\xff\xfe", fmt="RowBinary", compression="zstd")
    assert refused.value.code == 164
    kept = (await api.owner.get(f"/v1/projects/{school['slug']}/sql/history")).json()["items"][:2]
    assert [(item["status"], item["code"], item["source"]) for item in kept] == [("refused", "sql-not-allowed", "clickhouse")] * 2
    assert all(item["sql"].startswith("INSERT INTO") for item in kept)


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"query": "SELECT"}, [("query", "SELECT 1")]),
        ({"param_a": "1"}, [("query", "SELECT {a:UInt8}"), ("param_a", "2")]),
        ({}, [("query", "SELECT {a:UInt8}"), ("param_a", "1"), ("param_a", "2")]),
        ({}, [("query", "SELECT 1"), ("query", "SELECT 2")]),
        ({}, [("query", "SELECT 1"), ("database", "another")]),
        ({}, [("query", "SELECT 1"), ("max_result_rows", "0")]),
    ],
)
async def test_a_form_says_nothing_twice_and_nothing_but_the_query_and_its_values(
    api: Api, token: str, params: dict[str, str], fields: list[tuple[str, str]]
) -> None:
    form = [(name, (None, value)) for name, value in fields]
    answer = await api.client.post("/clickhouse", params=params, files=form, headers=key(token))
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (422, "36"), answer.text


async def test_the_id_of_anothers_query_stays_taken(api: Api, school: dict[str, Any], token: str) -> None:
    asked = {"database": school["slug"], "query_id": str(uuid4())}
    analyst = await api.member(school, "analyst")
    assert (await analyst.get("/clickhouse", params={**asked, "query": "SELECT 1"})).text == "1\n"
    answer = await api.client.post("/clickhouse", content="SELECT 1", params=asked, headers=key(token))
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (409, "216")


async def test_asking_for_a_table_that_is_not_there_is_kept_like_any_question(api: Api, school: dict[str, Any], token: str) -> None:
    asked = ["DESCRIBE TABLE nothing", f"DESC `{school['neighbour']}`.events"]
    for sql in asked:
        answer = await api.client.post("/clickhouse", content=sql, headers=key(token))
        assert answer.headers["x-clickhouse-exception-code"] == "60"
    kept = (await api.owner.get(f"/v1/projects/{school['slug']}/sql/history")).json()["items"][:2]
    assert [(item["sql"], item["status"], item["code"]) for item in kept] == [(sql, "refused", "unknown-table") for sql in asked[::-1]]


@pytest.mark.parametrize("compress", [False, "zstd", "gzip"])
async def test_a_failure_in_the_middle_is_never_a_short_success(
    api: Api, school: dict[str, Any], connect: Callable[..., Any], compress: bool | str
) -> None:
    client = await connect(compress=compress)
    hashes = ", ".join(f"sipHash64(number, {n}) AS h{n}" for n in range(4))
    sql = f"SELECT intDiv(1, toInt64(number) - 700000) AS t, {hashes} FROM numbers(800000)"

    def read() -> int:
        with client.query_row_block_stream(sql) as stream:
            return sum(len(block) for block in stream)

    def raw() -> int:
        return len(client.raw_query(sql, fmt="RowBinary"))

    with pytest.raises(StreamFailureError) as failed:
        await calmly(read)
    assert failed.value.code == 153
    with pytest.raises(Exception, match=r"(IncompleteRead|Connection|[Dd]ecod|decompress|broken)"):
        await calmly(raw)
    await until_idle(api)
    kept = (await api.owner.get(f"/v1/projects/{school['slug']}/sql/history")).json()["items"][0]
    assert (kept["status"], kept["code"], kept["source"]) == ("failed", "sql-failed", "clickhouse")


async def test_a_client_that_closes_ends_its_query(api: Api, school: dict[str, Any], connect: Callable[..., Any]) -> None:
    client = await connect(compress=False)

    def leave() -> None:
        stream = client.raw_stream("SELECT number, repeat('x', 1000) AS x FROM numbers(500000)", fmt="CSV")
        assert stream.read(1000)
        stream.close()

    await calmly(leave)
    await until_idle(api)
    kept = (await api.owner.get(f"/v1/projects/{school['slug']}/sql/history")).json()["items"][0]
    assert kept["status"] == "cancelled"


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
async def test_answers_are_compressed_for_who_asks_for_it_twice(api: Api, token: str, encoding: str) -> None:
    headers = {**key(token), "accept-encoding": encoding}
    sql = "SELECT toString(number) AS n FROM numbers(1000000) FORMAT TSV"
    plain = await api.client.post("/clickhouse", content=sql, headers=headers)
    small = await api.client.post("/clickhouse", params={"enable_http_compression": "1"}, content=sql, headers=headers)
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == encoding
    assert plain.text == "".join(f"{n}\n" for n in range(1_000_000))
    if encoding != "zstd" or "zstd" in httpx._decoders.SUPPORTED_DECODERS:
        assert small.text == plain.text


@pytest.mark.parametrize("size", [0, 1, 20_000])
@pytest.mark.parametrize("kind", list(ToolFormat))
async def test_each_format_is_one_document(api: Api, token: str, kind: ToolFormat, size: int) -> None:
    """As the engine writes it that is asked for it whole."""
    sql = f"SELECT number AS n, concat('a\\t\\n\"', toString(number)) AS `t x`, toDecimal32(1.5, 2) AS d FROM numbers({size})"
    answer = await api.client.post("/clickhouse", content=f"{sql} FORMAT {kind}", headers=key(token))
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-clickhouse-format"] == str(kind)
    if answer.headers["x-clickhouse-summary"]:
        assert json.loads(answer.headers["x-clickhouse-summary"])["result_rows"] == str(size)
    whole = await anyio.to_thread.run_sync(_by_the_engine, api, sql, kind)
    if kind in (ToolFormat.JSON, ToolFormat.JSON_COMPACT, ToolFormat.JSON_STRINGS, ToolFormat.JSON_COMPACT_STRINGS):
        told, wanted = answer.json(), json.loads(whole)
        assert (told["meta"], told["data"], told["rows"]) == (wanted["meta"], wanted["data"], wanted["rows"])
    elif kind is ToolFormat.PARQUET:
        assert pq.read_table(io.BytesIO(answer.content)).to_pylist() == pq.read_table(io.BytesIO(whole)).to_pylist()
    elif kind is ToolFormat.ARROW:
        assert pa.ipc.open_file(answer.content).read_all().to_pylist() == pa.ipc.open_file(whole).read_all().to_pylist()
    elif kind is ToolFormat.ARROW_STREAM:
        assert pa.ipc.open_stream(answer.content).read_all().to_pylist() == pa.ipc.open_stream(whole).read_all().to_pylist()
    elif kind is ToolFormat.NATIVE:  # as blocks, which begin anew
        assert answer.content.count(b"\x03t x\x06String") == max(1, -(-size // 4096)) if size else answer.content == b""
    else:
        assert answer.content == whole


def _by_the_engine(api: Api, sql: str, kind: ToolFormat) -> bytes:
    engine = api.services.warehouse.engine
    assert engine is not None
    connection = _chdb.connect(engine.connection_string)
    try:
        return bytes(connection.query(sql, str(kind), params={}).bytes())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"headers": {}}, 401, 516),
        ({"headers": {"x-clickhouse-key": "at_nobody"}}, 401, 516),
        ({"headers": {"x-clickhouse-user": "default"}}, 401, 516),
        ({"headers": {"authorization": "Basic !!"}}, 401, 516),
        ({"params": {"user": "x"}}, 403, 497),
        ({"params": {"password": "<token>"}}, 403, 497),
        ({"headers": {"x-clickhouse-key": "<token>", "authorization": "Bearer <token>"}}, 401, 516),
        ({"params": {"database": "<neighbour>"}}, 404, 81),
        ({"params": {"database": "no-such-project"}}, 404, 81),
        ({"more": {"x-clickhouse-database": "<neighbour>"}}, 404, 81),
        ({"more": {"x-clickhouse-database": "<neighbour>"}, "params": {"database": "<slug>"}}, 422, 36),
        ({"params": [("database", "<slug>"), ("database", "<neighbour>")]}, 422, 36),
        ({"sql": "SELECT count() FROM `<neighbour>`.events"}, 400, 60),
        ({"sql": "SELECT count() FROM analytics.events"}, 400, 60),
        ({"sql": "SELECT * FROM system.processes"}, 400, 60),
        ({"sql": "SELECT * FROM system.query_log"}, 400, 60),
        ({"sql": "SELECT * FROM system.users"}, 400, 60),
        ({"sql": "SELECT hostName(), currentRoles()"}, 400, 46),
        ({"sql": "SELECT getSetting('log_comment')"}, 400, 46),
        ({"sql": "SELECT * FROM merge('system', 'tables')"}, 400, 60),
        ({"sql": "SHOW CREATE TABLE events"}, 400, 164),
        ({"sql": "SHOW TABLES FROM system"}, 200, None),
        ({"sql": "DESCRIBE TABLE `<neighbour>`.events"}, 400, 60),
        ({"sql": "EXPLAIN SELECT 1"}, 400, 164),
        ({"sql": "SET ROLE svc"}, 400, 164),
        ({"sql": "SELECT 1; SELECT 2"}, 400, 62),
        ({"sql": "SELECT 1 INTO OUTFILE '/tmp/x' FORMAT CSV"}, 400, 164),
        ({"sql": "SELECT 1 FORMAT CSV SETTINGS readonly = 0"}, 400, 164),
        ({"sql": "SELECT 1 FORMAT Nothing"}, 422, 73),
        ({"params": {"default_format": "Template"}}, 422, 73),
        ({"sql": ""}, 400, 62),
        ({"sql": "SELECT {a:Identifier} FROM events", "params": {"param_a": "event"}}, 400, 164),
        ({"sql": "SELECT {a:String}"}, 422, 36),
        ({"params": {"param_more": "1"}}, 422, 36),
        ({"params": {"param_fence_project": "p_other"}}, 422, 36),
        ({"sql": "SELECT {fence_project:String}", "params": {"param_fence_project": "p_other"}}, 400, 164),
        ({"params": {"query_id": "x"}}, 422, 36),
        ({"params": {"query_id": "0123456789abcdef0123456789abcde\n"}}, 422, 36),
        ({"params": {"query_id": "{01234567-89ab-cdef-0123-456789abcdef}"}}, 422, 36),
        ({"params": {"readonly": "0"}}, 422, 115),
        ({"params": {"role": "svc"}}, 422, 115),
        ({"params": {"log_comment": "p_other"}}, 422, 115),
        ({"params": {"additional_table_filters": "{}"}}, 422, 115),
        ({"params": {"max_threads": "64"}}, 422, 115),
        ({"params": {"compress": "1"}}, 422, 115),
        ({"params": {"SQL_project": "p_other"}}, 422, 115),
        ({"params": {"result_overflow_mode": "break"}}, 422, 115),
        ({"params": {"max_execution_time": "-1"}}, 422, 115),
        ({"params": {"max_execution_time": "inf"}}, 422, 115),
        ({"params": [("max_result_rows", "1"), ("max_result_rows", "0")]}, 422, 36),
        ({"more": {"x-clickhouse-progress": "1"}}, 422, 36),
        ({"more": {"content-encoding": "lz4"}}, 415, 89),
        ({"sql": b"\xff\xfe"}, 400, 62),
    ],
)
async def test_what_is_not_understood_is_refused_as_clickhouse_would(
    api: Api, school: dict[str, Any], token: str, request_: dict[str, Any], status: int, code: int | None
) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, str):
            for name, text in (("<token>", token), ("<neighbour>", school["neighbour"]), ("<slug>", school["slug"])):
                value = value.replace(name, text)
            return value
        if isinstance(value, dict):
            return {name: filled(inner) for name, inner in value.items()}
        return [(filled(name), filled(inner)) for name, inner in value] if isinstance(value, list) else value

    wanted = filled(request_)
    headers = {**wanted.get("headers", key(token)), **wanted.get("more", {})}
    answer = await api.client.post("/clickhouse", content=wanted.get("sql", "SELECT 1"), params=wanted.get("params"), headers=headers)
    assert answer.status_code == status, answer.text
    assert CANARY not in answer.text + str(answer.headers)
    if code is None:
        assert answer.text == ""
        return
    assert answer.headers["x-clickhouse-exception-code"] == str(code), answer.text
    assert re.fullmatch(rf"Code: {code}\. DB::Exception: .+ \([A-Z_]+\) \(version [\d.]+ \(official build\)\)\n", answer.text)


async def test_a_foreign_database_is_as_one_that_is_not_there(api: Api, school: dict[str, Any], token: str) -> None:
    answers = [
        await api.client.get("/clickhouse", params={"database": name, "query": "SELECT 1"}, headers=key(token))
        for name in (school["neighbour"], "no-such-project")
    ]
    assert answers[0].text == answers[1].text
    assert answers[0].status_code == answers[1].status_code == 404


async def test_a_token_without_the_scope_may_not_and_a_person_names_the_project(api: Api, school: dict[str, Any]) -> None:
    reader = await api.token(school, ["read", "personal-data"])
    refused = await reader.get("/clickhouse", params={"query": "SELECT 1"})
    assert (refused.status_code, refused.headers["x-clickhouse-exception-code"]) == (403, "497")
    analyst = await api.member(school, "analyst")
    assert (await analyst.get("/clickhouse", params={"query": "SELECT 1"})).status_code == 404
    answer = await analyst.get("/clickhouse/", params={"query": "SELECT 1", "database": school["slug"]})
    assert (answer.status_code, answer.text) == (200, "1\n")
    cookie = {"cookie": "analytics_session=x"}
    assert (await api.client.get("/clickhouse", params={"query": "SELECT 1"}, headers=cookie)).status_code == 401


async def test_a_tool_may_lower_its_limits_and_raise_none(api: Api, school: dict[str, Any], token: str) -> None:
    async def code(sql: str, **settings: str) -> str | None:
        answer = await api.client.post("/clickhouse", content=sql, params=settings, headers=key(token))
        return answer.headers.get("x-clickhouse-exception-code")

    assert await code("SELECT number FROM numbers(100)", max_result_rows="10") == "396"
    assert await code("SELECT sum(number) FROM numbers(1000000)", max_rows_to_read="10000") == "158"
    assert await code(ENDLESS, max_execution_time="1") == "159"
    changed = await api.owner.put(f"/v1/projects/{school['slug']}/sql/limits", {"analyst": {"rows_returned": 50}})
    assert changed.status_code == 200, changed.text
    try:
        assert await code("SELECT number FROM numbers(100)", max_result_rows="1000000") == "396"
        assert await code("SELECT number FROM numbers(100)", max_result_rows="0") == "396"
    finally:
        await api.owner.put(f"/v1/projects/{school['slug']}/sql/limits", {})


async def test_a_query_is_kept_with_its_door_and_cancelled_by_its_id(api: Api, school: dict[str, Any], token: str) -> None:
    query_id = str(uuid4())
    headers = {**key(token), "x-clickhouse-user": "somebody"}
    asking = asyncio.create_task(api.client.post("/clickhouse", content=ENDLESS, params={"query_id": query_id}, headers=headers))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not api.services.sql.queries.door.under_way:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    twice = await api.client.post("/clickhouse", content="SELECT 1", params={"query_id": query_id}, headers=headers)
    assert (twice.status_code, twice.headers["x-clickhouse-exception-code"]) == (409, "216")
    assert (await api.owner.delete(f"/v1/projects/{school['slug']}/sql/{query_id}")).status_code == 204
    answer = await asyncio.wait_for(asking, PATIENCE_SECONDS)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (409, "394")
    assert answer.headers["x-clickhouse-query-id"] == query_id
    again = await api.client.post("/clickhouse", content="SELECT 1", params={"query_id": query_id}, headers=headers)
    assert (again.status_code, again.headers["x-clickhouse-query-id"]) == (200, query_id), "it has ended, so its id is free"
    shown = await api.client.post("/clickhouse", content="SHOW TABLES FORMAT JSON", headers=headers)
    assert [row["name"] for row in shown.json()["data"]][-1] == "user_timeline"
    kept = (await api.owner.get(f"/v1/projects/{school['slug']}/sql/history")).json()["items"]
    assert [(item["sql"], item["status"], item["source"], item["format"]) for item in kept[:3]] == [
        ("SHOW TABLES", "finished", "clickhouse", "JSON"),
        ("SELECT 1", "finished", "clickhouse", "TabSeparated"),
        (ENDLESS, "cancelled", "clickhouse", "TabSeparated"),
    ]


async def test_what_is_asked_is_read_beside_the_event_loop(api: Api, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be long, and of semicolons alone."""
    readers: list[int] = []

    def read(text: str) -> ToolStatement:
        readers.append(threading.get_ident())
        return read_statement(text)

    monkeypatch.setattr(clickhouse_request, "read_statement", read)
    answer = await api.client.post("/clickhouse", content="1" + ";" * 50_000, params={"query": "SELECT"}, headers=key(token))
    assert answer.text == "1\n"
    refused = await api.client.post("/clickhouse", content=b"\xff" + b";" * 300_000, headers=key(token))
    assert refused.headers["x-clickhouse-exception-code"] == "62"
    assert len(readers) == 3
    assert threading.get_ident() not in readers


async def test_values_are_written_as_a_server_writes_them(api: Api, token: str) -> None:
    sql = "SELECT toDateTime64('2026-11-01 10:00:00.5', 3, 'UTC') AS t, toUInt64(18446744073709551615) AS u, toDecimal32(1.5, 2) AS d"
    plain = await api.client.post("/clickhouse", content=f"{sql} FORMAT JSONEachRow", headers=key(token))
    assert plain.text == '{"t":"2026-11-01 10:00:00.500","u":18446744073709551615,"d":1.5}\n'
    wanted = {"date_time_output_format": "iso", "output_format_json_quote_64bit_integers": "1", "output_format_json_quote_decimals": "1"}
    quoted = await api.client.post("/clickhouse", content=sql, params={**wanted, "default_format": "JSONEachRow"}, headers=key(token))
    assert quoted.text == '{"t":"2026-11-01T10:00:00.500Z","u":"18446744073709551615","d":"1.5"}\n'


# What tools ask and are told here of the project's own catalogue; see test_what_there_is_is_told_from_the_projects_own_catalogue.
_TOLD_HERE = frozenset(
    {
        *(f"statements/{name}" for name in ("show_tables", "show_databases", "describe", "exists")),
        *(f"functions/{name}" for name in ("current_user", "user", "user_any_case", "current_user_sql", "current_database")),
        *(f"functions/{name}" for name in ("database_any_case", "version", "server_timezone")),
        *(f"settings_and_outputs/{name}" for name in ("format", "format_in_union")),
        "tables/system_with_spaces",
        *(
            attack.id
            for attack in corpus.attacks()
            if re.search(r"\bsystem[`\"]?\s*\.\s*[`\"]?(one|columns|databases|settings)\b", attack.sql)
        ),
    }
)


@pytest.mark.parametrize("family", sorted({attack.id.partition("/")[0] for attack in corpus.attacks()}))
async def test_the_fence_stands_before_this_door_too(api: Api, token: str, family: str) -> None:
    answered: set[str] = set()
    for attack in corpus.attacks():
        if attack.id.startswith(f"{family}/"):
            # Most look for this table, which is told of here; so they look for another.
            sql = re.sub(r"(?i)(system[`\"]?\s*\.\s*[`\"]?)tables", r"\1parts", attack.sql)
            params = {f"param_{name}": value if isinstance(value, str) else json.dumps(value) for name, value in attack.params.items()}
            with suppress(UnicodeEncodeError):
                answer = await api.client.post("/clickhouse", content=sql.encode(), params=params, headers=key(token))
                assert CANARY not in answer.text, attack.id
                assert answer.status_code in (200, 400, 422), (attack.id, answer.text)
                if answer.status_code == 200:
                    answered.add(attack.id)
    assert answered <= _TOLD_HERE
    assert family != "tables" or {"tables/system_columns", "tables/system_settings", "tables/system_one"} <= answered


async def test_suspensions_rates_and_a_missing_fence_hold_here_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    tool, other = await api.token(project, ["sql"]), await api.token(project, ["sql"])

    async def told(caller: Caller, sql: str = "SELECT 1") -> tuple[int, str | None]:
        answer = await caller.post("/clickhouse", content=sql)
        return answer.status_code, answer.headers.get("x-clickhouse-exception-code")

    saved = {"name": "mine", "question": {"kind": "sql", "sql": "SELECT 1 AS n"}}
    editor = await api.member(project, "editor")
    assert (await editor.post(f"/v1/projects/{project['slug']}/queries", saved)).status_code == 201
    for caller in (tool, editor):
        identity = (await caller.get("/v1/me")).json()["id"]
        await api.services.metadata.sql_suspensions.suspend(HungQuery(uuid4().hex, project["id"], identity, "SELECT 1 AS hung"))
    for sql in ("SELECT 1", "SHOW TABLES", "DESCRIBE mine", "INSERT INTO events VALUES"):
        assert await told(tool, sql) == (429, "201"), sql
    assert await told(other) == (200, None)
    for sql in ("SELECT * FROM mine", f"SELECT * FROM `{project['slug']}`.mine", "SELECT 1 AS hung"):
        assert await told(other, sql) == (429, "201"), sql
    described = await other.post("/clickhouse", content="SELECT count() FROM system.columns WHERE table = 'mine'")
    assert described.text == "0\n", "the columns of a saved query are asked of the engine, too"
    await api.owner.put(f"/v1/projects/{project['slug']}/sql/limits", {"analyst": {"queries_per_hour": 1}})
    assert await told(other) == (429, "201")
    await api.owner.put(f"/v1/projects/{project['slug']}/sql/limits", {})
    monkeypatch.setattr(api.services.sql.fence, "reason", "files can be read by a function.")
    assert await told(other) == (503, "210")


async def until_idle(api: Api) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while api.services.sql.queries.door.under_way:
        assert time.monotonic() < deadline, "a query goes on without its reader"
        await asyncio.sleep(0.02)


def key(token: str) -> dict[str, str]:
    return {"x-clickhouse-key": token}
