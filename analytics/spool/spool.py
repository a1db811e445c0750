"""Events on disk between their acknowledgement and their insert.

One thread appends (group commit: one write and one fdatasync for many requests), one thread reads behind it and checkpoints. The one thing
to know: `append` returns only when the disk has the records; after a failed sync nothing may be acknowledged any more, and nothing is.
"""

import errno
import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analytics.errors import SpoolFullError, SpoolWriteError
from analytics.side_process import large_beside
from analytics.spool.chunk import RecordKind, encode_record
from analytics.spool.files import read_file, replace_file, seal, sync_folder, unseal
from analytics.spool.segment import (
    SEGMENT_MAGIC,
    START_OF_SEGMENT,
    Damage,
    Position,
    Record,
    read_headers,
    read_records,
    segment_numbers,
    segment_path,
)

log = logging.getLogger(__name__)

SEGMENT_BYTES = 64 * 1024 * 1024
DISK_RESERVE_BYTES = 100_000_000
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to append: `reserved_bytes` is what `reserve` was told of it and is given back once it is counted."""

    kind: RecordKind
    project_id: str
    received_ms: int
    rows: int
    payload: bytes
    reserved_bytes: int = 0

    def __reduce__(self) -> tuple[object, ...]:
        return large_beside(self)


@dataclass(frozen=True, slots=True)
class SpoolStats:
    """What waits: sizes in bytes, events, the receipt of the oldest in ms since 1970 (None: nothing waits); and what requests hold."""

    pending_bytes: int
    pending_rows: int
    reserved_bytes: int
    max_bytes: int
    oldest_received_ms: int | None
    segments: int


class Spool:
    """The spool in `folder`. Open it once; `open_spool` finds what an earlier run left."""

    def __init__(self, folder: Path, max_bytes: int, sync: bool = True, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._sync = sync
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._appending = threading.Lock()
        self._grown = threading.Condition(self._lock)
        self._woken = 0
        self._pending_bytes: dict[str, int] = {}
        self._pending_rows: dict[str, int] = {}
        self._reserved: dict[str, int] = {}
        self._failed: str | None = None
        self._fd = -1
        self._disk_is_full = False
        self._look_at_disk_again = 0.0
        folder.mkdir(parents=True, exist_ok=True)
        self.node = self._node_name()
        self._checkpoint = self._read_checkpoint()
        self._oldest_received_ms: int | None = None
        self._sync_what_waits()
        self._count_what_waits()
        numbers = segment_numbers(folder)
        # A new segment at each start: a torn end of the last one stays where it is and is read as what it is.
        self._committed = self._open_segment(max([*numbers, self._checkpoint.segment if self._checkpoint.offset else 0]) + 1)

    # ---- the way in -------------------------------------------------------

    def reserve(self, project_id: str, size_bytes: int) -> None:
        """Hold room for `size_bytes` of a project until they are appended or released.

        Raises SpoolFullError if the spool has no room, or this project has taken its share of it: with n projects in the spool each may
        take a part of n + 1, so a flood leaves room for others.
        """
        with self._lock:
            if self._failed:
                raise SpoolFullError(f"Events cannot be kept: {self._failed}")
            if not self._disk_has_room():
                raise SpoolFullError("The disk of the spool is nearly full.")
            total = sum(self._pending_bytes.values()) + sum(self._reserved.values())
            if total + size_bytes > self._max_bytes:
                raise SpoolFullError("The spool is full: events wait for the warehouse.")
            own = self._pending_bytes.get(project_id, 0) + self._reserved.get(project_id, 0)
            projects = len(self._pending_bytes.keys() | self._reserved.keys() | {project_id})
            if own + size_bytes > self._max_bytes // (projects + 1):
                raise SpoolFullError("This project's share of the spool is full: its events wait for the warehouse.")
            self._reserved[project_id] = self._reserved.get(project_id, 0) + size_bytes

    def release(self, project_id: str, size_bytes: int) -> None:
        """Give reserved room back."""
        with self._lock:
            self._release(project_id, size_bytes)

    def append(self, records: Sequence[NewRecord]) -> None:
        """Write all of `records` and sync them; only then return. Call it from one thread.

        Raises SpoolFullError if the disk is full (nothing was kept), SpoolWriteError if the disk failed: then the process must end.
        """
        if self._failed:
            raise SpoolWriteError(self._failed)
        buffers: list[bytes] = []
        for record in records:
            buffers += encode_record(record.kind, record.project_id, record.received_ms, record.rows, record.payload)
        with self._appending:
            self._append(records, buffers)

    def _append(self, records: Sequence[NewRecord], buffers: list[bytes]) -> None:
        size = sum(map(len, buffers))
        committed = self._committed
        if committed.offset > START_OF_SEGMENT and committed.offset + size > self._segment_bytes:
            committed = self._open_segment(committed.segment + 1)
            with self._grown:
                self._committed = committed  # at once: should the write fail, the next one goes to the new segment all the same
        self._write(buffers, size, committed)
        with self._grown:
            self._committed = Position(committed.segment, committed.offset + size)
            for record, payload in zip(records, buffers[1::2], strict=True):
                self._count(record.project_id, len(payload), record.rows)
                self._release(record.project_id, record.reserved_bytes)
                if self._oldest_received_ms is None:
                    self._oldest_received_ms = record.received_ms
            self._grown.notify_all()

    def turn(self) -> int:
        """Begin a new segment; its number. What was appended before lies before it. Raises SpoolFullError or SpoolWriteError."""
        with self._appending:
            if self._failed:
                raise SpoolWriteError(self._failed)
            committed = self._open_segment(self._committed.segment + 1)
            with self._grown:
                self._committed = committed
                self._woken += 1  # a reader with nothing to do leaves the segments before
                self._grown.notify_all()
        return committed.segment

    # ---- the way out ------------------------------------------------------

    @property
    def checkpoint(self) -> Position:
        """Everything before it is in the warehouse."""
        return self._checkpoint

    @property
    def committed(self) -> Position:
        """Everything before it is on disk."""
        return self._committed

    def wait_for_rows(self, rows: int, timeout_seconds: float, unless: Callable[[], bool] | None = None) -> int:
        """Wait until `rows` events wait, or the time is over, or `wake` is called; the number that wait.

        `unless` ends the wait too once it is true; whoever makes it so calls `wake`.
        """
        with self._grown:
            woken = self._woken
            self._grown.wait_for(
                lambda: self.pending_rows() >= rows or self._woken != woken or (unless is not None and unless()), timeout_seconds
            )
            return self.pending_rows()

    def wake(self) -> None:
        """Let a waiting reader look again."""
        with self._grown:
            self._woken += 1
            self._grown.notify_all()

    def read(self, position: Position) -> Iterator[Record | Damage]:
        """Committed records from `position` on, in the order of their receipt, with Damage where the disk lost something."""
        committed = self._committed
        for number in [n for n in segment_numbers(self._folder) if position.segment <= n <= committed.segment]:
            start = position if number == position.segment else Position(number, START_OF_SEGMENT)
            limit = committed.offset if number == committed.segment else None
            try:
                yield from read_records(segment_path(self._folder, number), start, limit)
            except FileNotFoundError:
                if number >= self._checkpoint.segment:
                    raise
                # Stored and removed while another thread than the writer's was on its way here.

    def advance(self, position: Position, taken: Mapping[str, tuple[int, int]]) -> None:
        """Checkpoint: everything before `position` is stored. `taken` is (bytes, events) by project; segments behind it are removed."""
        replace_file(self._folder / "checkpoint", seal(b"%d %d\n" % (position.segment, position.offset)), sync=self._sync)
        with self._lock:
            self._checkpoint = position
            for project_id, (size, rows) in taken.items():
                self._count(project_id, -size, -rows)
            if position == self._committed:  # also after damage, whose events were counted but never read
                self._pending_bytes.clear()
                self._pending_rows.clear()
            waiting = bool(self._pending_rows)
            if not waiting:
                self._oldest_received_ms = None
        if waiting:
            # Only this thread moves the oldest forward; `append` sets it only when nothing waits.
            self._oldest_received_ms = next(
                (item.header.received_ms for item in self.read(position) if isinstance(item, Record)), self._oldest_received_ms
            )
        for number in segment_numbers(self._folder):
            if number < position.segment:
                segment_path(self._folder, number).unlink(missing_ok=True)

    def leave_read_segments(self) -> None:
        """Go on to the open segment if all before it is read, so that those are removed. For the reader, with nothing under way."""
        beginning = Position(self._committed.segment, START_OF_SEGMENT)
        if self._checkpoint.segment >= beginning.segment or any(item.start < beginning for item in self.read(self._checkpoint)):
            return
        self.advance(beginning, {})

    def oldest_segment(self) -> int:
        """The number of the oldest segment that is on disk."""
        return min(segment_numbers(self._folder))

    # ---- what waits -------------------------------------------------------

    def stats(self) -> SpoolStats:
        """Sizes of what waits."""
        with self._lock:
            return SpoolStats(
                sum(self._pending_bytes.values()),
                sum(self._pending_rows.values()),
                sum(self._reserved.values()),
                self._max_bytes,
                self._oldest_received_ms,
                self._committed.segment - self._checkpoint.segment + 1,
            )

    def pending_rows(self) -> int:
        """Events that wait, of all projects."""
        return sum(self._pending_rows.values())

    def pending_rows_of(self, project_id: str) -> tuple[int, int]:
        """Events of one project that wait, and the number of projects that have events waiting."""
        return self._pending_rows.get(project_id, 0), len(self._pending_rows)

    def has_room(self) -> bool:
        """Whether one more request of usual size would be taken."""
        with self._lock:
            taken = sum(self._pending_bytes.values()) + sum(self._reserved.values())
            return not self._failed and self._disk_has_room() and taken + 1_000_000 <= self._max_bytes

    def oldest_received_ms(self) -> int | None:
        """Receipt of the oldest record that waits, in ms since 1970."""
        return self._oldest_received_ms

    def find(self, project_id: str, matches: Callable[[Record], bool]) -> bool:
        """Whether a waiting record of the project matches; other projects' records are passed over unread."""
        committed = self._committed
        for number in segment_numbers(self._folder):
            path = segment_path(self._folder, number)
            start = self._checkpoint if number == self._checkpoint.segment else Position(number, START_OF_SEGMENT)
            if number < self._checkpoint.segment or number > committed.segment:
                continue
            try:
                for header, place in read_headers(path, start):
                    if header.project_id != project_id:
                        continue
                    end = place.offset + header.record_bytes
                    if any(isinstance(item, Record) and matches(item) for item in read_records(path, place, end)):
                        return True
            except FileNotFoundError:
                continue  # stored meanwhile
        return False

    def close(self) -> None:
        """Close the open segment; what waits stays on disk."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    # ---- inside -----------------------------------------------------------

    def _write(self, buffers: list[bytes], size: int, committed: Position) -> None:
        try:
            self._write_all(buffers)
        except OSError as error:
            try:
                os.ftruncate(self._fd, committed.offset)
                os.fdatasync(self._fd)
            except OSError as second:
                self._fail(second)
            if error.errno in _NO_ROOM:
                raise SpoolFullError("The disk of the spool is full.") from error
            self._fail(error)
        if self._sync:
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                # The kernel may have dropped the pages it could not write: a second sync would lie.
                self._fail(error)

    def _write_all(self, buffers: list[bytes]) -> None:
        data = memoryview(b"".join(buffers))
        while data:
            data = data[os.write(self._fd, data) :]

    def _fail(self, error: OSError) -> None:
        self._failed = f"the spool's disk failed ({error.strerror})"
        raise SpoolWriteError(self._failed) from error

    def _open_segment(self, number: int) -> Position:
        path, fd = segment_path(self._folder, number), -1
        try:
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
            os.write(fd, SEGMENT_MAGIC)
            if self._sync:
                os.fdatasync(fd)
                sync_folder(self._folder)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
                path.unlink(missing_ok=True)  # empty: the next try makes it anew
            if error.errno in _NO_ROOM:
                raise SpoolFullError("The disk of the spool is full.") from error
            self._fail(error)
        self.close()
        self._fd = fd
        return Position(number, START_OF_SEGMENT)

    def _count(self, project_id: str, size: int, rows: int) -> None:
        for counts, change in ((self._pending_bytes, size), (self._pending_rows, rows)):
            left = counts.get(project_id, 0) + change
            if left > 0:
                counts[project_id] = left
            else:
                counts.pop(project_id, None)

    def _release(self, project_id: str, size_bytes: int) -> None:
        left = self._reserved.get(project_id, 0) - size_bytes
        if left > 0:
            self._reserved[project_id] = left
        else:
            self._reserved.pop(project_id, None)

    def _disk_has_room(self) -> bool:
        """Whether the disk has more than the part kept for the writer, without which what waits could never leave. Looks once a second."""
        now = time.monotonic()
        if now >= self._look_at_disk_again:
            self._look_at_disk_again = now + 1.0
            self._disk_is_full = shutil.disk_usage(self._folder).free < DISK_RESERVE_BYTES
        return not self._disk_is_full

    def _sync_what_waits(self) -> None:
        """What a killed run wrote and did not sync is readable now: it must not vanish at a power cut after it was counted in."""
        for number in segment_numbers(self._folder):
            fd = os.open(segment_path(self._folder, number), os.O_RDWR)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def _count_what_waits(self) -> None:
        for number in segment_numbers(self._folder):
            if number < self._checkpoint.segment:
                segment_path(self._folder, number).unlink(missing_ok=True)
                continue
            start = self._checkpoint if number == self._checkpoint.segment else Position(number, START_OF_SEGMENT)
            for header, _ in read_headers(segment_path(self._folder, number), start):
                self._count(header.project_id, header.payload_bytes, header.rows)
                if self._oldest_received_ms is None:
                    self._oldest_received_ms = header.received_ms

    def _read_checkpoint(self) -> Position:
        """Where the last run was; the oldest record there is, if that cannot be known: ids keep what is read twice from counting twice."""
        data = read_file(self._folder / "checkpoint")
        content = unseal(data) if data is not None else None
        if content is not None:
            segment, offset = content.split()
            return Position(int(segment), int(offset))
        if data is not None:
            log.error("spool.checkpoint_damaged")
        # The same before the first checkpoint as at the next start: a verdict is known by where its batch begins.
        return Position(min(segment_numbers(self._folder), default=1), 0)

    def _node_name(self) -> str:
        """A name for this spool: batches of two nodes, or of two lives of an emptied folder, must not share a token."""
        path = self._folder / "node"
        name = (read_file(path) or b"").decode("ascii", "replace").strip()
        emptied = not segment_numbers(self._folder) and not (self._folder / "checkpoint").exists()
        if not name.isalnum() or emptied:
            name = uuid.uuid4().hex[:12]
            replace_file(path, name, sync=True)
        return name
