"""The spool: what is counted, what is kept over a restart, what makes room, and what a failing disk must not be."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analytics.errors import SpoolFullError, SpoolWriteError
from analytics.spool.segment import Position, Record, segment_numbers, segment_path
from analytics.spool.spool import NewRecord, Spool
from tests.factories.spool_records import make_record, number_of
from tests.fixtures.disk_calls import DiskCall, replaced

ROOM = 1_000_000


@pytest.fixture
def open_spool(tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    """Opens the spool of the test's folder; the one before it is closed, as by a process that ended."""
    opened: list[Spool] = []

    def open_it(max_bytes: int = ROOM, segment_bytes: int = 1_000, sync: bool = False) -> Spool:
        if opened:
            opened[-1].close()
        opened.append(Spool(tmp_path / "spool", max_bytes, sync=sync, segment_bytes=segment_bytes))
        return opened[-1]

    yield open_it
    for spool in opened:
        spool.close()


def waiting(spool: Spool) -> list[int]:
    return [number_of(item) for item in spool.read(spool.checkpoint) if isinstance(item, Record)]


def take(spool: Spool, records: int) -> None:
    """Read as many records and checkpoint behind them, as the writer does."""
    taken: dict[str, tuple[int, int]] = {}
    end = spool.checkpoint
    for item in [item for item in spool.read(spool.checkpoint) if isinstance(item, Record)][:records]:
        size, rows = taken.get(item.header.project_id, (0, 0))
        taken[item.header.project_id] = (size + item.header.payload_bytes, rows + item.header.rows)
        end = item.end
    spool.advance(end, taken)


def test_records_come_back_in_the_order_of_their_receipt_over_many_segments(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool(segment_bytes=300)
    for number in range(20):
        spool.append([make_record(number)])
    assert len(segment_numbers_of(spool)) > 5
    assert waiting(spool) == list(range(20))


def test_a_group_larger_than_a_segment_stays_together(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool(segment_bytes=300)
    spool.append([make_record(1)])
    spool.append([make_record(number, size=200) for number in range(2, 8)])
    assert waiting(spool) == list(range(1, 8))
    assert spool.committed.segment == 2


def test_segments_behind_the_checkpoint_are_removed_and_no_other(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool(segment_bytes=300)
    for number in range(10):
        spool.append([make_record(number)])
    before = segment_numbers_of(spool)
    take(spool, 5)
    assert segment_numbers_of(spool) == [number for number in before if number >= spool.checkpoint.segment]
    assert waiting(spool) == list(range(5, 10))
    take(spool, 5)
    assert waiting(spool) == []
    assert segment_numbers_of(spool) == [spool.committed.segment]


def test_a_restart_counts_what_waits_from_the_checkpoint_on(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool(segment_bytes=300)
    for number in range(10):
        spool.append([make_record(number, "p1" if number % 2 else "p2", rows=number, size=50)])
    take(spool, 4)
    before = spool.stats()
    again = open_spool(segment_bytes=300)
    assert (again.stats().pending_bytes, again.stats().pending_rows, again.oldest_received_ms()) == (300, sum(range(4, 10)), 4)
    assert before.pending_bytes == again.stats().pending_bytes
    assert again.pending_rows_of("p1") == (5 + 7 + 9, 2)
    assert waiting(again) == list(range(4, 10))
    assert again.checkpoint == spool.checkpoint
    assert again.node == spool.node


def test_a_restart_removes_segments_that_a_kill_left_behind_the_checkpoint(open_spool: Callable[..., Spool], tmp_path: Path) -> None:
    spool = open_spool(segment_bytes=300)
    for number in range(10):
        spool.append([make_record(number)])
    old = segment_path(tmp_path / "spool", 1).read_bytes()
    take(spool, 10)
    segment_path(tmp_path / "spool", 1).write_bytes(old)
    again = open_spool()
    assert waiting(again) == []
    assert again.pending_rows() == 0
    assert not segment_path(tmp_path / "spool", 1).exists()


def test_a_start_never_appends_to_a_segment_of_an_earlier_one(open_spool: Callable[..., Spool]) -> None:
    first = open_spool().committed
    second = open_spool().committed
    assert second == Position(first.segment + 1, first.offset)


def test_the_oldest_receipt_is_that_of_what_waits(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool()
    assert spool.oldest_received_ms() is None
    spool.append([make_record(11), make_record(12)])
    spool.append([make_record(13)])
    assert spool.oldest_received_ms() == 11
    take(spool, 1)
    assert spool.oldest_received_ms() == 12
    take(spool, 2)
    assert spool.oldest_received_ms() is None


def test_what_arrives_while_a_batch_is_stored_still_waits_after_its_checkpoint(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool()
    spool.append([make_record(1, rows=3)])
    (record,) = [item for item in spool.read(spool.checkpoint) if isinstance(item, Record)]
    spool.append([make_record(2, rows=4)])
    spool.advance(record.end, {"p1": (record.header.payload_bytes, 3)})
    assert (spool.pending_rows(), spool.oldest_received_ms(), waiting(spool)) == (4, 2, [2])


def test_waiting_ends_when_rows_come_or_somebody_wakes_it(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool()
    assert spool.wait_for_rows(1, 0.01) == 0
    threading.Timer(0.05, lambda: spool.append([make_record(1, rows=2)])).start()
    assert spool.wait_for_rows(1, 30) == 2
    threading.Timer(0.05, spool.wake).start()
    assert spool.wait_for_rows(100, 30) == 2


# ---- room -----------------------------------------------------------------


def test_reserved_room_is_given_back_when_its_record_is_counted(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool(max_bytes=1_000)
    spool.reserve("p1", 400)
    with pytest.raises(SpoolFullError):
        spool.reserve("p1", 101)
    spool.append([make_record(1, size=100, reserved=400)])
    spool.reserve("p1", 400)
    spool.release("p1", 400)
    take(spool, 1)
    spool.reserve("p1", 500)


def test_a_flood_of_one_project_leaves_room_for_the_next(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool(max_bytes=1_200)
    spool.append([make_record(1, "flood", size=600)])
    with pytest.raises(SpoolFullError, match="share"):
        spool.reserve("flood", 1)
    spool.reserve("second", 400)
    with pytest.raises(SpoolFullError, match="share"):
        spool.reserve("second", 1)
    spool.reserve("third", 200)
    with pytest.raises(SpoolFullError, match="full"):
        spool.reserve("fourth", 1)


def test_a_refused_reservation_holds_nothing(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool(max_bytes=1_000)
    with pytest.raises(SpoolFullError):
        spool.reserve("p1", 501)
    spool.reserve("p1", 500)


def test_room_lost_to_damage_comes_back(open_spool: Callable[..., Spool], tmp_path: Path) -> None:
    spool = open_spool(max_bytes=1_000)
    spool.append([make_record(1, size=200), make_record(2, size=200)])
    path = segment_path(tmp_path / "spool", 1)
    data = bytearray(path.read_bytes())
    data[-1] ^= 0xFF
    path.write_bytes(data)
    take(spool, 1)
    spool.advance(spool.committed, {})
    assert (spool.pending_rows(), spool.stats().pending_bytes, spool.oldest_received_ms()) == (0, 0, None)
    spool.reserve("p1", 500)


# ---- a failing disk ---------------------------------------------------------


def failing(code: int) -> Callable[..., int]:
    def fail(*arguments: object) -> int:
        raise OSError(code, os.strerror(code))

    return fail


def test_after_a_failed_sync_nothing_is_taken_any_more(open_spool: Callable[..., Spool], monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(sync=True)
    spool.append([make_record(1)])
    committed = spool.committed
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", failing(errno.EIO))
        with pytest.raises(SpoolWriteError):
            spool.append([make_record(2)])
    # The disk seems well again: the kernel may have dropped what it could not write, so this process trusts it no more.
    with pytest.raises(SpoolWriteError):
        spool.append([make_record(3)])
    with pytest.raises(SpoolFullError):
        spool.reserve("p1", 1)
    assert not spool.has_room()
    assert spool.committed == committed
    assert waiting(spool) == [1]


def test_each_append_is_synced_before_it_returns(open_spool: Callable[..., Spool], monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(sync=True)
    synced: list[int] = []
    real = os.fdatasync

    def note(fd: int) -> None:
        synced.append(os.fstat(fd).st_size)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", note)
    for number in range(1, 4):
        spool.append([make_record(number)])
        assert synced[-1] == spool.committed.offset, "the sync comes after the write"
        assert len(synced) == number


def test_a_checkpoint_is_on_disk_before_the_segments_behind_it_are_removed(
    open_spool: Callable[..., Spool], disk_calls: list[DiskCall], tmp_path: Path
) -> None:
    spool = open_spool(segment_bytes=100, sync=True)
    for number in range(3):
        spool.append([make_record(number)])
    disk_calls.clear()
    take(spool, 3)
    path = tmp_path / "spool" / "checkpoint"
    assert disk_calls[:3] == replaced(path, path.read_bytes())
    assert [(call.call, call.path) for call in disk_calls[3:]] == [("remove", segment_path(path.parent, number)) for number in (1, 2)]


def test_what_an_earlier_run_wrote_without_a_sync_is_synced_at_the_opening(
    open_spool: Callable[..., Spool], disk_calls: list[DiskCall], tmp_path: Path
) -> None:
    """A kill may come between the write and its sync: the events are there to be read, stored and repeated, and not yet on disk."""
    spool = open_spool(segment_bytes=100)
    for number in range(3):
        spool.append([make_record(number)])
    found = {path: path.read_bytes() for path in (segment_path(tmp_path / "spool", number) for number in segment_numbers_of(spool))}
    assert len(found) == 3
    disk_calls.clear()
    assert waiting(open_spool(sync=True)) == [0, 1, 2]
    assert {call.path: call.content for call in disk_calls if call.call == "sync" and call.path in found} == found


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_refuses_the_group_whole_and_takes_the_next(
    open_spool: Callable[..., Spool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int
) -> None:
    spool = open_spool()
    spool.append([make_record(1)])
    real = os.write
    calls: list[int] = []

    def half(fd: int, data: bytes) -> int:
        calls.append(fd)
        if len(calls) > 1:
            raise OSError(code, os.strerror(code))
        return real(fd, bytes(data)[: len(data) // 2])

    with monkeypatch.context() as full:
        full.setattr(os, "write", half)
        with pytest.raises(SpoolFullError, match="disk"):
            spool.append([make_record(2), make_record(3)])
    assert segment_path(tmp_path / "spool", 1).stat().st_size == spool.committed.offset
    spool.append([make_record(4)])
    assert waiting(spool) == [1, 4]
    assert waiting(open_spool()) == [1, 4]


def test_a_disk_that_cannot_even_take_back_a_part_ends_it(open_spool: Callable[..., Spool], monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool()
    spool.append([make_record(1)])
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", failing(errno.ENOSPC))
        broken.setattr(os, "ftruncate", failing(errno.EIO))
        with pytest.raises(SpoolWriteError):
            spool.append([make_record(2)])
    with pytest.raises(SpoolWriteError):
        spool.append([make_record(3)])


def test_a_write_error_other_than_a_full_disk_ends_it(open_spool: Callable[..., Spool], monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool()
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", failing(errno.EIO))
        with pytest.raises(SpoolWriteError):
            spool.append([make_record(1)])
    with pytest.raises(SpoolWriteError):
        spool.append([make_record(2)])
    assert waiting(open_spool()) == []


def test_a_segment_that_cannot_be_begun_ends_it(open_spool: Callable[..., Spool], monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(segment_bytes=100, sync=True)
    spool.append([make_record(1)])
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing(errno.EIO))  # of the folder: the new name would not outlive a power cut
        with pytest.raises(SpoolWriteError):
            spool.append([make_record(2)])
    with pytest.raises(SpoolWriteError):
        spool.append([make_record(3)])


# ---- threads ----------------------------------------------------------------


def test_one_thread_appends_while_another_stores_and_nothing_is_missed(open_spool: Callable[..., Spool]) -> None:
    spool = open_spool(segment_bytes=2_000)
    total = 3_000
    stored: list[int] = []

    def append() -> None:
        for number in range(0, total, 3):
            spool.reserve("p1", 40)
            records: list[NewRecord] = [make_record(number + index, reserved=40 if index == 0 else 0) for index in range(3)]
            spool.append(records)

    writer = threading.Thread(target=append)
    writer.start()
    while len(stored) < total:
        if not spool.wait_for_rows(1, 30):
            break
        batch = [item for item in spool.read(spool.checkpoint) if isinstance(item, Record)]
        assert batch, "rows were counted, so they are there to be read"
        stored += [number_of(item) for item in batch]
        spool.advance(batch[-1].end, {"p1": (sum(item.header.payload_bytes for item in batch), len(batch))})
    writer.join()
    assert stored == list(range(total))
    assert (spool.pending_rows(), spool.stats().pending_bytes, spool.oldest_received_ms()) == (0, 0, None)


def test_looking_for_an_event_survives_the_removal_of_its_segment(open_spool: Callable[..., Spool], tmp_path: Path) -> None:
    spool = open_spool(segment_bytes=100)
    for number in range(5):
        spool.append([make_record(number)])

    def matches(record: Record) -> bool:
        if number_of(record) == 0:
            take(spool, 5)  # the writer stores everything while somebody looks
        return False

    assert not spool.find("p1", matches)


def segment_numbers_of(spool: Spool) -> list[int]:
    return segment_numbers(spool._folder)  # pyright: ignore[reportPrivateUsage]
