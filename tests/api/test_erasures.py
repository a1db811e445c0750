"""A person is erased from every store, decoded and raw; their later events are refused; everybody else's numbers stay right."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from analytics.answers.runner import Asked
from analytics.domain.question import Question, QuestionKind, question_of
from analytics.embedded.engines import EmbeddedEngines
from analytics.enrichment.page import urls_kept
from analytics.errors import MetadataUnavailableError, WarehouseUnavailableError
from analytics.metadata.claims import Job, claimed
from analytics.metadata.pool import Connection, Database
from analytics.metadata.saved_queries import SavedDraft
from analytics.privacy.registry import PERSONAL
from analytics.privacy.subject import Subject
from analytics.privacy.tables import PersonalStore
from tests.factories.dashboards import dashboard
from tests.factories.person_traces import in_archives, in_files, in_old_parts, in_postgres, in_redis, in_spool, in_tables
from tests.factories.sent_events import send_events, until_stored
from tests.factories.subject_exports import exported
from tests.fixtures.api import Api
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
TABLES = ("events", "user_days", "user_timeline", "rejected_events")
ERASED_SECONDS = 400.0  # a run that was broken off is gone on with after a pause, once for each store


async def erased(api: Api, project: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    answer = await api.owner.post(f"/v1/projects/{project['slug']}/erasures", wanted)
    assert answer.status_code == 202, answer.text
    return await ended(api, project, answer.json()["id"])


async def ended(api: Api, project: Mapping[str, Any], erasure_id: str) -> dict[str, Any]:
    async def its_end() -> dict[str, Any] | None:
        record = (await api.owner.get(f"/v1/projects/{project['slug']}/erasures/{erasure_id}")).json()
        return record if record["status"] in ("finished", "failed") else None

    return await eventually(its_end, "the end of an erasure", ERASED_SECONDS)


def decoded(api: Api, texts: Sequence[str]) -> dict[str, int]:
    """Rows of every table in which one of the texts stands in any column, rows behind a mask included."""
    return in_tables(api.services.warehouse, texts)


def everywhere(api: Api, texts: Sequence[str]) -> dict[str, int]:
    """In how many entries of each store of the registry, decoded, one of the texts stands; personal or not, as the registry names them."""
    services, settings = api.services, api.settings
    assert settings.postgres_url is not None
    assert settings.redis_url is not None
    found = {f"clickhouse:{name}": rows for name, rows in in_tables(services.warehouse, texts).items()}
    found |= {f"clickhouse:{name}, old parts": rows for name, rows in in_old_parts(services.warehouse, texts).items()}
    found |= {f"postgres:{name}": rows for name, rows in in_postgres(settings.postgres_url.get_secret_value(), texts).items()}
    found["redis:all"] = len(in_redis(settings.redis_url.get_secret_value(), texts))
    found["redis:answers"] = sum("answers:" in key for key in in_redis(settings.redis_url.get_secret_value(), texts))
    found["folder:spool"] = in_spool(settings.data_dir / "spool", texts)
    found["folder:exports"] = in_archives(settings.data_dir / "exports", texts)
    held = [event for project in services.keys.all() for event in services.live.feed.held(project.id)]
    found["memory:live_feed"] = sum(any(text in repr(event) for text in texts) for event in held)
    found["memory:sql_schema"] = sum(services.sql.schema.held(project.id) for project in services.keys.all())
    return found


async def is_kept(api: Api, project: Mapping[str, Any], sql: str) -> bool:
    """Ask, and whether the answer was kept already."""
    owner = api.services.keys.project_by_slug(project["slug"])
    assert owner is not None
    return (await api.services.answers.answer(Asked(owner, Question(QuestionKind.SQL, sql), "a test"))).meta.cached


def parts_on_disk(api: Api) -> set[str]:
    """Folders of all parts of the tables, read or not."""
    rows = api.services.warehouse.query(
        "SELECT path FROM system.parts WHERE database = currentDatabase() AND table IN {tables:Array(String)}", {"tables": list(TABLES)}
    ).rows
    return {path for (path,) in rows}


def statements_kept(api: Api) -> list[str]:
    """Deletions whose text the engine still has on disk."""
    folder = api.settings.data_dir / "clickhouse"
    return [text for path in folder.rglob("mutation_*.txt") if "DELETE WHERE" in (text := path.read_text("utf-8"))]


def merged(api: Api) -> None:
    """What other tests left in few parts: a removal writes each of them anew, each time that it is gone on with."""
    for table in TABLES:
        api.services.warehouse.command(f"OPTIMIZE TABLE {table} FINAL")


async def counts(api: Api, project: Mapping[str, Any], source: str) -> float:
    now = datetime.now(UTC)
    answer = await api.owner.post(
        f"/v1/projects/{project['slug']}/trends",
        {
            "date_from": (now - timedelta(days=40)).date().isoformat(),
            "date_to": (now + timedelta(days=1)).date().isoformat(),
            "interval": "day",
            "series": [{"event": "*", "metric": "total", "label": "A"}],
            "source": source,
        },
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["series"][0]["total"]


def folder_of(engines: EmbeddedEngines) -> Path:
    """Where PostgreSQL's files are."""
    return Path(f"/proc/{engines.pids()['postgresql']}/cwd").resolve()


async def test_a_person_is_gone_from_every_store_and_the_numbers_of_others_stay_right(api: Api, engines: EmbeddedEngines) -> None:
    project = await api.make_project()
    mark = uuid4().hex[:12]
    person, device, former, friend = (f"{name}-{mark}" for name in ("person", "device", "former", "friend"))
    old = (datetime.now(UTC) - timedelta(days=33)).isoformat()
    await send_events(
        api,
        project,
        [
            {"event": "lesson_completed", "user_id": person, "timestamp": old},
            {"event": "lesson_completed", "user_id": person},
            {"event": "page_view", "anonymous_id": device},
            {"event": "$identify", "user_id": person, "anonymous_id": device},
            {"event": "$alias", "user_id": person, "properties": {"previous_id": former}},
            {"event": "before", "user_id": former, "event_id": "kept-out"},
            {"event": "lesson_completed", "user_id": friend, "anonymous_id": device},
            {"event": "lesson_completed", "user_id": friend, "timestamp": old},
            {"event": "page_view", "user_id": friend, "anonymous_id": f"other-{mark}"},
            {"event": "page_view", "user_id": person, "timestamp": "never"},
        ],
    )
    # Rows behind a mask: deleted, and on disk all the same.
    await asyncio.to_thread(
        api.services.warehouse.command, f"DELETE FROM events WHERE user_id = '{former}'", settings={"lightweight_deletes_sync": 2}
    )
    await asyncio.to_thread(
        api.services.warehouse.command,
        "INSERT INTO rejected_events (project_id, received_at, id, status, code, event_id, body, version)"
        f" VALUES ('{project['id']}', now64(3), 'q-{mark}', 'quarantined', 'insert-rejected', 'q', '{{\"user_id\": \"{device}\"}}', 1)",
    )
    ids = (person, device, former)
    path = f"/v1/projects/{project['slug']}"
    assert (await api.owner.post(f"{path}/sql", {"sql": f"SELECT count() FROM events WHERE user_id = '{person}'"})).status_code == 200
    assert (await api.owner.get(f"{path}/schema")).status_code == 200
    sql = {"kind": "sql", "sql": f"SELECT {{p:String}}, '{device}'", "parameters": [{"name": "p", "type": "String", "default": person}]}
    await api.services.metadata.saved_queries.create(
        "operator", project["id"], "about", SavedDraft(question_of(sql), f"What {former} did.")
    )
    watched = {"name": f"Watch {former}", "question": sql, "params": {"p": person}, "condition": {"kind": "no_data"}}
    alert = await api.owner.post(f"{path}/alerts", watched)
    assert alert.status_code == 201, alert.text
    rollup = {"name": "of-them", "description": f"Without {former}.", "sql": "SELECT event, count() AS n FROM events GROUP BY event"}
    assert (await api.owner.post(f"{path}/rollups", rollup)).status_code == 201
    board = dashboard(name=f"About {person}", filters=[{"name": "who", "property": "user_id"}])
    board_id = (await api.owner.post(f"{path}/dashboards", board)).json()["id"]
    share = await api.owner.post(f"{path}/dashboards/{board_id}/shares", {"filters": {"who": [person]}})
    assert share.status_code == 201, share.text
    export = await exported(api, project, {"user_id": former})
    assert export["status"] == "finished", export
    await eventually(partial(is_kept, api, project, f"SELECT user_id FROM events WHERE user_id = '{person}'"), "a kept answer")
    postgres_files = folder_of(engines)
    with psycopg.connect(str(api.settings.postgres_url and api.settings.postgres_url.get_secret_value())) as connection:
        connection.execute("ANALYZE")  # as the server does by itself, now and then: what it keeps must hold nobody either
    assert await asyncio.to_thread(in_files, postgres_files, ids), "in its log, or after a checkpoint in its tables"
    assert urls_kept() > 0
    before = await asyncio.to_thread(everywhere, api, ids)
    assert all(before[f"clickhouse:{table}"] for table in TABLES)
    assert before["clickhouse:events, old parts"], "no part that is not read any more: this would prove nothing of them"
    assert set(PERSONAL) <= set(before), "a store of persons that this test does not look into"
    assert not [name for name in PERSONAL if not before[name]]
    assert any(path.startswith("spool/") for path in await asyncio.to_thread(in_files, api.settings.data_dir, ids))

    parts = await asyncio.to_thread(parts_on_disk, api)
    assert parts

    record = await erased(api, project, {"user_id": person})

    assert record["status"] == "finished", record
    left = await api.services.metadata.saved_queries.find(project["id"], "about")
    assert (left.question.sql, left.description) == ("SELECT {p:String}, '(erased)'", "What (erased) did.")
    assert left.question.parameters[0].default == "(erased)"
    told = (await api.owner.get(f"{path}/alerts/{alert.json()['id']}")).json()
    assert (told["name"], told["params"]) == ("Watch (erased)", {"p": "(erased)"})
    receipt = record["receipt"]
    assert set(receipt["stores"]) == set(PERSONAL)
    hashes = {api.services.erasures.hasher.hash(project["id"], text).hex() for text in ids}
    assert set(receipt["ids"]) == hashes
    assert all(store["left"] == 0 and store["removed"] == store["found"] for store in receipt["stores"].values())
    assert receipt["stores"]["clickhouse:events"]["found"] == 7
    assert receipt["stores"]["clickhouse:rejected_events"]["found"] == 2
    assert receipt["stores"]["clickhouse:user_timeline"]["found"] == 6
    assert receipt["stores"]["folder:exports"]["found"] == 1
    after = await asyncio.to_thread(everywhere, api, ids)
    assert {name: number for name, number in after.items() if number} == {}
    assert urls_kept() == 0
    assert await asyncio.to_thread(in_files, postgres_files, ids) == [], "in no file of PostgreSQL, its log of writes included"
    assert set(after) >= {name for name in before if "parts" not in name and "analyst_table" not in name}  # a rollup is dropped whole
    # Every part that held any of it is another now, and none of the old ones is on disk, read or not.
    assert not parts & await asyncio.to_thread(parts_on_disk, api)
    assert not any(await asyncio.to_thread(lambda: [Path(path).exists() for path in parts]))
    assert await asyncio.to_thread(statements_kept, api) == []
    assert await asyncio.to_thread(in_files, api.settings.data_dir, ids) == []
    left = await asyncio.to_thread(decoded, api, [friend])
    assert (left["events"], left["user_days"], left["user_timeline"]) == (2, 2, 2)
    assert await counts(api, project, "raw") == await counts(api, project, "rollup") == 2


async def test_later_events_of_an_erased_id_are_refused_and_nothing_of_them_is_kept(api: Api) -> None:
    project = await api.make_project()
    mark = uuid4().hex[:12]
    person = f"person-{mark}"
    record = await erased(api, project, {"ids": [person]})
    assert record["status"] == "finished"
    sent = [
        {"event": "x", "user_id": person, "event_id": f"e-{person}"},
        {"event": "x", "anonymous_id": person},
        {"event": "$alias", "user_id": "somebody", "properties": {"previous_id": person}},
        {"event": "x", "user_id": person, "timestamp": "never"},
        {"event": 17, "user_id": person},
        {"event": "x", "user_id": "somebody"},
        {"event": "x", "user_id": "somebody", "timestamp": "never"},
    ]
    answer = await send_events(api, project, sent)
    assert [error["code"] for error in answer["errors"]] == [*["erased-user"] * 4, "invalid-event", "invalid-timestamp"]
    assert answer["accepted"] == 1
    assert not any((await asyncio.to_thread(decoded, api, [person])).values())
    # A body that has nothing to do with them is kept, as ever.
    listed = (await api.owner.get(f"/v1/projects/{project['slug']}/rejected-events")).json()["items"]
    assert len([item for item in listed if item["code"] == "erased-user"]) == 4
    assert any("somebody" in json.dumps(item) for item in listed if item["code"] == "invalid-timestamp")
    other = await api.make_project()
    assert (await send_events(api, other, [{"event": "x", "user_id": person}]))["accepted"] == 1


async def test_a_person_whose_ids_are_stored_as_hashes_is_erased_by_the_id_itself(api: Api) -> None:
    project = await api.make_project()
    person, device = (f"{name}-{uuid4().hex[:12]}" for name in ("person", "device"))
    await send_events(api, project, [{"event": "in-clear", "user_id": person}])
    fields = {"user_id": "hash", "anonymous_id": "hash"}
    assert (await api.owner.patch(f"/v1/projects/{project['slug']}", {"personal_fields": fields})).status_code == 200
    sent = [{"event": "$identify", "user_id": person, "anonymous_id": device}, {"event": "x", "anonymous_id": device}]
    await send_events(api, project, [*sent, {"event": "x", "user_id": "somebody"}])
    record = await erased(api, project, {"user_id": person})
    assert record["status"] == "finished"
    assert record["receipt"]["stores"]["clickhouse:events"]["found"] == 3
    again = await send_events(api, project, [*sent, {"event": "x", "user_id": "somebody"}])
    assert [error["code"] for error in again["errors"]] == ["erased-user", "erased-user"]
    assert await counts(api, project, "raw") == await counts(api, project, "rollup") == 2


async def test_a_run_broken_off_after_any_store_is_gone_on_with_and_its_receipt_is_true(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.jobs.erase.AGAIN_SECONDS", 0.01)
    broken: list[str] = []

    def breaking(store: PersonalStore) -> Callable[[Subject], None]:
        remove = store.remove

        def removed(subject: Subject) -> None:
            remove(subject)
            if store.name not in broken:
                broken.append(store.name)
                raise WarehouseUnavailableError("broken off")

        return removed

    for store in api.services.erasing._stores:
        monkeypatch.setattr(store, "remove", breaking(store))
    await asyncio.to_thread(merged, api)
    project = await api.make_project()
    person = f"person-{uuid4().hex[:12]}"
    sent = [{"event": "x", "user_id": person}, {"event": "x", "user_id": person, "timestamp": "never"}, {"event": "x", "user_id": "other"}]
    await send_events(api, project, sent)
    record = await erased(api, project, {"user_id": person})
    assert record["status"] == "finished"
    assert set(broken) == set(PERSONAL)
    stores = record["receipt"]["stores"]
    assert [stores[f"clickhouse:{table}"]["removed"] for table in TABLES] == [1, 1, 1, 1]
    assert not any((await asyncio.to_thread(decoded, api, [person])).values())
    assert await counts(api, project, "raw") == await counts(api, project, "rollup") == 1


async def test_a_run_broken_off_between_the_rows_of_a_table_and_its_files_writes_it_anew(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.jobs.erase.AGAIN_SECONDS", 0.01)
    project = await api.make_project()
    person = f"person-{uuid4().hex[:12]}"
    await send_events(api, project, [{"event": "x", "user_id": person}])
    asked = await api.owner.post(f"/v1/projects/{project['slug']}/sql", {"sql": f"SELECT '{person}'"})
    assert asked.status_code == 200, asked.text
    cleaning, broken = Database.cleaning, list[str]()

    def breaking(database: Database) -> AbstractAsyncContextManager[Connection]:
        if not broken:
            broken.append("once")
            raise MetadataUnavailableError("broken off")
        return cleaning(database)

    async def file_of(table: str) -> int:
        url = api.settings.postgres_url
        assert url is not None
        async with await psycopg.AsyncConnection[Any].connect(url.get_secret_value()) as connection:
            (number,) = await (await connection.execute("SELECT pg_relation_filenode(%s)", (table,))).fetchone() or (0,)
            return number

    before = await file_of("sql_queries")
    monkeypatch.setattr(Database, "cleaning", breaking)
    record = await erased(api, project, {"user_id": person})
    assert (record["status"], broken) == ("finished", ["once"])
    assert record["receipt"]["stores"]["postgres:sql_queries"]["removed"] == 1
    assert record["receipt"]["log_dropped"] is True
    assert await file_of("sql_queries") != before, "what was there before is still on disk"


async def test_a_receipt_says_that_the_log_of_postgresql_was_not_dropped(api: Api, engines: EmbeddedEngines) -> None:
    project, url = await api.make_project(), api.settings.postgres_url
    assert url is not None
    assert engines.postgres_superuser_url is not None
    here = make_conninfo(engines.postgres_superuser_url, dbname=conninfo_to_dict(url.get_secret_value())["dbname"])
    async with await psycopg.AsyncConnection[Any].connect(here, autocommit=True) as superuser:
        await superuser.execute("REVOKE EXECUTE ON FUNCTION public.cut_log() FROM analytics")
        try:
            record = await erased(api, project, {"user_id": "anybody"})
        finally:
            await superuser.execute("GRANT EXECUTE ON FUNCTION public.cut_log() TO analytics")
    assert (record["status"], record["receipt"]["log_dropped"]) == ("finished", False)


async def test_one_process_runs_it_and_it_waits_for_every_spool(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/erasures"
    async with claimed(api.services.metadata.database, Job.ERASE) as claim:  # as another process has it
        assert claim is not None
        asked = (await api.owner.post(path, {"anonymous_id": "a-1"})).json()
        await asyncio.sleep(0.5)
        assert (await api.owner.get(f"{path}/{asked['id']}")).json()["status"] == "requested"
    await api.services.erasures.report_node("another", 0)

    async def it_waits() -> bool:
        return "another" in (await api.owner.get(f"{path}/{asked['id']}")).json()["phase"]

    await eventually(it_waits, "the wait for the other spool")
    await api.services.erasures.report_node("another", 10**9)
    assert (await ended(api, project, asked["id"]))["status"] == "finished"
    listed = (await api.owner.get(path)).json()
    assert [item["id"] for item in listed["items"]] == [asked["id"]]


async def test_an_id_shared_by_too_many_is_refused_with_a_reason(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.privacy.links.MOST_IDS", 3)
    project = await api.make_project()
    await send_events(api, project, [{"event": "$identify", "user_id": f"u-{n}", "anonymous_id": "kiosk"} for n in range(5)])
    record = await erased(api, project, {"user_id": "u-0"})
    assert record["status"] == "failed"
    assert "shared" in record["error"]


async def test_only_admins_erase(api: Api) -> None:
    project = await api.make_project()
    path = f"/v1/projects/{project['slug']}/erasures"
    for role, status in (("editor", 403), ("admin", 202)):
        answer = await (await api.member(project, role)).post(path, {"user_id": "u"})
        assert answer.status_code == status
    for scopes, status in ((["manage"], 403), (["personal-data"], 403), (["manage", "personal-data"], 202)):
        assert (await (await api.token(project, scopes)).post(path, {"user_id": "u"})).status_code == status
    other = await api.make_project()
    foreign = await (await api.member(other, "admin")).get(path)
    assert foreign.status_code == 404
    for body in ({}, {"user_id": "a", "anonymous_id": "b"}, {"ids": []}, {"user_id": ""}, {"user_id": "a\x00"}):
        assert (await api.owner.post(path, body)).status_code == 422, body


async def test_events_on_their_way_at_the_moment_of_erasure_are_refused_or_erased(api: Api) -> None:
    project = await api.make_project()
    person = f"person-{uuid4().hex[:12]}"
    sender = api.bearer(project["write_key"])
    stop = False

    async def send_on() -> int:
        number = 0
        while not stop:
            answer = await sender.post("/v1/events", [{"event": "x", "user_id": person}, {"event": "x", "user_id": f"other-{number}"}])
            assert answer.status_code == 200
            number += 1
        return number

    senders = [asyncio.create_task(send_on()) for _ in range(3)]
    await asyncio.sleep(0.3)
    record = await erased(api, project, {"user_id": person})
    stop = True
    sent = sum([await task for task in senders])
    await until_stored(api)
    assert record["status"] == "finished"
    assert record["receipt"]["stores"]["clickhouse:events"]["found"] > 0
    assert not any((await asyncio.to_thread(decoded, api, [person])).values())
    assert await counts(api, project, "raw") == await counts(api, project, "rollup") == sent
