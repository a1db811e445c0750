"""The second fence, the first one away, on embedded chDB and on a server: what an analyst's handle shows, takes and refuses."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from analytics.errors import LimitExceededError, QueryCancelledError, SqlFailedError
from analytics.fence.analyst_door import AnalystDoor, AnalystHandle
from analytics.fence.limits import SqlLimits
from analytics.warehouse.client import Warehouse
from tests.fixtures.fence import PROJECTS

LIMITS = SqlLimits(seconds=60)


@pytest.fixture(params=["embedded", "server"], scope="module")
def engine(request: pytest.FixtureRequest) -> str:
    """Which of the two."""
    return request.param


@pytest.fixture
def door(engine: str, request: pytest.FixtureRequest) -> AnalystDoor:
    """A door on a warehouse with events of two projects."""
    return request.getfixturevalue(f"{engine}_door")


@pytest.fixture
def service(engine: str, request: pytest.FixtureRequest) -> Warehouse:
    """The same warehouse, as the service has it."""
    return request.getfixturevalue("fenced_warehouse" if engine == "embedded" else "fenced_server_warehouse")


def ask(
    door: AnalystDoor, sql: str, project: str = "p-one", limits: SqlLimits = LIMITS, query_id: str | None = None, **parameters: str
) -> str:
    with door.open(project, query_id or uuid4().hex, limits) as handle:
        return b"".join(handle.stream(sql, parameters, "CSV")).decode()


def test_a_project_sees_its_rows_and_no_others(door: AnalystDoor) -> None:
    assert ask(door, "SELECT project_id, count() FROM events GROUP BY project_id") == '"p-one",30\n'
    assert ask(door, "SELECT project_id, count() FROM events GROUP BY project_id", "p-two") == '"p-two",50\n'
    assert ask(door, "SELECT sum(events) FROM event_counts") == "30\n"


def test_the_service_itself_sees_all_rows(door: AnalystDoor, service: Warehouse) -> None:
    assert service.query("SELECT project_id, count() FROM events GROUP BY 1 ORDER BY 1").rows == [("p-one", 30), ("p-two", 50)]


def test_the_self_test_finds_no_fault(door: AnalystDoor, service: Warehouse) -> None:
    assert door.self_test() == []
    left = service.query("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'fence_probe'").rows
    assert left == [(0 if service.embedded else 1,)]  # on a server others may be trying the same


def test_values_of_parameters_are_values(door: AnalystDoor) -> None:
    assert ask(door, "SELECT {a:String}, {b:Array(UInt8)}", a="it\\'s; SELECT", b="[1,2]") == '"it\'s; SELECT","[1,2]"\n'


def test_an_answer_without_rows_has_its_header(door: AnalystDoor) -> None:
    with door.open("p-one", "q-1", LIMITS) as handle:
        assert b"".join(handle.stream("SELECT event_id FROM events WHERE 0", {}, "CSVWithNames")) == b'"event_id"\n'


def test_a_failure_in_the_middle_is_raised(door: AnalystDoor) -> None:
    with door.open("p-one", "q-1", LIMITS) as handle:
        chunks = handle.stream("SELECT throwIf(number = 3000000) FROM numbers(10000000)", {}, "CSV")
        assert next(chunks)
        with pytest.raises(SqlFailedError):
            list(chunks)


@pytest.mark.parametrize(
    ("limits", "sql", "named"),
    [
        (SqlLimits(seconds=1), "SELECT count() FROM numbers(1000000000) WHERE NOT ignore(sipHash128(toString(number)))", "seconds"),
        (SqlLimits(memory_bytes=20_000_000), "SELECT length(groupArray(number)) FROM numbers(10000000)", "memory_bytes"),
        (SqlLimits(rows_read=1_000_000), "SELECT max(number) FROM numbers(3000000) WHERE number % 2 = 0", "rows_read"),
        (SqlLimits(bytes_read=1_000_000), "SELECT max(number) FROM numbers(3000000) WHERE number % 2 = 0", "bytes_read"),
        (SqlLimits(rows_returned=10), "SELECT number FROM numbers(11)", "rows_returned"),
        (SqlLimits(bytes_returned=100), "SELECT repeat(toString(number), 1000) FROM numbers(1000)", "bytes_returned"),
    ],
)
def test_a_limit_that_is_met_is_named(door: AnalystDoor, limits: SqlLimits, sql: str, named: str) -> None:
    with pytest.raises(LimitExceededError) as raised:
        ask(door, sql, limits=limits)
    assert raised.value.limit == named


def test_cancel_from_another_thread_ends_a_query(door: AnalystDoor) -> None:
    limits = SqlLimits(seconds=120, rows_read=1 << 60, bytes_read=1 << 60)
    with door.open("p-one", "q-1", limits) as handle:
        timer = threading.Timer(0.3, handle.cancel)
        timer.start()
        began = time.monotonic()
        with pytest.raises(QueryCancelledError):
            list(handle.stream("SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash128(number))", {}, "CSV"))
        assert time.monotonic() - began < 60
        timer.join()


def test_a_query_is_not_ended_by_the_id_that_another_project_gave_its_own(door: AnalystDoor, service: Warehouse) -> None:
    query_id, endless = uuid4().hex, "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash128(number))"
    under_way = (
        "SELECT sum(is_cancelled), count() FROM system.processes WHERE position(query, {text:String}) > 0 AND query NOT LIKE '%processes%'"
    )
    limits = SqlLimits(seconds=300, rows_read=1 << 60, bytes_read=1 << 60)

    def until(count: int) -> int:
        deadline = time.monotonic() + 60
        while True:
            cancelled, found = service.query(under_way, {"text": endless}, lane="control").rows[0]
            if found == count:
                return int(cancelled)
            assert time.monotonic() < deadline
            time.sleep(0.05)

    handles: dict[str, AnalystHandle] = {}

    def run(project: str) -> None:
        with door.open(project, query_id, limits) as handles[project], pytest.raises(QueryCancelledError):
            list(handles[project].stream(endless, {}, "CSV"))

    with ThreadPoolExecutor(2) as pool:
        mine, theirs = (pool.submit(run, project) for project in ("p-one", "p-two"))
        try:
            assert until(2) == 0
            handles["p-one"].cancel()
            mine.result(60)
            assert until(1) == 0
        finally:
            for handle in handles.values():
                handle.cancel()
        theirs.result(60)


def test_a_stream_that_is_left_can_be_closed(door: AnalystDoor) -> None:
    for number in range(10):
        with door.open("p-one", f"left-{number}", LIMITS) as handle:
            assert next(handle.stream("SELECT number FROM numbers(100000000)", {}, "CSV"))


def test_an_estimate_runs_nothing_and_tells_whole_granules(door: AnalystDoor) -> None:
    with door.open("p-one", "q-1", LIMITS) as handle:
        (found,) = handle.estimate("SELECT * FROM events", {})
    assert (found.table, found.rows) == ("events", 8192)


def test_what_was_read_is_told_in_whole_granules(door: AnalystDoor) -> None:
    with door.open("p-one", "q-1", LIMITS) as handle:
        list(handle.stream("SELECT user_id FROM events", {}, "CSV"))
        assert handle.statistics.rows_read == 8192
        assert handle.statistics.bytes_read == 65_536


def test_two_tenants_with_one_condition_never_see_the_others_effect(door: AnalystDoor) -> None:
    """The engine may keep which granules a condition found nothing in: that is the other tenant's knowledge."""
    sql = "SELECT count() FROM events WHERE event_id LIKE '%-4%' AND user_id LIKE '%user'"
    first = {project: ask(door, sql, project) for project in PROJECTS}
    nothing = "SELECT count() FROM events WHERE session_id = 'canary-8f3a17-session'"
    for _ in range(5):
        assert {project: ask(door, sql, project) for project in PROJECTS} == first
        assert [ask(door, nothing, project) for project in PROJECTS] == ["0\n", "50\n"]
    assert first["p-one"] != first["p-two"] != "0\n"


def test_queries_of_two_tenants_at_once_keep_apart(door: AnalystDoor) -> None:
    sql = "SELECT any(project_id), count() FROM events"
    with ThreadPoolExecutor(6) as pool:
        asked = [("p-one", "p-two")[number % 2] for number in range(60)]
        answers = list(pool.map(lambda pair: ask(door, sql, pair[1], query_id=f"at-once-{pair[0]}"), enumerate(asked)))
    assert answers == [f'"{project}",{PROJECTS[project]}\n' for project in asked]


def test_a_failure_tells_no_paths_hosts_or_other_names(door: AnalystDoor) -> None:
    for sql in (
        "SELECT * FROM `/etc/passwd`",
        "SELECT * FROM url('http://127.0.0.1:9/x')",
        "SELECT nope FROM events",
        "SELECT * FROM evens",
    ):
        with pytest.raises(SqlFailedError) as raised:
            ask(door, sql, query_id=f"telling-{uuid4().hex}")
        for word in ("/etc", "127.0.0.1", "DB::", "Stack", "default", "Maybe", "version", "__table"):
            assert word not in raised.value.detail
