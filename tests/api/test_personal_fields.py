"""Personal fields from the door to the answer: what is dropped, hashed or encrypted is nowhere in clear."""

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.factories.sent_events import send_events, until_stored
from tests.fixtures.api import Api

pytestmark = pytest.mark.anyio

MARKER = "zq7marker"  # in every personal value below, and in nothing else
FIELDS = {
    "user_id": "hash",
    "anonymous_id": "hash",
    "session_id": "drop",
    "properties.email": "encrypt",
    "properties.phone": "hash",
    "properties.address.street": "drop",
    "properties.scores": "encrypt",
    "context.ip": "encrypt",
    "context.page.url": "encrypt",
    "context.school.pupil": "drop",
    "context.locale": "hash",
}
EVENT: dict[str, Any] = {
    "event": "lesson_completed",
    "event_id": "e-1",
    "user_id": f"user-{MARKER}",
    "anonymous_id": f"anonymous-{MARKER}",
    "session_id": f"session-{MARKER}",
    "properties": {
        "course_id": "c-1",
        "email": f"{MARKER}@example.org",
        "phone": f"+44 {MARKER}",
        "address": {"street": f"{MARKER} Road", "city": "Leeds"},
        "scores": {"names": [f"{MARKER} minor"]},
    },
    "context": {
        "ip": "203.0.113.77",
        "page": {"url": f"https://school.example/{MARKER}", "title": "A page"},
        "school": {"pupil": f"{MARKER} Smith", "year": 7},
        "locale": f"{MARKER}-GB",
    },
}


async def personal_project(api: Api, fields: dict[str, str] | None = None) -> dict[str, Any]:
    project = await api.make_project()
    answer = await api.owner.patch(f"/v1/projects/{project['slug']}", {"personal_fields": fields or FIELDS})
    assert answer.status_code == 200, answer.text
    assert answer.json()["personal_fields"] == (fields or FIELDS)
    return project


async def listed(api: Api, project: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    answer = await api.owner.get(f"/v1/projects/{project['slug']}/events", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def rejected(api: Api, project: dict[str, Any]) -> list[dict[str, Any]]:
    return (await api.owner.get(f"/v1/projects/{project['slug']}/rejected-events")).json()["items"]


async def total(api: Api, project: dict[str, Any], *, status: int = 200, **condition: Any) -> Any:
    question = {"date_from": "2026-01-01", "series": [{}], "filters": condition}
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/trends", question)
    assert answer.status_code == status, answer.text
    return answer.json()["series"][0]["total"] if status == 200 else answer.json()


def found_in_files(folder: Path, *markers: str) -> list[str]:
    return [
        f"{path.name}: {marker}"
        for path in folder.rglob("*")
        if path.is_file()
        for marker in markers
        if marker.encode() in path.read_bytes()
    ]


def found_in_clickhouse(api: Api, *markers: str) -> list[str]:
    warehouse = api.services.warehouse
    tables = [row[0] for row in warehouse.query("SELECT name FROM system.tables WHERE database = currentDatabase()").rows]
    assert {"events", "rejected_events", "user_days", "user_timeline"} <= set(tables)
    return [
        f"{table}: {marker}"
        for table in tables
        for marker in markers
        for row in warehouse.query(f"SELECT count() FROM {table} WHERE position(toString(tuple(*)), {{m:String}}) > 0", {"m": marker}).rows
        if row[0]
    ]


def found_in_postgres(api: Api, marker: str) -> list[str]:
    assert api.settings.postgres_url
    with psycopg.connect(api.settings.postgres_url.get_secret_value()) as connection:
        tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()]
        query = "SELECT count(*) FROM {0} AS t WHERE t::text LIKE %s"
        return [
            table
            for table in tables
            if (row := connection.execute(sql.SQL(query).format(sql.Identifier(table)), [f"%{marker}%"]).fetchone()) and row[0]
        ]


# ---- what is written -----------------------------------------------------------------------------


async def test_no_personal_value_is_in_any_table_or_file_in_clear(api: Api) -> None:
    open_project = await api.make_project()
    await send_events(api, open_project, [{**EVENT, "user_id": "user-visible1"}])
    assert found_in_clickhouse(api, "visible1"), "the search finds what is there"

    project = await personal_project(api)
    fields = await listed(api, open_project)
    assert fields[0]["user_id"] == "user-visible1"
    marker = "hidden5marker"

    def hidden(event: dict[str, Any]) -> dict[str, Any]:
        return json.loads(json.dumps(event).replace(MARKER, marker).replace("203.0.113.77", "203.0.113.55"))

    spool = api.settings.data_dir / "spool"
    with api.services.event_path.writer.paused(10):  # the spool keeps it meanwhile
        key = api.bearer(project["write_key"])
        good = hidden(EVENT)
        escaped = json.dumps({**good, "event_id": "e-2"}).replace('"email"', '"\\u0065mail"').encode()
        refused = [
            {name: value for name, value in good.items() if name not in ("user_id", "anonymous_id")},
            {**good, "properties": f"all of {marker}"},
            {**good, "context": [marker], "timestamp": "never"},
            {**good, "user_id": {"id": marker}},
            f"not an object {marker}",
        ]
        assert (await key.post("/v1/events", [good])).json()["accepted"] == 1
        assert (await key.post("/v1/events", content=escaped, headers={"content-type": "application/json"})).json()["accepted"] == 1
        assert (await key.post("/v1/events", refused)).json()["rejected"] == len(refused)
        lines = b'{"event": "e", "user_id": "' + marker.encode() + b'", "broken\n'
        broken = await key.post("/v1/events", content=lines, headers={"content-type": "application/x-ndjson"})
        assert broken.json()["errors"][0]["code"] == "invalid-json"
        assert [path for path in spool.rglob("*") if path.is_file() and b"lesson_completed" in path.read_bytes()]
        assert found_in_files(api.settings.data_dir, marker, "203.0.113.55") == []
    await until_stored(api)
    assert len(await listed(api, project)) == 2
    assert len(await rejected(api, project)) == len(refused) + 1
    assert found_in_clickhouse(api, marker, "203.0.113.55") == []
    assert found_in_postgres(api, marker) == []
    assert found_in_files(api.settings.data_dir, marker, "203.0.113.55") == []


async def test_a_body_that_cannot_be_read_is_kept_as_reason_size_and_hash(api: Api) -> None:
    project = await personal_project(api, {"properties.email": "drop"})
    body = b'{"event": "e", "properties": {"email": "a@b.c"'
    key = api.bearer(project["write_key"])
    await key.post("/v1/events", content=body, headers={"content-type": "application/x-ndjson"})
    await until_stored(api)
    (item,) = await rejected(api, project)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", item["body"])
    assert (item["code"], item["body_bytes"], item["event"]) == ("invalid-json", len(body), None)
    assert "a@b" not in json.dumps(item)


async def test_what_is_not_personal_stays_and_equal_values_stay_equal(api: Api) -> None:
    project = await personal_project(api)
    await send_events(api, project, [EVENT, {**EVENT, "event_id": "e-2"}])
    first, second = await listed(api, project)
    assert {**first, "event_id": ""} == {**second, "event_id": ""}
    assert first["properties"]["course_id"] == "c-1"
    assert first["properties"]["address"] == {"city": "Leeds"}
    assert first["context"]["page"]["title"] == "A page"
    assert first["context"]["school"] == {"year": 7}
    assert first["session_id"] is None
    for value in (first["user_id"], first["anonymous_id"], first["properties"]["phone"], first["context"]["locale"]):
        assert re.fullmatch(r"h1:[A-Za-z0-9_-]{43}", value)
    for value in (first["properties"]["email"], first["properties"]["scores"], first["context"]["ip"], first["context"]["page"]["url"]):
        assert re.fullmatch(r"e1:[0-9a-f]{8}:[A-Za-z0-9_-]+", value)


async def test_two_projects_have_nothing_in_common(api: Api) -> None:
    seen = set[str]()
    for _ in range(2):
        project = await personal_project(api)
        await send_events(api, project, [EVENT])
        (event,) = await listed(api, project)
        seen |= {event["user_id"], event["properties"]["email"], event["properties"]["phone"]}
    assert len(seen) == 6


async def test_an_alias_names_the_person_by_the_same_hash(api: Api) -> None:
    project = await personal_project(api, {"user_id": "hash"})
    await send_events(
        api,
        project,
        [
            {"event": "e", "user_id": "old-id"},
            {"event": "$alias", "user_id": "new-id", "properties": {"previous_id": "old-id"}},
            {"event": "other", "user_id": "new-id", "properties": {"previous_id": "old-id"}},
        ],
    )
    events = {event["event"]: event for event in await listed(api, project)}
    assert events["$alias"]["properties"]["previous_id"] == events["e"]["user_id"]
    assert events["other"]["properties"]["previous_id"] == "old-id"


async def test_events_stored_before_stay_as_they_are_and_are_still_found(api: Api) -> None:
    project = await api.make_project()
    await send_events(api, project, [{"event": "e", "event_id": "1", "user_id": "u-1", "properties": {"email": "a@b.c"}}])
    await api.owner.patch(f"/v1/projects/{project['slug']}", {"personal_fields": {"properties.email": "encrypt", "user_id": "hash"}})
    await send_events(api, project, [{"event": "e", "event_id": "2", "user_id": "u-1", "properties": {"email": "a@b.c"}}])
    assert {event["properties"]["email"] == "a@b.c" for event in await listed(api, project)} == {True, False}
    assert await total(api, project, property="properties.email", operator="eq", value="a@b.c") == 2
    assert len(await listed(api, project, user_id="u-1")) == 2


# ---- the setting ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "mode"),
    [
        ("event", "hash"),
        ("event_id", "hash"),
        ("user_id", "drop"),
        ("user_id", "encrypt"),
        ("anonymous_id", "encrypt"),
        ("session_id", "encrypt"),
        ("ip", "drop"),
        ("browser", "hash"),
        ("properties.course_id", "encrypt"),
        ("properties.lesson_id", "encrypt"),
        ("context.locale", "encrypt"),
        ("context.campaign.source", "encrypt"),
        ("context.page", "drop"),
        ("context.page.host", "drop"),
        ("properties.", "drop"),
        ("properties.a..b", "drop"),
        ("email", "drop"),
        ("properties.email", "rot13"),
    ],
)
async def test_a_field_that_cannot_be_personal_is_named(api: Api, field: str, mode: str) -> None:
    project = await api.make_project()
    answer = await api.owner.patch(f"/v1/projects/{project['slug']}", {"personal_fields": {field: mode}})
    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["pointer"]


async def test_a_field_within_a_personal_one_is_refused(api: Api) -> None:
    project = await api.make_project()
    fields = {"properties.address": "encrypt", "properties.address.street": "drop"}
    answer = await api.owner.patch(f"/v1/projects/{project['slug']}", {"personal_fields": fields})
    assert answer.status_code == 422


async def test_only_administrators_change_personal_fields(api: Api) -> None:
    project = await api.make_project()
    editor, admin = await api.member(project, "editor"), await api.member(project, "admin")
    change = {"personal_fields": {"properties.email": "drop"}}
    assert (await editor.patch(f"/v1/projects/{project['slug']}", change)).status_code == 403
    assert (await admin.patch(f"/v1/projects/{project['slug']}", change)).status_code == 200


# ---- answers -------------------------------------------------------------------------------------


async def test_encrypted_values_are_in_clear_only_when_asked_for_by_who_may_see_persons(api: Api) -> None:
    project = await personal_project(api)
    await send_events(api, project, [EVENT])
    path = f"/v1/projects/{project['slug']}/events"
    (event,) = await listed(api, project, reveal="true")
    assert event["properties"]["email"] == EVENT["properties"]["email"]
    assert event["properties"]["scores"] == EVENT["properties"]["scores"]
    assert event["context"]["ip"] == "203.0.113.77"
    assert event["context"]["page"]["url"] == EVENT["context"]["page"]["url"]
    assert event["user_id"].startswith("h1:")
    reader = await api.token(project, ["personal-data"])
    assert MARKER in (await reader.get(path, params={"reveal": "true"})).text
    assert MARKER not in (await reader.get(path)).text
    for scopes in (["read"], ["sql"], ["manage"]):
        assert (await (await api.token(project, scopes)).get(path, params={"reveal": "true"})).status_code == 403
    viewer = await api.member(project, "viewer")
    assert (await viewer.get(path, params={"reveal": "true"})).status_code == 403


async def test_a_person_is_found_by_the_id_in_clear_and_by_the_hash(api: Api) -> None:
    project = await personal_project(api)
    await send_events(api, project, [EVENT, {**EVENT, "event_id": "e-2", "user_id": "somebody else"}])
    (found,) = await listed(api, project, user_id=EVENT["user_id"])
    assert [event["event_id"] for event in await listed(api, project, user_id=found["user_id"])] == ["e-1"]


async def test_equality_works_on_personal_fields(api: Api) -> None:
    project = await personal_project(api, {"properties.n": "encrypt", "properties.b": "hash", "user_id": "hash", "context.ip": "hash"})
    await send_events(
        api,
        project,
        [
            {"event": "e", "event_id": "1", "user_id": "u-1", "properties": {"n": 5, "b": True}, "context": {"ip": "203.0.113.1"}},
            {"event": "e", "event_id": "2", "user_id": "u-2", "properties": {"n": "x", "b": "no"}, "context": {"ip": "203.0.113.2"}},
            {"event": "e", "event_id": "3", "user_id": "u-3", "properties": {"n": None, "b": ""}},
        ],
    )
    for name, one, other in (
        ("properties.n", 5, "x"),
        ("properties.b", True, "no"),
        ("user_id", "u-1", "u-2"),
        ("ip", "203.0.113.1", "203.0.113.2"),
    ):
        assert await total(api, project, property=name, operator="eq", value=one) == 1, name
        assert await total(api, project, property=name, operator="neq", value=one) == 2, name
        assert await total(api, project, property=name, operator="in", value=[one, other]) == 2, name
        assert await total(api, project, property=name, operator="not_in", value=[one, other]) == 1, name
    assert await total(api, project, property="properties.n", operator="eq", value="5") == 1
    assert await total(api, project, property="properties.n", operator="is_set") == 2
    assert await total(api, project, property="properties.b", operator="is_not_set") == 1


@pytest.mark.parametrize("operator", ["contains", "starts_with", "regex", "gt", "lte", "not_contains"])
async def test_other_comparisons_of_personal_fields_are_refused(api: Api, operator: str) -> None:
    project = await personal_project(api)
    for field in ("properties.email", "properties.phone"):
        refusal = await total(api, project, status=422, **{"not": {"property": field, "operator": operator, "value": "a"}})
        assert field in refusal["detail"]
        assert refusal["errors"][0]["pointer"] == "/filters/not/operator"
    refusal = await total(api, project, status=422, property="properties.email.host", operator="eq", value="a")
    assert refusal["errors"][0]["pointer"] == "/filters/property"


async def test_a_personal_field_is_no_number(api: Api) -> None:
    project = await personal_project(api)
    question = {"series": [{"metric": "sum", "property": "properties.email"}]}
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/trends", question)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/series/0/property")


# ---- replay --------------------------------------------------------------------------------------


async def test_a_replay_may_bring_values_of_ours_back_and_treats_all_others(api: Api) -> None:
    project = await personal_project(api)
    await send_events(api, project, [{**EVENT, "timestamp": "never"}, {**EVENT, "event_id": "e-0"}])
    (item,) = await rejected(api, project)
    assert MARKER not in json.dumps(item)
    (stored,) = await listed(api, project)
    mended = {**item["event"], "timestamp": "2026-11-22T10:00:00Z"}
    mended["properties"] = {**mended["properties"], "phone": stored["properties"]["email"], "address": {"street": "New Road"}}
    path = f"/v1/projects/{project['slug']}/rejected-events/{item['id']}/replay"
    assert (await api.owner.post(path, {"event": mended})).json()["accepted"] == 1
    await until_stored(api)
    (replayed,) = await listed(api, project, event_id="e-1")
    assert (replayed["user_id"], replayed["anonymous_id"]) == (stored["user_id"], stored["anonymous_id"])
    assert replayed["properties"]["email"] == stored["properties"]["email"]
    assert replayed["properties"]["phone"] not in (stored["properties"]["phone"], stored["properties"]["email"])
    assert replayed["properties"]["address"] == {}
    (shown,) = await listed(api, project, event_id="e-1", reveal="true")
    assert shown["properties"]["email"] == EVENT["properties"]["email"]


async def test_a_sender_cannot_pass_a_value_off_as_treated(api: Api) -> None:
    project = await personal_project(api)
    await send_events(api, project, [EVENT])
    (stored,) = await listed(api, project)
    forged = {**EVENT, "event_id": "e-2", "user_id": stored["user_id"], "properties": {"email": stored["properties"]["email"]}}
    await send_events(api, project, [forged])
    (again,) = await listed(api, project, event_id="e-2")
    assert again["user_id"] != stored["user_id"]
    assert again["properties"]["email"] != stored["properties"]["email"]
