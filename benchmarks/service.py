"""A service of the benchmark's own: started on a fresh folder and a free port, watched from outside, stopped and removed."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil

START_SECONDS = 90.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """CPU seconds so far and memory now, by part of the service; `threads` is the worker's CPU by the names of its threads."""

    at: float
    cpu_seconds: Mapping[str, float]
    rss_bytes: Mapping[str, int]
    threads: Mapping[str, float]
    disk_bytes: int


class Service:
    """A running service and the questions a benchmark asks it."""

    def __init__(self, process: subprocess.Popen[str], ready: Mapping[str, str], data_dir: Path) -> None:
        self._process = process
        self.data_dir = data_dir
        self.url, self.project, self.write_key = ready["url"], ready["project"], ready["write_key"]
        self._client = httpx.Client(base_url=self.url, timeout=60)
        self._email, self._password = ready["admin_email"], ready["admin_password"]
        self._bearer, self._bearer_until = "", 0.0
        self._token = ""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    # ---- questions ----------------------------------------------------------------------------------------------------------------

    def token(self) -> str:
        """An API token that may read everything, good for the whole run."""
        if not self._token:
            answer = self._post(
                f"/v1/projects/{self.project}/tokens",
                {
                    "name": "benchmark",
                    "scopes": ["read", "personal-data", "sql"],
                    "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds"),
                },
            )
            self._token = str(answer["token"])
        return self._token

    def project_id(self) -> str:
        """The project's opaque id."""
        response = self._client.get(f"/v1/projects/{self.project}", headers={"Authorization": f"Bearer {self._signed_in()}"})
        response.raise_for_status()
        return str(response.json()["id"])

    def trends(self, **question: Any) -> dict[str, Any]:
        """The answer to a trends question."""
        return self._post(f"/v1/projects/{self.project}/trends", question)

    def create_dashboard(self, document: Mapping[str, Any]) -> str:
        """A new dashboard; its id."""
        return str(self._post(f"/v1/projects/{self.project}/dashboards", document)["id"])

    def stored(self, source: str = "rollup") -> int:
        """How many events are stored, by the given source."""
        today = datetime.now(UTC).date()
        answer = self.trends(
            date_from=(today - timedelta(days=40)).isoformat(),
            date_to=(today + timedelta(days=2)).isoformat(),
            interval="day",
            series=[{"event": "*", "metric": "total"}],
            source=source,
        )
        return int(answer["series"][0]["total"])

    def settled(self, expected: int, limit_seconds: float = 120.0) -> dict[str, int]:
        """The counts of raw rows and rollup, once both are `expected` or the time is up."""
        deadline = time.monotonic() + limit_seconds
        while True:
            counts = {source: self.stored(source) for source in ("raw", "rollup")}
            if set(counts.values()) == {expected} or time.monotonic() > deadline:
                return counts
            time.sleep(0.5)

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics; empty if there is none."""
        response = self._client.get("/metrics")
        if response.status_code != 200:
            return {}
        samples: dict[str, float] = {}
        for line in response.text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                with contextlib.suppress(ValueError):
                    samples[name] = float(value)
        return samples

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        response = self._client.post(path, json=body, headers={"Authorization": f"Bearer {self._signed_in()}"})
        if response.status_code not in (200, 201):
            raise RuntimeError(f"POST {path}: {response.status_code} {response.text[:1000]}")
        return response.json()

    def _signed_in(self) -> str:
        if time.monotonic() > self._bearer_until:
            response = self._client.post("/v1/auth/token", data={"username": self._email, "password": self._password})
            response.raise_for_status()
            answer = response.json()
            self._bearer = answer["access_token"]
            self._bearer_until = time.monotonic() + answer["expires_in"] / 2
        return self._bearer

    # ---- what it costs ------------------------------------------------------------------------------------------------------------

    def usage(self) -> Usage:
        """CPU and memory of the whole family."""
        parent = psutil.Process(self._process.pid)
        cpu: dict[str, float] = {}
        rss: dict[str, int] = {}
        threads: dict[str, float] = {}
        for process in (parent, *parent.children(recursive=True)):
            try:
                part = "supervisor" if process.pid == parent.pid else _part(process)
                times = process.cpu_times()
                cpu[part] = cpu.get(part, 0.0) + times.user + times.system
                # Shared pages count once for each of PostgreSQL's many processes in RSS, so its own are taken by PSS.
                rss[part] = rss.get(part, 0) + (_pss(process.pid) if part == "postgres" else process.memory_info().rss)
                if part == "worker":
                    threads = _threads(process.pid)
            except psutil.NoSuchProcess:
                continue
        return Usage(time.perf_counter(), cpu, rss, threads, _folder_bytes(self.data_dir))

    def stop(self) -> float:
        """Stop it; how many seconds that took."""
        started = time.monotonic()
        self._client.close()
        self._process.terminate()
        self._process.wait(90)
        return time.monotonic() - started


def start(data_dir: Path, **settings: str) -> Service:
    """Start a service on `data_dir`; settings by their names without prefix. Raises RuntimeError with its log if it does not come up."""
    log = data_dir.with_name(data_dir.name + ".log")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANALYTICS_")}
    chosen = {"data_dir": str(data_dir), "port": "0", "log_level": "warning", **settings}
    environment |= {f"ANALYTICS_{name.upper()}": value for name, value in chosen.items()}
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "analytics", "serve", "--with-parent"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("READY "):
        process.terminate()
        process.wait(60)
        raise RuntimeError(f"the service did not start:\n{log.read_text('utf-8')[-4000:]}")
    ready = dict(part.split("=", 1) for part in line.split()[1:])
    kept = data_dir.with_name(data_dir.name + ".admin.json")  # the password is told once: a second start needs it too
    if "admin_password" in ready:
        kept.write_text(json.dumps({name: ready[name] for name in ("admin_email", "admin_password")}))
    else:
        ready |= json.loads(kept.read_text())
    return Service(process, ready, data_dir)


@contextlib.contextmanager
def fresh_service(**settings: str) -> Iterator[Service]:
    """A service on a new folder, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="analytics-bench-"))
    try:
        service = start(folder / "data", **settings)
        try:
            yield service
        finally:
            service.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _part(process: psutil.Process) -> str:
    name, command = process.name(), " ".join(process.cmdline())
    if "analytics.worker" in command:
        return "worker"
    if "decoder_process" in command:
        return "decoder"
    for part in ("postgres", "valkey"):
        if part in name or part in command:
            return part
    return "other"


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


def _threads(pid: int) -> dict[str, float]:
    """CPU seconds by thread name."""
    found: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            stat = (task / "stat").read_text()
        except OSError:
            continue
        name = stat[stat.index("(") + 1 : stat.rindex(")")]
        fields = stat[stat.rindex(")") + 2 :].split()
        found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / _TICKS
    return found


def _folder_bytes(folder: Path) -> int:
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
    return total
