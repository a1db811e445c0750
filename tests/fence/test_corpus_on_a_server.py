"""The questions of the corpus on both engines: what the gate makes of them gets the same bytes from embedded chDB and from a server.

That the embedded engine's answers are the known ones, test_corpus.py shows; that attacks come through on neither, test_rights_attacks.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.adhoc.parameters import bind
from analytics.errors import AnalyticsError
from analytics.fence.analyst_door import AnalystDoor
from analytics.fence.catalog import SqlCatalog
from analytics.fence.checked_query import PROJECT_PARAMETER
from analytics.fence.embedded_door import EmbeddedAnalystDoor
from analytics.fence.gate import Gate
from analytics.fence.limits import SqlLimits
from analytics.fence.parser import EngineParser
from analytics.fence.server_door import ServerAnalystDoor
from analytics.fence.server_rights import ServerRights
from analytics.migrate.clickhouse import WarehouseSchema
from analytics.warehouse.client import Warehouse, open_warehouse
from analytics.warehouse.server_address import parse_server_url
from tests.fence import corpus
from tests.fence.conftest import School
from tests.fence.school import CANARY, FOREIGN_ID, PROJECT_ID, store_school
from tests.fixtures.clickhouse_server import PASSWORD, USER, ClickHouseServer

DATABASE, ANALYST = "of the school", "analyst"
QUESTIONS = corpus.questions()
LIMITS = SqlLimits(seconds=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    rights = ServerRights(ANALYST, PASSWORD, DATABASE, USER)
    started = ClickHouseServer(tmp_path_factory.mktemp("corpus-server") / "server", users=rights.users_file([PROJECT_ID, FOREIGN_ID]))
    try:
        yield started.start()
    finally:
        started.kill()


@pytest.fixture(scope="module")
def service(server: ClickHouseServer) -> Iterator[Warehouse]:
    opened = open_warehouse(server.url(DATABASE), Path())
    try:
        WarehouseSchema(opened).bring_up()
        opened.command("SYSTEM STOP TTL MERGES events")
        store_school(opened)
        yield opened
    finally:
        opened.close()


@pytest.fixture(scope="module")
def door(server: ClickHouseServer, service: Warehouse) -> Iterator[ServerAnalystDoor]:
    opened = ServerAnalystDoor(parse_server_url(server.url(DATABASE, ANALYST)), service)
    try:
        yield opened
    finally:
        opened.close()


def answer(gate: Gate, door: AnalystDoor, question: corpus.Question, project_id: str) -> str:
    checked = gate.check(question.sql)
    parameters = {**bind(checked.parameters, question.params), PROJECT_PARAMETER: project_id}
    with door.open(project_id, "corpus", LIMITS) as handle:
        try:
            return b"".join(handle.stream(checked.sql, parameters, "JSONCompactEachRow")).decode()
        except AnalyticsError as error:
            return f"{error.code}: {error.detail}"


@pytest.mark.parametrize("family", sorted({question.id.split("/")[0] for question in QUESTIONS}))
def test_a_server_answers_each_question_as_the_embedded_engine_does(school: School, door: ServerAnalystDoor, family: str) -> None:
    embedded, there = EmbeddedAnalystDoor(school.warehouse), Gate(EngineParser(school.warehouse), SqlCatalog.of_database(DATABASE))
    asked = [question for question in QUESTIONS if question.id.startswith(f"{family}/")]
    got = {question.id: answer(there, door, question, PROJECT_ID) for question in asked}
    assert got == {question.id: answer(school.gate, embedded, question, PROJECT_ID) for question in asked}
    assert CANARY not in str(got)
    assert not [told for told in got.values() if told.startswith(("sql-failed", "warehouse"))]


def test_another_project_sees_its_own_rows_there(school: School, door: ServerAnalystDoor) -> None:
    there = Gate(EngineParser(school.warehouse), SqlCatalog.of_database(DATABASE))
    question = corpus.Question("", "SELECT count(), countIf(event LIKE '%CANARY%') FROM events", [])
    assert [answer(there, door, question, project).strip() for project in (PROJECT_ID, FOREIGN_ID)] == ["[27, 0]", "[27, 27]"]
