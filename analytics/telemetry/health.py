"""Whether the parts of the service are well, asked each second in the background.

The one thing to know: `/readyz` answers from the last result and asks nobody, so an engine that hangs hangs only its own check, which is
then reported as not answering; no second one is started meanwhile.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import structlog

from analytics.background import end
from analytics.errors import AnalyticsError
from analytics.telemetry.metrics import Metrics

EVERY_SECONDS = 1.0
ANSWER_SECONDS = 2.0
_log = structlog.get_logger("analytics.health")

Status = Literal["ready", "degraded", "unready"]
CheckAnswer = tuple[bool, str]  # whether it is well, and a sentence
AsyncCheck = Callable[[], Awaitable[CheckAnswer]]


@dataclass(frozen=True, slots=True)
class Check:
    """`needed`: without it no events can be accepted; else the service is merely degraded."""

    ask: AsyncCheck
    needed: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The last answer; `detail` is a sentence without secrets."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Health:
    """All of it."""

    status: Status
    checks: Mapping[str, CheckResult]


def on_thread(ask: Callable[[], CheckAnswer], name: str) -> AsyncCheck:
    """A check that blocks, run on a thread of its own that ends with the process and not before: a hung engine must not hold up a stop."""

    async def run() -> CheckAnswer:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[CheckAnswer] = loop.create_future()

        def settle(value: CheckAnswer) -> None:
            if not answer.done():
                answer.set_result(value)

        def work() -> None:
            try:
                value = ask()
            except Exception as error:  # a check that fails is an answer
                value = (False, _sentence(error))
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, value)

        threading.Thread(target=work, name=f"health-{name}", daemon=True).start()
        return await answer

    return run


class HealthMonitor:
    """Runs the checks and remembers their answers. For one event loop."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        metrics: Metrics | None = None,
        every_seconds: float = EVERY_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._checks = dict(checks)
        self._metrics = metrics
        self._every_seconds = every_seconds
        self._answer_seconds = answer_seconds
        self._results = {name: CheckResult(False, "Not asked yet.") for name in self._checks}
        self._known = {name: asyncio.Event() for name in self._checks}

    @property
    def health(self) -> Health:
        """The last answers. `unready` if a needed check is not well, `degraded` if another is not."""
        bad = [name for name, result in self._results.items() if not result.ok]
        if any(self._checks[name].needed for name in bad):
            return Health("unready", dict(self._results))
        return Health("degraded" if bad else "ready", dict(self._results))

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Ask every check once, then on and on until the block ends."""
        tasks = [asyncio.create_task(self._watch(name), name=f"health-{name}") for name in self._checks]
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._answer_seconds + 0.5):
                    for known in self._known.values():
                        await known.wait()
            yield
        finally:
            await end(*tasks)

    async def _watch(self, name: str) -> None:
        while True:
            await self._ask(name)
            await asyncio.sleep(self._every_seconds)

    async def _ask(self, name: str) -> None:
        """One answer; while none comes, say so and go on waiting for that one."""
        asking = asyncio.ensure_future(self._checks[name].ask())
        started = time.monotonic()
        try:
            while not (await asyncio.wait({asking}, timeout=self._answer_seconds))[0]:
                self._keep(name, CheckResult(False, f"No answer for {time.monotonic() - started:.0f} s."))
            try:
                ok, detail = asking.result()
            except Exception as error:  # a check that fails is an answer
                ok, detail = False, _sentence(error)
            self._keep(name, CheckResult(ok, detail))
        finally:
            asking.cancel()

    def _keep(self, name: str, result: CheckResult) -> None:
        before = self._results[name]
        self._results[name] = result
        self._known[name].set()
        if self._metrics is not None:
            self._metrics.store_up.labels(name).set(1 if result.ok else 0)
        if before.ok and not result.ok:
            _log.warning("check fails", check=name, detail=result.detail)
        elif result.ok and not before.ok:
            _log.info("check is well", check=name, detail=result.detail)


def _sentence(error: Exception) -> str:
    # Errors of drivers may hold addresses and users; /readyz is open to all.
    return error.detail if isinstance(error, AnalyticsError) else f"{type(error).__name__}."
