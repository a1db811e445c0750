"""Every 200 has a completed fdatasync of its events before it: witnessed inside the worker, and seen from outside by strace.

The checkers are themselves put to the test: with the sync switched off, or running behind the answer's back, they must find it.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from analytics.spool.segment import Position, Record, read_records, segment_numbers, segment_path
from tests.faults.harness import WRITE_KEY, Group
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for

SENDERS, REQUESTS = 6, 5


def witnessed(group: Group, folder: Path, *orders: str) -> Group:
    """The group, with the witness of `disk_witness` in its worker."""
    modules = folder / "modules"
    modules.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("disk_witness.py"), modules / "sitecustomize.py")
    for order in orders:
        (folder / order).touch()
    group.environment = {"FAULTS_WITNESS": str(folder), "PYTHONPATH": os.pathsep.join((str(modules), os.environ.get("PYTHONPATH", "")))}
    return group


def make_event(event_id: str) -> dict[str, Any]:
    return {"event_id": event_id, "event": "lesson_started", "user_id": "u", "timestamp": "2026-06-01T00:00:00Z"}


def answer_times(group: Group) -> dict[str, float]:
    """Sends from several connections at once; when each event's 200 began to arrive (monotonic seconds)."""
    times: dict[str, float] = {}

    def send(sender: int) -> None:
        address = urlsplit(group.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE_SECONDS)
        for _ in range(REQUESTS):
            event_id = uuid.uuid4().hex
            headers = {"X-Write-Key": WRITE_KEY, "Content-Type": "application/json", "X-Request-Id": event_id}
            connection.request("POST", "/v1/events", json.dumps([make_event(event_id)]), headers)
            answer = connection.getresponse()
            times[event_id] = time.monotonic()
            assert answer.status == 200
            answer.read()
        connection.close()

    with ThreadPoolExecutor(SENDERS) as threads:
        list(threads.map(send, range(SENDERS)))
    assert len(times) == SENDERS * REQUESTS
    return times


@dataclass(frozen=True)
class Sync:
    """A completed fdatasync: everything up to `size` of the file was written before it began."""

    name: str
    size: int
    end: float


def unsynced(group: Group, folder: Path, times: Mapping[str, float]) -> list[str]:
    """Events that were answered before a sync of their record had ended."""
    lines = (folder / "syncs").read_text("utf-8").split("\n")[:-1] if (folder / "syncs").exists() else []
    syncs = [Sync(Path(name).name, int(size), float(end)) for name, size, _, end in map(str.split, lines)]
    ends = dict[str, tuple[str, int]]()
    spool = group.data_dir / "spool"
    for number in segment_numbers(spool):
        path = segment_path(spool, number)
        for item in read_records(path, Position(number, 0)):
            assert isinstance(item, Record)
            for event_id in times:
                if event_id.encode() in item.payload:
                    ends[event_id] = path.name, item.end.offset
    assert ends.keys() == times.keys(), "every answered event is in the spool"
    return [
        event_id
        for event_id, (name, end) in ends.items()
        if not any(sync.name == name and sync.size >= end and sync.end <= times[event_id] for sync in syncs)
    ]


def test_every_answer_comes_after_the_sync_of_its_events(make_group: Callable[..., Group], tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    group = witnessed(make_group(), folder, "slow").start()
    assert unsynced(group, folder, answer_times(group)) == []
    (folder / "late").touch()
    assert unsynced(group, folder, answer_times(group)), "an answer that does not wait for its sync must be seen"
    group.stop()


def test_with_the_sync_switched_off_the_witness_sees_answers_without_it(make_group: Callable[..., Group], tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    group = witnessed(make_group(spool_sync="false"), folder).start()
    times = answer_times(group)
    assert sorted(unsynced(group, folder, times)) == sorted(times)
    group.stop()


def test_after_a_failed_sync_nothing_is_answered_and_the_process_ends(make_group: Callable[..., Group], tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    group = witnessed(make_group(), folder).start()
    sender = group.sender()
    sender.send_until_accepted([make_event(uuid.uuid4().hex) for _ in range(5)])
    worker = group.worker()
    (folder / "broken").touch()
    events = [make_event(uuid.uuid4().hex) for _ in range(5)]
    with ThreadPoolExecutor(2) as threads:
        replies = list(threads.map(lambda event: sender.send([event], seconds=5), events[:2]))
    assert not [reply for reply in replies if reply is not None and reply.status == 200]
    wait_for(lambda: "worker ended" in group.service.log() and "exit code 74" in group.service.log(), "the worker's end")
    assert group.worker() != worker
    (folder / "broken").unlink()
    for event in events:
        sender.send_until_accepted([event])
    group.wait_drained()
    sender.log.expect_exactly(group.stored())


# ---- from outside -------------------------------------------------------------

_LINE = re.compile(r"^\d+ +(\w+)\((\d+)<(.*?)>(.*)$")
_UNFINISHED = re.compile(r"^(\d+) +fdatasync\(\d+<(.*?)> <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. fdatasync resumed>\) += 0$")


@contextlib.contextmanager
def traced(group: Group, output: Path) -> Generator[None]:
    """strace at the worker."""
    calls = "trace=write,pwrite64,fdatasync,sendto,sendmsg,writev"
    command = ["strace", "-f", "-y", "-s", "100000", "-e", calls, "-o", str(output), "-p", str(group.worker())]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
        assert tracer.stderr is not None
        attached = tracer.stderr.readline().decode()
        if "attached" not in attached:
            pytest.skip(f"strace may not look at other processes here ({attached.strip()}): proved from within only, by the witness")
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(PATIENCE_SECONDS)


def answered_unsynced(trace: str, ids: list[str]) -> list[str]:
    """Ids whose 200 left the process before the write of their record, and behind it an fdatasync of the same file, had ended."""
    written: dict[str, tuple[str, int]] = {}  # id -> file, line of the write
    syncing: dict[str, tuple[str, int]] = {}  # thread -> file, line where its sync began
    synced: dict[str, int] = {}  # file -> line where the latest finished sync had begun
    wrong: list[str] = []
    answered = 0
    for number, line in enumerate(trace.splitlines()):
        if begun := _UNFINISHED.match(line):
            syncing[begun[1]] = begun[2], number
        elif (ended := _RESUMED.match(line)) and ended[1] in syncing:
            name, start = syncing.pop(ended[1])
            synced[name] = max(synced.get(name, -1), start)
        elif call := _LINE.match(line):
            kind, _, name, rest = call.groups()
            if kind == "fdatasync" and rest.endswith("= 0"):
                synced[name] = number
            elif name.endswith(".spool"):
                written.update({event_id: (name, number) for event_id in ids if event_id in rest and event_id not in written})
            elif "HTTP/1.1 200" in rest:
                for event_id in [event_id for event_id in ids if event_id in rest]:
                    answered += 1
                    name, start = written.get(event_id, ("", number))
                    if synced.get(name, -1) < start:
                        wrong.append(event_id)
    assert answered == len(ids), "every answer was seen leaving"
    return wrong


@pytest.mark.skipif(
    shutil.which("strace") is None, reason="NOT PROVED HERE FROM OUTSIDE: no strace on this machine; the witness proves it from within"
)
@pytest.mark.parametrize("sync", [True, False])
def test_strace_sees_the_sync_before_the_answer_and_sees_it_missing(make_group: Callable[..., Group], tmp_path: Path, sync: bool) -> None:
    group = make_group(spool_sync=str(sync).lower()).start()
    group.sender().send_until_accepted([make_event("first")])  # the segment is open, the first time is over
    group.wait_drained()
    trace = tmp_path / "trace"
    with traced(group, trace):
        ids = list(answer_times(group))
    wrong = answered_unsynced(trace.read_text("utf-8", "replace"), ids)
    assert (wrong == []) is sync
    group.stop()
