"""The formats of an answer, made from the engine's own while it streams.

The one thing to know: rows are cut off here after `max_rows`, so the engine is stopped by whoever sees that it is enough, and the answer
says that there was more.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import numpy as np

from analytics.adhoc.arrow_batches import Batches, arrow_stream, parquet_file
from analytics.adhoc.columns import Column
from analytics.adhoc.csv_cells import CsvLines, csv_cell, without_formulas
from analytics.adhoc.tool_format import ToolFormat
from analytics.errors import WarehouseUnavailableError
from analytics.fence.analyst_door import OutputFormat

PIECE_BYTES = 1_000_000
EXACT = 1 << 53  # JSON readers that hold numbers as doubles lose digits beyond
_LONG_NUMBER = re.compile(rb"(?<![\d.eE])-?\d{16,}(?![\d.eE])")


class Format(StrEnum):
    """What an answer comes as."""

    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"
    ARROW = "arrow"


MEDIA_TYPES: Mapping[Format, str] = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.ARROW: "application/vnd.apache.arrow.stream",
}
ENGINE_FORMATS: Mapping[Format, OutputFormat] = {
    Format.JSON: "JSONCompactEachRowWithNamesAndTypes",
    Format.CSV: "CSVWithNamesAndTypes",
    Format.NDJSON: "JSONEachRow",
    Format.PARQUET: "ArrowStream",
    Format.ARROW: "ArrowStream",
}


@dataclass(slots=True)
class Shape:
    """How an answer is to look, and what was delivered of it so far.

    `documents`: the engine's chunks are documents of their own, each with its header.
    """

    kind: Format | ToolFormat
    most_rows: int | None
    documents: bool
    columns: Sequence[Column] = ()
    rows: int = 0
    truncated: bool = False

    @property
    def engine_format(self) -> OutputFormat:
        """What the engine is asked for."""
        return ENGINE_FORMATS[Format(self.kind)]

    def body(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The body from the engine's chunks; of JSON the rows alone, with commas between."""
        return _BODIES[Format(self.kind)](chunks, self)


def _csv(chunks: Iterator[bytes], shape: Shape) -> Iterator[bytes]:
    header, lines = header_and_rest(chunks, shape, CsvLines().ends)
    names, types, *_ = csv.reader(io.StringIO(header.decode("utf-8", "replace"), newline=""))
    shape.columns = [Column(*pair) for pair in zip(names, types, strict=True)]
    yield (",".join(csv_cell(column.name) for column in shape.columns) + "\n").encode("utf-8", "replace")
    yield from without_formulas(cut(lines, shape, CsvLines().ends))


def _ndjson(chunks: Iterator[bytes], shape: Shape) -> Iterator[bytes]:
    yield from _exact_lines(cut(chunks, shape, line_ends))


def _json(chunks: Iterator[bytes], shape: Shape) -> Iterator[bytes]:
    between = b""
    for chunk in _exact_lines(json_lines(chunks, shape)):
        # Within a row no line ends: the engine escapes them in texts.
        rows = chunk.removesuffix(b"\n").replace(b"\n", b",\n")
        if rows:
            yield between + rows
            between = b",\n"


def json_lines(chunks: Iterator[bytes], shape: Shape) -> Iterator[bytes]:
    """The lines of rows behind those of names and types, which become the columns of `shape`."""
    header, lines = header_and_rest(chunks, shape, line_ends)
    names, types = (json.loads(utf8(line)) for line in header.split(b"\n", 1))
    shape.columns = [Column(*pair) for pair in zip(names, types, strict=True)]
    return cut(lines, shape, line_ends)


def arrow(chunks: Iterator[bytes], shape: Shape, *, as_file: bool = False) -> Iterator[bytes]:
    """One IPC stream, or file."""
    batches = Batches(chunks)
    shape.columns = _columns_of(batches)
    yield from arrow_stream(batches.schema, _cut_batches(batches, shape), as_file=as_file)


def parquet(chunks: Iterator[bytes], shape: Shape) -> Iterator[bytes]:
    """One file."""
    batches = Batches(chunks)
    shape.columns = _columns_of(batches)
    yield from parquet_file(batches.schema, _cut_batches(batches, shape))


_BODIES: Mapping[Format, Callable[[Iterator[bytes], Shape], Iterator[bytes]]] = {
    Format.JSON: _json,
    Format.CSV: _csv,
    Format.NDJSON: _ndjson,
    Format.PARQUET: parquet,
    Format.ARROW: arrow,
}


def line_ends(chunk: bytes) -> Any:
    """Where in `chunk` lines end; texts hold none."""
    return np.flatnonzero(np.frombuffer(chunk, np.uint8) == 10)


def header_and_rest(
    chunks: Iterator[bytes], shape: Shape, ends_in: Callable[[bytes], Any], lines: int = 2
) -> tuple[bytes, Iterator[bytes]]:
    """The first lines, those of names and types, and what comes after them."""
    begun = b""
    ends: list[int] = []
    for chunk in chunks:
        at = len(begun)
        for piece in _pieces(iter((chunk,))):
            ends += [at + int(end) for end in ends_in(piece)[:lines]]
            at += len(piece)
            if len(ends) >= lines:
                break
        begun = begun + chunk if begun else chunk
        if len(ends) >= lines:
            break
    else:
        raise WarehouseUnavailableError("The warehouse gave an answer without a header.")
    header = begun[: ends[lines - 1] + 1]

    def rest() -> Iterator[bytes]:
        yield begun[len(header) :]
        for chunk in chunks:
            yield chunk.removeprefix(header) if shape.documents else chunk

    return header, rest()


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes a little at a time: a block of wide rows is long, and what is made of it many times longer."""
    for chunk in chunks:
        for at in range(0, len(chunk), PIECE_BYTES):
            yield chunk[at : at + PIECE_BYTES] if len(chunk) > PIECE_BYTES else chunk


def cut(chunks: Iterator[bytes], shape: Shape, ends_in: Callable[[bytes], Any]) -> Iterator[bytes]:
    """Whole lines, at most `shape.most_rows`."""
    held: list[bytes] = []
    for chunk in _pieces(chunks):
        ends = ends_in(chunk)
        room = None if shape.most_rows is None else shape.most_rows - shape.rows
        if room is not None and (len(ends) > room or (len(ends) == room and _begins_another(chunk, ends, held, room))):
            shape.truncated = True
            shape.rows += room
            if room:
                yield b"".join([*held, chunk[: int(ends[room - 1]) + 1]])
            return
        shape.rows += len(ends)
        if len(ends) == 0:
            held.append(chunk)
            continue
        end = int(ends[-1]) + 1
        yield b"".join([*held, chunk[:end]])
        held = [chunk[end:]] if end < len(chunk) else []
    if held:
        yield b"".join(held)


def _begins_another(chunk: bytes, ends: Any, held: Sequence[bytes], room: int) -> bool:
    """Whether a row begins after those that there is room for."""
    if room == 0:
        return bool(chunk) or bool(held)
    return int(ends[-1]) + 1 < len(chunk)


def _columns_of(batches: Batches) -> list[Column]:
    return [Column(field.name, str(field.type)) for field in batches.schema]


def _cut_batches(batches: Batches, shape: Shape) -> Iterator[Any]:
    for batch in batches:
        room = None if shape.most_rows is None else shape.most_rows - shape.rows
        if room is not None and batch.num_rows > room:
            shape.truncated = True
            shape.rows += room
            if room:
                yield batch.slice(0, room)
            return
        shape.rows += batch.num_rows
        yield batch


def _exact_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of JSON in which integers beyond 2^53 are texts, and which are UTF-8."""
    for chunk in chunks:
        text = utf8(chunk)
        if _has_long_digits(text):  # rarely; a pattern takes fifty times as long to say so
            text = b"".join(_exact_line(line) + b"\n" for line in text.splitlines() if line)
        yield text


def _has_long_digits(text: bytes) -> bool:
    """Whether 16 digits stand in a row."""
    content = np.frombuffer(text, np.uint8)
    runs = (content >= 48) & (content <= 57)
    for step in (1, 2, 4, 8):
        runs = runs[step:] & runs[:-step] if len(runs) > step else runs[:0]
    return bool(runs.any())


def utf8(chunk: bytes) -> bytes:
    """`chunk` with a mark in the place of what is no UTF-8."""
    try:
        chunk.decode("utf-8")
    except UnicodeDecodeError:
        return chunk.decode("utf-8", "replace").encode("utf-8")
    return chunk


def _exact_line(line: bytes) -> bytes:
    if not _LONG_NUMBER.search(line):
        return line
    return json.dumps(_exact(json.loads(line)), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _exact(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -EXACT <= value <= EXACT else str(value)
    if isinstance(value, list):
        return [_exact(item) for item in cast(list[Any], value)]
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in cast(dict[str, Any], value).items()}
    return value
