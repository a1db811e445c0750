"""An answer as a file: CSV, NDJSON or Parquet, made from the rows that JSON shows."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from analytics.adhoc.columns import Column
from analytics.adhoc.csv_cells import csv_cell
from analytics.adhoc.formats import MEDIA_TYPES, Format

NULL = "\\N"  # as the engine writes it
_WRAPPED = re.compile(r"(?:LowCardinality|Nullable)\((.*)\)\Z", re.DOTALL)
_INTEGER = re.compile(r"(U?)Int(8|16|32|64)\Z")
_NUMBERS = ("Int", "UInt", "Float", "BFloat", "Decimal")


class FileFormat(StrEnum):
    """What a published query answers as."""

    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """Its Content-Type."""
        return MEDIA_TYPES[Format(self.value)]


def file_of(kind: FileFormat, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> bytes:
    """The rows as a file; of JSON they are the rows alone. CPU-bound: for a worker thread."""
    match kind:
        case FileFormat.CSV:
            return _csv(columns, rows)
        case FileFormat.NDJSON:
            names = [column.name for column in columns]
            return b"".join(msgspec.json.encode(dict(zip(names, row, strict=True))) + b"\n" for row in rows)
        case FileFormat.PARQUET:
            return _parquet(columns, rows)
        case FileFormat.JSON:
            return msgspec.json.encode(rows)


def _csv(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> bytes:
    plain = [_inner(column.type).startswith(_NUMBERS) for column in columns]
    lines = [",".join(csv_cell(column.name) for column in columns)]
    lines += [",".join(_cell(value, is_plain) for value, is_plain in zip(row, plain, strict=True)) for row in rows]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _cell(value: Any, is_number: bool) -> str:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if is_number else csv_cell(value)
    if isinstance(value, int | float):
        return msgspec.json.encode(value).decode()
    return csv_cell(msgspec.json.encode(value).decode())


def _parquet(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> bytes:
    kinds = [_arrow(_inner(column.type)) for column in columns]
    arrays = [
        pa.array([None if row[place] is None else read(row[place]) for row in rows], kind) for place, (kind, read) in enumerate(kinds)
    ]
    schema = pa.schema([(f"{column.name}", kind) for column, (kind, _) in zip(columns, kinds, strict=True)])
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), sink, compression="zstd")
    return sink.getvalue()


_SCALARS: Mapping[str, tuple[Any, Callable[[Any], Any]]] = {
    "Float32": (pa.float64(), float),
    "Float64": (pa.float64(), float),
    "Bool": (pa.bool_(), bool),
    "Date": (pa.date32(), date.fromisoformat),
    "Date32": (pa.date32(), date.fromisoformat),
}


def _arrow(kind: str) -> tuple[Any, Callable[[Any], Any]]:
    """The Arrow type of a ClickHouse type, and how a value of JSON becomes one of it; whatever has none of its own is a text."""
    integer = _INTEGER.match(kind)
    if integer is not None:
        return (pa.uint64() if integer[1] else pa.int64()), int
    if kind.startswith("DateTime"):
        return pa.timestamp("us", "UTC"), datetime.fromisoformat
    if kind.startswith("Decimal"):
        return pa.string(), lambda value: str(Decimal(str(value)))
    return _SCALARS.get(kind, (pa.string(), _text))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _inner(kind: str) -> str:
    while (found := _WRAPPED.match(kind)) is not None:
        kind = cast(str, found[1])
    return kind
