"""Rows out of files."""

import csv
import gzip
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics.errors import InvalidRequestError, UnreadableBodyError
from analytics.load.batches import Origin, event_line, gather
from analytics.load.mapping import FieldMap, parse_map
from analytics.load.sources import MAX_LINE_BYTES, Identity, Row, Source, find_sources

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def rows_of(path: Path, plain: bool = False, **options: str) -> list[Row]:
    (source,) = find_sources([str(path)], **options)  # type: ignore[arg-type]
    return list(source.rows(plain))


def ids_of(path: Path, fields: FieldMap | None = None) -> list[str]:
    chosen = fields or parse_map([])
    (source,) = find_sources([str(path)])
    identity = Identity()
    return [json.loads(event_line(row, chosen, identity, source.format == "csv"))["event_id"] for row in source.rows(chosen.is_plain)]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_compression_is_seen_from_the_content(tmp_path: Path, suffix: str) -> None:
    text = b'{"event":"a"}\n\n{"event":"b"}\r\n'
    packed = {"": text, ".gz": gzip.compress(text), ".zst": zstd.compress(text)}[suffix]
    path = tmp_path / f"events.ndjson{suffix}"
    path.write_bytes(packed)

    assert [(row.number, row.raw) for row in rows_of(path, plain=True)] == [(1, b'{"event":"a"}'), (3, b'{"event":"b"}')]


def test_a_cut_archive_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    for name, packed in (
        ("a.ndjson.gz", gzip.compress(b'{"event":"a"}\n' * 999)),
        ("a.ndjson.zst", zstd.compress(b'{"event":"a"}\n' * 999)),
    ):
        (tmp_path / name).write_bytes(packed[:-6])
        with pytest.raises(UnreadableBodyError, match=name):
            rows_of(tmp_path / name)


def test_a_line_that_is_no_json_object_is_a_problem_of_that_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":\n[1]\n\xff\n{"a":2}')
    rows = rows_of(path)
    assert [row.columns for row in rows if not row.problem] == [{"a": 1}, {"a": 2}]
    assert [row.number for row in rows if row.problem] == [2, 3, 4]


def test_an_endless_line_is_skipped_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b'{"a":1}\n"' + b"x" * (2 * MAX_LINE_BYTES + 5) + b'"\n{"a":2}\n')
    rows = rows_of(path, plain=True)
    assert [(row.number, bool(row.problem)) for row in rows] == [(1, False), (2, True), (3, False)]
    assert len(rows[1].raw) == 1000


def test_a_json_array_is_read_as_its_members(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[\n {"a": 1,\n "b": 2}, {"a": 3}]')
    assert [json.loads(row.raw) for row in rows_of(path, plain=True)] == [{"a": 1, "b": 2}, {"a": 3}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_csv_is_seen_from_its_first_line(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows([["event", "note"], ["a", 'one, "two"\nthree; |']])
    path.write_bytes(b"\xef\xbb\xbf" + buffer.getvalue().encode())
    assert [row.columns for row in rows_of(path)] == [{"event": "a", "note": 'one, "two"\nthree; |'}]


def test_a_csv_row_of_wrong_length_is_a_problem_of_that_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("event,user_id\na,1\nb\nc,2,3\nd,4\n")
    assert [(row.number, row.problem[:20]) for row in rows_of(path)] == [
        (2, ""),
        (3, "The row has 1 cells,"),
        (4, "The row has 3 cells,"),
        (5, ""),
    ]


def test_csv_of_another_encoding_is_read_when_told_and_refused_when_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("event,city\na,Köln\n".encode("latin-1"))
    assert rows_of(path, encoding="latin-1")[0].columns == {"event": "a", "city": "Köln"}
    with pytest.raises(UnreadableBodyError, match="--encoding"):
        rows_of(path)


@pytest.mark.parametrize("header", ["a,a", "a,", ""])
def test_csv_columns_must_have_names(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n1,2\n")
    with pytest.raises(InvalidRequestError, match="name each column"):
        rows_of(path)


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    moment = datetime(2026, 11, 22, 10, tzinfo=UTC)
    table = pa.table({"user_id": [1, 2], "at": pa.array([moment, None], pa.timestamp("ms", "UTC")), "p": [{"score": 0.5}, None]})
    pq.write_table(table, path)
    rows = rows_of(path)
    assert [row.number for row in rows] == [1, 2]
    assert rows[0].columns == {"user_id": 1, "at": moment, "p": {"score": 0.5}}


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 this is not Parquet PAR1")
    with pytest.raises(UnreadableBodyError, match=r"a\.parquet"):
        rows_of(path)


def test_a_folder_means_its_files_of_known_kinds_by_name(tmp_path: Path) -> None:
    for name in ("b.csv.gz", "a.ndjson", "sub/c.parquet", "notes.txt", ".hidden"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    found = find_sources([str(tmp_path)])
    assert [(source.path.name if source.path else "", source.format) for source in found] == [
        ("a.ndjson", "ndjson"),
        ("b.csv.gz", "csv"),
        ("c.parquet", "parquet"),
    ]


@pytest.mark.parametrize("name", ["missing.csv", "strange.txt"])
def test_a_file_that_is_not_there_or_of_no_known_kind_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "strange.txt").write_text("")
    with pytest.raises(InvalidRequestError, match=name):
        find_sources([str(tmp_path / name)])


def test_the_same_file_gives_the_same_ids_also_renamed_and_grown(tmp_path: Path) -> None:
    first, second = tmp_path / "one.csv", tmp_path / "two.csv"
    first.write_text("event,user_id\na,1\na,1\nb,2\n")
    second.write_text("event,user_id\na,1\na,1\nb,2\nc,3\n")
    ids = ids_of(first)
    assert ids_of(second)[:3] == ids
    assert len(set(ids)) == 3, "equal rows are different events"


def test_a_corrected_mapping_keeps_the_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("event,uid\na,1\n")
    assert ids_of(path) == ids_of(path, parse_map(["uid=user_id"]))


def test_files_that_begin_differently_share_no_ids(tmp_path: Path) -> None:
    for name, day in (("one", "22"), ("two", "23")):
        (tmp_path / f"{name}.ndjson").write_text(f'{{"event":"start","timestamp":"2026-11-{day}"}}\n{{"event":"a","user_id":"1"}}\n')
    assert not set(ids_of(tmp_path / "one.ndjson")) & set(ids_of(tmp_path / "two.ndjson"))


@pytest.mark.parametrize("line", [b'{"event":"a"}', b"{}", b'{ "event" : "a" }', b"{ }"])
def test_a_json_line_without_an_id_gets_one_and_is_otherwise_as_it_was(line: bytes) -> None:
    sent = json.loads(event_line(Row(1, line), parse_map([]), Identity(), False))
    assert len(sent.pop("event_id")) == 36
    assert sent == json.loads(line)


@pytest.mark.parametrize("line", [b'{"event_id":"x","a":1}', b'{"a": 1.0, "event_id": 7}', b'{"broken', b"[1]"])
def test_other_lines_go_as_they_stand(line: bytes) -> None:
    assert event_line(Row(1, line), parse_map([]), Identity(), False) == line


def test_batches_hold_every_row_once_and_know_where_it_came_from(tmp_path: Path) -> None:
    rows = [Row(n, b"{}" if n % 5 else b"x", {"n": n} if n % 5 else None, "" if n % 5 else "bad") for n in range(1, 24)]
    source = Source(tmp_path / "a.ndjson", "ndjson")
    batches = list(gather(source, rows, parse_map([]), Identity(), 4))
    origins = [batch.tag for batch in batches if isinstance(batch.tag, Origin)]
    assert [n for origin in origins for n in origin.numbers] == [n for n in range(1, 24) if n % 5]
    assert [row.number for origin in origins for row in origin.unsent] == [5, 10, 15, 20]
    assert [origin.last for origin in origins] == sorted(origin.last for origin in origins)
    assert origins[-1].last == 23
    assert all(len(batch.lines) <= 4 for batch in batches)
