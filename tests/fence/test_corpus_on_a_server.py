"""The questions of the corpus on both engines: what the gate makes of them gets the same bytes from embedded chDB and from a server.

That the embedded engine's answers are the known ones, test_corpus.py shows; that attacks come through on neither, test_rights_attacks.py.
"""

from collections.abc import Iterator

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
from analytics.warehouse.client import Warehouse
from tests.fence import corpus
from tests.fence.conftest import School
from tests.fence.school import CANARY, FOREIGN_ID, PROJECT_ID, store_school
from tests.fixtures.clickhouse_server import PASSWORD, USER, ClickHouseServer
from tests.fixtures.fence import ANALYST, DATABASE, door_of, running_server, warehouse_of

QUESTIONS = corpus.questions()
LIMITS = SqlLimits(seconds=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    users = ServerRights(ANALYST, PASSWORD, DATABASE, USER).users_file([PROJECT_ID, FOREIGN_ID])
    with running_server(ClickHouseServer(tmp_path_factory.mktemp("corpus-server") / "server", users=users)) as started:
        yield started


@pytest.fixture(scope="module")
def service(server: ClickHouseServer) -> Iterator[Warehouse]:
    with warehouse_of(server, store_lasting_school) as opened:
        yield opened


def store_lasting_school(opened: Warehouse) -> None:
    opened.command("SYSTEM STOP TTL MERGES events")
    store_school(opened)


@pytest.fixture(scope="module")
def door(server: ClickHouseServer, service: Warehouse) -> Iterator[ServerAnalystDoor]:
    with door_of(server, service) as opened:
        yield opened


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
