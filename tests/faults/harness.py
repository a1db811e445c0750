"""The real service, to be killed: `analytics serve` on a data dir of its own, kept at arm's length between a kill and the next start.

The one thing to know: `kill_worker` stops the supervisor first (SIGSTOP), so that the files can be read, and set back, as the dead
worker left them; `release` lets the supervisor find out and start the next worker.
"""

import contextlib
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.faults.logged_sender import AnswerLog, LoggedSender
from tests.faults.stored_state import StoredState, read_stored, spool_state
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for
from tests.fixtures.service import ServiceProcess

PASSWORD = "a-long-enough-password"
WRITE_KEY = "wk_faults_0123456789"


class Group:
    """One data dir and the process group that runs on it, if one does."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.settings = {
            "batch_max_wait_ms": "10",
            "bootstrap_write_key": WRITE_KEY,
            "bootstrap_admin_password": PASSWORD,
            "drain_timeout_seconds": "30",
            **settings,
        }
        self.environment: dict[str, str] = {}
        self.kills = 0
        self.url = ""  # of the latest start
        self._service: ServiceProcess | None = None

    @property
    def service(self) -> ServiceProcess:
        assert self._service is not None, "it does not run"
        return self._service

    def start(self, **settings: str) -> "Group":
        """Start it, and wait until it takes events; `settings` count for this and later starts."""
        self.settings.update(settings)
        self._service = ServiceProcess(self.data_dir, environment=self.environment, **self.settings)
        self.url = self._service.wait_ready().url
        return self

    def stop(self) -> None:
        """Stop it in order: what waits is stored."""
        assert self.service.stop(seconds=60) == 0, self.service.log()[-3000:]
        self.service.clean_up()
        self._service = None

    def worker(self) -> int:
        """The process id of the worker; waits for one."""
        return self.service.child("worker").pid

    def kill_worker(self) -> None:
        """kill -9 the worker and hold the supervisor; returns when the worker has let go of its files."""
        self.kill_now(self.hold())

    def hold(self) -> int:
        """Stop the supervisor, so that it does not see its worker die; the worker's process id."""
        worker = self.worker()
        os.kill(self.service.pid, signal.SIGSTOP)
        return worker

    def kill_now(self, worker: int) -> None:
        """kill -9; returns when it is dead, all its threads included.

        A process is a zombie as soon as its first thread has ended. Another may still be within a system call, such as the rename of the
        checkpoint, and end only after it: on a busy machine, long after somebody has looked at the files.
        """
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        self.kills += 1

        def is_dead() -> bool:
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                return psutil.Process(worker).status() == psutil.STATUS_ZOMBIE and len(os.listdir(f"/proc/{worker}/task")) <= 1
            return True

        wait_for(is_dead, "the worker's end")

    def release(self) -> None:
        """Let the supervisor go on."""
        os.kill(self.service.pid, signal.SIGCONT)

    def kill_all(self) -> None:
        """kill -9 the supervisor and all below it."""
        family = self.service.family()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.service.wait()
        psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
        self.kills += 1
        self.service.clean_up()
        self._service = None

    def clean_up(self) -> None:
        """End what a failed test left."""
        if self._service is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._service.pid, signal.SIGCONT)
            self._service.clean_up()
            self._service = None

    # ---- what it holds ----------------------------------------------------

    def sender(self, log: AnswerLog | None = None) -> LoggedSender:
        """A client with a log of its own, or that of another one."""
        return LoggedSender(lambda: self.url, WRITE_KEY, log)

    def second_project(self, slug: str = "second") -> LoggedSender:
        """Makes a project; a client that sends into it."""
        form = {"username": "admin@example.com", "password": PASSWORD}
        token = httpx.post(f"{self.url}/v1/auth/token", data=form, timeout=PATIENCE_SECONDS).raise_for_status().json()["access_token"]
        made = httpx.post(
            f"{self.url}/v1/projects",
            json={"slug": slug, "name": slug.title()},
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE_SECONDS,
        )
        return LoggedSender(lambda: self.url, made.raise_for_status().json()["write_key"])

    def wait_drained(self) -> None:
        """Until nothing waits in the spool."""
        wait_for(lambda: spool_state(self.data_dir).drained, "the end of what waits")

    def stored(self) -> StoredState:
        """Stop it and read its tables."""
        if self._service is not None:
            self.stop()
        return read_stored(self.data_dir)

    def reader(self, project: str = "default") -> "Reader":
        """Someone who may read everything, over HTTP."""
        return Reader(self.url, project)


class Reader:
    """Asks questions over HTTP as the owner."""

    def __init__(self, url: str, project: str = "default") -> None:
        form = {"username": "admin@example.com", "password": PASSWORD}
        answer = httpx.post(f"{url}/v1/auth/token", data=form, timeout=PATIENCE_SECONDS).raise_for_status().json()
        self._client = httpx.Client(
            base_url=f"{url}/v1/projects/{project}", headers={"Authorization": f"Bearer {answer['access_token']}"}, timeout=PATIENCE_SECONDS
        )

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at a path below the project."""
        return self._client.get(path, params=query).raise_for_status().json()

    def events(self, **query: Any) -> list[dict[str, Any]]:
        """All pages of the list of events."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get("/events", limit=1000, **query)
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    def total(self, source: str, event: str = "*", metric: str = "total", days: Sequence[str] = ("2025-01-01", "2026-12-31")) -> int:
        """A trend's total over `days`, both included."""
        question = {
            "date_from": days[0],
            "date_to": days[1],
            "interval": "month",
            "series": [{"event": event, "metric": metric}],
            "source": source,
        }
        answer = self._client.post("/trends", json=question).raise_for_status().json()
        return int(answer["series"][0]["total"]) if metric == "total" else int(sum(answer["series"][0]["values"]))

    def counters(self) -> dict[str, Any]:
        """The first counters of the live view."""
        with self._client.stream("GET", "/live") as answer:
            lines = answer.iter_lines()
            assert any(line == "event: counters" for line in lines), "the stream ended"
            return json.loads(next(lines).removeprefix("data: "))

    def close(self) -> None:
        """Close its connections."""
        self._client.close()
