"""`/v1/projects/{project}/endpoints/{name}.{format}`: what is published, to whom, in every format, a page at a time."""

import csv
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.factories.sent_events import send_events
from tests.fixtures.api import Api, Caller

pytestmark = pytest.mark.anyio

NUMBERS = {
    "kind": "sql",
    "sql": "SELECT number AS n, concat('=', toString(number)) AS text, if(number = 1, NULL, number / 2) AS half,"
    " toDate('2026-11-01') + number AS day, [number] AS list FROM numbers({to:UInt32}) WHERE number >= {from:UInt32} ORDER BY n",
    "parameters": [{"name": "from", "type": "UInt32", "default": 0}, {"name": "to", "type": "UInt32", "default": 5}],
}


class Endpoint:
    def __init__(self, api: Api, project: dict[str, Any], editor: Caller) -> None:
        self.api, self.project, self.editor = api, project, editor
        self.path = f"/v1/projects/{project['slug']}"

    async def publish(self, name: str, question: dict[str, Any], **publication: Any) -> None:
        assert (await self.editor.post(f"{self.path}/queries", {"name": name, "question": question})).status_code == 201
        answer = await self.editor.put(f"{self.path}/queries/{name}/publication", publication)
        assert answer.status_code == 200, answer.text

    async def get(self, name: str, caller: Caller | None = None, **query: Any) -> Any:
        return await (caller or self.editor).get(f"{self.path}/endpoints/{name}", params=query)


@pytest.fixture(scope="module")
async def endpoint(api: Api) -> Endpoint:
    project = await api.make_project()
    made = Endpoint(api, project, await api.member(project, "editor"))
    await made.publish("some-numbers", NUMBERS)
    return made


async def test_all_formats_show_the_same_rows(endpoint: Endpoint) -> None:
    shown = (await endpoint.get("some-numbers.json")).json()
    assert [column["name"] for column in shown["columns"]] == ["n", "text", "half", "day", "list"]
    assert shown["rows"][1] == [1, "=1", None, "2026-11-02", [1]]
    assert (len(shown["rows"]), shown["next_cursor"], shown["truncated"]) == (5, None, False)
    lines = (await endpoint.get("some-numbers.ndjson")).text.splitlines()
    assert [list(json.loads(line).values()) for line in lines] == shown["rows"]
    csv_answer = await endpoint.get("some-numbers.csv")
    assert csv_answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(csv_answer.text)))
    assert rows[:3] == [
        ["n", "text", "half", "day", "list"],
        ["0", "'=0", "0", "2026-11-01", "[0]"],
        ["1", "'=1", "\\N", "2026-11-02", "[1]"],
    ]
    table = pq.read_table(io.BytesIO((await endpoint.get("some-numbers.parquet")).content))
    assert [str(field.type) for field in table.schema] == ["uint64", "string", "double", "date32[day]", "string"]
    assert table.column("n").to_pylist() == [0, 1, 2, 3, 4]
    assert table.column("half").to_pylist()[1] is None


async def test_pages_are_the_whole_without_gap_or_repeat(endpoint: Endpoint) -> None:
    for kind in ("json", "csv"):
        seen: list[Any] = []
        cursor: str | None = None
        while True:
            answer = await endpoint.get(f"some-numbers.{kind}", to=23, limit=7, **({"cursor": cursor} if cursor else {}))
            assert answer.status_code == 200, answer.text
            seen += (
                [row[0] for row in answer.json()["rows"]]
                if kind == "json"
                else [int(line.split(",")[0]) for line in answer.text.splitlines()[1:]]
            )
            cursor = answer.headers.get("x-next-cursor")
            if cursor is None:
                break
        assert seen == list(range(23))


async def test_a_page_goes_on_after_the_row_it_ended_with_though_rows_came_before_it(endpoint: Endpoint) -> None:
    first = (await endpoint.get("some-numbers.json", **{"from": 5, "to": 15, "limit": 3})).json()
    more = (await endpoint.get("some-numbers.json", **{"from": 0, "to": 15, "limit": 3, "cursor": first["next_cursor"]})).json()
    assert [row[0] for row in more["rows"]] == [8, 9, 10]
    gone = await endpoint.get("some-numbers.json", **{"from": 9, "to": 15, "cursor": first["next_cursor"]})
    assert gone.status_code == 409
    assert (await endpoint.get("some-numbers.json", cursor="nonsense")).status_code == 422


async def test_an_answer_that_has_not_changed_is_not_sent_again(endpoint: Endpoint) -> None:
    first = await endpoint.get("some-numbers.json")
    path = f"{endpoint.path}/endpoints/some-numbers.json"
    for said, status in ((first.headers["etag"], 304), (f'"x", {first.headers["etag"]}', 304), ("*", 304), ('"x"', 200)):
        again = await endpoint.api.client.get(path, headers={**endpoint.editor.headers, "if-none-match": said})
        assert again.status_code == status, said
        assert again.headers["etag"] == first.headers["etag"]
        assert bool(again.content) is (status == 200)
    other = await endpoint.get("some-numbers.json", to=6)
    assert other.headers["etag"] != first.headers["etag"]


async def test_a_token_reads_the_endpoints_of_its_scopes_and_nothing_else(endpoint: Endpoint) -> None:
    api = endpoint.api
    await endpoint.publish("others", {"kind": "sql", "sql": "SELECT 1 AS n"})
    token = await api.token(endpoint.project, ["endpoint:some-numbers"])
    assert (await endpoint.get("some-numbers.csv", token)).status_code == 200
    assert (await endpoint.get("others.csv", token)).status_code == 403
    assert (await endpoint.get("nowhere.csv", token)).status_code == 403
    for path in ("queries", "queries/some-numbers", "events"):
        assert (await token.get(f"{endpoint.path}/{path}")).status_code == 403
    assert (await token.post(f"{endpoint.path}/queries/some-numbers/run", {})).status_code == 403
    assert (await token.post(f"{endpoint.path}/sql", {"sql": "SELECT * FROM `some-numbers`"})).status_code == 403
    everything = await api.token(endpoint.project, ["read", "personal-data", "sql", "manage"])
    assert (await endpoint.get("some-numbers.csv", everything)).status_code == 403
    viewer = await api.member(endpoint.project, "viewer")
    assert (await endpoint.get("some-numbers.csv", viewer)).status_code == 200


async def test_what_is_not_published_or_not_any_more_is_not_there(endpoint: Endpoint) -> None:
    question = {"kind": "sql", "sql": "SELECT 1 AS n"}
    assert (await endpoint.editor.post(f"{endpoint.path}/queries", {"name": "kept-back", "question": question})).status_code == 201
    token = await endpoint.api.token(endpoint.project, ["endpoint:kept-back"])
    hidden = await endpoint.get("kept-back.json", token)
    assert (hidden.status_code, hidden.json()["code"]) == (404, "not-found")
    assert (await endpoint.editor.put(f"{endpoint.path}/queries/kept-back/publication", {})).status_code == 200
    assert (await endpoint.get("kept-back.json", token)).json()["rows"] == [[1]]
    assert (await endpoint.editor.delete(f"{endpoint.path}/queries/kept-back/publication")).status_code == 204
    assert (await endpoint.get("kept-back.json", token)).status_code == 404
    assert (await endpoint.get("some-numbers.xml")).status_code == 422


@pytest.mark.parametrize(
    ("kind", "texts", "shown"),
    [
        ("UInt8", ["7"], 7),
        ("Float64", ["0.5"], 0.5),
        ("Bool", ["true"], True),
        ("String", ["[1]"], "[1]"),
        ("String", ["' OR 1=1 --"], "' OR 1=1 --"),
        ("Date", ["2026-11-01"], "2026-11-01"),
        ("Nullable(Int64)", ["-3"], -3),
        ("Array(UInt8)", ["1", "2"], [1, 2]),
        ("Array(UInt8)", ["[1,2]"], [1, 2]),
        ("Array(LowCardinality(String))", ["a", "b,c"], ["a", "b,c"]),
        ("Array(Float64)", ["1.5"], [1.5]),
    ],
)
async def test_values_in_the_address_are_read_by_their_types(endpoint: Endpoint, kind: str, texts: list[str], shown: Any) -> None:
    name = f"typed-{abs(hash((kind, *texts))) % 10**9}"
    await endpoint.publish(name, {"kind": "sql", "sql": f"SELECT {{v:{kind}}} AS v", "parameters": [{"name": "v", "type": kind}]})
    answer = await endpoint.get(f"{name}.json", v=texts)
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == [[shown]]


@pytest.mark.parametrize(
    "query",
    [{"to": "x"}, {"to": "-1"}, {"to": ["1", "2"]}, {"nothing": "1"}, {"fence_project": "p_1"}, {"sql": "SELECT 1"}, {"limit": "0"}],
)
async def test_only_declared_parameters_are_taken(endpoint: Endpoint, query: dict[str, Any]) -> None:
    answer = await endpoint.get("some-numbers.json", **query)
    assert answer.status_code == 422, answer.text


async def test_each_read_is_recorded(endpoint: Endpoint) -> None:
    token = await endpoint.api.token(endpoint.project, ["endpoint:some-numbers"])
    assert (await endpoint.get("some-numbers.json", token, to=3)).status_code == 200
    records = (await endpoint.api.owner.get("/v1/audit", params={"project": endpoint.project["slug"], "limit": 1000})).json()["items"]
    reads = [record for record in records if record["action"] == "endpoint.read" and record["target_id"] == "some-numbers"]
    assert {"version": 1, "parameters": ["to"]} in [record["after"] for record in reads]


async def test_an_endpoint_shows_events_of_its_own_project_alone(endpoint: Endpoint) -> None:
    api = endpoint.api
    other = await api.make_project()
    await send_events(api, other, [{"event": "secret-of-theirs", "user_id": "u"}])
    await send_events(api, endpoint.project, [{"event": "mine", "user_id": "u"}])
    await endpoint.publish("all-events", {"kind": "sql", "sql": "SELECT event FROM events"})
    assert (await endpoint.get("all-events.json")).json()["rows"] == [["mine"]]
    token = await api.token(endpoint.project, ["endpoint:all-events"])
    assert (await token.get(f"/v1/projects/{other['slug']}/endpoints/all-events.json")).status_code == 404
