"""Answers for ClickHouse's tools, as one document each, while the engine streams.

The one thing to know: embedded, each chunk of the engine begins anew with the header of its format; blocks of Native follow each other as
they are. Rows of binary formats are not counted here.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec

from analytics.adhoc.csv_cells import CsvLines
from analytics.adhoc.formats import Format, Shape, arrow, cut, header_and_rest, json_lines, line_ends, parquet, utf8
from analytics.adhoc.tool_format import ToolFormat
from analytics.errors import WarehouseUnavailableError
from analytics.fence.analyst_door import OutputFormat

_LONGEST_HEADER = 16_000_000
_PARTS = msgspec.json.Decoder(list[msgspec.Raw])
_Body = Callable[[Iterator[bytes], Shape], Iterator[bytes]]


@dataclass(slots=True)
class ToolShape(Shape):
    """How an answer to a tool is to look. `kind` is a ToolFormat."""

    @property
    def engine_format(self) -> OutputFormat:
        """What the engine is asked for."""
        return ToolFormat(self.kind).engine_format

    def body(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The body from the engine's chunks."""
        return _BODIES[ToolFormat(self.kind)](chunks, self)


def _lines(header_lines: int, *, csv: bool = False) -> _Body:
    """Lines as the engine writes them, after so many of names and types."""

    def body(chunks: Iterator[bytes], shape: Shape) -> Iterator[bytes]:
        if header_lines:
            header, chunks = header_and_rest(chunks, shape, CsvLines().ends if csv else line_ends, header_lines)
            yield header
        yield from cut(chunks, shape, CsvLines().ends if csv else line_ends)

    return body


def _document(*, objects: bool) -> _Body:
    """`{"meta": …, "data": […], "rows": n}`, its rows as objects or lists."""

    def body(chunks: Iterator[bytes], shape: Shape) -> Iterator[bytes]:
        lines = json_lines(chunks, shape)
        meta = [{"name": column.name, "type": column.type} for column in shape.columns]
        yield b'{"meta":' + _json(meta) + b',"data":['
        keys = [_json(column.name) + b":" for column in shape.columns]
        between = b"\n"
        for chunk in lines:
            rows = [line for line in utf8(chunk).split(b"\n") if line]  # the engine escapes line ends in texts
            if objects:
                rows = [_object(keys, line) for line in rows]
            if rows:
                yield between + b",\n".join(rows)
                between = b",\n"
        yield b'\n],"rows":' + str(shape.rows).encode() + b"}\n"

    return body


def _object(keys: list[bytes], line: bytes) -> bytes:
    return b"{" + b",".join([key + bytes(part) for key, part in zip(keys, _PARTS.decode(line), strict=True)]) + b"}"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _as_it_comes(chunks: Iterator[bytes], shape: Shape) -> Iterator[bytes]:
    yield from chunks


def _row_binary(*, types: bool) -> _Body:
    """Rows after one header: the number of columns, their names and, perhaps, their types."""

    def body(chunks: Iterator[bytes], shape: Shape) -> Iterator[bytes]:
        begun, end = b"", None
        while end is None:
            chunk = next(chunks, None)
            if chunk is None or len(begun) > _LONGEST_HEADER:
                raise WarehouseUnavailableError("The warehouse gave an answer without a header.")
            begun += chunk
            end = _header_end(begun, 2 if types else 1)
        yield begun
        header = begun[:end]
        for chunk in chunks:
            yield chunk.removeprefix(header) if shape.documents else chunk

    return body


def _header_end(begun: bytes, texts_a_column: int) -> int | None:
    """Where a header of RowBinary ends, None: not yet."""
    try:
        columns, at = _number(begun, 0)
        for _ in range(columns * texts_a_column):
            size, at = _number(begun, at)
            at += size
    except IndexError:
        return None
    return at if at <= len(begun) else None


def _number(begun: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends. Raises IndexError."""
    value = shift = 0
    while True:
        byte = begun[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


_BODIES: Mapping[ToolFormat, _Body] = {
    ToolFormat.TAB_SEPARATED: _lines(0),
    ToolFormat.TAB_SEPARATED_WITH_NAMES: _lines(1),
    ToolFormat.TAB_SEPARATED_WITH_NAMES_AND_TYPES: _lines(2),
    ToolFormat.CSV: _lines(0, csv=True),
    ToolFormat.CSV_WITH_NAMES: _lines(1, csv=True),
    ToolFormat.CSV_WITH_NAMES_AND_TYPES: _lines(2, csv=True),
    ToolFormat.JSON: _document(objects=True),
    ToolFormat.JSON_STRINGS: _document(objects=True),
    ToolFormat.JSON_COMPACT: _document(objects=False),
    ToolFormat.JSON_COMPACT_STRINGS: _document(objects=False),
    ToolFormat.JSON_EACH_ROW: _lines(0),
    ToolFormat.JSON_STRINGS_EACH_ROW: _lines(0),
    ToolFormat.JSON_COMPACT_EACH_ROW: _lines(0),
    ToolFormat.JSON_COMPACT_EACH_ROW_WITH_NAMES: _lines(1),
    ToolFormat.JSON_COMPACT_EACH_ROW_WITH_NAMES_AND_TYPES: _lines(2),
    ToolFormat.JSON_COMPACT_STRINGS_EACH_ROW: _lines(0),
    ToolFormat.JSON_COMPACT_STRINGS_EACH_ROW_WITH_NAMES: _lines(1),
    ToolFormat.JSON_COMPACT_STRINGS_EACH_ROW_WITH_NAMES_AND_TYPES: _lines(2),
    ToolFormat.NATIVE: _as_it_comes,
    ToolFormat.ROW_BINARY: _as_it_comes,
    ToolFormat.ROW_BINARY_WITH_NAMES: _row_binary(types=False),
    ToolFormat.ROW_BINARY_WITH_NAMES_AND_TYPES: _row_binary(types=True),
    ToolFormat.ARROW: partial(arrow, as_file=True),
    ToolFormat.ARROW_STREAM: arrow,
    ToolFormat.PARQUET: parquet,
}


def shape_of(kind: Format | ToolFormat, most_rows: int | None, documents: bool) -> Shape:
    """The shape for a format of either kind."""
    return (ToolShape if isinstance(kind, ToolFormat) else Shape)(kind, most_rows, documents)
