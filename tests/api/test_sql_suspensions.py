"""Whose query did not end waits, at every door of SQL, longer each time, until an owner says otherwise."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from analytics.adhoc.door import RunningSql, WantedSql
from analytics.adhoc.formats import Format
from analytics.audit.names import AuditNames
from analytics.clock import FixedClock, SystemClock
from analytics.dashboards.board import View
from analytics.dashboards.document import checked_document
from analytics.domain.access import Role
from analytics.errors import MetadataUnavailableError, SqlSuspendedError
from analytics.metadata.sql_suspensions import CALLERS_OF_A_PROJECT, FORGOTTEN_AFTER, HungQuery, SqlSuspensions
from tests.fixtures.api import Api, Caller

pytestmark = pytest.mark.anyio
ROLLUP = "SELECT event, count() AS n FROM events GROUP BY event"


def hung(project: dict[str, Any], author: str | None, statement: str = "SELECT 1 AS hung") -> HungQuery:
    return HungQuery(uuid4().hex, project["id"], author, statement)


async def id_of(caller: Caller) -> str:
    return (await caller.get("/v1/me")).json()["id"]


@pytest.fixture
def suspensions(api: Api) -> tuple[SqlSuspensions, FixedClock]:
    clock = FixedClock(SystemClock().now())
    return SqlSuspensions(api.services.metadata.database, AuditNames("a secret"), clock), clock


async def seconds_of(suspensions: SqlSuspensions, project: dict[str, Any], *callers: str, statement: str | None = None) -> int:
    """For how long they have to wait; 0: not at all."""
    try:
        await suspensions.require_none(project["id"], callers, *(() if statement is None else (statement,)))
    except SqlSuspendedError as error:
        return error.retry_after_seconds
    return 0


async def test_a_suspended_caller_is_refused_at_every_door_and_others_are_not(api: Api) -> None:
    project = await api.make_project()
    path, editor, other = f"/v1/projects/{project['slug']}", await api.member(project, "editor"), await api.member(project, "editor")
    question = {"kind": "sql", "sql": "SELECT 1 AS n"}
    tile = {"id": "a", "title": "a", "question": question, "chart": {"mark": "bar"}, "position": {"x": 0, "y": 0, "width": 4, "height": 5}}
    board = (await editor.post(f"{path}/dashboards", {"name": "mine", "tiles": [tile]})).json()
    assert (await editor.post(f"{path}/queries", {"name": "mine", "question": question})).status_code == 201
    assert (await other.post(f"{path}/queries", {"name": "theirs", "question": question})).status_code == 201
    await api.services.metadata.sql_suspensions.suspend(hung(project, await id_of(editor)))

    doors = {
        "/sql": {"sql": "SELECT 1"},
        "/sql/explain": {"sql": "SELECT 1"},
        "/queries": {"name": "new", "question": question},
        "/queries/theirs/run": {},
        "/dashboards": {"name": "new", "tiles": [tile]},
        "/alerts": {"name": "new", "question": question, "condition": {"kind": "no_data"}},
        "/rollups": {"name": "sums", "sql": ROLLUP},
    }
    for door, body in doors.items():
        refused = await editor.post(path + door, body)
        assert (refused.status_code, refused.json()["code"]) == (429, "sql-suspended"), door
        assert 500 < int(refused.headers["retry-after"]) <= 600
        assert " until 20" in refused.json()["detail"]
    for door in ("/queries/mine/run", f"/dashboards/{board['id']}/data"):  # of others too: it is the author who is suspended
        answer = await (other.post(path + door, {}) if door.endswith("run") else other.get(path + door))
        assert "sql-suspended" in answer.text, door
    schema = (await other.get(f"{path}/schema")).json()["tables"]
    columns = {table["name"]: [column["name"] for column in table["columns"]] for table in schema if table["kind"] == "saved-query"}
    assert columns == {"mine": [], "theirs": ["n"]}, "the columns of a saved query are asked of the engine, too"
    assert (await editor.post(f"{path}/trends", {"date_from": "2026-01-01", "series": [{}]})).status_code == 200
    for door, body in doors.items():
        assert (await other.post(path + door, body)).status_code in (200, 201), door


async def test_what_a_suspended_author_saved_and_a_suspended_statement_run_by_their_name_in_no_other_statement_either(api: Api) -> None:
    project = await api.make_project()
    path, author, other = f"/v1/projects/{project['slug']}", await api.member(project, "editor"), await api.member(project, "editor")
    saved = [
        (author, "mine", "SELECT 1 AS mine"),
        (other, "theirs", "SELECT 2 AS theirs"),
        (other, "over", "SELECT * FROM mine"),
        (other, "fine", "SELECT 3 AS fine"),
    ]
    for who, name, sql in saved:
        assert (await who.post(f"{path}/queries", {"name": name, "question": {"kind": "sql", "sql": sql}})).status_code == 201
    suspensions = api.services.metadata.sql_suspensions
    await suspensions.suspend(hung(project, await id_of(author)))
    await suspensions.suspend(hung(project, None, "SELECT 2 AS theirs"))

    for door in ("/sql", "/sql/explain"):
        for name in ("mine", "theirs", "over"):
            refused = await other.post(path + door, {"sql": f"SELECT * FROM {name}"})
            assert (refused.status_code, refused.json()["code"]) == (429, "sql-suspended"), (door, name)
        assert (await other.post(path + door, {"sql": "SELECT * FROM fine"})).status_code == 200
    refused = await other.post(f"{path}/queries/over/run", {})
    assert (refused.status_code, refused.json()["code"]) == (429, "sql-suspended")
    assert (await other.post(f"{path}/queries/fine/run", {})).status_code == 200
    schema = (await other.get(f"{path}/schema")).json()["tables"]
    columns = {table["name"]: [column["name"] for column in table["columns"]] for table in schema if table["kind"] == "saved-query"}
    assert columns == {"mine": [], "theirs": [], "over": [], "fine": ["fine"]}


async def test_an_owner_sees_and_lifts_a_suspension_and_both_are_in_the_audit(api: Api) -> None:
    project = await api.make_project()
    path, admin = f"/v1/projects/{project['slug']}/sql", await api.member(project, "admin")
    query = hung(project, await id_of(admin))
    await api.services.metadata.sql_suspensions.suspend(query)
    await api.services.metadata.sql_suspensions.count()
    assert "analytics_sql_suspensions " in (await api.client.get("/metrics")).text
    assert api.services.metadata.sql_suspensions.in_force >= 2
    found = (await api.owner.get(f"{path}/suspensions")).json()["items"]
    assert {(one["kind"], one["query_id"], one["of"]) for one in found} == {
        (kind, query.query_id, query.author) for kind in ("caller", "statement")
    }
    (mine,) = [one["id"] for one in found if one["kind"] == "caller"]
    assert (await admin.get(f"{path}/suspensions")).status_code == 403
    assert (await admin.delete(f"{path}/suspensions/{mine}")).status_code == 403, "nobody lifts their own but an owner"
    assert (await admin.post(path, {"sql": "SELECT 1"})).status_code == 429
    elsewhere = await api.make_project()
    assert (await api.owner.delete(f"/v1/projects/{elsewhere['slug']}/sql/suspensions/{mine}")).status_code == 404
    for _ in range(2):
        assert (await api.owner.delete(f"{path}/suspensions/{mine}")).status_code == 204
    assert (await admin.post(path, {"sql": "SELECT 1"})).status_code == 200
    assert (await admin.post(path, {"sql": query.statement})).status_code == 429, "the statement rests by itself"
    records = (await api.owner.get(f"/v1/audit?project={project['slug']}&limit=100")).json()["items"]
    assert sorted(one["action"] for one in records if one["action"] in ("sql.suspend", "sql.lift")) == ["sql.lift", *["sql.suspend"] * 2]


async def test_each_further_time_lasts_longer_until_it_is_forgotten(api: Api, suspensions: tuple[SqlSuspensions, FixedClock]) -> None:
    kept, clock = suspensions
    project = await api.make_project()
    lasted: list[int] = []
    for _ in range(4):
        await kept.suspend(hung(project, "u_somebody"))
        await kept.suspend(hung(project, "u_somebody"))  # one that hung beside it
        lasted.append(await seconds_of(kept, project, "u_somebody"))
        clock.advance(lasted[-1] + 1)
        assert await seconds_of(kept, project, "u_somebody") == 0
    assert lasted == [600, 3600, 86_400, 86_400]
    clock.advance(FORGOTTEN_AFTER / timedelta(seconds=1))
    await kept.suspend(hung(project, "u_somebody"))
    assert await seconds_of(kept, project, "u_somebody") == 600


async def test_several_callers_of_one_project_suspend_the_project(api: Api, suspensions: tuple[SqlSuspensions, FixedClock]) -> None:
    kept, _ = suspensions
    project, elsewhere = await api.make_project(), await api.make_project()
    for number in range(CALLERS_OF_A_PROJECT):
        assert await seconds_of(kept, project, "u_bystander") == 0
        await kept.suspend(hung(project, f"t_token{number}", f"SELECT {number}"))
    assert await seconds_of(kept, project, "u_bystander") == 600
    assert await seconds_of(kept, elsewhere, "u_bystander") == 0
    assert await seconds_of(kept, elsewhere, "t_token0", statement="SELECT 1") == 600, "a caller, wherever"


async def test_what_hung_is_kept_once_however_often_keeping_it_fails(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await api.make_project()
    path, queries = f"/v1/projects/{project['slug']}", api.services.sql.queries
    kept_project = api.services.keys.project_by_id(project["id"])
    assert kept_project is not None
    policy = (await queries.policies(kept_project))[Role.EDITOR]
    checked = await queries.door.check("SELECT 1 AS tile", {})
    wanted = WantedSql(
        uuid4().hex, project["id"], "u_viewer", policy, checked, Format.JSON, author="u_author", statement="SELECT 1 AS tile"
    )
    assert queries.door._door is not None
    query = RunningSql(wanted, queries.door._door, documents=True, data_as_of=SystemClock().now(), own_rows=None)
    for store, method in ((queries.history, "end"), (queries.suspensions, "suspend")):
        with monkeypatch.context() as broken:

            async def fails(*_: Any) -> None:
                raise MetadataUnavailableError("Away.")

            broken.setattr(store, method, fails)
            with pytest.raises(MetadataUnavailableError):
                await queries.note_hung(query)
    await queries.note_hung(query)
    await queries.note_hung(query)  # its answer was lost the time before
    (entry,) = (await api.owner.get(f"{path}/sql/history")).json()["items"]
    assert (entry["query_id"].replace("-", ""), entry["status"], entry["code"]) == (wanted.query_id, "failed", "limit-exceeded")
    records = (await api.owner.get(f"/v1/audit?project={project['slug']}&limit=100")).json()["items"]
    assert sorted(one["action"] for one in records if one["action"] in ("sql.hung", "sql.suspend")) == ["sql.hung", *["sql.suspend"] * 2]


async def test_who_put_a_value_into_a_dashboard_or_set_its_filter_answers_for_it_and_else_who_wrote_the_question(api: Api) -> None:
    project = await api.make_project()
    path, writer = f"/v1/projects/{project['slug']}", await api.member(project, "editor")
    question = {
        "kind": "sql",
        "sql": "SELECT {size:UInt32} AS n, {timezone:String} AS zone",
        "parameters": [{"name": "size", "type": "UInt32", "default": 10}, {"name": "timezone", "type": "String", "default": "UTC"}],
    }
    assert (await writer.post(f"{path}/queries", {"name": "sized", "question": question})).status_code == 201
    owned = api.services.keys.project_by_id(project["id"])
    assert owned is not None

    async def answerable(params: dict[str, Any], default: list[str] | None = None, asked: list[str] | None = None) -> str | None:
        tile = {"id": "a", "title": "a", "question": {"saved": "sized"}, "params": params, "chart": {"mark": "bar"}}
        place = {"x": 0, "y": 0, "width": 4, "height": 5}
        document = checked_document(
            {
                "name": "a board",
                "timezone": "Europe/London",
                "filters": [{"name": "size", "property": "size", "default": default}],
                "tiles": [{**tile, "position": place}],
            }
        )
        days = api.services.boards.days_of(document, owned)
        view = View(owned, document, "u_viewer", days, {} if asked is None else {"size": asked}, author="u_editor")
        return (await api.services.boards.asked(view, document.tiles[0])).answerable

    assert await answerable({}) == await id_of(writer), "the days and the zone are nobody's values"
    assert await answerable({"size": 11}) == "u_editor"
    assert await answerable({}, default=["11"]) == "u_editor"
    assert await answerable({}, default=["11"], asked=["11"]) == "u_editor", "the viewer changed nothing"
    assert await answerable({}, default=["11"], asked=["12"]) == "u_viewer"
    assert await answerable({"size": 11}, asked=["12"]) == "u_viewer"
