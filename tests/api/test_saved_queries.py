"""`/v1/projects/{project}/queries`: saved, versioned, raced for, used as tables, and run as their editor saved them."""

import asyncio
from typing import Any

import pytest

from tests.factories.dashboards import bar, dashboard, tile
from tests.factories.sent_events import send_events
from tests.fixtures.api import Api, Caller

pytestmark = pytest.mark.anyio

BY_DAY = {
    "kind": "sql",
    "sql": "SELECT date, count() AS events FROM events WHERE date >= {from:Date} GROUP BY date ORDER BY date",
    "parameters": [{"name": "from", "type": "Date", "default": "2026-11-01", "description": "First day."}],
}
VIEWS = {
    "kind": "trends",
    "trends": {"date_from": "2026-11-01", "date_to": "2026-11-02", "series": [{"event": "viewed"}]},
}


def sql(text: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "sql", "sql": text, "parameters": list(parameters)}


class School:
    """A project with three events on two days, and its people."""

    def __init__(self, api: Api, project: dict[str, Any], editor: Caller, analyst: Caller, viewer: Caller) -> None:
        self.api, self.project, self.editor, self.analyst, self.viewer = api, project, editor, analyst, viewer
        self.path = f"/v1/projects/{project['slug']}"
        self._names = 0

    def name(self) -> str:
        self._names += 1
        return f"query-{self._names}"

    async def save(self, question: dict[str, Any], name: str | None = None, description: str = "") -> dict[str, Any]:
        body = {"name": name or self.name(), "question": question, "description": description}
        answer = await self.editor.post(f"{self.path}/queries", body)
        assert answer.status_code == 201, answer.text
        return {**answer.json(), "etag": answer.headers["etag"]}

    async def change(self, name: str, question: dict[str, Any], etag: str | None) -> Any:
        headers = {**self.editor.headers, **({} if etag is None else {"if-match": etag})}
        return await self.api.client.put(f"{self.path}/queries/{name}", json={"question": question}, headers=headers)

    async def run(self, caller: Caller, name: str, **body: Any) -> Any:
        return await caller.post(f"{self.path}/queries/{name}/run", body)

    async def ask(self, text: str, **params: Any) -> Any:
        return await self.analyst.post(f"{self.path}/sql", {"sql": text, "params": params})


async def make_school(api: Api, mark: str) -> School:
    project = await api.make_project()
    times = ("2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z", "2026-11-02T10:00:00Z")
    await send_events(
        api, project, [{"event": "viewed", "user_id": f"{mark}-{number}", "timestamp": time} for number, time in enumerate(times)]
    )
    return School(api, project, *[await api.member(project, role) for role in ("editor", "analyst", "viewer")])


@pytest.fixture(scope="module")
async def school(api: Api) -> School:
    return await make_school(api, "mine")


@pytest.fixture(scope="module")
async def other(api: Api) -> School:
    return await make_school(api, "theirs")


async def test_a_saved_query_is_shown_as_it_was_saved(school: School) -> None:
    saved = await school.save(BY_DAY, description="Events a day.")
    assert (saved["version"], saved["reads"], saved["publication"], saved["description"]) == (1, [], None, "Events a day.")
    assert saved["question"]["sql"] == BY_DAY["sql"]
    assert saved["question"]["parameters"] == [
        {"name": "from", "type": "Date", "has_default": True, "default": "2026-11-01", "description": "First day."}
    ]
    assert saved["owner"] == saved["changed_by"] == (await school.editor.get("/v1/me")).json()["id"]
    read = await school.viewer.get(f"{school.path}/queries/{saved['name']}")
    assert {**read.json(), "etag": read.headers["etag"]} == saved
    listed = (await school.viewer.get(f"{school.path}/queries", params={"limit": 1000})).json()["items"]
    assert saved["name"] in [item["name"] for item in listed]
    assert [item["name"] for item in listed] == sorted(item["name"] for item in listed)


async def test_versions_are_kept_and_can_be_restored(school: School) -> None:
    saved = await school.save(sql("SELECT 1 AS n"))
    name = saved["name"]
    changed = await school.change(name, sql("SELECT 2 AS n"), saved["etag"])
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    versions = (await school.viewer.get(f"{school.path}/queries/{name}/versions")).json()["items"]
    assert [(one["version"], one["question"]["sql"]) for one in versions] == [(2, "SELECT 2 AS n"), (1, "SELECT 1 AS n")]
    restored = await school.editor.post(f"{school.path}/queries/{name}/versions/1/restore")
    assert (restored.json()["version"], restored.json()["question"]["sql"]) == (3, "SELECT 1 AS n")
    assert (await school.editor.post(f"{school.path}/queries/{name}/versions/9/restore")).status_code == 404
    first = (await school.viewer.get(f"{school.path}/queries/{name}/versions", params={"limit": 2})).json()
    rest = (await school.viewer.get(f"{school.path}/queries/{name}/versions", params={"cursor": first["next_cursor"]})).json()
    assert [one["version"] for one in first["items"] + rest["items"]] == [3, 2, 1]


async def test_of_two_editors_who_race_one_is_told(school: School) -> None:
    saved = await school.save(sql("SELECT 0"))
    answers = await asyncio.gather(*(school.change(saved["name"], sql(f"SELECT {number}"), saved["etag"]) for number in range(1, 6)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    (won,) = [answer for answer in answers if answer.status_code == 200]
    read = await school.editor.get(f"{school.path}/queries/{saved['name']}")
    assert read.json()["question"] == won.json()["question"]
    assert read.headers["etag"] == won.headers["etag"] != saved["etag"]
    assert len((await school.editor.get(f"{school.path}/queries/{saved['name']}/versions")).json()["items"]) == 2


async def test_a_change_says_what_it_is_for(school: School) -> None:
    saved = await school.save(sql("SELECT 0"))
    without = await school.change(saved["name"], sql("SELECT 1"), None)
    assert (without.status_code, without.json()["errors"][0]["pointer"]) == (422, "/header/if-match")
    assert (await school.change(saved["name"], sql("SELECT 1"), '"none of ours"')).status_code == 409
    assert (await school.change(saved["name"], sql("SELECT 1"), '"7"')).status_code == 409
    assert (await school.change(saved["name"], sql("SELECT 1"), "*")).status_code == 200
    assert (await school.change("no-such-query", sql("SELECT 1"), "*")).status_code == 404


async def test_a_deleted_query_is_gone_with_its_versions_and_its_name_is_free(school: School) -> None:
    saved = await school.save(sql("SELECT 1"), name="for-a-while")
    assert (await school.editor.post(f"{school.path}/queries", {"name": "for-a-while", "question": BY_DAY})).status_code == 409
    path = f"{school.path}/queries/{saved['name']}"
    assert (await school.editor.delete(path)).status_code == 204
    for gone in ("", "/versions"):
        assert (await school.viewer.get(f"{path}{gone}")).status_code == 404
    assert (await school.save(sql("SELECT 2"), name="for-a-while"))["version"] == 1


async def test_what_is_asked_by_its_name_cannot_be_deleted_and_is_told_what_asks_it(school: School) -> None:
    await school.save(sql("SELECT count() AS n FROM events"), name="asked")
    daily = {"name": "asked-daily", "sql": "SELECT toDate(timestamp) AS day, count() AS n FROM events GROUP BY day"}
    assert (await school.editor.post(f"{school.path}/rollups", daily)).status_code == 201
    text = sql("SELECT sum(n) AS n FROM asked CROSS JOIN `asked-daily`")
    condition = {"kind": "threshold", "comparison": "gt", "value": 100}
    users = [
        ("queries", {"name": "asking", "question": text}, ("asked", "asked-daily")),
        ("alerts", {"name": "named", "query": "asked", "condition": condition}, ("asked",)),
        ("alerts", {"name": "in its text", "question": text, "condition": condition}, ("asked", "asked-daily")),
        ("dashboards", dashboard(tile("named", {"saved": "asked"}, bar("n", "n"))), ("asked",)),
        ("dashboards", dashboard(tile("in-its-text", text, bar("n", "n"))), ("asked", "asked-daily")),
    ]
    paths = {"asked": f"{school.path}/queries/asked", "asked-daily": f"{school.path}/rollups/asked-daily"}
    for kind, body, names in users:
        made = await school.editor.post(f"{school.path}/{kind}", body)
        assert made.status_code == 201, made.text
        known = made.json().get("id", "asking")
        for name in names:
            refused = await school.editor.delete(paths[name])
            assert (refused.status_code, known in refused.json()["detail"]) == (409, True), (kind, refused.text)
        assert (await school.editor.delete(f"{school.path}/{kind}/{known}")).status_code == 204
    mentioned = await school.editor.post(
        f"{school.path}/alerts", {"name": "asked", "question": sql("SELECT 'asked'"), "condition": condition}
    )
    assert mentioned.status_code == 201
    for path in paths.values():
        assert (await school.editor.delete(path)).status_code == 204


async def test_who_deletes_a_name_has_so_many_texts_read_and_no_more(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.answers.uses.MAX_TEXTS", 2)
    name, path = "told", f"{school.path}/queries/told"
    await school.save(sql("SELECT 1 AS n"), name=name)
    texts = ["SELECT 'retold' AS n", *[f"SELECT 'told' AS n, {number} AS m" for number in (1, 1, 2, 3)]]
    tiles = [tile(f"t-{number}", sql(text), bar("n", "n")) for number, text in enumerate(texts)]
    board = await school.editor.post(f"{school.path}/dashboards", dashboard(*tiles))
    assert board.status_code == 201, board.text
    read, door = list[str](), school.api.services.sql.queries.door
    checked = door.checked

    async def noted(text: str, *more: Any) -> Any:
        read.append(text)
        return await checked(text, *more)

    monkeypatch.setattr(door, "checked", noted)
    refused = await school.editor.delete(path)
    assert (refused.status_code, "too many" in refused.json()["detail"], len(read)) == (409, True, 2)
    read.clear()
    monkeypatch.setattr("analytics.answers.uses.MAX_TEXTS", 3)
    assert (await school.editor.delete(path)).status_code == 204
    assert sorted(read) == sorted({text for text in texts if "'told'" in text}), "each once, and only where it is no part of another word"
    assert (await school.editor.delete(f"{school.path}/dashboards/{board.json()['id']}")).status_code == 204


async def test_the_schema_lists_what_the_project_named_with_its_columns(school: School, other: School) -> None:
    await school.save(sql("SELECT date, uniq(person) AS people FROM events GROUP BY date"), name="people-a-day", description="People.")
    await school.save(sql("SELECT {n:UInt8} AS n", {"name": "n", "type": "UInt8"}), name="needs-a-value")
    await school.save(sql("SELECT 1 AS n"), name="loses-it")
    broken = await school.save(sql("SELECT n FROM `loses-it`"), name="broken")
    assert (await school.change("loses-it", sql("SELECT 2 AS other"), "*")).status_code == 200
    daily = {"name": "lessons-daily", "sql": "SELECT toDate(timestamp) AS day, count() AS n FROM events GROUP BY day"}
    assert (await school.editor.post(f"{school.path}/rollups", daily)).status_code == 201
    shown = (await school.analyst.get(f"{school.path}/schema")).json()["tables"]
    tables = {table["name"]: (table["kind"], [(one["name"], one["type"]) for one in table["columns"]]) for table in shown}
    assert tables["people-a-day"] == ("saved-query", [("date", "Date"), ("people", "UInt64")])
    assert tables["lessons-daily"] == ("rollup", [("day", "Date"), ("n", "UInt64")])
    assert tables[broken["name"]] == ("saved-query", [])
    assert tables["events"][0] == "built-in"
    assert "needs-a-value" not in tables  # no SQL can give it one
    assert (await school.editor.delete(f"{school.path}/rollups/lessons-daily")).status_code == 204
    assert "people-a-day" not in (await other.analyst.get(f"{other.path}/schema")).text


async def test_a_run_and_a_read_that_were_computed_are_in_the_history_of_who_asked(school: School) -> None:
    text = "SELECT count() AS n FROM events WHERE event = {event:String}"
    await school.save(sql(text, {"name": "event", "type": "String"}), name="counted")
    assert (await school.editor.put(f"{school.path}/queries/counted/publication", {})).status_code == 200
    run = (await school.run(school.analyst, "counted", params={"event": "viewed"})).json()
    read = (await school.analyst.get(f"{school.path}/endpoints/counted.json?event=other")).json()
    again = (await school.run(school.analyst, "counted", params={"event": "viewed"}, max_age_seconds=60)).json()
    items = {item["query_id"]: item for item in (await school.analyst.get(f"{school.path}/sql/history")).json()["items"]}
    for answer, source, event in ((run, "query:counted", "viewed"), (read, "endpoint:counted", "other")):
        item = items[answer["meta"]["query_id"]]
        assert (item["source"], item["sql"], item["params"], item["status"]) == (source, text, {"event": event}, "finished")
        assert (item["rows_read"], item["rows_returned"]) == (answer["meta"]["rows_read"], 1)
    assert len([item for item in items.values() if item["sql"] == text]) == 2 + (not again["meta"]["cached"])
    assert not (await school.editor.get(f"{school.path}/sql/history")).json()["items"]


async def test_of_a_deletion_and_an_alert_at_the_same_time_one_is_refused(school: School) -> None:
    body = {"name": "racing", "query": "raced-for", "condition": {"kind": "no_data"}}
    for _ in range(8):
        await school.save(sql("SELECT 1 AS n"), name="raced-for")
        made, gone = await asyncio.gather(
            school.editor.post(f"{school.path}/alerts", body), school.editor.delete(f"{school.path}/queries/raced-for")
        )
        assert (made.status_code, gone.status_code) in ((201, 409), (404, 204), (409, 204))
        if made.status_code == 201:
            assert (await school.editor.delete(f"{school.path}/alerts/{made.json()['id']}")).status_code == 204
            assert (await school.editor.delete(f"{school.path}/queries/raced-for")).status_code == 204


@pytest.mark.parametrize(
    ("question", "status", "code", "pointer"),
    [
        (sql("SELECT * FROM system.tables"), 400, "unknown-table", None),
        (sql("SELECT * FROM no_such_table"), 400, "unknown-table", None),
        (sql("DROP TABLE events"), 400, "sql-not-allowed", None),
        (sql("SELECT no_such_column FROM events"), 400, "unknown-column", None),
        (sql("SELECT"), 400, "sql-syntax", None),
        (sql("SELECT {n:UInt8}"), 422, "invalid-query", "/question/parameters"),
        (sql("SELECT {n:UInt8}", {"name": "n", "type": "UInt16"}), 422, "invalid-query", "/question/parameters/0/type"),
        (sql("SELECT 1", {"name": "n", "type": "UInt8"}), 422, "invalid-query", "/question/parameters/0/name"),
        (
            sql("SELECT {n:UInt8}", {"name": "n", "type": "UInt8", "default": 256}),
            422,
            "invalid-request",
            "/question/parameters/0/default/n",
        ),
        (sql("SELECT {limit:UInt8}", {"name": "limit", "type": "UInt8"}), 422, "invalid-query", "/question/parameters/0/name"),
        ({"kind": "trends", "trends": {"series": []}}, 422, "invalid-query", "/trends/series"),
        ({"kind": "trends", "trends": {"series": [{"event": "x", "metric": "vibes"}]}}, 422, "invalid-query", "/trends/series/0/metric"),
        ({"kind": "trends", "sql": "SELECT 1"}, 422, "invalid-query", "/question/sql"),
        ({"kind": "shell", "sql": "ls"}, 422, "invalid-request", "/question/kind"),
    ],
)
async def test_what_may_not_be_asked_is_not_saved(school: School, question: Any, status: int, code: str, pointer: str | None) -> None:
    answer = await school.editor.post(f"{school.path}/queries", {"name": school.name(), "question": question})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    if pointer is not None:
        assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("name", ["events", "user_days", "sessions", "users", "system", "fence_x", "Upper", "a b", "a.b", "-a", "a/b", "é"])
async def test_names_that_stand_for_something_else_are_not_given(school: School, name: str) -> None:
    answer = await school.editor.post(f"{school.path}/queries", {"name": name, "question": BY_DAY})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


async def test_a_viewer_runs_what_an_editor_saved_with_the_declared_parameters_alone(school: School) -> None:
    saved = await school.save(BY_DAY)
    assert (await school.run(school.viewer, saved["name"])).json()["rows"] == [["2026-11-01", 2], ["2026-11-02", 1]]
    answer = await school.run(school.viewer, saved["name"], params={"from": "2026-11-02"})
    assert answer.json()["rows"] == [["2026-11-02", 1]]
    assert set(answer.json()["meta"]) == {"query_id", "elapsed_ms", "rows_read", "bytes_read", "cached", "data_as_of", "source"}
    for params in ({"from": "yesterday"}, {"to": "2026-11-02"}, {"fence_project": "p"}, {"from": {"parameter": "from"}}):
        refused = await school.run(school.viewer, saved["name"], params=params)
        assert refused.status_code == 422, params
    for body in ({"sql": "SELECT 1"}, {"question": BY_DAY}, {"params": [], "role": "admin"}):
        assert (await school.viewer.post(f"{school.path}/queries/{saved['name']}/run", body)).status_code == 422
    assert (await school.viewer.post(f"{school.path}/sql", {"sql": "SELECT 1"})).status_code == 403
    trends = await school.save(VIEWS)
    assert [row[3] for row in (await school.run(school.viewer, trends["name"])).json()["rows"]] == [2, 1]


async def test_a_required_parameter_must_be_given(school: School) -> None:
    saved = await school.save(sql("SELECT {n:UInt8} AS n", {"name": "n", "type": "UInt8"}))
    missing = await school.run(school.viewer, saved["name"])
    assert (missing.status_code, missing.json()["errors"][0]["pointer"]) == (422, "/params/n")
    assert (await school.run(school.viewer, saved["name"], params={"n": 7})).json()["rows"] == [[7]]
    used = await school.ask(f"SELECT * FROM `{saved['name']}`")
    assert (used.status_code, "has no default" in used.json()["detail"]) == (400, True)


async def test_only_who_may_ask_a_question_may_save_it(school: School) -> None:
    api, path = school.api, f"{school.path}/queries"
    about_persons = {"kind": "trends", "trends": {"series": [{}], "breakdown": {"property": "user_id"}}}
    manage = await api.token(school.project, ["manage"])
    for scopes, question, status in (
        (["manage"], VIEWS, 201),
        (["manage"], BY_DAY, 403),
        (["manage", "sql"], BY_DAY, 201),
        (["manage", "sql"], about_persons, 403),
        (["manage", "personal-data"], about_persons, 201),
        (["read", "sql", "personal-data"], BY_DAY, 403),
    ):
        answer = await (await api.token(school.project, scopes)).post(path, {"name": school.name(), "question": question})
        assert answer.status_code == status, (scopes, answer.text)
    saved = await school.save(BY_DAY)
    assert (await manage.put(f"{path}/{saved['name']}/publication", {})).status_code == 403
    assert (await manage.post(f"{path}/{saved['name']}/versions/1/restore")).status_code == 403
    for caller in (school.viewer, school.analyst):
        assert (await caller.post(path, {"name": school.name(), "question": VIEWS})).status_code == 403


# ---- names as tables ---------------------------------------------------------


async def test_a_saved_query_stands_as_a_table_in_other_sql(school: School) -> None:
    await school.save(BY_DAY, name="by_day")
    assert (await school.ask("SELECT sum(events) FROM by_day")).json()["rows"] == [[3]]
    answer = await school.ask("SELECT d.events FROM by_day AS d WHERE d.date = {day:Date}", day="2026-11-02")
    assert answer.json()["rows"] == [[1]]
    saved = await school.save(sql("SELECT max(events) AS most FROM by_day"), name="most_a_day")
    assert saved["reads"] == ["by_day"]
    assert (await school.run(school.viewer, "most_a_day")).json()["rows"] == [[2]]
    assert (await school.ask("SELECT (SELECT most FROM most_a_day), 'mine-0' IN (SELECT user_id FROM events)")).json()["rows"] == [[2, 1]]
    assert (await school.analyst.post(f"{school.path}/sql/explain", {"sql": "SELECT * FROM most_a_day"})).json()["rows"] > 0
    in_use = await school.editor.delete(f"{school.path}/queries/by_day")
    assert (in_use.status_code, "most_a_day" in in_use.json()["detail"]) == (409, True)


async def test_what_a_name_stands_for_changes_with_it_at_once(school: School) -> None:
    saved = await school.save(sql("SELECT 1 AS n"), name="changing")
    assert (await school.ask("SELECT n FROM changing")).json()["rows"] == [[1]]
    assert (await school.change("changing", sql("SELECT 2 AS n"), saved["etag"])).status_code == 200
    assert (await school.ask("SELECT n FROM changing")).json()["rows"] == [[2]]


async def test_a_query_that_would_read_itself_is_not_saved(school: School) -> None:
    alone = await school.editor.post(f"{school.path}/queries", {"name": "ouroboros", "question": sql("SELECT * FROM ouroboros")})
    assert (alone.status_code, "would read itself" in alone.json()["detail"]) == (400, True)
    first = await school.save(sql("SELECT 1 AS n"), name="first")
    await school.save(sql("SELECT n FROM first"), name="second")
    await school.save(sql("SELECT n FROM second"), name="third")
    answer = await school.change("first", sql("SELECT n FROM third"), first["etag"])
    assert (answer.status_code, "first" in answer.json()["detail"]) == (400, True)
    assert (await school.ask("SELECT n FROM third")).json()["rows"] == [[1]]


async def test_names_of_another_project_are_nothing(school: School, other: School) -> None:
    await other.save(sql("SELECT user_id FROM events"), name="theirs_alone")
    foreign = await school.ask("SELECT * FROM theirs_alone")
    unknown = await school.ask("SELECT * FROM nowhere_there")
    assert foreign.json()["code"] == unknown.json()["code"] == "unknown-table"
    assert foreign.json()["detail"].replace("theirs_alone", "") == unknown.json()["detail"].replace("nowhere_there", "")
    for slug in (other.project["slug"], other.project["id"]):
        assert (await school.ask(f"SELECT * FROM `{slug}`.theirs_alone")).status_code == 400
    refused = await school.editor.post(f"{school.path}/queries", {"name": "wanted", "question": sql("SELECT * FROM theirs_alone")})
    assert refused.status_code == 400
    assert (await school.viewer.post(f"{school.path}/queries/theirs_alone/run", {})).status_code == 404


async def test_the_same_name_shows_each_project_its_own_rows(school: School, other: School) -> None:
    for one in (school, other):
        await one.save(sql("SELECT user_id FROM events"), name="learners")
    mine = (await school.run(school.viewer, "learners")).json()["rows"]
    theirs = (await other.run(other.viewer, "learners")).json()["rows"]
    assert sorted(mine) == [[f"mine-{number}"] for number in range(3)]
    assert sorted(theirs) == [[f"theirs-{number}"] for number in range(3)]
    assert sorted((await school.ask("SELECT * FROM learners")).json()["rows"]) == sorted(mine)


@pytest.mark.parametrize(
    "value", ["'; DROP TABLE events", "\\N", "{fence_project:String}", "x') UNION ALL SELECT 1 --", "\t\n\\'", "`", "\\'"]
)
async def test_a_default_is_a_value_wherever_the_name_is_used(school: School, value: str) -> None:
    saved = await school.save(sql("SELECT {s:String} AS s", {"name": "s", "type": "String", "default": value}))
    assert (await school.run(school.viewer, saved["name"])).json()["rows"] == [[value]]
    assert (await school.ask(f"SELECT s FROM `{saved['name']}`")).json()["rows"] == [[value]]
    lists = sql("SELECT {s:Array(String)} AS s", {"name": "s", "type": "Array(String)", "default": [value, value]})
    saved = await school.save(lists)
    assert (await school.ask(f"SELECT s FROM `{saved['name']}`")).json()["rows"] == [[[value, value]]]


async def test_a_hostile_text_that_was_put_past_the_checks_is_refused_when_it_is_used(school: School) -> None:
    """As if a check at the saving had a hole, or an older version had saved it."""
    hostile = (
        "SELECT * FROM system.tables",
        "SELECT * FROM events; DROP TABLE events",
        "SELECT * FROM `default`.events",
        "SELECT file('/x')",
    )
    for text in hostile:
        saved = await school.save(sql("SELECT 1 AS n"))
        async with school.api.services.metadata.database._pool.connection() as connection:
            await connection.execute(
                b"UPDATE saved_queries SET question = jsonb_set(question, '{sql}', to_jsonb(%(sql)s::text)) WHERE name = %(name)s",
                {"sql": text, "name": saved["name"]},
            )
        for answer in (await school.run(school.viewer, saved["name"]), await school.ask(f"SELECT * FROM `{saved['name']}`")):
            assert answer.status_code == 400, (text, answer.text)


async def test_each_save_and_each_run_is_recorded_without_texts_and_values(school: School, api: Api) -> None:
    secret = "u-a-very-special-learner"
    question = sql("SELECT {who:String}", {"name": "who", "type": "String", "default": secret})
    saved = await school.save(question)
    await school.run(school.viewer, saved["name"], params={"who": secret})
    records = (await api.owner.get("/v1/audit", params={"project": school.project["slug"], "limit": 1000})).text
    assert saved["name"] in records
    assert "query.create" in records
    assert "query.run" in records
    assert secret not in records
