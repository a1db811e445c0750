"""Both embedded engines of one data dir, as children of this process."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from analytics.embedded.account import choose_account
from analytics.embedded.postgres import EmbeddedPostgres
from analytics.embedded.runtime import make_runtime_folder, remove_runtime_folder
from analytics.embedded.valkey import EmbeddedValkey

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 10.0
HEALTHY_SECONDS = 30.0


@dataclass
class Backoff:
    """How long to wait before the next start: doubling, and short again after a while of health."""

    wait_seconds: float = FIRST_WAIT_SECONDS
    started_at: float = field(default_factory=time.monotonic)
    due_at: float | None = None

    def started(self) -> None:
        """It has been started now."""
        self.started_at, self.due_at = time.monotonic(), None

    def age_seconds(self) -> float:
        """Seconds since the last start."""
        return time.monotonic() - self.started_at

    def may_start(self) -> bool:
        """Called while it is down: whether to start it now. The first call sets the time."""
        now = time.monotonic()
        if self.due_at is None:
            if now - self.started_at >= HEALTHY_SECONDS:
                self.wait_seconds = FIRST_WAIT_SECONDS
            self.due_at = now + self.wait_seconds
            self.wait_seconds = min(self.wait_seconds * 2, LONGEST_WAIT_SECONDS)
        return now >= self.due_at


class EmbeddedEngines:
    """What `start_embedded` started. Used from the main thread only."""

    def __init__(self, postgres: EmbeddedPostgres | None, valkey: EmbeddedValkey | None, runtime_folder: Path | None) -> None:
        self._postgres = postgres
        self._valkey = valkey
        self._runtime_folder = runtime_folder
        self._engines: list[tuple[EmbeddedPostgres | EmbeddedValkey, Backoff]] = [
            (engine, Backoff()) for engine in (postgres, valkey) if engine is not None
        ]

    @property
    def postgres_url(self) -> str | None:
        """None if it is not ours."""
        return self._postgres.url if self._postgres else None

    @property
    def postgres_superuser_url(self) -> str | None:
        """None if it is not ours; for tests and repair, never for the service."""
        return self._postgres.superuser_url if self._postgres else None

    @property
    def redis_url(self) -> str | None:
        """None if it is not ours."""
        return self._valkey.url if self._valkey else None

    def pids(self) -> dict[str, int]:
        """The process of each engine that runs."""
        return {engine.name: engine.process.pid for engine, _ in self._engines if engine.process and engine.process.poll() is None}

    def start(self) -> None:
        """Start all at once, then wait for each. Raises EngineStartError, with nothing left running."""
        try:
            for engine, backoff in self._engines:
                engine.start()
                backoff.started()
            for engine, _ in self._engines:
                engine.wait_ready()
        except BaseException:
            self.stop()
            raise

    def revive(self) -> list[str]:
        """Start again what has died, no sooner than its backoff; the names of those started. Does not wait for them."""
        revived: list[str] = []
        for engine, backoff in self._engines:
            if (engine.process is None or engine.process.poll() is not None) and backoff.may_start():
                backoff.started()
                engine.start()
                revived.append(engine.name)
        return revived

    def stop(self) -> None:
        """Stop all; nothing is left afterwards."""
        for engine, _ in self._engines:
            engine.stop()
        if self._runtime_folder is not None:
            remove_runtime_folder(self._runtime_folder)


def start_embedded(data_dir: Path, *, postgres: bool = True, valkey: bool = True) -> EmbeddedEngines:
    """Start the wanted engines on `data_dir`, which the caller has locked. Raises EngineStartError.

    The URLs are good for as long as this process lives: passwords and sockets stay the same when an engine is started again.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not postgres and not valkey:
        return EmbeddedEngines(None, None, None)
    account = choose_account(data_dir / "postgres" / "data")
    runtime_folder = make_runtime_folder(data_dir, account)
    engines = EmbeddedEngines(
        EmbeddedPostgres(data_dir / "postgres", runtime_folder, account) if postgres else None,
        EmbeddedValkey(data_dir / "valkey", runtime_folder, account) if valkey else None,
        runtime_folder,
    )
    engines.start()
    return engines
