"""The writer inserts one batch while it prepares the next: each event is stored once, whatever becomes of either."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from analytics.clock import SystemClock
from analytics.domain.project import Project
from analytics.errors import WarehouseUnavailableError
from analytics.ingest.batch import make_batch
from analytics.ingest.decode import decode_body
from analytics.ingest.pipeline import door_steps
from analytics.ingest.record import event_payload
from analytics.spool.chunk import RecordKind
from analytics.spool.segment import Position
from analytics.spool.spool import NewRecord, Spool
from analytics.telemetry.metrics import Metrics
from analytics.warehouse import merge_hold
from analytics.warehouse.client import Warehouse
from analytics.writer.batch import load_verdicts
from analytics.writer.known_ids import KnownIds, RecentIds
from analytics.writer.writer import Writer
from tests.factories.stored_events import make_project
from tests.fixtures.disk_calls import DiskCall, replaced
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for

PROJECT: Project = make_project()


def record(*events: dict[str, Any]) -> NewRecord:
    """Events as the way in writes them to the spool."""

    sent = [{"event": "lesson_started", "user_id": "u-1", "timestamp": "2026-03-01T10:00:00Z", **event} for event in events]
    now_ms = int(time.time() * 1000)
    batch = make_batch(PROJECT, now_ms, decode_body(json.dumps(sent).encode(), False, 1_000, 32_768).events, [""] * len(sent))
    for step in door_steps(None):
        step(batch)
    payload, rows = event_payload(batch)
    return NewRecord(RecordKind.EVENTS, PROJECT.id, now_ms, rows, payload)


def events(*ids: str, **members: Any) -> list[dict[str, Any]]:
    return [{"event_id": event_id, **members} for event_id in ids]


class Held:
    """Inserts into `events` wait while it is closed, and take `seconds`; each may be made to fail before or after it was done."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._insert = warehouse.insert_arrow
        self.open = threading.Event()
        self.open.set()
        self.begun = 0
        self.seconds = 0.0
        self.away = False
        self.fail_after = 0

    def __call__(self, table: str, columns: Sequence[str], payload: bytes, **options: Any) -> None:
        if table == "events":
            self.begun += 1
            assert self.open.wait(30)
            time.sleep(self.seconds)
            if self.away:
                raise WarehouseUnavailableError("It is away.")
        self._insert(table, columns, payload, **options)
        if table == "events" and self.fail_after:
            self.fail_after -= 1
            raise WarehouseUnavailableError("The answer was lost.")


class WrongClock(SystemClock):
    """Wrong until it is put right."""

    def put_right(self) -> None:
        self._offset = 0.0


class Bench:
    """A spool, a warehouse and writers, one after the other."""

    def __init__(self, warehouse: Warehouse, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.warehouse = warehouse
        self.folder = folder
        self.spool = Spool(folder, 10_000_000, sync=False)
        self.held = Held(warehouse)
        monkeypatch.setattr(warehouse, "insert_arrow", self.held)
        self.known = KnownIds(1_000_000)
        self.told: list[tuple[int, bool]] = []
        self.changes: list[tuple[str, int, Position]] = []
        self.wants_rest = False
        self.sync = False
        self.clock = SystemClock()
        self.metrics = Metrics()
        self.writer = self.make()

    def make(self) -> Writer:
        return Writer(
            self.spool,
            self.warehouse,
            self.clock,
            self.metrics,
            self.folder,
            batch_max_rows=50_000,
            batch_max_wait_seconds=0.001,
            known=self.known,
            sync=self.sync,
            inserting=lambda token, rows: self.changes.append((f"begins {rows.num_rows}", self.held.begun, self.spool.checkpoint)),
            inserted=lambda token: self.changes.append(("ends", self.held.begun, self.spool.checkpoint)),
            stored=lambda token, rows, at_rest: self.told.append((rows.num_rows, at_rest)),
            wants_rest=lambda: self.wants_rest,
        )

    def start(self) -> None:
        self.writer.start()
        wait_for(lambda: self.writer.state().ready, "the writer")

    def send(self, *sent: dict[str, Any]) -> None:
        self.spool.append([record(*sent)])

    def under_way(self, *first: dict[str, Any], then: Sequence[dict[str, Any]]) -> None:
        """`first` is being inserted and `then` has been decided about, when this returns."""
        self.held.open.clear()
        begun = self.held.begun
        self.send(*first)
        wait_for(lambda: self.held.begun == begun + 1, "the first insert")
        self.send(*then)
        wait_for(lambda: len(load_verdicts(self.folder)) == 2, "the second verdict")

    def merges_wait(self) -> bool:
        return self.metrics.registry.get_sample_value("analytics_merges_held") == 1

    def burst(self) -> None:
        """Events come in while inserts are slow, until merges wait for it."""
        self.held.seconds = 0.1
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.merges_wait() and time.monotonic() < deadline:
            self.send({})
            time.sleep(0.02)
        assert self.merges_wait()

    def drained(self) -> None:
        wait_for(lambda: not self.spool.pending_rows(), "the last checkpoint")

    def store_and_forget(self) -> None:
        """Both batches under way are stored, and the folder is as it was before: as after a kill."""
        files = {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        self.held.open.set()
        self.drained()
        self.writer.stop(PATIENCE_SECONDS)
        self.spool.close()
        for path in self.folder.iterdir():
            path.unlink()
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        self.spool = Spool(self.folder, 10_000_000, sync=False)

    def ids(self) -> list[str]:
        """Every stored id, and proof that no table holds another number of events."""
        found = [row[0] for row in self.warehouse.query("SELECT event_id FROM events ORDER BY event_id").rows]
        for sql in (
            "SELECT sum(events) FROM event_counts",
            "SELECT sum(events) FROM user_days",
            "SELECT count() FROM user_timeline",
            "SELECT count() FROM event_ids",
        ):
            assert self.warehouse.query(sql).rows[0][0] == len(found), sql
        return found


@pytest.fixture
def bench(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(warehouse, tmp_path / "spool", monkeypatch)
    yield bench
    bench.held.open.set()
    bench.writer.stop(PATIENCE_SECONDS)
    bench.spool.close()


def test_the_next_batch_is_prepared_while_one_is_inserted(bench: Bench) -> None:
    bench.start()
    bench.under_way(*events("a", "b"), then=events("c"))
    assert bench.ids() == []
    bench.held.open.set()
    bench.drained()
    assert bench.ids() == ["a", "b", "c"]
    assert [rows for rows, _ in bench.told] == [2, 1]


def test_a_verdict_is_on_disk_before_its_batch_is_inserted(bench: Bench, disk_calls: list[DiskCall]) -> None:
    bench.sync = True
    bench.writer = bench.make()
    bench.start()
    bench.held.open.clear()
    bench.send(*events("a", "b"))
    wait_for(lambda: bench.held.begun == 1, "the insert")
    path = bench.folder / "verdict"
    assert [call for call in disk_calls if call.path.name != "checkpoint"] == replaced(path, path.read_bytes())


def test_a_verdict_that_puts_a_row_aside_is_on_disk_before_the_checkpoint(bench: Bench, disk_calls: list[DiskCall]) -> None:
    bench.warehouse.command("ALTER TABLE events ADD CONSTRAINT no_poison CHECK event != 'poison'")
    bench.sync = True
    bench.writer = bench.make()
    bench.start()
    bench.send(*events("a"), *events("b", event="poison"))
    bench.drained()
    first, second = (call.content for call in disk_calls if call.call == "rename" and call.path.name == "verdict")
    path = bench.folder / "verdict"
    to_checkpoint = disk_calls[: [call.path.name for call in disk_calls].index("checkpoint")]
    assert to_checkpoint == [*replaced(path, first), *replaced(path, second)]


def test_a_change_is_told_before_each_attempt_and_ended_after_the_insert_before_the_checkpoint(bench: Bench) -> None:
    bench.start()
    bench.held.fail_after = 1
    start = bench.spool.checkpoint
    bench.send(*events("a", "b"))
    bench.drained()
    assert bench.ids() == ["a", "b"]
    assert bench.changes == [("begins 2", 0, start), ("begins 2", 1, start), ("ends", 1, start)]


def test_nothing_of_the_next_batch_is_inserted_before_the_one_under_way_is_stored(bench: Bench) -> None:
    bench.start()
    bench.under_way(*events("a"), then=events("b"))
    time.sleep(0.2)
    assert bench.held.begun == 1
    bench.held.open.set()
    bench.drained()
    assert bench.held.begun == 2


@pytest.mark.parametrize("forgetful", [False, True], ids=["known", "forgotten"])
def test_a_repeat_of_the_batch_under_way_is_stored_once(bench: Bench, forgetful: bool) -> None:
    if forgetful:  # neither the exact table nor yet the warehouse knows the ids of the batch under way
        bench.known.recent = RecentIds(8, 8, most_spilled=0)
    bench.start()
    ids = [f"id-{number:03d}" for number in range(100)]
    bench.under_way(*events(*ids), then=events(*ids, "new"))
    assert bench.known.recent.complete != forgetful
    bench.held.open.set()
    bench.drained()
    assert bench.ids() == [*ids, "new"]


def test_what_is_quarantined_can_be_sent_again_whole(bench: Bench) -> None:
    bench.warehouse.command("ALTER TABLE events ADD CONSTRAINT no_poison CHECK event != 'poison'")
    bench.start()
    context = {
        "ip": "198.51.100.7",
        "user_agent": "Mözilla",
        "locale": "de-DE",
        "timezone": "Europe/Berlin",
        "page": {"url": "https://a.example/x", "title": "X", "referrer": "https://b.example/", "depth": 3},
        "campaign": {"source": "s", "medium": "m", "name": "n", "term": "t", "content": "c"},
        "screen": {"width": 1920},
    }
    bench.send(*events("b", event="poison", session_id="s-1", properties={"score": 1.5}, context=context), *events("a"))
    bench.drained()
    [[body, size]] = bench.warehouse.query("SELECT body, body_bytes FROM rejected_events").rows
    sent = json.loads(body)
    assert (sent["context"], sent["properties"], sent["session_id"]) == (context, {"score": 1.5}, "s-1")
    assert (sent["event"], sent["user_id"], sent["timestamp"], size) == ("poison", "u-1", "2026-03-01T10:00:00Z", len(body.encode()))


def test_a_good_copy_behind_a_poison_row_is_stored(bench: Bench) -> None:
    bench.warehouse.command("ALTER TABLE events ADD CONSTRAINT no_poison CHECK event != 'poison'")
    bench.start()
    bench.under_way(*events("a"), *events("b", event="poison"), then=events("b", "c"))
    bench.held.open.set()
    bench.drained()
    assert bench.ids() == ["a", "b", "c"]
    rejected = bench.warehouse.query("SELECT event_id, status FROM rejected_events").rows
    assert rejected == [("b", "quarantined")]


def test_an_insert_whose_answer_is_lost_is_made_whole_before_the_next(bench: Bench) -> None:
    bench.start()
    bench.held.fail_after = 1
    bench.under_way(*events("a", "b"), then=events("b", "c"))
    bench.held.open.set()
    bench.drained()
    assert bench.ids() == ["a", "b", "c"]


def test_both_batches_are_finished_by_the_next_process(bench: Bench) -> None:
    """Stopped with one insert done and not checkpointed, and the next decided upon: as after a kill between any two lines."""
    bench.start()
    bench.under_way(*events("a", "b"), then=events("b", "c"))
    bench.store_and_forget()
    assert bench.spool.pending_rows() == 4
    bench.known = KnownIds(1_000_000)
    bench.writer = bench.make()
    bench.start()
    bench.drained()
    assert bench.ids() == ["a", "b", "c"]


@pytest.mark.parametrize("wants_rest", [False, True])
def test_counters_that_must_be_counted_anew_get_a_writer_at_rest(bench: Bench, wants_rest: bool) -> None:
    bench.wants_rest = wants_rest
    bench.start()
    bench.under_way(*events("a"), then=events("b"))
    bench.held.open.set()
    bench.drained()
    wait_for(lambda: len(bench.told) == 2, "word of both batches")
    assert bench.told == [(1, wants_rest), (1, True)]


def test_a_hold_waits_for_the_insert_and_stops_the_next(bench: Bench) -> None:
    bench.start()
    bench.under_way(*events("a"), then=events("b"))
    entered: list[list[str]] = []

    def hold() -> None:
        with bench.writer.paused() as held:
            entered.append(bench.ids())
            time.sleep(0.3)
            assert bench.ids() == entered[0]
            assert held.intact()

    holder = threading.Thread(target=hold)
    holder.start()
    time.sleep(0.1)
    assert not entered
    bench.held.open.set()
    holder.join()
    bench.drained()
    assert entered == [["a"]]
    assert bench.ids() == ["a", "b"]


def test_a_stop_stores_what_waits(bench: Bench) -> None:
    bench.start()
    bench.under_way(*events("a"), then=events("b"))
    bench.send(*events("c"))
    threading.Timer(0.2, bench.held.open.set).start()
    bench.writer.stop(PATIENCE_SECONDS)
    assert bench.spool.checkpoint == bench.spool.committed
    assert bench.ids() == ["a", "b", "c"]


def test_a_row_that_only_a_view_refuses_ends_in_quarantine(bench: Bench) -> None:
    bench.warehouse.command("ALTER TABLE user_days ADD CONSTRAINT no_poison CHECK event != 'poison'")
    bench.start()
    bench.send(*events("a"), *events("b", event="poison"), *events("c"))
    bench.drained()
    assert [row[0] for row in bench.warehouse.query("SELECT event_id FROM events ORDER BY event_id").rows] == ["a", "c"]
    assert bench.warehouse.query("SELECT count() FROM event_ids").rows[0][0] == 2
    ((event_id, status, detail),) = bench.warehouse.query("SELECT event_id, status, detail FROM rejected_events").rows
    assert (event_id, status) == ("b", "quarantined")
    assert "no_poison" in detail
    # Corrected, it is taken under its id.
    bench.send(*events("b"))
    bench.drained()
    assert [row[0] for row in bench.warehouse.query("SELECT event_id FROM events ORDER BY event_id").rows] == ["a", "b", "c"]
    assert bench.warehouse.query("SELECT name FROM system.tables WHERE name LIKE 'events_scratch%'").rows == []


def test_a_view_that_refuses_every_row_puts_none_aside(bench: Bench) -> None:
    bench.warehouse.command("ALTER TABLE user_days ADD CONSTRAINT none_at_all CHECK event = 'other'")
    bench.start()
    bench.send(*events("a", "b"))
    wait_for(lambda: bench.writer.state().failure is not None, "the writer to fail")
    time.sleep(1.5)
    assert bench.spool.pending_rows() == 2
    assert bench.warehouse.query("SELECT count() FROM rejected_events").rows[0][0] == 0
    bench.warehouse.command("ALTER TABLE user_days DROP CONSTRAINT none_at_all")
    bench.drained()
    assert bench.ids() == ["a", "b"]


def test_counters_are_not_counted_anew_in_the_middle_of_a_recovery(bench: Bench) -> None:
    bench.start()
    bench.under_way(*events("a", "b"), then=events("c"))
    bench.store_and_forget()
    bench.told.clear()
    bench.known = KnownIds(1_000_000)
    bench.writer = bench.make()
    bench.start()
    bench.drained()
    assert bench.told == [(2, False), (1, True)], "the batch behind the first may be half in the tables"


def test_a_clock_that_was_set_back_makes_no_event_wait(bench: Bench) -> None:
    bench.start()
    sent = record(*events("a"))
    bench.spool.append([NewRecord(sent.kind, sent.project_id, int(time.time() * 1000) + 3_600_000, sent.rows, sent.payload)])
    bench.drained()
    assert bench.ids() == ["a"]


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_a_clock_that_was_behind_and_is_put_right_lets_no_repeat_through(bench: Bench, restarted: bool) -> None:
    behind = -47 * 3600.0  # beyond the horizon of a day; after two days, at any time of day, table event_ids may let them go
    clock = bench.clock = WrongClock(behind)
    bench.known.recent = RecentIds(8, 8, most_spilled=0)  # the exact table forgets: the others have to know
    bench.writer = bench.make()
    bench.start()
    sent = record(*events("a", "b"))
    received = int((time.time() + behind) * 1000)
    bench.spool.append([NewRecord(sent.kind, sent.project_id, received, sent.rows, sent.payload)])
    bench.drained()
    if restarted:
        bench.writer.stop(PATIENCE_SECONDS)
        clock.put_right()
        bench.known = KnownIds(1_000_000)
        bench.writer = bench.make()
        bench.start()
    else:
        clock.put_right()
    bench.send(*events("a", "b", "c"))
    bench.drained()
    assert bench.ids() == ["a", "b", "c"]


def test_an_insert_that_hangs_is_silence(bench: Bench) -> None:
    bench.start()
    idle_from = time.monotonic()
    wait_for(lambda: bench.writer.silent_seconds() < time.monotonic() - idle_from, "a sign of life of a writer with nothing to do")
    bench.under_way(*events("a"), then=events("b"))
    wait_for(lambda: bench.writer.silent_seconds() > 1.5, "silence")
    bench.held.open.set()
    wait_for(lambda: bench.writer.silent_seconds() < 0.5, "a sign of life")


def test_merges_wait_for_a_burst_and_go_on_after_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge_hold, "LOOK_SECONDS", 0.3)
    bench.start()
    bench.send({})
    bench.drained()
    assert not bench.merges_wait()
    bench.burst()
    bench.drained()
    wait_for(lambda: not bench.merges_wait(), "merges")


def test_merges_go_on_while_the_warehouse_takes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge_hold, "LOOK_SECONDS", 0.3)
    bench.start()
    bench.burst()
    bench.held.away = True
    bench.send({})
    wait_for(lambda: not bench.merges_wait(), "merges")
    assert bench.spool.pending_rows()
    bench.held.away = False
