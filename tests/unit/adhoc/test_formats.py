"""Answers made from the engine's chunks: cut after so many rows, integers exact, whatever stands where chunks end."""

import json

import pyarrow as pa
import pytest

from analytics.adhoc.formats import Format, Shape

HEADER = b'["n"]\n["UInt64"]\n'


def body(kind: Format, chunks: list[bytes], most: int | None = None, documents: bool = False) -> tuple[bytes, Shape]:
    shape = Shape(kind, most, documents)
    return b"".join(shape.body(iter(chunks))), shape


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("most", [None, 1, 2, 3, 4])
def test_json_rows_are_whole_wherever_the_chunks_end(size: int, most: int | None) -> None:
    content = HEADER + b"[1]\n[2]\n[3]\n"
    text, shape = body(Format.JSON, [content[at : at + size] for at in range(0, len(content), size)], most)
    assert json.loads(b"[" + text + b"]") == [[1], [2], [3]][:most]
    assert shape.truncated == (most in (1, 2))
    assert shape.rows == min(3, most or 3)
    assert [(column.name, column.type) for column in shape.columns] == [("n", "UInt64")]


def test_the_headers_of_further_documents_are_left_out() -> None:
    text, shape = body(Format.JSON, [HEADER + b"[1]\n", HEADER + b"[2]\n"], documents=True)
    assert json.loads(b"[" + text + b"]") == [[1], [2]]
    assert shape.rows == 2


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (b"[9007199254740992,9007199254740993]\n", [9007199254740992, "9007199254740993"]),
        (b"[-9007199254740993]\n", ["-9007199254740993"]),
        (b'["1234567890123456789",0.1234567890123456]\n', ["1234567890123456789", 0.1234567890123456]),
        (b'[{"a":[18446744073709551615]}]\n', [{"a": ["18446744073709551615"]}]),
        (b"[1e300,null,true]\n", [1e300, None, True]),
    ],
)
def test_integers_that_a_double_cannot_hold_are_texts(sent: bytes, wanted: list[object]) -> None:
    text, _ = body(Format.JSON, [HEADER + sent])
    assert json.loads(text) == wanted


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    text, _ = body(Format.NDJSON, [b'{"s":"\xff"}\n'])
    assert json.loads(text) == {"s": "\ufffd"}


def test_a_csv_is_cut_at_the_end_of_a_row_and_not_of_a_line() -> None:
    text, shape = body(Format.CSV, [b'"s","n"\n"String","UInt8"\n"a\nb",1\n"c",2\n'], 1)
    assert text == b'"s","n"\n"a\nb",1\n'
    assert shape.truncated


@pytest.mark.parametrize("streams", [1, 3])
def test_arrow_of_one_stream_or_many_becomes_one(streams: int) -> None:
    chunks: list[bytes] = []
    for number in range(streams):
        sink = pa.BufferOutputStream()
        batch = pa.RecordBatch.from_pydict({"n": [number, number]})
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        content = sink.getvalue().to_pybytes()
        chunks += [content[at : at + 50] for at in range(0, len(content), 50)]
    text, _ = body(Format.ARROW, chunks)
    assert pa.ipc.open_stream(text).read_all()["n"].to_pylist() == [n for number in range(streams) for n in (number, number)]


def test_an_arrow_stream_that_is_cut_short_is_no_answer() -> None:
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_pydict({"n": list(range(1000))})
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    with pytest.raises((pa.ArrowInvalid, OSError)):
        body(Format.ARROW, [sink.getvalue().to_pybytes()[:500]])
