"""A person's data as a ZIP: all of theirs, nothing of others, in clear, for admins alone, for some days; and an erasure removes it too."""

import asyncio
import json
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from analytics.metadata.claims import Job, claimed
from analytics.privacy.exported import NOT_EXPORTED, bites_of, exported_tables
from analytics.privacy.registry import PERSONAL
from analytics.privacy.subject import Subject
from analytics.query.revealed import RevealedValues
from tests.factories.sent_events import send_events, until_stored
from tests.factories.stored_events import make_project
from tests.factories.subject_exports import ended_export, exported, files_of
from tests.fixtures.api import Api
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
EMPTY = {"events.ndjson", "user_days.ndjson", "rejected_events.ndjson"}


def names(*kinds: str) -> tuple[str, ...]:
    mark = uuid4().hex[:12]
    return tuple(f"{kind}-{mark}" for kind in kinds)


async def test_an_export_holds_all_of_a_person_and_nothing_of_others(api: Api) -> None:
    project = await api.make_project()
    person, device, former, friend = names("person", "device", "former", "friend")
    old = (datetime.now(UTC) - timedelta(days=33)).isoformat()
    await send_events(
        api,
        project,
        [
            {"event": "lesson", "user_id": person, "timestamp": old, "event_id": "old", "properties": {"a": [1, {"b": "\u2028\n"}]}},
            {
                "event": "lesson",
                "user_id": person,
                "event_id": "new",
                "context": {"ip": "203.0.113.9", "own": 7, "page": {"url": "http://x/y"}},
            },
            {"event": "page_view", "anonymous_id": device, "event_id": "before"},
            {"event": "$identify", "user_id": person, "anonymous_id": device, "event_id": "identify"},
            {"event": "$alias", "user_id": person, "properties": {"previous_id": former}, "event_id": "alias"},
            {"event": "x", "user_id": former, "event_id": "former"},
            {"event": "secret of a friend", "user_id": friend, "anonymous_id": device, "event_id": "shared"},
            {"event": "secret of a friend", "user_id": friend, "properties": {"with": person}, "event_id": "mentions"},
            {"event": "", "user_id": person, "properties": {"refused": True}},
            {"event": "", "user_id": friend, "properties": {"with": person}},
        ],
    )
    record = await exported(api, project, {"user_id": person})
    files = await files_of(api, project, record)
    events = {line["event_id"]: line for line in files["events.ndjson"]}
    assert set(events) == {"old", "new", "before", "identify", "alias", "former"}
    assert events["old"]["properties"] == {"a": [1, {"b": "\u2028\n"}]}
    assert events["new"]["context"] == {"ip": "203.0.113.9", "own": 7, "page": {"url": "http://x/y"}}
    assert sum(line["events"] for line in files["user_days.ndjson"]) == 6
    assert [line["event"]["properties"] for line in files["rejected_events.ndjson"]] == [{"refused": True}]
    assert {(line["id"], line["linked"]) for line in files["identities.ndjson"]} == {(person, False), (device, True), (former, True)}
    assert "friend" not in json.dumps(files)
    manifest = files["manifest.json"]
    assert {name: file["lines"] for name, file in manifest["files"].items()} == {
        name: len(lines) for name, lines in files.items() if name != "manifest.json"
    }
    assert manifest["files"] == record["files"]
    assert manifest["files"]["events.ndjson"]["withheld"] == 1
    assert manifest["files"]["rejected_events.ndjson"]["withheld"] == 1
    assert manifest["not_included"] == dict(NOT_EXPORTED)
    assert manifest["data_as_of"] == record["data_as_of"] >= record["requested_at"]
    # By any of the ids, the same.
    again = await files_of(api, project, await exported(api, project, {"anonymous_id": device}))
    assert again["events.ndjson"] == files["events.ndjson"]


def test_every_personal_store_is_exported_or_says_why_not() -> None:
    tables = exported_tables(Subject("p", ("x",)), RevealedValues(None, make_project()))  # type: ignore[arg-type]
    assert {table.name for table in tables} | set(NOT_EXPORTED) == set(PERSONAL)
    assert not {table.name for table in tables} & set(NOT_EXPORTED)
    assert all(NOT_EXPORTED.values())


async def test_encrypted_values_come_out_in_clear_and_hashed_ids_are_found(api: Api) -> None:
    project = await api.make_project()
    person, address = names("person", "address")
    fields = {"user_id": "hash", "properties.email": "encrypt", "context.ip": "encrypt", "properties.phone": "drop"}
    assert (await api.owner.patch(f"/v1/projects/{project['slug']}", {"personal_fields": fields})).status_code == 200
    sent = {"user_id": person, "properties": {"email": address, "phone": "1"}, "context": {"ip": "203.0.113.9"}}
    await send_events(api, project, [{"event": "x", **sent}, {"event": "", **sent}])
    files = await files_of(api, project, await exported(api, project, {"user_id": person}))
    (event,), (rejected,) = files["events.ndjson"], files["rejected_events.ndjson"]
    for shown in (event, rejected["event"]):
        assert shown["properties"] == {"email": address}
        assert shown["context"]["ip"] == "203.0.113.9"
        assert shown["user_id"].startswith("h1:")


async def phase_of(api: Api, path: str, phase: str) -> None:
    """Until the export says that it does this."""

    async def it_says() -> bool:
        record = (await api.owner.get(path)).json()
        assert record["status"] == "requested"
        return record["phase"].startswith(phase)

    await eventually(it_says, phase)


async def test_what_waits_in_a_spool_is_waited_for(api: Api) -> None:
    project = await api.make_project()
    (person,) = names("person")
    with api.services.event_path.writer.paused(10):
        answer = await api.bearer(project["write_key"]).post("/v1/events", [{"event": "x", "user_id": person}])
        assert answer.status_code == 200
        path = f"/v1/projects/{project['slug']}/subject-exports"
        asked = (await api.owner.post(path, {"user_id": person})).json()
        await phase_of(api, f"{path}/{asked['id']}", "waiting for the spool")
        assert (await api.owner.get(f"{path}/{asked['id']}/file")).status_code == 409
    files = await files_of(api, project, await ended_export(api, project, asked["id"]))
    assert len(files["events.ndjson"]) == 1
    # And for that of another process.
    await api.services.erasures.report_node("another", 10**9)
    asked = (await api.owner.post(path, {"user_id": person})).json()
    await phase_of(api, f"{path}/{asked['id']}", "waiting for the spool of another")
    await api.services.metadata.subject_exports.report_stored("another", datetime.now(UTC) + timedelta(days=1))
    assert (await ended_export(api, project, asked["id"]))["status"] == "finished"


async def test_only_admins_export_and_a_foreign_export_is_not_there(api: Api) -> None:
    project, other = await api.make_project(), await api.make_project()
    (person,) = names("person")
    await send_events(api, project, [{"event": "x", "user_id": person}])
    record = await exported(api, project, {"user_id": person})
    path = f"/v1/projects/{project['slug']}/subject-exports"
    for role, status in (("viewer", 403), ("analyst", 403), ("editor", 403), ("admin", 200)):
        caller = await api.member(project, role)
        assert (await caller.post(path, {"user_id": person})).status_code == (202 if status == 200 else status)
        for route in ("", f"/{record['id']}", f"/{record['id']}/file"):
            assert (await caller.get(path + route)).status_code == status
    for scopes, status in ((["manage"], 403), (["personal-data"], 403), (["manage", "personal-data"], 200)):
        assert (await (await api.token(project, scopes)).get(f"{path}/{record['id']}/file")).status_code == status
    stranger = await api.member(other, "admin")
    for route in ("", f"/{record['id']}", f"/{record['id']}/file"):
        assert (await stranger.get(path + route)).status_code == 404
    theirs = f"/v1/projects/{other['slug']}/subject-exports"
    for export_id in (
        record["id"],
        "se_none",
        "%2e%2e",
        "..%2f" + record["id"],
        "%2e%2e%2fsecret_key",
        "..%2f..%2fsecret_key",
        "a%00",
        record["id"] + ".zip",
    ):
        for route in ("", "/file"):
            assert (await stranger.get(f"{theirs}/{export_id}{route}")).status_code in (404, 422), export_id
    for body in ({}, {"user_id": "a", "anonymous_id": "b"}, {"ids": []}, {"user_id": ""}, {"user_id": "a\x00"}):
        assert (await api.owner.post(path, body)).status_code == 422, body


async def test_asking_and_each_download_are_recorded(api: Api) -> None:
    project = await api.make_project()
    record = await exported(api, project, {"user_id": "u"})
    for _ in range(2):
        await files_of(api, project, record)
    items = (await api.owner.get("/v1/audit", params={"project": project["slug"], "action": "subject-export"})).json()["items"]
    assert [item["action"].partition(".")[2] for item in items] == ["download", "download", "finish", "request"]
    assert {item["target"] for item in items if "target" in item} <= {record["id"], None}


def on_disk(api: Api) -> list[Path]:
    folder = api.settings.data_dir / "exports"
    return sorted(folder.iterdir()) if folder.is_dir() else []


async def test_the_file_is_private_and_goes_when_its_time_is_over(api: Api) -> None:
    project = await api.make_project()
    record = await exported(api, project, {"user_id": "u"})
    (path,) = [path for path in on_disk(api) if path.stem == record["id"]]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    expires = datetime.fromisoformat(record["expires_at"]) - datetime.fromisoformat(record["finished_at"])
    assert expires == timedelta(days=7)
    async with api.services.metadata.database._pool.connection() as connection:
        await connection.execute("UPDATE subject_exports SET expires_at = now() - interval '1 second' WHERE id = %s", [record["id"]])
    await eventually(lambda: not path.exists(), "the end of the file")
    base = f"/v1/projects/{project['slug']}/subject-exports/{record['id']}"
    assert (await api.owner.get(base)).json()["status"] == "expired"
    assert (await api.owner.get(f"{base}/file")).status_code == 409


async def test_two_exports_at_once_are_both_made(api: Api) -> None:
    project = await api.make_project()
    first, second = names("first", "second")
    await send_events(api, project, [{"event": "x", "user_id": first}, {"event": "x", "user_id": second}])
    made = await asyncio.gather(*(exported(api, project, {"user_id": person}) for person in (first, second, first)))
    for record, person in zip(made, (first, second, first), strict=True):
        files = await files_of(api, project, record)
        assert [line["user_id"] for line in files["events.ndjson"]] == [person]


async def erased(api: Api, project: dict[str, Any], erasure_id: str) -> dict[str, Any]:
    """The erasure, once it has ended."""

    async def its_end() -> dict[str, Any] | None:
        record = (await api.owner.get(f"/v1/projects/{project['slug']}/erasures/{erasure_id}")).json()
        return record if record["status"] in ("finished", "failed") else None

    record = await eventually(its_end, "the end of an erasure")
    assert record["status"] == "finished", record
    return record


async def ask_for_erasure(api: Api, project: dict[str, Any], person: str) -> str:
    return (await api.owner.post(f"/v1/projects/{project['slug']}/erasures", {"user_id": person})).json()["id"]


async def test_an_erasure_removes_every_export_in_which_the_person_stands(api: Api) -> None:
    project = await api.make_project()
    person, friend, device, other = names("person", "friend", "device", "other")
    await send_events(
        api,
        project,
        [
            {"event": "x", "user_id": person},
            {"event": "x", "anonymous_id": device},
            {"event": "x", "user_id": friend, "anonymous_id": device},
            {"event": "$identify", "user_id": person, "anonymous_id": device},
            {"event": "x", "user_id": other},
        ],
    )
    records = {name: await exported(api, project, {"user_id": name}) for name in (person, friend, other)}
    receipt = (await erased(api, project, await ask_for_erasure(api, project, person)))["receipt"]
    assert receipt["stores"]["folder:exports"] == {"found": 2, "removed": 2, "left": 0}
    assert {path.stem for path in on_disk(api)} & {record["id"] for record in records.values()} == {records[other]["id"]}
    path = f"/v1/projects/{project['slug']}/subject-exports"
    statuses = {name: (await api.owner.get(f"{path}/{record['id']}")).json()["status"] for name, record in records.items()}
    assert statuses == {person: "erased", friend: "erased", other: "finished"}
    assert (await api.owner.get(f"{path}/{records[friend]['id']}/file")).status_code == 409
    again = await files_of(api, project, await exported(api, project, {"user_id": person}))
    assert [again[name] for name in EMPTY] == [[]] * 3


async def test_an_erasure_waits_for_an_export_that_is_written_and_calls_off_those_that_wait(api: Api) -> None:
    project = await api.make_project()
    (person,) = names("person")
    await send_events(api, project, [{"event": "x", "user_id": person}])
    exports = f"/v1/projects/{project['slug']}/subject-exports"
    async with claimed(api.services.metadata.database, Job.EXPORT) as claim:  # as an export that is being written has it
        assert claim is not None
        waiting = (await api.owner.post(exports, {"user_id": person})).json()
        asked = await ask_for_erasure(api, project, person)
        await asyncio.sleep(1.5)  # enough for it to go wrong
        erasure = await api.owner.get(f"/v1/projects/{project['slug']}/erasures/{asked}")
        assert erasure.json()["status"] in ("requested", "running")
        assert (await api.owner.get(f"{exports}/{waiting['id']}")).json()["status"] == "requested"
    ended = await ended_export(api, project, waiting["id"])
    await erased(api, project, asked)
    # Whichever came first: the export was called off, or finished and then removed.
    ended = (await api.owner.get(f"{exports}/{waiting['id']}")).json()
    assert ended["status"] == "erased"
    assert not [path for path in on_disk(api) if path.stem == waiting["id"]]


async def test_what_a_killed_process_left_is_begun_anew_or_removed(api: Api) -> None:
    project = await api.make_project()
    (person,) = names("person")
    await send_events(api, project, [{"event": "x", "user_id": person}])
    exporting, exports = api.services.exporting, api.services.metadata.subject_exports
    async with claimed(api.services.metadata.database, Job.EXPORT):  # so that nothing is made meanwhile
        asked = await exports.request("a test", project["id"], [person], exporting.node)
        assert await exports.begin(asked, datetime.now(UTC)) is not None
        exporting.folder.mkdir(exist_ok=True)
        part, stranger = exporting.folder / f"{asked.id}.part", exporting.folder / "se_nobody.zip"
        for path in (part, stranger):
            path.write_bytes(person.encode())
        await exporting.recover()
        assert not part.exists()
        assert not stranger.exists()
        assert (await exports.find(project["id"], asked.id)).status == "requested"
    record = await ended_export(api, project, asked.id)
    assert len((await files_of(api, project, record))["events.ndjson"]) == 1


async def test_a_full_disk_fails_the_export_and_nothing_of_it_stays(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    (person,) = names("person")
    await send_events(api, project, [{"event": "x", "user_id": person}])
    monkeypatch.setattr("analytics.privacy.archive.RESERVE_BYTES", 2**62)
    record = await exported(api, project, {"user_id": person})
    assert (record["status"], record["error"]) == ("failed", "There is too little room on the disk.")
    assert not [path for path in on_disk(api) if path.stem == record["id"]]
    monkeypatch.undo()
    assert (await exported(api, project, {"user_id": person}))["status"] == "finished"


async def test_a_large_person_is_read_in_bites_that_miss_and_repeat_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.privacy.exported.ROWS_A_BITE", 7)
    project = await api.make_project()
    (person,) = names("person")
    now = datetime.now(UTC)
    sent = [
        {"event": f"e{n % 3}", "user_id": person, "event_id": f"e-{n}", "timestamp": (now - timedelta(days=n % 5 * n)).isoformat()}
        for n in range(120)
    ]
    await send_events(api, project, [*sent, *({"event": "", "user_id": person} for _ in range(30))])
    files = await files_of(api, project, await exported(api, project, {"user_id": person}))
    assert sorted(line["event_id"] for line in files["events.ndjson"]) == sorted(str(event["event_id"]) for event in sent)
    assert sum(line["events"] for line in files["user_days.ndjson"]) == 120
    assert len({line["id"] for line in files["rejected_events.ndjson"]}) == len(files["rejected_events.ndjson"]) == 30


def test_bites_cover_each_day_once() -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC).date()
    days = [(first + timedelta(days=n), rows, rows * 10) for n, rows in enumerate((1, 4_000, 2_000, 12_000, 1, 1))]
    found = [(bite.first.day, bite.last.day, bite.slices, bite.slice) for bite in bites_of(days)]
    assert found == [(1, 2, 1, 0), (3, 3, 1, 0), (4, 4, 3, 0), (4, 4, 3, 1), (4, 4, 3, 2), (5, 6, 1, 0)]
    assert [bite.slices for bite in bites_of([(first, 3, 40_000_000)])] == [3, 3, 3]
    assert list(bites_of([])) == []


async def test_an_id_shared_by_too_many_is_refused_with_a_reason(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.privacy.links.MOST_IDS", 3)
    project = await api.make_project()
    await send_events(api, project, [{"event": "$identify", "user_id": f"u-{n}", "anonymous_id": "kiosk"} for n in range(5)])
    record = await exported(api, project, {"user_id": "u-0"})
    assert record["status"] == "failed"
    assert "shared" in record["error"]
    await until_stored(api)


@pytest.mark.long
@pytest.mark.timeout(2400)
async def test_a_person_of_200000_events_takes_no_more_memory_than_one_of_a_few_bites(api: Api) -> None:
    project = await api.make_project()
    (person,) = names("person")
    now = datetime.now(UTC)
    sender = api.bearer(project["write_key"])
    for batch in range(20):
        sent = [
            {
                "event": f"e{n % 5}",
                "user_id": person,
                "event_id": f"{batch}-{n}",
                "timestamp": (now - timedelta(minutes=n % 3000)).isoformat(),
                "properties": {"text": f"{batch}-{n}-" * 40},
            }
            for n in range(10_000)
        ]
        assert (await sender.post("/v1/events", sent)).json()["accepted"] == 10_000
    await until_stored(api)
    process, highest, over = psutil.Process(), 0, threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        nonlocal highest
        while not over.wait(0.05):
            highest = max(highest, process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        record = await exported(api, project, {"user_id": person}, seconds=1800)
    finally:
        over.set()
        watching.join()
    grown = highest - before
    print(f"200,000 events, {record['size_bytes']:,} bytes of ZIP: {grown / 1e6:.0f} MB more memory, the engine's included")
    assert record["files"]["events.ndjson"]["lines"] == 200_000
    assert grown < 500_000_000
