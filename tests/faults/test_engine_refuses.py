"""The engine takes nothing, or not all: what was answered waits on disk, and arrives once when it takes again.

A table is made to refuse by putting a file in the place of its folder, while the service runs.
"""

import contextlib
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx

from tests.faults.harness import Group
from tests.faults.stored_state import last_blocks, spool_state, table_folders
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for

MAX_BYTES = 10_000_000  # the least a spool may have


def make_events(number: int, months: int = 1, bytes_each: int = 10) -> list[dict[str, Any]]:
    """New events of several months."""
    return [
        {
            "event_id": uuid.uuid4().hex,
            "event": "video_watched",
            "user_id": f"u-{index % 5}",
            "timestamp": f"2026-{index % months + 1:02d}-10T10:00:00Z",
            "properties": {"v": index, "notes": uuid.uuid4().hex[:1] * bytes_each},
        }
        for index in range(number)
    ]


@contextlib.contextmanager
def refusing(data_dir: Path, table: str) -> Generator[None]:
    """Nothing can be written to the table inside."""
    folder = table_folders(data_dir)[table]
    away = folder.with_name("away")
    folder.rename(away)
    folder.write_bytes(b"")
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


def writer_check(group: Group) -> dict[str, Any]:
    """What /readyz says of the writer; the service takes events all the while."""
    answer = httpx.get(f"{group.url}/readyz", timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()["checks"]["writer"]


def test_a_batch_that_a_table_refuses_waits_and_is_stored_once(group: Group) -> None:
    sender = group.sender()
    sender.send_until_accepted(make_events(20))
    worker = group.worker()
    for table in ("events", "event_counts", "event_ids"):
        group.wait_drained()
        before = last_blocks(group.data_dir)["events"]
        with refusing(group.data_dir, table):
            batch = make_events(20, months=3)
            for _ in range(3):
                sender.send_until_accepted(batch)
                sender.send_until_accepted(make_events(5))
            wait_for(lambda: not writer_check(group)["ok"], "the check of the writer to fail")
            assert not spool_state(group.data_dir).drained
            if table != "events":
                assert last_blocks(group.data_dir)["events"] > before, "the batch landed in part: that is what this test is about"
        wait_for(lambda: writer_check(group)["ok"], "the check of the writer to pass")
    group.wait_drained()
    assert group.worker() == worker, "no worker ends of it"
    reader = group.reader()
    assert reader.total("raw") == reader.total("rollup") == len(sender.log.acknowledged)
    reader.close()
    stored = group.stored()
    sender.log.expect_exactly(stored)
    assert stored.rejected == [], "no row is at fault"


def test_a_full_spool_refuses_a_flood_whole_and_leaves_room_for_others(make_group: Callable[..., Group]) -> None:
    group = make_group(spool_max_bytes=str(MAX_BYTES), batch_max_rows="1000").start()
    flood, other = group.sender(), group.second_project()
    flood.send_until_accepted(make_events(10))
    group.wait_drained()
    refused: list[dict[str, Any]] = []
    with refusing(group.data_dir, "events"):
        for _ in range(30):
            batch = make_events(400, bytes_each=1_000)
            reply = flood.send(batch)
            assert reply is not None
            if reply.status != 200:
                refused += batch
                assert reply.status == 503
                assert int(reply.headers["retry-after"]) >= 1
                assert reply.headers["content-type"] == "application/problem+json"
                assert (reply.body["code"], reply.body["status"]) == ("spool-full", 503)
                assert reply.body["retry_after_seconds"] == int(reply.headers["retry-after"])
        assert refused, "30 batches of 400 kB fit into no spool of 10 MB"
        assert len(flood.log.acknowledged) > 400
        reply = other.send(make_events(300, bytes_each=1_000))
        assert reply is not None
        assert reply.status == 200, "a flood leaves room for another project"
        assert reply.body["accepted"] == 300
        assert spool_bytes(group.data_dir) < MAX_BYTES * 1.1
    group.wait_drained()
    stored_ids = flood.log.acknowledged | other.log.acknowledged
    assert not stored_ids & {event["event_id"] for event in refused}
    # A client that does what Retry-After says gets everything in.
    for start in range(0, len(refused), 400):
        flood.send_until_accepted(refused[start : start + 400])
    group.wait_drained()
    for project, log in (("default", flood.log), ("second", other.log)):
        reader = group.reader(project)
        assert reader.total("raw") == reader.total("rollup") == len(log.acknowledged)
        reader.close()
    stored = group.stored()
    assert stored.contents.keys() == flood.log.acknowledged | other.log.acknowledged
    assert {count[0] for count in stored.counts.values()} == {len(stored.contents)}


def test_what_waits_for_the_engine_outlives_a_kill(group: Group) -> None:
    sender = group.sender()
    sender.send_until_accepted(make_events(10))
    group.wait_drained()
    with refusing(group.data_dir, "user_days"):
        sender.send_until_accepted(make_events(30, months=2))
        wait_for(lambda: not writer_check(group)["ok"], "the check of the writer to fail")
        group.kill_all()
    group.start()
    sender.send_until_accepted(make_events(10))
    group.wait_drained()
    sender.log.expect_exactly(group.stored())


def spool_bytes(data_dir: Path) -> int:
    """What the spool's segments take."""
    return sum(path.stat().st_size for path in (data_dir / "spool").glob("*.spool"))
