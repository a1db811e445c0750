"""A spool that the disk cut or changed: what is intact is read, what is not is reported, nothing is invented."""

from pathlib import Path

import pytest

from analytics.spool.chunk import HEADER_BYTES, RECORD_MARK, RecordKind, encode_record
from analytics.spool.segment import Position, read_headers
from analytics.spool.spool import Spool
from tests.factories.spool_records import make_record, read_segment, write_segment

NUMBERS = [1, 2, 3, 4]


@pytest.fixture
def segment(tmp_path: Path) -> tuple[Path, list[tuple[int, int]]]:
    return write_segment(tmp_path, [make_record(number, size=30 + number) for number in NUMBERS])


def test_a_cut_at_any_byte_leaves_every_record_before_it(segment: tuple[Path, list[tuple[int, int]]]) -> None:
    path, places = segment
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        reading = read_segment(path)
        intact = [number for number, (_, end) in zip(NUMBERS, places, strict=True) if end <= cut]
        assert reading.numbers == intact
        begun = places[len(intact) - 1][1] if intact else 8
        assert reading.damages == ([(begun, cut)] if cut > begun else [])


def test_a_changed_byte_costs_the_record_it_lies_in_and_no_other(segment: tuple[Path, list[tuple[int, int]]]) -> None:
    path, places = segment
    whole = path.read_bytes()
    for at in range(8, len(whole)):
        for change in (0x01, 0x80, 0xFF):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
            reading = read_segment(path)
            assert reading.numbers == [number for number, (start, end) in zip(NUMBERS, places, strict=True) if not start <= at < end]
            assert reading.damages == [(start, end) for start, end in places if start <= at < end]


def test_the_magic_of_a_segment_is_not_what_its_records_hang_on(segment: tuple[Path, list[tuple[int, int]]]) -> None:
    path, _ = segment
    path.write_bytes(bytes(8) + path.read_bytes()[8:])
    assert read_segment(path).numbers == NUMBERS


def test_a_record_put_twice_behind_a_damaged_one_is_read_where_it_lies(segment: tuple[Path, list[tuple[int, int]]]) -> None:
    path, places = segment
    whole = path.read_bytes()
    (start, end), (_, second) = places[0], places[1]
    path.write_bytes(whole[:start] + b"\0" * (end - start) + whole[end:second] + whole[end:second] + whole[second:])
    assert read_segment(path).numbers == [2, 2, 3, 4]


def test_no_text_of_an_event_can_look_like_a_record() -> None:
    with pytest.raises(UnicodeDecodeError):
        RECORD_MARK.decode("utf-8")


def test_what_waits_behind_a_damaged_header_is_counted_at_the_next_start(segment: tuple[Path, list[tuple[int, int]]]) -> None:
    """Else an idle service would leave acknowledged events lying until the next ones come."""
    path, places = segment
    whole = bytearray(path.read_bytes())
    whole[places[1][0]] ^= 0xFF
    path.write_bytes(whole)
    spool = Spool(path.parent, 1_000_000, sync=False)
    assert spool.pending_rows() == 3
    assert spool.oldest_received_ms() == 1
    found = [position.offset for _, position in read_headers(path, Position(1, 0))]
    assert found == [start for start, _ in (places[0], places[2], places[3])]


@pytest.mark.parametrize("kept", [1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 20])
def test_a_torn_record_at_the_end_is_no_event_and_hides_none_to_come(tmp_path: Path, kept: int) -> None:
    path, _ = write_segment(tmp_path, [make_record(1)])
    head, payload = encode_record(RecordKind.EVENTS, "p1", 2, 1, make_record(2).payload)
    with path.open("ab") as file:
        file.write((head + payload)[:kept])
    spool = Spool(tmp_path, 1_000_000, sync=False)
    assert spool.pending_rows() == 1
    spool.append([make_record(3)])
    assert [type(item).__name__ for item in spool.read(spool.checkpoint)] == ["Record", "Damage", "Record"]
    assert spool.pending_rows() == 2


def test_a_record_that_names_more_bytes_than_there_are_reads_no_further_than_the_file(tmp_path: Path) -> None:
    path, _ = write_segment(tmp_path, [make_record(1)])
    head, payload = encode_record(RecordKind.EVENTS, "p1", 2, 1, b"x" * 5_000_000)
    with path.open("ab") as file:
        file.write(head + payload[:10])
    reading = read_segment(path)
    assert reading.numbers == [1]
    assert len(reading.damages) == 1


@pytest.mark.parametrize("inside", [0, 1, 4, 7, 8])
def test_the_next_record_is_found_also_where_two_windows_of_the_search_meet(tmp_path: Path, inside: int) -> None:
    """`inside`: bytes of its mark within the first window."""
    window_end = (1 << 20) + 1  # behind the start of the damage, where the search begins one byte further
    path, places = write_segment(tmp_path, [make_record(1, size=window_end - inside - HEADER_BYTES), make_record(2)])
    data = bytearray(path.read_bytes())
    data[places[0][0]] ^= 0xFF
    path.write_bytes(data)
    assert read_segment(path).numbers == [2]
