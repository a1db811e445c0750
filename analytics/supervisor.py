"""The parent of `serve`: owns the data dir, the listening socket and the embedded engines, and keeps one worker alive.

It holds no engine and no web server itself, so that whatever takes those down leaves it standing. Connections wait in the socket's
backlog while a worker restarts. The one thing to know: everything it starts ends with it, by the kernel's parent-death signal, also when
it is killed.
"""

import contextlib
import json
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, cast

import structlog
from pydantic import SecretStr

from analytics.data_dir import DataDir, RunningService
from analytics.embedded.child import ChildCommand, start_child
from analytics.embedded.engines import Backoff, EmbeddedEngines, start_embedded
from analytics.errors import SettingsError, StartError
from analytics.settings import PREFIX, Settings

BACKLOG = 2048
OPEN_FILES = 65_536
UNREAD_SECONDS = 60
KILL_MARGIN_SECONDS = 10.0
START_PATIENCE = 10.0  # times as long as usual a worker may be silent until it serves
STARTS_BEFORE_GIVING_UP = 5
_POLL_SECONDS = 0.5
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_log = structlog.get_logger("analytics.supervisor")


class StopRequested(BaseException):
    """A stop signal came before the service was up: nothing to drain, leave."""


def serve(settings: Settings, announce: Callable[[str], None]) -> int:
    """Run the service until it is told to stop; the exit code. `announce` gets the ready line, once.

    Raises StartError if it cannot start; nothing is left running then. Call it from the main thread.
    """
    return Supervisor(settings, announce).run()


class Supervisor:
    """One run of the service."""

    def __init__(self, settings: Settings, announce: Callable[[str], None]) -> None:
        self._settings = settings
        self._announce = announce
        self._data_dir = DataDir(settings.data_dir)
        self._engines: EmbeddedEngines | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._backoff = Backoff()
        self._reports = bytearray()
        self._up = False  # the ready line has been printed
        self._failed_starts = 0
        self._made: Mapping[str, Any] = {}  # the admin that a worker of this run made, which may have died since
        self._silent_since = 0.0  # by time.monotonic
        self._patience = START_PATIENCE
        self._writer_overdue = 0.0  # 1: the writer's time is over
        self._end_by: float | None = None  # when a worker that was told to make way for the next is killed
        self._stopping = False
        self._impatient = False
        self._outcome: StartError | None = None

    def run(self) -> int:
        """See `serve`."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._signals())
            try:
                self._open(stack)
                self._loop()
            except StopRequested:
                return 0
        if self._outcome is not None:
            raise self._outcome
        return 0

    # ---- start -----------------------------------------------------------

    def _open(self, stack: contextlib.ExitStack) -> None:
        allow_open_files()
        self._data_dir.prepare()
        self._lock = self._data_dir.lock()
        stack.callback(os.close, self._lock)
        self._listener = listen(self._settings.host, self._settings.port)
        stack.callback(self._listener.close)
        self._url = url_of(self._listener, secure=self._settings.tls_cert_file is not None)
        secret = self._settings.given_secret_key() or self._data_dir.secret_key()
        self._engines = start_embedded(
            self._data_dir.path, postgres=self._settings.postgres_url is None, valkey=self._settings.redis_url is None
        )
        stack.callback(self._engines.stop)
        if pids := self._engines.pids():
            _log.info("engines started", **pids)
        resolved = self._settings.model_copy(
            update={
                "data_dir": self._data_dir.path,
                "secret_key": SecretStr(secret),
                "secret_key_file": None,
                # The worker starts in another folder.
                "tls_cert_file": self._settings.tls_cert_file and self._settings.tls_cert_file.absolute(),
                "tls_key_file": self._settings.tls_key_file and self._settings.tls_key_file.absolute(),
                "postgres_url": self._settings.postgres_url or _secret(self._engines.postgres_url),
                "redis_url": self._settings.redis_url or _secret(self._engines.redis_url),
            }
        )
        self._environment = worker_environment(resolved)
        self._report_reader, self._report_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        stack.callback(os.close, self._report_reader)
        stack.callback(os.close, self._report_writer)
        stack.callback(self._data_dir.forget_service)

    def _start_worker(self) -> None:
        self._reports.clear()
        self._backoff.started()
        self._silent_since, self._patience, self._writer_overdue, self._end_by = time.monotonic(), START_PATIENCE, 0.0, None
        self._worker = start_child(
            ChildCommand(
                [
                    *(sys.executable, "-m", "analytics.worker"),
                    *("--listen-fd", str(self._listener.fileno()), "--report-fd", str(self._report_writer)),
                ],
                self._data_dir.path,
                environment=self._environment,
                # The lock goes along, so that nobody takes the data dir while a worker still has it open.
                pass_fds=(self._listener.fileno(), self._report_writer, self._lock),
            )
        )

    # ---- life ------------------------------------------------------------

    def _loop(self) -> None:
        self._start_worker()
        with selectors.DefaultSelector() as selector:
            selector.register(self._report_reader, selectors.EVENT_READ, self._read_reports)
            selector.register(self._wakeup, selectors.EVENT_READ, self._drain_wakeup)
            while not self._stopping:
                for key, _ in selector.select(self._wait_seconds()):
                    key.data()
                self._look_after_worker()
                self._look_after_engines()
        self._stop_worker()

    def _wait_seconds(self) -> float:
        down = self._worker is None or self._worker.poll() is not None
        return 0.05 if down else _POLL_SECONDS

    def _look_after_worker(self) -> None:
        if self._stopping:
            return
        if self._worker is not None and self._worker.poll() is None:
            self._look_for_life(self._worker)
            return
        if self._worker is not None:
            self._read_reports()  # what it said last
            self._worker_ended(self._worker)
            self._worker = None
        if not self._stopping and self._backoff.may_start():
            self._start_worker()

    def _look_for_life(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker that hangs: what it had taken is on disk, and the next one goes on with it."""
        silent = time.monotonic() - self._silent_since
        if silent > self._settings.hang_timeout_seconds * self._patience:
            _log.error("worker hangs: killed", pid=worker.pid, silent_seconds=round(silent, 1), part="event loop")
        elif self._writer_overdue > 1.0:
            _log.error("worker hangs: killed", pid=worker.pid, part="writer")
        elif self._end_by is not None and time.monotonic() > self._end_by:
            _log.error("worker does not end: killed", pid=worker.pid, part="sql")
        else:
            return
        worker.kill()
        worker.wait()

    def _worker_ended(self, worker: subprocess.Popen[bytes]) -> None:
        if self._stopping:
            return
        _log.error("worker ended", pid=worker.pid, how=_how(worker.returncode), lived_seconds=round(self._backoff.age_seconds(), 1))
        self._failed_starts += 1
        if not self._up and self._failed_starts >= STARTS_BEFORE_GIVING_UP:
            self._give_up(StartError(f"The worker ended {self._failed_starts} times before it was ready ({_how(worker.returncode)})."))

    def _look_after_engines(self) -> None:
        if self._engines is None or self._stopping:
            return
        try:
            for name in self._engines.revive():
                _log.error("engine had ended, started again", engine=name)
        except (StartError, OSError) as error:
            _log.error("engine does not start again", detail=str(error))

    def _read_reports(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._report_reader, 65536):
                self._reports += chunk
        while (end := self._reports.find(b"\n")) >= 0:
            line = bytes(self._reports[:end])
            del self._reports[: end + 1]
            for kind, fields in cast(dict[str, dict[str, Any]], json.loads(line)).items():
                if kind == "ready":
                    self._worker_ready(fields)
                elif kind == "failed":
                    self._worker_refused(fields)
                elif kind == "bootstrapped":
                    self._made = {name: value for name, value in fields.items() if name.startswith("admin_")} or self._made
                elif kind == "alive":
                    self._worker_lives(fields)

    def _worker_lives(self, fields: Mapping[str, Any]) -> None:
        self._silent_since, self._patience = time.monotonic(), 1.0
        self._writer_overdue = fields["writer_silent_seconds"] / (self._settings.hang_timeout_seconds * fields["patience"])
        if fields["hopeless"] and self._end_by is None and self._worker is not None:
            _log.error("worker is started anew: a query of SQL does not end", pid=self._worker.pid)
            self._end_by = time.monotonic() + self._settings.drain_timeout_seconds + KILL_MARGIN_SECONDS
            self._worker.terminate()

    def _worker_ready(self, fields: Mapping[str, Any]) -> None:
        self._failed_starts = 0
        if self._up:
            _log.info("worker is back", pid=self._worker.pid if self._worker else None)
            return
        self._up = True
        _log.info("ready", url=self._url, worker=self._worker.pid if self._worker else None)
        self._data_dir.note_service(RunningService(self._url, os.getpid()))
        self._announce(" ".join(("READY", f"url={self._url}", *(f"{name}={value}" for name, value in {**fields, **self._made}.items()))))

    def _worker_refused(self, fields: Mapping[str, Any]) -> None:
        """The worker would not start. A reason that lasts ends the first start; a store that is away is waited for."""
        detail, kinds = str(fields["detail"]), fields["kind"]
        if self._up or "StoreError" in kinds:
            _log.error("worker did not start", code=fields["code"], detail=detail)
            self._failed_starts = 0
        else:
            self._give_up(SettingsError(detail) if "SettingsError" in kinds else StartError(detail))

    def _give_up(self, error: StartError) -> None:
        self._outcome = error
        self._stopping = True

    # ---- stop ------------------------------------------------------------

    def _stop_worker(self) -> None:
        self._listener.close()  # from here on a new connection is refused, not left waiting
        worker = self._worker
        if worker is None or worker.poll() is not None:
            return
        _log.info("stopping")
        worker.terminate()
        deadline = time.monotonic() + self._settings.drain_timeout_seconds + KILL_MARGIN_SECONDS
        while time.monotonic() < deadline and not self._impatient:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(0.1)
                return
        _log.warning("worker killed: what it had taken waits on disk", pid=worker.pid)
        worker.kill()
        worker.wait()

    @contextlib.contextmanager
    def _signals(self) -> Any:
        """Stop signals set a flag once there is something to stop in order; SIGCHLD only wakes the loop."""
        self._wakeup, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        # Started by nohup, the end of the terminal is not to end us.
        heeded = [number for number in _STOP_SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._on_stop) for number in heeded}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _ignore)
        wakeup_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._wakeup)
            os.close(writer)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._impatient = self._stopping  # a second signal means now
        self._stopping = True
        if self._worker is None and not self._up and not self._impatient:
            raise StopRequested

    def _drain_wakeup(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wakeup, 4096):
                pass


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, for a worker to accept from. Raises StartError naming the setting."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise SettingsError(f"{PREFIX}HOST: {host} is no address of this machine: {error.strerror}.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it: whoever takes nothing of what is sent to them for this long is gone, also to the kernel.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(f"{PREFIX}HOST, {PREFIX}PORT: cannot listen on {host}:{port}: {error.strerror}.") from error
    return listener


def allow_open_files() -> None:
    """Raise the limit of open files, also for children, as far as it may: ClickHouse opens a file for each column of a part."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def url_of(listener: socket.socket, *, secure: bool = False) -> str:
    """The address a client on this machine reaches `listener` at."""
    host, port = cast(tuple[str, int], listener.getsockname()[:2])
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 this is where we look for it
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def worker_environment(settings: Settings) -> dict[str, str]:
    """Our environment with every setting in its resolved form, so that the worker reads the same ones without files or options."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is None:
            continue
        if isinstance(value, SecretStr):
            text = value.get_secret_value()
        elif isinstance(value, dict):
            text = json.dumps(value)
        elif isinstance(value, tuple):
            text = ",".join(str(part) for part in cast(tuple[object, ...], value))
        else:
            text = str(value)
        environment[f"{PREFIX}{name.upper()}"] = text
    return environment


def _secret(value: str | None) -> SecretStr | None:
    return None if value is None else SecretStr(value)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _ignore(number: int, frame: FrameType | None) -> None:
    """SIGCHLD: its only work is to wake the loop."""
