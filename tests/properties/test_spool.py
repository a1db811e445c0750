"""Whatever happens to a spool's files, what is intact is read and nothing is invented; a spool in use agrees with a list."""

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from analytics.errors import SpoolFullError
from analytics.spool.chunk import RecordKind, encode_record
from analytics.spool.segment import Damage, Record, segment_numbers, segment_path
from analytics.spool.spool import NewRecord, Spool
from tests.factories.spool_records import make_record, number_of, read_segment, write_segment

Wound = tuple[str, float, int]
WOUNDS = st.lists(
    st.tuples(st.sampled_from(["flip", "zero", "insert", "remove", "cut", "mark"]), st.floats(0, 1), st.integers(1, 200)),
    min_size=1,
    max_size=4,
)


def wounded(data: bytes, wounds: list[Wound]) -> tuple[bytes, list[int | None]]:
    """`data` after some accidents behind its magic, and where each of its bytes was before (None: nowhere)."""
    origin: list[int | None] = list(range(len(data)))
    for kind, where, size in wounds:
        at = 8 + int(where * (len(data) - 8))
        removed, added = 0, b""
        if kind == "flip":
            removed = 1
            added = bytes(byte ^ (size % 255 + 1) for byte in data[at : at + 1])
        elif kind == "zero":
            removed, added = size, bytes(len(data[at : at + size]))
        elif kind == "insert":
            added = bytes(range(256))[:size]
        elif kind == "mark":
            added = encode_record(RecordKind.EVENTS, "p9", 999_999, size, b"\xee" * size)[0]
        elif kind == "remove":
            removed = size
        else:
            removed = len(data)
        data = data[:at] + added + data[at + removed :]
        origin[at : at + removed] = [None] * len(added)
    return data, origin


def places_now(origin: list[int | None], start: int, end: int) -> bool:
    """Whether the bytes from `start` to `end` still stand together, in order."""
    return start in origin and origin[(at := origin.index(start)) : at + end - start] == list(range(start, end))


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(sizes=st.lists(st.integers(10, 150), min_size=1, max_size=6), wounds=WOUNDS)
def test_what_no_accident_touched_is_read_and_nothing_else(sizes: list[int], wounds: list[Wound]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, places = write_segment(Path(folder), [make_record(number, size=size) for number, size in enumerate(sizes)])
        whole = path.read_bytes()
        data, origin = wounded(whole, wounds)
        path.write_bytes(data)
        found = read_segment(path).numbers  # fails by itself if a record is not as it was made
        assert found == sorted(found)
        assert len(found) == len(set(found))
        assert set(found) >= {number for number, (start, end) in enumerate(places) if places_now(origin, start, end)}


class SpoolMachine(RuleBasedStateMachine):
    """A spool beside a list of what waits: appends, batches stored, ends of all kinds."""

    @initialize(segment_bytes=st.integers(150, 2_000))
    def begin(self, segment_bytes: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.segment_bytes = segment_bytes
        self.waiting: list[NewRecord] = []
        self.reserved: Counter[str] = Counter()
        self.number = 0
        self.open()

    def open(self) -> None:
        self.spool = Spool(Path(self.folder.name) / "spool", 20_000, sync=False, segment_bytes=self.segment_bytes)

    @rule(
        sizes=st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(10, 300), st.integers(1, 5)), min_size=1, max_size=5),
    )
    def append(self, sizes: list[tuple[str, int, int]]) -> None:
        records: list[NewRecord] = []
        for project, size, rows in sizes:
            if self.reserve(project, size):
                self.number += 1
                records.append(make_record(self.number, project, rows, size, size))
        if records:
            self.spool.append(records)
            self.waiting += records
            for record in records:
                self.reserved[record.project_id] -= record.reserved_bytes

    def full(self, project: str, size: int) -> None:
        """It may only refuse for want of room."""
        held = Counter(self.reserved)
        for record in self.waiting:
            held[record.project_id] += len(record.payload)
        projects = len({name for name, number in held.items() if number} | {project})
        assert held.total() + size > 20_000 or held[project] + size > 20_000 // (projects + 1)

    def reserve(self, project: str, size: int) -> bool:
        try:
            self.spool.reserve(project, size)
        except SpoolFullError:
            self.full(project, size)
            return False
        self.reserved[project] += size
        return True

    @rule(project=st.sampled_from(["a", "b"]), size=st.integers(1, 3_000))
    def request(self, project: str, size: int) -> None:
        """One that is still being decoded."""
        self.reserve(project, size)

    @precondition(lambda self: self.reserved.total())
    @rule()
    def release(self) -> None:
        """All that one project has reserved."""
        project, size = self.reserved.most_common(1)[0]
        self.spool.release(project, size)
        del self.reserved[project]

    @precondition(lambda self: self.waiting)
    @rule(share=st.floats(0, 1))
    def store(self, share: float) -> None:
        items = [item for item in self.spool.read(self.spool.checkpoint) if isinstance(item, Record)]
        batch = items[: max(1, int(share * len(items)))]
        taken: dict[str, tuple[int, int]] = {}
        for item in batch:
            size, rows = taken.get(item.header.project_id, (0, 0))
            taken[item.header.project_id] = (size + item.header.payload_bytes, rows + item.header.rows)
        self.spool.advance(batch[-1].end, taken)
        del self.waiting[: len(batch)]

    @rule(torn=st.integers(0, 120))
    def restart(self, torn: int) -> None:
        """As after kill -9, in the middle of a write if `torn`."""
        last = segment_path(Path(self.folder.name) / "spool", self.spool.committed.segment)
        self.spool.close()
        if torn:
            head, payload = encode_record(RecordKind.EVENTS, "a", 999_999, 7, bytes(200))
            with last.open("ab") as file:
                file.write((head + payload)[:torn])
        self.reserved.clear()
        self.open()

    @invariant()
    def what_waits_is_what_was_appended_and_not_stored(self) -> None:
        items = list(self.spool.read(self.spool.checkpoint))
        assert [number_of(item) for item in items if isinstance(item, Record)] == [record.received_ms for record in self.waiting]
        assert all(item.end.offset - item.start.offset <= 120 for item in items if isinstance(item, Damage))

    @invariant()
    def the_counts_are_those_of_what_waits(self) -> None:
        stats = self.spool.stats()
        assert stats.pending_rows == sum(record.rows for record in self.waiting)
        assert stats.pending_bytes == sum(len(record.payload) for record in self.waiting)
        assert stats.oldest_received_ms == (self.waiting[0].received_ms if self.waiting else None)

    @invariant()
    def no_segment_lies_behind_the_checkpoint(self) -> None:
        assert segment_numbers(Path(self.folder.name) / "spool")[0] >= self.spool.checkpoint.segment

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.spool.close()
            self.folder.cleanup()


SpoolMachine.TestCase.settings = settings(deadline=None, max_examples=25, stateful_step_count=30)
TestSpool = SpoolMachine.TestCase
