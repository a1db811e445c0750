"""`analytics serve` with every store a server of its own, reached by URL: the same service, and it outlives its ClickHouse."""

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from analytics.embedded.binaries import valkey_program
from analytics.embedded.child import ChildCommand, start_child
from tests.faults.harness import Group
from tests.faults.logged_sender import AnswerLog, LoggedSender
from tests.faults.stored_state import read_server, spool_state
from tests.faults.test_operator_commands import analytics, doctor
from tests.fixtures.clickhouse_server import ClickHouseServer
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for

COMPOSE_CONFIG = Path(__file__).parents[2] / "docker" / "valkey" / "valkey.conf"
MakeGroup = Callable[..., Group]
_numbers = count(1)


def database() -> str:
    """The name of a database that nobody has made yet."""
    return f"service {next(_numbers)}"


def make_events(number: int, prefix: str = "e") -> list[dict[str, Any]]:
    """Events of the last weeks, in two months and more."""
    now = datetime.now(UTC)
    return [
        {
            "event_id": f"{prefix}-{at}",
            "event": f"name-{at % 5}",
            "user_id": f"u-{at % 40}",
            "timestamp": (now - timedelta(hours=7 * (at % 300))).isoformat(),
            "properties": {"v": at},
        }
        for at in range(number)
    ]


def send(sender: LoggedSender, events: list[dict[str, Any]]) -> None:
    """Send once; it must be answered."""
    reply = sender.send(events)
    assert reply is not None
    assert reply.status == 200, reply.body


def totals(group: Group) -> dict[str, int]:
    """All events by trends, from rows and from rollups."""
    reader = group.reader()
    try:
        return {source: reader.total(source) for source in ("raw", "rollup")}
    finally:
        reader.close()


def expect_once(group: Group, server: ClickHouseServer, name: str, log: AnswerLog) -> None:
    """What was answered is on the server once, in every table and in the answers to questions."""
    group.wait_drained()
    number = len(log.acknowledged)
    assert totals(group) == {"raw": number, "rollup": number}
    log.expect_exactly(read_server(server.url(name)))


def check(group: Group, name: str) -> dict[str, Any]:
    """One check of /readyz, which is answered 200 whatever it says."""
    answer = httpx.get(f"{group.url}/readyz", timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()["checks"][name]


@pytest.fixture
def valkey_over_tcp(tmp_path: Path) -> Iterator[str]:
    """The URL of a Valkey with a password, configured as in the compose file."""
    folder = tmp_path / "valkey"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = COMPOSE_CONFIG.read_text("utf-8").replace("dir /data", f"dir {folder}") + f"\nport {port}\nrequirepass p%40ss\n"
    program = valkey_program(None, folder)
    process = start_child(ChildCommand([str(program), "-"], folder, None, standard_input=config.encode(), log=folder / "log"))
    url = f"redis://:p%2540ss@127.0.0.1:{port}/0"

    def answers() -> bool:
        with contextlib.suppress(redis.ConnectionError), redis.Redis.from_url(url) as client:
            return bool(client.ping())
        return False

    try:
        wait_for(answers, "the Valkey")
        yield url
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


# ---- all is well ---------------------------------------------------------------


def test_with_every_store_by_url_nothing_is_embedded_and_everything_works(
    make_group: MakeGroup, clickhouse_server: ClickHouseServer, valkey_over_tcp: str
) -> None:
    name = database()
    group = make_group(clickhouse_url=clickhouse_server.url(name), redis_url=valkey_over_tcp).start()
    sender, events = group.sender(), make_events(900)
    for sent in (events, events[:300], events + make_events(100, "later")):
        send(sender, sent)
    group.wait_drained()

    reader = group.reader()
    assert reader.get("/events/e-7/status")["status"] == "stored"
    assert {item["event_id"] for item in reader.events(user_id="u-3")} == {f"e-{n}" for n in range(3, 900, 40)} | {
        f"later-{n}" for n in range(3, 100, 40)
    }
    assert reader.total("rollup", metric="unique_users") == reader.total("raw", metric="unique_users")
    assert wait_for(lambda: reader.counters()["active_users"], "the live counters") == 40
    reader.close()
    assert all(check(group, part)["ok"] for part in ("clickhouse", "migrations", "writer", "postgres", "redis"))
    expect_once(group, clickhouse_server, name, sender.log)

    assert len(group.service.family()) == 3, "a supervisor, a worker and its decoder"
    assert not {"clickhouse", "postgres", "valkey"} & {entry.name for entry in group.data_dir.iterdir()}
    urls = {setting: group.settings[setting] for setting in ("clickhouse_url", "postgres_url", "redis_url")}
    code, checks, _ = doctor(data_dir=str(group.data_dir), **urls)
    assert (code, checks["clickhouse migrations"]["detail"]) == (0, "all are run"), checks
    assert analytics("migrate", "--check", data_dir=str(group.data_dir), **urls).returncode == 0
    group.stop()

    group.start()  # the ids of before are known again
    send(sender, events)
    expect_once(group, clickhouse_server, name, sender.log)
    group.stop()


# ---- the server goes away ------------------------------------------------------


def test_with_the_server_away_events_wait_and_are_stored_once_when_it_is_back(
    make_group: MakeGroup, own_clickhouse_server: ClickHouseServer
) -> None:
    server, name = own_clickhouse_server.start(), database()
    server.pause()
    group = make_group(clickhouse_url=server.url(name)).start()
    worker, sender = group.worker(), group.sender()
    # At the start it hangs; later it hangs again, then it is gone.
    for prefix, back, away in (("a", server.resume, server.pause), ("b", server.resume, server.kill), ("c", server.start, server.kill)):
        for _ in range(2):
            send(sender, make_events(200, prefix))
        wait_for(lambda: not check(group, "clickhouse")["ok"], "the check to fail")
        back()
        expect_once(group, server, name, sender.log)
        wait_for(lambda: check(group, "clickhouse")["ok"] and check(group, "writer")["ok"], "the check to pass")
        away()
    assert group.worker() == worker, "a server that is away ends no worker"
    lines = group.service.log().splitlines()
    waits, back = (sum(f"writer.{event} " in line for line in lines) for event in ("waits_for_warehouse", "warehouse_is_back"))
    assert 0 < waits <= back + 1, "said once, until something is stored again, and not at every attempt"
    # Jobs tell at each round, seconds apart, what is done later; how many rounds there are is the machine's affair.
    of_others = (line for line in lines if "writer.waits_for_warehouse" not in line and " later " not in line)
    others = [line for line in of_others if "[Errno 111] Connection refused" in line]
    assert len(others) < 9, "said once by each part"


def test_a_server_killed_again_and_again_while_it_inserts_stores_everything_once(
    make_group: MakeGroup, own_clickhouse_server: ClickHouseServer
) -> None:
    server, name, chance = own_clickhouse_server.start(), database(), random.Random(5)
    group = make_group(clickhouse_url=server.url(name)).start()
    worker, sender, stop = group.worker(), group.sender(), threading.Event()

    def keep_sending(number: int) -> None:
        for batch in count():
            if stop.is_set():
                return
            events = make_events(60, f"{number}-{batch}")
            sender.send_until_accepted(events)
            if batch % 3 == 0:
                sender.send_until_accepted(events[:20])

    def kill(times: int) -> None:
        for _ in range(times):
            stop.wait(chance.uniform(0.2, 0.7))
            server.kill()
            server.start()

    with ThreadPoolExecutor(2) as threads:
        senders = [threads.submit(keep_sending, number) for number in range(2)]
        try:
            kill(6)
        finally:
            stop.set()
        for sending in senders:
            sending.result()
    expect_once(group, server, name, sender.log)
    assert group.worker() == worker, "a server that dies ends no worker"
    assert "writer.batch_completed" in group.service.log(), "no insert was under way at any kill: this test proves nothing"


# ---- a wrong URL ---------------------------------------------------------------


def test_a_wrong_password_is_named_and_events_wait(make_group: MakeGroup, clickhouse_server: ClickHouseServer) -> None:
    name = database()
    group = make_group(clickhouse_url=clickhouse_server.url(name, password="wrong-secret"), drain_timeout_seconds="0").start()
    worker, sender = group.worker(), group.sender()
    send(sender, make_events(20))
    assert not check(group, "clickhouse")["ok"]
    log = group.service.log()
    assert "does not accept the user or the password of ANALYTICS_CLICKHOUSE_URL" in log
    assert (group.worker(), "wrong-secret" in log) == (worker, False)
    assert not spool_state(group.data_dir).drained


def test_a_url_of_another_protocol_stops_the_start_and_names_the_setting(make_group: MakeGroup) -> None:
    done = analytics("serve", clickhouse_url="clickhouse://u:hidden@localhost:9000/x", port="0")
    assert done.returncode != 0
    assert "ANALYTICS_CLICKHOUSE_URL: must begin with http:// or https://" in done.stderr
    assert "hidden" not in done.stdout + done.stderr
