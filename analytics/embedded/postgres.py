"""The embedded PostgreSQL: made once by initdb, small, on a unix socket, behind a password, with fsync on.

Started by root it runs under another account whose way to the data folder may be closed (a checkout under /root): then the server names
its data `/proc/self/cwd`, which the kernel resolves without walking the path.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from analytics.embedded.account import Account, give_to
from analytics.embedded.binaries import postgres_programs
from analytics.embedded.child import ChildCommand, start_child, stop_child, stop_leftovers
from analytics.errors import EngineStartError
from analytics.statements import data_folder

SUPERUSER = "postgres"
ROLE = DATABASE = "analytics"
START_SECONDS = 60.0
_PORT = 5432  # only a part of the socket's name: no TCP port is opened
_LOG_BYTES = 10_000_000
_SERVICE_PASSWORD = "service_password"  # noqa: S105 the name of the file

_CONFIG = """
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 50
shared_buffers = 32MB
huge_pages = off
io_method = sync
max_worker_processes = 4
max_parallel_workers = 0
max_parallel_workers_per_gather = 0
jit = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 256MB
min_wal_size = 32MB
checkpoint_timeout = 15min
fsync = on
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_line_prefix = '%m [%p] '
"""


@dataclass(frozen=True, slots=True)
class PostgresLayout:
    """Where one embedded PostgreSQL lives: `folder` keeps data and passwords (`password`: the superuser's), `runtime_folder` the socket."""

    folder: Path
    runtime_folder: Path
    account: Account | None
    programs: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def data_name(self) -> str:
        """The data folder as the server is told it."""
        return "/proc/self/cwd" if self.account else str(self.data)

    @property
    def log(self) -> Path:
        return self.folder / "server.log"


class EmbeddedPostgres:
    """One server as our child. `url` is that of the role `analytics`, `superuser_url` that of `postgres`; each has its own password."""

    name = "postgresql"

    def __init__(self, folder: Path, runtime_folder: Path, account: Account | None) -> None:
        self._layout = PostgresLayout(folder, runtime_folder, account, postgres_programs(account, runtime_folder))
        self._process: subprocess.Popen[bytes] | None = None
        self._superuser_password = self._password = ""

    @property
    def url(self) -> str:
        return _url(ROLE, self._password, DATABASE, self._layout.runtime_folder)

    @property
    def superuser_url(self) -> str:
        return _url(SUPERUSER, self._superuser_password, "postgres", self._layout.runtime_folder)

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server, once started."""
        return self._process

    def start(self) -> None:
        """Start the server, made first if it is new; does not wait for it. Raises EngineStartError."""
        layout = self._layout
        layout.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stop_leftovers(layout.data, ("postgres", "initdb"))
        if not (layout.folder / "made").exists():
            self._make()
        self._superuser_password = (layout.folder / "password").read_text("ascii").strip()
        self._password = _service_password(layout.folder)
        give_to(layout.account, layout.data)
        # Whoever wrote it is gone; its pid may belong to another process by now, which PostgreSQL would take for itself.
        (layout.data / "postmaster.pid").unlink(missing_ok=True)
        if layout.log.exists() and layout.log.stat().st_size > _LOG_BYTES:
            layout.log.replace(layout.log.with_suffix(".log.1"))
        self._process = start_child(
            ChildCommand(
                [
                    *(str(layout.programs / "postgres"), "-D", layout.data_name, "-k", str(layout.runtime_folder), "-p", str(_PORT)),
                    *("-c", "wal_recycle=off"),  # a file of the log that is not needed any more is gone, and not kept for its room
                ],
                layout.data,
                layout.account,
                death_signal=signal.SIGQUIT,  # the postmaster takes its backends along; the journal makes it whole again
                environment=_environment(),
                log=layout.log,
            )
        )

    def wait_ready(self) -> None:
        """Wait until the server answers and our role and database are there. Raises EngineStartError with the end of its log."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with psycopg.connect(self.superuser_url, autocommit=True, connect_timeout=5) as connection:
                    self._make_database(connection)
                return
            except psycopg.OperationalError as error:
                if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                    raise EngineStartError(f"The embedded PostgreSQL did not start: {self._last_words(str(error))}") from error
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it with a last checkpoint; nothing of it is left afterwards."""
        if self._process is not None:
            stop_child(self._process, [(signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0)])
            self._process = None

    def _make(self) -> None:
        """initdb, into an empty folder: what an interrupted one left is thrown away."""
        layout = self._layout
        shutil.rmtree(layout.data, ignore_errors=True)
        layout.data.mkdir(mode=0o700)
        give_to(layout.account, layout.data)
        password = secrets.token_urlsafe(24)
        _write_private(layout.folder / "password", password)
        handed = layout.runtime_folder / "initdb-password"
        _write_private(handed, password)
        try:
            if layout.account:
                os.chown(handed, layout.account.uid, layout.account.gid)
            command = [
                *(str(layout.programs / "initdb"), "-D", layout.data_name, "-U", SUPERUSER, f"--pwfile={handed}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                "--no-instructions",
            ]
            making = start_child(
                ChildCommand(command, layout.data, layout.account, signal.SIGKILL, environment=_environment(), log=layout.log)
            )
            if making.wait(START_SECONDS) != 0:
                raise EngineStartError(f"initdb could not make the embedded PostgreSQL: {self._last_words('')}")
        except subprocess.TimeoutExpired as error:
            raise EngineStartError(f"initdb took longer than {START_SECONDS:.0f} s in {layout.data}.") from error
        finally:
            handed.unlink(missing_ok=True)
        with (layout.data / "postgresql.conf").open("a", encoding="utf-8") as config:
            config.write(_CONFIG)
        _write_private(layout.folder / "made", "")

    def _make_database(self, connection: psycopg.Connection) -> None:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if found is None:
            self._set_up("template1")  # the template of every database made here
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        self._set_up(DATABASE)  # it may be older than what is set up
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(self._password)))

    def _set_up(self, database: str) -> None:
        """Make the service's role, let it hand the audit over to an owner that it cannot be, and end what the log of writes holds."""
        folder = data_folder("sql") / "postgres" / "setup"
        url = _url(SUPERUSER, self._superuser_password, database, self._layout.runtime_folder)
        with psycopg.connect(url, autocommit=True) as connection:
            for name in ("service_role.sql", "guard_audit.sql", "cut_log.sql"):
                connection.execute((folder / name).read_bytes())

    def _last_words(self, otherwise: str) -> str:
        with contextlib.suppress(OSError):
            lines = self._layout.log.read_text("utf-8", "replace").strip().splitlines()[-5:]
            if lines:
                return f"{' | '.join(lines)} (see {self._layout.log})"
        return otherwise


def running_postgres_url(data_dir: Path) -> str | None:
    """The address of the server a running service keeps in `data_dir`, for whoever may read its password; None if there is none."""
    try:
        password = (data_dir / "postgres" / _SERVICE_PASSWORD).read_text("ascii").strip()
        sockets = Path((data_dir / "run" / "sockets").read_text("utf-8"))
    except OSError:
        return None
    return _url(ROLE, password, DATABASE, sockets) if (sockets / f".s.PGSQL.{_PORT}").exists() else None


def _url(role: str, password: str, database: str, sockets: Path) -> str:
    return f"postgresql://{role}:{password}@/{database}?host={quote(str(sockets), safe='')}&port={_PORT}"


def _service_password(folder: Path) -> str:
    """That of the service's role, kept in `folder`; made where there is none, since each start gives it to the role."""
    path = folder / _SERVICE_PASSWORD
    if not path.exists() or not path.read_text("ascii").strip():
        _write_private(path, secrets.token_urlsafe(24))
    return path.read_text("ascii").strip()


def _environment() -> dict[str, str]:
    """Ours, without what would point PostgreSQL elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG") and not name.startswith("LC_")}
    return {**kept, "LANG": "C", "LC_ALL": "C"}


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
