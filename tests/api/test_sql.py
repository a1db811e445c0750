"""`POST /v1/projects/{project}/sql`: answers to the letter, in every format, on the real engine."""

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics.api import sql_answer
from analytics.api.sql_answer import HELD_BYTES
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api, Caller

pytestmark = pytest.mark.anyio
BIG = 9_007_199_254_740_993


@pytest.fixture(scope="module")
async def school(api: Api) -> dict[str, Any]:
    """A project with three events of two users."""
    project = await api.make_project()
    events = [
        {
            "event": "lesson_completed",
            "user_id": "u-1",
            "timestamp": "2026-11-01T10:00:00.123Z",
            "properties": {"course_id": "c-1", "score": 7},
        },
        {
            "event": "lesson_completed",
            "user_id": "u-2",
            "timestamp": "2026-11-02T10:00:00Z",
            "properties": {"course_id": "c-2", "score": 9},
        },
        {"event": "signup", "user_id": "u-2", "timestamp": "2026-11-02T09:00:00Z", "properties": {"note": "=cmd()"}},
    ]
    await send_events(api, project, events)
    return project


@pytest.fixture(scope="module")
async def analyst(api: Api, school: dict[str, Any]) -> Caller:
    return await api.member(school, "analyst")


def path(school: dict[str, Any], rest: str = "") -> str:
    return f"/v1/projects/{school['slug']}/sql{rest}"


async def test_an_answer_has_columns_rows_and_meta(api: Api, school: dict[str, Any], analyst: Caller) -> None:
    sql = "SELECT event, count() AS events, max(timestamp) AS last FROM events GROUP BY event ORDER BY events DESC"
    answer = await analyst.post(path(school), {"sql": sql})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [column["name"] for column in body["columns"]] == ["event", "events", "last"]
    assert body["rows"] == [["lesson_completed", 2, "2026-11-02T10:00:00.000Z"], ["signup", 1, "2026-11-02T09:00:00.000Z"]]
    assert body["truncated"] is False
    meta = body["meta"]
    assert set(meta) == {"query_id", "elapsed_ms", "rows_read", "bytes_read", "cached", "data_as_of", "source"}
    assert meta["rows_read"] >= 3
    assert meta["bytes_read"] > 0
    assert (meta["cached"], meta["source"]) == (False, "raw")


async def test_numbers_keep_their_precision_and_times_are_texts(school: dict[str, Any], analyst: Caller) -> None:
    sql = (
        f"SELECT {BIG}::UInt64 AS big, 9007199254740992::Int64 AS exact, [{BIG}::UInt64] AS list, toDecimal64('1.10', 2) AS m,"
        " nan AS n, inf AS i, toDateTime64('2026-11-01 10:00:00.123', 3, 'UTC') AS t, toDate('2026-11-01') AS d, NULL AS no, 0.1 AS f"
    )
    answer = await analyst.post(path(school), {"sql": sql})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == [
        [str(BIG), 9007199254740992, [str(BIG)], "1.1", None, None, "2026-11-01T10:00:00.123Z", "2026-11-01", None, 0.1]
    ]


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet", "arrow"])
async def test_other_formats_carry_the_same_rows_and_say_in_headers_what_they_are(
    school: dict[str, Any], analyst: Caller, kind: str
) -> None:
    sql = "SELECT number AS n, concat('x', toString(number)) AS s FROM numbers(200000)"
    answer = await analyst.post(path(school), {"sql": sql, "format": kind})
    assert answer.status_code == 200, answer.text
    assert answer.headers["query_id"]
    assert answer.headers["data_as_of"].endswith("Z")
    rows = rows_of(kind, answer.content)
    assert len(rows) == 200_000
    assert rows[0] == (0, "x0")
    assert rows[-1] == (199_999, "x199999")


@pytest.mark.parametrize("kind", ["json", "csv", "ndjson", "parquet", "arrow"])
@pytest.mark.parametrize(("rows", "most", "truncated"), [(150_000, 100_000, True), (100, 100, False), (101, 100, True), (0, 5, False)])
async def test_an_answer_ends_at_max_rows_and_says_so(
    school: dict[str, Any], analyst: Caller, kind: str, rows: int, most: int, truncated: bool
) -> None:
    sql = f"SELECT number AS n, concat('x', toString(number)) AS s FROM numbers({rows})"
    answer = await analyst.post(path(school), {"sql": sql, "format": kind, "max_rows": most})
    assert answer.status_code == 200, answer.text
    if kind == "json":
        body = answer.json()
        assert (len(body["rows"]), body["truncated"]) == (min(rows, most), truncated)
        assert [column["name"] for column in body["columns"]] == ["n", "s"]
    else:
        assert len(rows_of(kind, answer.content)) == min(rows, most)
        assert answer.headers["x-truncated"] == json.dumps(truncated)


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet", "arrow"])
async def test_a_large_answer_says_whether_it_was_cut(school: dict[str, Any], analyst: Caller, kind: str) -> None:
    # Numbers that no format makes small: more than what is held in memory.
    text = ", ".join(f"toString(sipHash64(number, {n}))" for n in range(24))
    sql = f"SELECT sipHash64(number) AS n, concat({text}) AS s FROM numbers(40000)"
    for most, truncated in ((30_000, True), (40_000, False), (None, False)):
        answer = await analyst.post(path(school), {"sql": sql, "format": kind, "max_rows": most})
        assert answer.status_code == 200, answer.text
        assert len(answer.content) > HELD_BYTES
        assert len(rows_of(kind, answer.content)) == (most or 40_000)
        assert answer.headers["x-truncated"] == json.dumps(truncated)


@pytest.mark.parametrize("most", [None, 5])
async def test_a_small_answer_says_that_it_was_not_cut(school: dict[str, Any], analyst: Caller, most: int | None) -> None:
    answer = await analyst.post(path(school), {"sql": "SELECT 1 AS n", "format": "csv", "max_rows": most})
    assert (answer.text, answer.headers["x-truncated"]) == ('"n"\n1\n', "false")


async def test_what_fails_before_it_is_known_whether_it_was_cut_is_a_problem(
    school: dict[str, Any], analyst: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = ", ".join(f"sipHash64(number, {n}) AS h{n}" for n in range(4))
    late = {"sql": f"SELECT intDiv(1, toInt64(number) - 150000) AS t, {hashes} FROM numbers(200000)", "format": "csv", "max_rows": 190_000}
    answer = await analyst.post(path(school), late)
    assert (answer.status_code, answer.json()["code"]) == (400, "sql-failed")
    monkeypatch.setattr(sql_answer, "KEPT_BYTES", 1_000_000)
    long = {"sql": "SELECT sipHash64(number) FROM numbers(100000)", "format": "csv", "max_rows": 100_000}
    answer = await analyst.post(path(school), long)
    assert (answer.status_code, answer.json()["limit"]) == (422, "bytes_returned")


def rows_of(kind: str, content: bytes) -> list[tuple[Any, ...]]:
    if kind == "csv":
        read = list(csv.reader(io.StringIO(content.decode(), newline="")))
        assert read[0] == ["n", "s"]
        return [(int(n), s) for n, s in read[1:]]
    if kind == "ndjson":
        return [(row["n"], row["s"]) for row in map(json.loads, content.splitlines())]
    table = pq.read_table(io.BytesIO(content)) if kind == "parquet" else pa.ipc.open_stream(content).read_all()
    assert table.column_names == ["n", "s"]
    return list(zip(table["n"].to_pylist(), table["s"].to_pylist(), strict=True))
