"""Attacks with the gate away, straight at the door, on embedded chDB and on a server: the engine's rights alone keep every canary.

Canaries are markers in a foreign project's rows, in a file and in an environment variable, and a listener on loopback.
"""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from analytics.errors import AnalyticsError
from analytics.fence.analyst_door import AnalystDoor
from analytics.fence.limits import SqlLimits
from analytics.fence.server_rights import INDEXES_GUARDED_SINCE
from analytics.warehouse.client import Warehouse
from tests.fence import corpus
from tests.fence.school import FOREIGN_ID, PROJECT_ID
from tests.fixtures.clickhouse_server import ClickHouseServer
from tests.fixtures.fence import CANARY, PROJECTS

FILE_MARK, ENVIRONMENT_MARK, QUERY_MARK = "mark-of-file-51c2", "mark-of-environment-93aa", "mark-of-query-77d0"
PARTS = 6
LIMITS = SqlLimits(seconds=2, memory_bytes=500_000_000, rows_read=2_000_000, bytes_read=500_000_000, rows_returned=10_000)

# {file} is a file to read, {out} one to write, {at} host and port of the listener.
ATTACKS = r"""
SELECT * FROM events
SELECT * FROM events, event_counts, user_days
SELECT * FROM merge(currentDatabase(), '.*')
SELECT * FROM merge('', '.*')
SELECT * FROM merge(REGEXP('.*'), '.*')
SELECT * FROM view(SELECT * FROM events)
SELECT * FROM events WHERE project_id != 'p-one' OR 1
SELECT * FROM (SELECT * FROM events SETTINGS log_comment = 'p-two')
SELECT * FROM (SELECT * FROM events SETTINGS readonly = 0, log_comment = 'p-two', role = 'svc')
SELECT * FROM events SETTINGS additional_table_filters = {'events': '1'}
SELECT * FROM events SETTINGS additional_result_filter = '1'
SELECT * FROM events SETTINGS use_query_condition_cache = 1
SELECT * FROM events PREWHERE throwIf(project_id = 'p-two', event_id)
SELECT throwIf(startsWith(event_id, 'canary'), event_id) FROM events
SELECT toInt32(event_id) FROM events WHERE project_id = 'p-two'
SELECT toUInt8OrZero(event_id), intDiv(1, project_id != 'p-two') FROM events
SELECT count() FROM events WHERE event_id LIKE 'canary%' HAVING count() > 0
SELECT * FROM user_days FINAL
SELECT * FROM user_timeline SAMPLE 1
SELECT * FROM event_counts_feed
SELECT * FROM event_ids
SELECT * FROM rejected_events
SELECT * FROM schema_migrations
SELECT * FROM reconciliations
SELECT * FROM mergeTreeIndex(currentDatabase(), 'events')
SELECT * FROM mergeTreeIndex(currentDatabase(), events, with_marks = true)
SELECT * FROM mergeTreeProjection(currentDatabase(), events, x)
SELECT * FROM mergeTreeAnalyzeIndexes(currentDatabase(), events)
SELECT _part, _part_offset, * FROM events
SELECT * FROM loop(events) LIMIT 100
SELECT * FROM cluster('default', currentDatabase(), events)
SELECT * FROM clusterAllReplicas('default', system.processes)
SELECT * FROM remote('{at}', system.one)
SELECT * FROM remote('127.0.0.{{1,2}}', currentDatabase(), events)
SELECT * FROM remoteSecure('{at}', system.one)
SELECT * FROM url('http://{at}/', 'LineAsString', 'line String')
SELECT * FROM url('http://{at}/', 'LineAsString')
SELECT * FROM urlCluster('default', 'http://{at}/', 'LineAsString', 'line String')
DESCRIBE url('http://{at}/')
SELECT * FROM s3('http://{at}/bucket/key', 'LineAsString', 'line String')
SELECT * FROM gcs('http://{at}/bucket/key', 'LineAsString', 'line String')
SELECT * FROM azureBlobStorage('http://{at}/', 'a', 'b', 'c', 'd')
SELECT * FROM hdfs('hdfs://{at}/x', 'LineAsString', 'line String')
SELECT * FROM mysql('{at}', 'a', 'b', 'c', 'd')
SELECT * FROM postgresql('{at}', 'a', 'b', 'c', 'd')
SELECT * FROM mongodb('{at}', 'a', 'b', 'c', 'd', 'x String')
SELECT * FROM redis('{at}', 'key', 'key String')
SELECT * FROM iceberg('http://{at}/bucket/key')
SELECT * FROM deltaLake('http://{at}/bucket/key')
SELECT * FROM file('{file}', 'LineAsString', 'line String')
SELECT * FROM file('{file}')
SELECT * FROM fileCluster('default', '{file}', 'LineAsString', 'line String')
SELECT * FROM `{file}`
SELECT * FROM '{file}'
SELECT * FROM sqlite('{file}', 'x')
SELECT * FROM icebergLocal('{file}')
SELECT file('{file}')
SELECT arrayMap(file, ['{file}'])
SELECT * APPLY(file) FROM (SELECT '{file}')
SELECT arrayMap(path -> file(path), ['{file}', '/proc/self/environ'])
SELECT file('/proc/self/environ')
SELECT 1 INTO OUTFILE '{out}'
SELECT 1 INTO OUTFILE '{out}' APPEND FORMAT CSV
(SELECT 1) UNION ALL (SELECT 2) INTO OUTFILE '{out}' TRUNCATE
INSERT INTO FUNCTION file('{out}', 'CSV', 'x String') SELECT 'x'
INSERT INTO events (project_id) VALUES ('p-two')
CREATE TABLE analyst_table_00 (project_id String) ENGINE = Memory
CREATE TEMPORARY TABLE x (a UInt8)
CREATE FUNCTION f AS x -> x
ALTER TABLE events DELETE WHERE 1
TRUNCATE TABLE events
DROP TABLE events
OPTIMIZE TABLE events FINAL
SYSTEM SHUTDOWN
SYSTEM STOP MERGES
SYSTEM DROP QUERY CACHE
KILL QUERY WHERE 1
KILL QUERY WHERE 1 SYNC
KILL MUTATION WHERE 1
GRANT ALL ON *.* TO default
SET ROLE svc
SET ROLE ALL
SET readonly = 0
SET log_comment = 'p-two'
BACKUP TABLE events TO File('{out}')
ATTACH TABLE x FROM '{file}' (a UInt8) ENGINE = Log
SELECT 1; DROP TABLE events
SELECT 1; SET ROLE svc; SELECT * FROM events
EXPLAIN ESTIMATE SELECT * FROM events
EXPLAIN PLAN indexes = 1 SELECT * FROM events
SHOW PROCESSLIST
SHOW TABLES
SHOW CREATE TABLE events
SHOW GRANTS
SELECT query FROM system.processes
SELECT query FROM system.query_log
SELECT * FROM system.tables
SELECT * FROM system.columns
SELECT * FROM system.parts
SELECT * FROM system.parts_columns
SELECT * FROM system.settings
SELECT * FROM system.server_settings
SELECT * FROM system.users
SELECT * FROM system.row_policies
SELECT * FROM system.grants
SELECT * FROM system.disks
SELECT * FROM system.macros
SELECT * FROM system.clusters
SELECT * FROM system.functions WHERE origin != 'System'
SELECT * FROM information_schema.tables
SELECT * FROM INFORMATION_SCHEMA.COLUMNS
SELECT * FROM (EXPLAIN SELECT * FROM events)
SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM events))
SELECT * FROM viewIfPermitted(SELECT query FROM system.processes ELSE null('query String'))
SELECT * FROM executable('env', 'LineAsString', 'line String')
SELECT * FROM dictionary('x')
SELECT dictGet('x', 'y', 1)
SELECT joinGet('x', 'y', 1)
SELECT getMacro('x'), getServerSetting('max_connections')
SELECT catboostEvaluate('{file}', 1)
SELECT * FROM Python(warehouse)
SELECT * FROM input('x String')
SELECT hasColumnInTable(currentDatabase(), 'rejected_events', 'id')
WITH x AS (SELECT query FROM system.processes) SELECT * FROM x
SELECT (SELECT groupArray(event_id) FROM events SETTINGS log_comment = 'p-two')
SELECT * FROM events WHERE event_id IN (SELECT event_id FROM events SETTINGS log_comment = 'p-two')
SELECT * FROM events AS a JOIN user_days AS b ON a.person = b.person OR 1
SELECT groupArray(tuple(*)) FROM events GROUP BY ALL WITH TOTALS
SELECT * FROM format('LineAsString', file('{file}'))
SELECT 1 FORMAT Template SETTINGS format_template_row = '{file}', format_template_resultset = '{file}'
SELECT 1 FORMAT CapnProto SETTINGS format_schema = '{file}:x'
SELECT 'x' FORMAT SQLInsert SETTINGS log_comment = 'p-two'
"""


@dataclass
class World:
    """A door, and where the canaries sit."""

    door: AnalystDoor
    service: Warehouse
    folder: Path
    log: Path | None
    connections: list[str] = field(default_factory=list[str])
    at: str = ""

    def those_to_be_kept(self, attacks: Sequence[str]) -> list[str]:
        """Those that this engine's rights are to keep."""
        # No right comes before sqlite(), which makes an empty file where there is none: that the gate alone keeps away.
        attacks = [sql for sql in attacks if not ("sqlite" in sql.lower() and "{out}" in sql)]
        old = tuple(map(int, self.service.version().split(".")[:2])) < INDEXES_GUARDED_SINCE
        return [sql for sql in attacks if not (old and "mergetreeindex" in sql.lower())]

    def run(self, sql: str, number: int) -> str:
        """All that comes back of an attack: body, headers, error."""
        said: list[str] = []
        text = sql.replace("{file}", str(self.folder / "secret")).replace("{out}", str(self.folder / "written")).replace("{at}", self.at)
        with self.door.open("p-one", f"attack-{number}", LIMITS) as handle:
            try:
                for chunk in handle.stream(text.replace("{{", "{").replace("}}", "}"), {}, "JSONEachRow"):
                    said.append(chunk.decode("utf-8", "replace"))
            except AnalyticsError as error:
                said += [error.detail, str(error)]
            response = getattr(handle, "_response", None)
            said.append(str(getattr(response, "headers", "")))
        return "\n".join(said)


@pytest.fixture(scope="module")
def environment() -> Iterator[None]:
    """A variable whose value nobody may see; before the engines start."""
    os.environ["ANALYTICS_TEST_CANARY"] = ENVIRONMENT_MARK
    yield
    del os.environ["ANALYTICS_TEST_CANARY"]


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """Host and port, and who came."""
    came: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                came.append(str(address))
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", came
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(params=["embedded", "server"])
def world(request: pytest.FixtureRequest, environment: None, listener: tuple[str, list[str]], tmp_path: Path) -> World:
    """Everything on one of the two engines."""
    (tmp_path / "secret").write_text(f"{FILE_MARK}\n", "utf-8")
    door: AnalystDoor = request.getfixturevalue(f"{request.param}_door")
    at, came = listener
    if request.param == "embedded":
        return World(door, request.getfixturevalue("fenced_warehouse"), tmp_path, None, came, at)
    server: ClickHouseServer = request.getfixturevalue("fenced_server")
    return World(door, request.getfixturevalue("fenced_server_warehouse"), tmp_path, server.log, came, at)


def _state(service: Warehouse) -> tuple[object, object]:
    counts = service.query("SELECT project_id, count() FROM events GROUP BY project_id ORDER BY project_id").rows
    tables = service.query("SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name").rows
    return list(counts), list(tables)


# What the texts of the corpus name, and what stands for it here.
_PLACES = {
    "/etc/passwd": "{file}",
    "/tmp/fence_canary": "{out}",
    "/tmp/x": "{out}",
    "127.0.0.1:9": "{at}",
    FOREIGN_ID: "p-two",
    PROJECT_ID: "p-one",
}


def _of_the_corpus(attack: corpus.Attack) -> str:
    sql = attack.sql.replace("{", "{{").replace("}", "}}")
    for place, here in _PLACES.items():
        sql = sql.replace(place, here)
    return sql


@pytest.mark.parametrize("part", range(PARTS))
def test_no_attack_reaches_a_canary_with_the_gate_away(world: World, part: int, capfd: pytest.CaptureFixture[str]) -> None:
    # What is after the limits is tried one by one in test_rights.py: the engine cannot interrupt all of it.
    of_corpus = [_of_the_corpus(attack) for attack in corpus.attacks() if attack.canary != "limits"]
    assert len(of_corpus) > 200
    attacks = world.those_to_be_kept([*ATTACKS.strip().splitlines(), *of_corpus])[part::PARTS]
    before = _state(world.service)
    files = set(world.folder.rglob("*"))
    marks = (CANARY, FILE_MARK, ENVIRONMENT_MARK, QUERY_MARK)
    failed: list[str] = []
    stop = threading.Event()

    def others() -> None:  # a query of the service that is always under way, to be seen or killed
        while not stop.is_set():
            try:
                world.service.query(f"SELECT '{QUERY_MARK}', count() FROM numbers(10000000) WHERE sipHash64(number) = 1")
            except AnalyticsError as error:
                failed.append(error.detail)

    thread = threading.Thread(target=others)
    thread.start()
    try:
        for number, sql in enumerate(attacks):
            said = world.run(sql, number)
            for mark in marks:
                if mark in said:
                    failed.append(f"{mark}: {sql}: {said[:300]}")
            if world.connections:
                failed.append(f"connected: {sql}")
                world.connections.clear()
    finally:
        stop.set()
        thread.join()
    assert not failed
    assert set(world.folder.rglob("*")) == files
    assert _state(world.service) == before
    assert dict(before[0]) == PROJECTS  # type: ignore[call-overload]
    log = world.log.read_text("utf-8", "replace") if world.log else ""
    printed = "".join(capfd.readouterr())
    assert not [mark for mark in (CANARY, FILE_MARK, ENVIRONMENT_MARK) if mark in log + printed]
