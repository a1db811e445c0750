"""Health: what is degraded, what is unready, and that a hung part hangs nobody."""

import asyncio
import threading

from analytics.errors import MetadataUnavailableError
from analytics.telemetry.health import Check, CheckAnswer, HealthMonitor, on_thread
from tests.fixtures.patience import PATIENCE_SECONDS, eventually


async def well() -> CheckAnswer:
    return True, "Fine."


async def ill() -> CheckAnswer:
    return False, "Away."


async def failing() -> CheckAnswer:
    raise OSError("connection to postgresql://user:secret@host failed")


async def failing_ours() -> CheckAnswer:
    raise MetadataUnavailableError("PostgreSQL does not answer.")


def status(**checks: Check) -> str:
    async def run() -> str:
        monitor = HealthMonitor(checks)
        async with monitor.running():
            return monitor.health.status

    return asyncio.run(run())


def test_all_well_is_ready() -> None:
    assert status(a=Check(well, needed=True), b=Check(well)) == "ready"


def test_a_part_that_is_not_needed_makes_it_degraded() -> None:
    assert status(a=Check(well, needed=True), b=Check(ill)) == "degraded"


def test_a_needed_part_makes_it_unready() -> None:
    assert status(a=Check(ill, needed=True), b=Check(well)) == "unready"
    assert status(a=Check(failing, needed=True)) == "unready"


def test_before_the_first_answer_a_needed_part_is_not_well() -> None:
    assert HealthMonitor({"a": Check(well, needed=True)}).health.status == "unready"


def test_a_failure_says_no_address_and_no_secret() -> None:
    async def run() -> list[str]:
        monitor = HealthMonitor({"a": Check(failing), "b": Check(failing_ours)})
        async with monitor.running():
            return [result.detail for result in monitor.health.checks.values()]

    assert asyncio.run(run()) == ["OSError.", "PostgreSQL does not answer."]


def test_a_part_that_hangs_is_reported_and_asked_only_once() -> None:
    release = threading.Event()
    asked: list[bool] = []

    def hang() -> CheckAnswer:
        asked.append(True)
        release.wait(PATIENCE_SECONDS)
        return True, "Back."

    async def run() -> None:
        monitor = HealthMonitor({"engine": Check(on_thread(hang, "engine")), "b": Check(well)}, every_seconds=0.01, answer_seconds=0.05)
        async with monitor.running():
            await eventually(lambda: monitor.health.checks["engine"].detail.startswith("No answer for"))
            await eventually(lambda: monitor.health.checks["b"].ok)
            assert monitor.health.status == "degraded"
            assert len(asked) == 1
            release.set()
            await eventually(lambda: monitor.health.checks["engine"].ok)
            assert monitor.health.status == "ready"

    asyncio.run(run())


def test_a_part_that_hangs_does_not_hold_up_the_stop() -> None:
    release, over = threading.Event(), threading.Event()

    def hang() -> CheckAnswer:
        release.wait(PATIENCE_SECONDS)
        over.set()
        return True, "Back."

    async def run() -> None:
        async with HealthMonitor({"engine": Check(on_thread(hang, "engine"))}, answer_seconds=0.05).running():
            pass

    asyncio.run(run())
    assert not over.is_set()
    release.set()


def test_a_change_is_seen() -> None:
    answers = iter([True, False, True])

    async def changing() -> CheckAnswer:
        return next(answers, True), "Said."

    async def run() -> set[str]:
        monitor = HealthMonitor({"a": Check(changing)}, every_seconds=0.02)
        seen: set[str] = set()
        async with monitor.running(), asyncio.timeout(PATIENCE_SECONDS):
            while seen != {"ready", "degraded"}:
                seen.add(monitor.health.status)
                await asyncio.sleep(0.001)
        return seen

    assert asyncio.run(run()) == {"ready", "degraded"}
