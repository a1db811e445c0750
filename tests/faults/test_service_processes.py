"""The family of processes behind `analytics serve`: nothing of it outlives the service, whatever ends it."""

import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis

from analytics.embedded.account import Account, can_reach
from tests.faults.stored_state import spool_state
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for
from tests.fixtures.service import ServiceProcess, service_note

Start = Callable[..., ServiceProcess]
CHILDREN = ("worker", "postgres", "valkey-server")
HANG_SECONDS = "8"  # above what a worker that is well may be silent for on a busy machine


def assert_all_gone(service: ServiceProcess) -> None:
    wait_for(lambda: not service.left_over(), "the end of all processes")


def answers(url: str) -> bool:
    try:
        httpx.get(f"{url}/openapi.json", timeout=PATIENCE_SECONDS).raise_for_status()
    except httpx.HTTPError:
        return False
    return True


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that outlives what is done to the parts of it: one for several tests. In the end it stops in order, with nothing left."""
    service = ServiceProcess(tmp_path_factory.mktemp("lasting") / "data")
    try:
        yield service.wait_ready()
        assert service.stop() == 0
        assert service.rest_of_output() == "", "the ready line comes once"
        assert service.left_over() == []
    finally:
        service.clean_up()


def test_standard_output_is_the_ready_line_alone(start_service: Start) -> None:
    service = start_service().wait_ready()
    assert answers(service.url)
    assert service_note(service.data_dir) == {"url": service.url, "pid": service.pid}
    assert service.stop(signal.SIGTERM) == 0
    assert service.rest_of_output() == ""
    assert service.left_over() == []


def test_ctrl_c_leaves_nothing(start_service: Start) -> None:
    service = start_service().wait_ready()
    assert [service.child(name).is_running() for name in CHILDREN] == [True] * 3
    sockets = Path((service.data_dir / "run" / "sockets").read_text("utf-8"))
    assert sockets.is_dir()
    assert service.stop(signal.SIGINT) == 0
    assert service.left_over() == []
    assert not sockets.exists()
    assert not (service.data_dir / "run" / "service.json").exists()


def test_the_end_of_its_terminal_ends_it_unless_started_by_nohup(start_service: Start, tmp_path: Path) -> None:
    kept = start_service(tmp_path / "kept", command=["nohup", sys.executable, "-m", "analytics"])
    # Whatever the run of the tests was started by: nohup, too.
    ended = start_service(tmp_path / "ended", command=["env", "--default-signal=HUP", sys.executable, "-m", "analytics"]).wait_ready()
    kept.wait_ready()
    os.kill(kept.pid, signal.SIGHUP)
    assert ended.stop(signal.SIGHUP) == 0
    assert answers(kept.url)


def test_open_files_are_allowed_as_many_as_may_be(start_service: Start) -> None:
    service = start_service(command=["prlimit", "--nofile=256:4096", sys.executable, "-m", "analytics"]).wait_ready()
    assert service.child("worker").rlimit(psutil.RLIMIT_NOFILE) == (4096, 4096)


def test_a_stop_signal_before_it_is_ready_leaves_nothing(start_service: Start) -> None:
    service = start_service()
    service.child("valkey-server")
    assert service.stop() == 0
    assert_all_gone(service)


def test_a_killed_service_is_gone_within_seconds_and_starts_again_at_once(start_service: Start, tmp_path: Path) -> None:
    first = start_service(tmp_path / "data").wait_ready()
    with psycopg.connect(first.worker_environment()["ANALYTICS_POSTGRES_URL"]) as connection:
        connection.execute("CREATE TABLE kept (a int)")
    first.stop(signal.SIGKILL)
    again = start_service(tmp_path / "data")  # not waiting for the end of the first: that is its own work
    assert_all_gone(first)
    again.wait_ready()
    assert answers(again.url)
    with psycopg.connect(again.worker_environment()["ANALYTICS_POSTGRES_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    assert len(list(Path((again.data_dir / "run" / "sockets").read_text("utf-8")).parent.glob("analytics-*/valkey.sock"))) >= 1
    assert again.stop() == 0
    assert again.left_over() == []


def test_a_killed_worker_comes_back_and_the_engines_stay(lasting: ServiceProcess) -> None:
    service = lasting
    before = {name: service.child(name).pid for name in CHILDREN}
    os.kill(before["worker"], signal.SIGKILL)
    # The connection waits in the socket's backlog until the next worker takes it.
    assert httpx.get(f"{service.url}/openapi.json", timeout=PATIENCE_SECONDS).status_code == 200
    after = {name: service.child(name).pid for name in CHILDREN}
    assert after["worker"] != before["worker"]
    assert (after["postgres"], after["valkey-server"]) == (before["postgres"], before["valkey-server"])


def test_a_worker_whose_native_code_crashes_says_where_and_is_replaced_at_once(lasting: ServiceProcess) -> None:
    worker = lasting.child("worker")
    worker.send_signal(signal.SIGSEGV)
    assert httpx.get(f"{lasting.url}/openapi.json", timeout=PATIENCE_SECONDS).status_code == 200
    assert "Fatal Python error: Segmentation fault" in lasting.log()
    assert "worker hangs" not in lasting.log()
    assert lasting.child("worker").pid != worker.pid


def test_a_stop_under_load_answers_what_was_sent_and_resets_no_connection(start_service: Start) -> None:
    service = start_service(bootstrap_write_key="wk_stopping_0123").wait_ready()
    address = httpx.URL(service.url)
    headers = {"X-Write-Key": "wk_stopping_0123", "Content-Type": "application/json"}
    begun = threading.Barrier(9)
    answered: list[int] = []

    def send() -> None:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=PATIENCE_SECONDS)
        connection.connect()
        begun.wait(PATIENCE_SECONDS)
        while True:  # until it is told that this was the last
            connection.request("POST", "/v1/events", json.dumps({"event": "e", "user_id": "u"}), headers)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["accepted"]) == (200, 1)
            answered.append(1)
            if answer.getheader("connection") == "close":
                return
            time.sleep(0.05)  # idle, as most connections are

    with ThreadPoolExecutor(8) as senders:
        sent = [senders.submit(send) for _ in range(8)]
        begun.wait(PATIENCE_SECONDS)
        wait_for(lambda: len(answered) > 16, "answers to all of them")
        assert service.stop() == 0
        for one in sent:
            one.result()


def test_the_password_of_a_new_admin_outlives_the_worker_that_made_it(start_service: Start) -> None:
    service = start_service()
    wait_for((service.data_dir / "clickhouse").exists, "the engine, which opens once the admin is made")
    service.child("worker").kill()
    service.wait_ready()
    form = {"username": service.ready["admin_email"], "password": service.ready["admin_password"]}
    assert httpx.post(f"{service.url}/v1/auth/token", data=form, timeout=PATIENCE_SECONDS).status_code == 200
    assert service.stop() == 0


def test_a_worker_that_hangs_is_replaced(start_service: Start) -> None:
    service = start_service(hang_timeout_seconds=HANG_SECONDS).wait_ready()
    worker = service.child("worker")
    worker.suspend()
    wait_for(lambda: not worker.is_running(), "the end of the worker that hangs")
    assert httpx.get(f"{service.url}/openapi.json", timeout=PATIENCE_SECONDS).status_code == 200
    assert service.stop() == 0


def test_a_writer_that_hangs_is_replaced_and_its_events_are_stored(start_service: Start) -> None:
    service = start_service(hang_timeout_seconds=HANG_SECONDS, bootstrap_write_key="wk_hanging_0123").wait_ready()
    worker = service.child("worker")
    held = service.data_dir / "spool" / "verdict.new"
    held.unlink(missing_ok=True)
    os.mkfifo(held)  # who opens it to write waits for a reader
    event = {"event": "lesson_started", "user_id": "u-1"}
    answer = httpx.post(f"{service.url}/v1/events", json=event, headers={"X-Write-Key": "wk_hanging_0123"}, timeout=PATIENCE_SECONDS)
    assert answer.json()["accepted"] == 1
    wait_for(lambda: not worker.is_running(), "the end of the worker whose writer hangs")
    held.unlink()
    wait_for(lambda: spool_state(service.data_dir).drained, "the next writer")
    assert service.stop() == 0


@pytest.mark.parametrize("engine", ["postgres", "valkey-server"])
def test_a_killed_engine_comes_back_at_the_same_address(lasting: ServiceProcess, engine: str) -> None:
    service = lasting
    environment = service.worker_environment()
    worker, before = service.child("worker").pid, service.child(engine)
    before.kill()

    def is_back() -> bool:
        try:
            with (
                psycopg.connect(environment["ANALYTICS_POSTGRES_URL"]) as connection,
                redis.Redis.from_url(environment["ANALYTICS_REDIS_URL"]) as client,
            ):
                return bool(client.ping()) and connection.execute("SELECT 1").fetchone() == (1,)
        except (psycopg.OperationalError, redis.RedisError):
            return False

    wait_for(lambda: service.child(engine).pid != before.pid and is_back(), f"{engine} again")
    assert service.child("worker").pid == worker


def test_a_second_service_on_the_same_data_dir_is_refused(lasting: ServiceProcess, start_service: Start) -> None:
    first = lasting
    second = start_service(first.data_dir)
    assert second.wait() == 1
    assert f"Another service runs on the data dir {first.data_dir} (process {first.pid})" in second.log()
    assert answers(first.url)


def test_a_wrong_setting_stops_the_start_with_its_name(start_service: Start) -> None:
    service = start_service(port="many")
    assert service.wait() == 2
    assert "ANALYTICS_PORT" in service.log()
    assert not service.data_dir.exists()


def test_a_port_in_use_stops_the_start_with_its_name(start_service: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        service = start_service(port=str(taken.getsockname()[1]))
        assert service.wait() == 1
    assert "ANALYTICS_PORT" in service.log()


def test_a_worker_that_never_gets_ready_ends_the_start(start_service: Start, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os, sys\nif '--report-fd' in sys.orig_argv: os._exit(9)\n")
    service = start_service(environment={"PYTHONPATH": str(tmp_path)})
    assert service.wait() == 1
    assert "5 times before it was ready (exit code 9)" in service.log()
    assert_all_gone(service)


def test_a_changed_migration_ends_the_start_with_its_words(start_service: Start) -> None:
    first = start_service().wait_ready()
    with psycopg.connect(first.worker_environment()["ANALYTICS_POSTGRES_URL"]) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = 'another' WHERE number = 1")
    first.stop()
    again = start_service(first.data_dir)
    assert again.wait() == 1
    assert again.log().count("0001_create_projects") == 2, "once when it was run, once in the message"
    assert "Traceback" not in again.log()
    assert_all_gone(again)


def test_a_store_that_is_away_at_the_start_is_waited_for(start_service: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = start_service(postgres_url=f"postgresql://nobody:nothing@127.0.0.1:{port}/none")
    wait_for(lambda: service.log().count("metadata-unavailable") >= 2, "a second try")
    assert service.stop() == 0
    assert service.rest_of_output() == ""
    assert service.left_over() == []


def test_the_secret_key_is_made_private_and_reaches_the_worker(lasting: ServiceProcess) -> None:
    kept = lasting.data_dir / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    key = kept.read_text("ascii").strip()
    assert len(key) >= 43
    assert lasting.worker_environment()["ANALYTICS_SECRET_KEY"] == key


def test_a_data_dir_deep_in_a_tree_is_no_hindrance(start_service: Start, tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-rather-long-name"] * 7) / "data"
    deep.parent.mkdir(parents=True)
    service = start_service(deep).wait_ready()
    assert answers(service.url)
    assert service.stop() == 0


def test_an_engine_given_by_url_is_not_started(start_service: Start, postgres_url: str, redis_url: str) -> None:
    service = start_service(postgres_url=postgres_url, redis_url=redis_url, decode_processes="0").wait_ready()
    assert [process.ppid() for process in service.family()[1:]] == [service.pid], "a worker and nothing else"
    assert service.worker_environment()["ANALYTICS_POSTGRES_URL"] == postgres_url
    assert not (service.data_dir / "postgres").exists()


@pytest.fixture
def nobody() -> Iterator[tuple[Path, list[str]]]:
    """A folder that belongs to the user `nobody`, and the command by which it starts this interpreter; only root can become nobody."""
    if os.geteuid() != 0:
        pytest.skip("not root: cannot become another user (run the suite as root to prove this)")
    entry = pwd.getpwnam("nobody")
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    if not can_reach(account, Path(__file__).parent) or not can_reach(account, Path(psutil.__file__).parent):
        pytest.skip("`nobody` cannot reach this checkout: run the suite from a folder anyone may enter")
    folder = Path(tempfile.mkdtemp(prefix="analytics-test-"))
    os.chown(folder, account.uid, account.gid)
    python = Path(sys.executable)
    if not can_reach(account, python):
        python = copy_interpreter(folder)
    yield folder, ["setpriv", "--reuid=nobody", f"--regid={entry.pw_gid}", "--clear-groups", str(python)]
    shutil.rmtree(folder)


def copy_interpreter(folder: Path) -> Path:
    """This interpreter and its standard library, where another user can reach them."""
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, folder / "lib" / library.name, ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__", "*.a"))
    for shared in Path(sysconfig.get_config_var("LIBDIR")).glob("libpython*.so*"):
        shutil.copy(shared, folder / "lib")
    (folder / "bin").mkdir()
    return Path(shutil.copy(Path(sys.executable).resolve(), folder / "bin" / Path(sys.executable).resolve().name))


def test_an_ordinary_user_can_run_it(nobody: tuple[Path, list[str]], start_service: Start) -> None:
    folder, python = nobody
    packages = os.pathsep.join((str(Path(psutil.__file__).parents[1]), str(Path(__file__).parents[2])))
    environment = {"PYTHONPATH": packages, "HOME": "/nonexistent", "XDG_RUNTIME_DIR": "", "LD_LIBRARY_PATH": str(folder / "lib")}
    service = start_service(folder / "data", command=[*python, "-m", "analytics"], environment=environment).wait_ready()
    assert answers(service.url)
    assert service.users() == {"nobody"}
    assert service.stop() == 0
    assert service.left_over() == []


def test_make_ends_the_service_when_it_is_killed(start_service: Start, tmp_path: Path) -> None:
    # `make serve` runs the service with --with-parent: a shell stands in for make.
    script = f"{sys.executable} -m analytics serve --with-parent --port 0 --data-dir {tmp_path / 'data'} & echo $!; wait"
    with subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as shell:
        assert shell.stdout is not None
        pid = int(shell.stdout.readline())
        assert shell.stdout.readline().startswith(b"READY ")
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        assert len(family) > 3
        shell.kill()
    _, seen = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
    # A zombie holds nothing: it has ended, and only whoever inherited it has not looked yet.
    alive = [process for process in seen if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    for process in alive:
        process.kill()
    assert alive == []
