"""Events decoded by a process beside the worker: the same records and verdicts, in the same order, whatever becomes of the process."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from analytics.domain.erased_ids import IdHasher
from analytics.domain.project import Project
from analytics.ingest.decoder import Decoders, UnforeseenError
from analytics.ingest.erased import ErasedIds
from analytics.ingest.ingestor import Verdict
from analytics.ingest.pipeline import door_steps
from analytics.ingest.recorder import Recorder, Sent
from analytics.spool.spool import RecordKind
from tests.fixtures.door import event, outcome_of

pytestmark = pytest.mark.anyio

KEPT = frozenset({("user_id", "x")})  # of a replay: only the worker can tell whether it is one of ours


def decoder_pids() -> list[int]:
    """Of the decoders that are living children of this process."""
    found = list[int]()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one of them
            if "analytics.ingest.decoder_process" in child.cmdline():
                found.append(child.pid)
    return found


@pytest.mark.parametrize("size", [0, 16_383, 16_384, 3_000_000])
async def test_bytes_of_any_size_come_out_as_they_went_in(size: int) -> None:
    events = [event("a", properties={"x": "y" * 30_000})] * (size // 30_000)
    body = json.dumps(events).encode().rjust(size)
    with contextlib.closing(Decoders(1, 10_000, None)) as decoders:
        decoders.wait_until_ready()
        decoder = decoders.next()
        assert decoder is not None
        sent = [Sent(Project("p1", "p1", "p1", "UTC", datetime.now(UTC), id_seed=1), content) for content in (body, b"", body)]
        decoder.send(sent, 1_767_225_600_000)
        far, near = decoder.receive(), Recorder(door_steps(None), 10_000).record(sent, 1_767_225_600_000)
    assert far.records == near.records
    for one, other in zip(far.outcomes, near.outcomes, strict=True):
        assert (one.elements, one.accepted, repr(one.failure)) == (other.elements, other.accepted, repr(other.failure))


@pytest.fixture
def open_far_door(open_door: Any) -> Iterator[Callable[..., Any]]:
    """As `open_door`, with a decoder process."""
    decoders = Decoders(1, 10_000, None)
    decoders.wait_until_ready()
    try:
        yield lambda **more: open_door(decoders=decoders, **more)
    finally:
        decoders.close()


async def test_a_decoder_process_makes_what_the_worker_would(open_far_door: Any, open_door: Any, tmp_path: Path) -> None:
    bodies = [
        json.dumps([event("a"), {"event": "e", "event_id": "b"}, 5, event("c", properties={"x": "é"})]).encode(),
        b'{"event": "e"',
        json.dumps([event(f"m{n}") for n in range(10_001)]).encode(),
        json.dumps({"events": [event("d", context={"ip": "203.0.113.9", "other": 1})]}).encode(),
    ]
    seen = list[Any]()
    for door_of in (open_far_door, open_door):
        async with door_of() as door:
            outcomes = [await outcome_of(door.send(body)) for body in bodies]
            door.expect_nothing_held()
            seen.append(
                (
                    [(o.accepted, list(o.refusals)) if isinstance(o, Verdict) else (type(o), o.detail) for o in outcomes],
                    [{**row, "timestamp": None, "local_date": None} for row in door.rows()],
                    [{**row, "id": None} for row in door.rows(RecordKind.REFUSED)],
                )
            )
        shutil.rmtree(tmp_path / "spool")
    assert seen[0] == seen[1]
    assert [len(part) for part in seen[0]] == [4, 3, 2]


async def test_a_body_goes_through_the_decoder_process_and_not_through_the_worker(open_far_door: Any) -> None:
    passed = list[str]()
    async with open_far_door(steps=lambda batch: passed.extend(batch.event_id)) as door:
        assert (await door.send([event("far")])).accepted == 1
        assert (await door.send([event("near")], kept_values=KEPT)).accepted == 1, "what needs the worker's own knowledge stays with it"
        assert passed == ["near"]
        assert door.on_disk() == [("p1", "far"), ("p1", "near")]


async def test_a_failure_that_nobody_foresaw_comes_back_as_the_answer_of_its_request() -> None:
    decoders = Decoders(1, 10_000, None)
    try:
        decoders.wait_until_ready()
        decoder = decoders.next()
        assert decoder is not None
        project = Project("p1", "p1", "p1", "UTC", datetime.now(UTC))
        no_text: Any = 5
        body = json.dumps([event("a")]).encode()
        decoder.send([Sent(project, body), Sent(project, body, sender_agent=no_text)], 1_767_225_600_000)
        good, bad = decoder.receive().outcomes
        assert (good.accepted, good.failure) == (1, None)
        assert isinstance(bad.failure, UnforeseenError)
        assert "Expected bytes, got a 'int' object" in str(bad.failure)
    finally:
        decoders.close()


async def test_requests_that_a_killed_decoder_took_are_answered_all_the_same_and_once(open_far_door: Any) -> None:
    async with open_far_door() as door:
        (pid,) = decoder_pids()
        os.kill(pid, signal.SIGSTOP)
        sent = [asyncio.create_task(door.send([event(f"e{n}"), 5])) for n in range(40)]
        await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        assert [(await task).accepted for task in sent] == [1] * 40
        assert sorted(door.on_disk()) == sorted(("p1", f"e{n}") for n in range(40))
        assert len(door.on_disk(RecordKind.REFUSED)) == 40
        door.expect_nothing_held()


async def test_a_decoder_that_died_is_started_again(open_far_door: Any) -> None:
    passed = list[str]()
    async with open_far_door(steps=lambda batch: passed.extend(batch.event_id)) as door:
        (first,) = decoder_pids()
        os.kill(first, signal.SIGKILL)
        for number in range(3000):
            assert (await door.send([event(f"e{number}")])).accepted == 1
            if (pids := decoder_pids()) and pids != [first] and f"e{number}" not in passed:
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("no decoder came back")
        assert len(door.on_disk()) == number + 1


async def test_an_erasure_that_becomes_known_while_the_decoder_works_is_obeyed(open_far_door: Any) -> None:
    gone = set[bytes]()
    hasher = IdHasher(b"k" * 32)
    erased = ErasedIds(lambda project_id: frozenset(gone), hasher)
    async with open_far_door(erased=erased) as door:
        (pid,) = decoder_pids()
        os.kill(pid, signal.SIGSTOP)
        sent = asyncio.create_task(door.send([event("a"), event("b", user_id="other")]))
        await asyncio.sleep(0.2)
        gone.add(hasher.hash("p1", "u"))
        os.kill(pid, signal.SIGCONT)
        verdict = await sent
        assert [(refusal.index, refusal.reason.value) for refusal in verdict.refusals] == [(0, "erased-user")]
        assert door.on_disk() == [("p1", "b")]


async def test_an_answer_comes_after_those_that_were_sent_before_it(open_far_door: Any) -> None:
    async with open_far_door() as door:
        (pid,) = decoder_pids()
        os.kill(pid, signal.SIGSTOP)
        far = asyncio.create_task(door.send([event("far")]))
        await asyncio.sleep(0.1)
        near = asyncio.create_task(door.send([], kept_values=KEPT))
        done, _ = await asyncio.wait([far, near], timeout=0.5)
        os.kill(pid, signal.SIGCONT)
        assert not done, "an erasure takes the answer of an empty request as the sign that all before it is on disk"
        await asyncio.gather(far, near)
        assert door.on_disk() == [("p1", "far")]


def test_a_decoder_ends_when_its_worker_is_killed() -> None:
    code = (
        "import os, psutil\n"
        "from analytics.ingest.decoder import Decoders\n"
        "decoders = Decoders(1, 10, None)\n"
        "decoders.wait_until_ready()\n"
        "print(*[child.pid for child in psutil.Process().children()], flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    (pid,) = map(int, run.stdout.split())
    deadline = time.monotonic() + 60
    while is_alive(pid):
        assert time.monotonic() < deadline, "it lives on"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
