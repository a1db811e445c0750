"""Rows out of files: NDJSON, CSV and Parquet, plain or compressed, one at a time.

The one thing to know: a row's identity is made of the file's first row, the row's number and its content, not of the file's name:
loading the same file again, renamed or grown, makes the same ids.
"""

import csv
import gzip
import hashlib
import io
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import msgspec
import pyarrow.parquet as pq

from analytics.errors import InvalidRequestError, UnreadableBodyError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Format = Literal["ndjson", "csv", "parquet"]
_FORMATS: Mapping[str, Format] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_COMPRESSED = frozenset({".gz", ".zst", ".zstd"})
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
MAX_LINE_BYTES = 2_000_000  # twice what the service takes for one event


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `number` is its line (from 1) or its row in a Parquet file; `columns` is None for a line of NDJSON to be sent as it stands.

    `problem` says why the row cannot be sent at all; `raw` is then what was there.
    """

    number: int
    raw: bytes
    columns: Mapping[str, Any] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, or standard input if `path` is None."""

    path: Path | None
    format: Format
    delimiter: str | None = None
    encoding: str = "utf-8"

    @property
    def name(self) -> str:
        """For messages."""
        return "-" if self.path is None else str(self.path)

    @property
    def size_bytes(self) -> int | None:
        """What the progress bar counts; None if unknown."""
        return None if self.path is None else self.path.stat().st_size

    def rows(self, plain: bool, advance: Callable[[int], None] = lambda position: None) -> Generator[Row]:
        """Every row, in order. `plain`: NDJSON lines stay text. `advance` hears how many bytes of the file were read so far.

        Raises UnreadableBodyError if the file is damaged.
        """
        try:
            if self.format == "parquet":
                yield from self._parquet_rows(advance)
                return
            with self._open() as file:
                stream = _expanded(file)
                found = _csv_rows(stream, self.delimiter, self.encoding, self.name) if self.format == "csv" else _json_rows(stream, plain)
                with closing(found) as rows:  # before the file is
                    for count, row in enumerate(rows):
                        if count % 512 == 0:
                            advance(_position(file))
                        yield row
        except (OSError, EOFError, zstd.ZstdError, csv.Error) as error:
            raise UnreadableBodyError(f"{self.name}: {error}") from error

    def _open(self) -> BinaryIO:
        return sys.stdin.buffer if self.path is None else self.path.open("rb")

    def _parquet_rows(self, advance: Callable[[int], None]) -> Iterator[Row]:
        if self.path is None:
            raise InvalidRequestError("Parquet cannot be read from standard input: give a file.")
        import pyarrow as pa

        try:
            with pq.ParquetFile(self.path, pre_buffer=False) as file:
                number, total, size = 0, file.metadata.num_rows or 1, self.path.stat().st_size
                for batch in file.iter_batches(batch_size=2_000):
                    for columns in batch.to_pylist():
                        number += 1
                        yield Row(number, b"", columns)
                    advance(size * number // total)
        except pa.ArrowException as error:
            raise UnreadableBodyError(f"{self.name}: {error}") from error


def find_sources(
    paths: Sequence[str], given: Format | None = None, delimiter: str | None = None, encoding: str = "utf-8"
) -> Sequence[Source]:
    """The files meant by `paths`: a file, a folder (all files of a known kind in it, by name), or `-`.

    Raises InvalidRequestError if something is not there or of no known kind.
    """
    found: list[Source] = []
    for text in paths:
        if text == "-":
            found.append(Source(None, given or "ndjson", delimiter, encoding))
            continue
        path = Path(text)
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file() and (kind_of(file) if given is None else True)]
            if not inside:
                raise InvalidRequestError(f"There is no NDJSON, CSV or Parquet file in {path}.")
            found += [Source(file, given or kind_of(file) or "ndjson", delimiter, encoding) for file in inside]
        elif path.is_file():
            kind = given or kind_of(path)
            if kind is None:
                raise InvalidRequestError(f"{path}: what kind of file is this? Say --format ndjson, csv or parquet.")
            found.append(Source(path, kind, delimiter, encoding))
        else:
            raise InvalidRequestError(f"{path} does not exist.")
    return found


def kind_of(path: Path) -> Format | None:
    """The format a file's name says, ignoring .gz and .zst."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return _FORMATS.get(suffixes[-1]) if suffixes else None


class Identity:
    """Ids of rows that bring none: a UUID of version 8 from the file's first row, the row's number and its content."""

    def __init__(self) -> None:
        self._first: bytes | None = None

    def see(self, row: Row) -> bytes:
        """Note a row, which matters for the first; its content."""
        content = row.raw or repr(sorted((row.columns or {}).items())).encode("utf-8", "surrogatepass")
        if self._first is None:
            self._first = hashlib.blake2b(content, digest_size=16).digest()
        return content

    def id_of(self, row: Row) -> str:
        """The id of `row`; rows must come in order, from the first."""
        content = self.see(row)
        digest = hashlib.blake2b(content, digest_size=16, salt=row.number.to_bytes(16, "big"), key=self._first or b"").hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{'89ab'[int(digest[16], 16) & 3]}{digest[17:20]}-{digest[20:]}"


# ---- formats ----------------------------------------------------------------------------------------------------------------------------


def _expanded(file: BinaryIO) -> BinaryIO:
    """`file` without its compression, by its first bytes."""
    buffered = io.BufferedReader(cast(io.RawIOBase, file), 1 << 18) if not isinstance(file, io.BufferedReader) else file
    magic = buffered.peek(4)[:4]
    if magic[:2] == _GZIP_MAGIC:
        return cast(BinaryIO, gzip.GzipFile(fileobj=buffered))
    if magic == _ZSTD_MAGIC:
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, zstd.ZstdFile(buffered)), 1 << 18))
    return cast(BinaryIO, buffered)


def _position(file: BinaryIO) -> int:
    try:
        return file.tell()
    except OSError:  # a pipe
        return 0


def _json_rows(stream: BinaryIO, plain: bool) -> Generator[Row]:
    number = 0
    for line, whole in _lines(stream):
        number += 1
        text = line.strip(b"\xef\xbb\xbf \t\r\n") if number == 1 else line.strip()
        if not text:
            continue
        if number == 1 and text[:1] == b"[":
            yield from _array_rows(text, stream, plain)
            return
        if not whole:
            yield Row(number, text[:1000], problem=f"The line is longer than {MAX_LINE_BYTES:,} bytes.")
        elif plain:
            yield Row(number, text)
        else:
            yield _parsed(number, text)


def _array_rows(begun: bytes, stream: BinaryIO, plain: bool) -> Iterator[Row]:
    """A file that is one JSON array; it must fit in memory."""
    rest = stream.read(200_000_000 - len(begun))
    try:
        items = msgspec.json.decode(begun + b"\n" + rest, type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise UnreadableBodyError(
            f"The file is one JSON array, and it is damaged or longer than 200 MB: one event a line is better ({error})."
        ) from error
    for number, item in enumerate(items, 1):
        # A line feed between members would cut the line; inside of strings JSON has none.
        text = bytes(item).replace(b"\n", b" ").replace(b"\r", b" ")
        yield Row(number, text) if plain else _parsed(number, text)


def _parsed(number: int, text: bytes) -> Row:
    try:
        columns = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Row(number, text[:1000], problem=f"The line is no JSON: {error}")
    if not isinstance(columns, dict):
        return Row(number, text[:1000], problem="The line is no JSON object.")
    return Row(number, text, cast(Mapping[str, Any], columns))


def _lines(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Lines, and whether each is whole; of a line beyond MAX_LINE_BYTES only the beginning is kept."""
    while line := stream.readline(MAX_LINE_BYTES):
        whole = line.endswith(b"\n") or len(line) < MAX_LINE_BYTES
        rest = line
        while not rest.endswith(b"\n") and len(rest) == MAX_LINE_BYTES:
            rest = stream.readline(MAX_LINE_BYTES)
        yield line, whole


def _csv_rows(stream: BinaryIO, delimiter: str | None, encoding: str, name: str) -> Generator[Row]:
    csv.field_size_limit(MAX_LINE_BYTES)
    text = io.TextIOWrapper(stream, "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding, newline="")
    try:
        first = text.readline()
        if not first:
            return
        reader = csv.reader(chain((first,), text), delimiter=delimiter or _delimiter_of(first))
        header = next(reader)
        if not header or len(set(header)) < len(header) or not all(header):
            raise InvalidRequestError(f"{name}: the first line must name each column, once.")
        for cells in reader:
            if not cells:
                continue
            raw = "\x1f".join(cells).encode("utf-8", "surrogatepass")
            if len(cells) != len(header):
                yield Row(
                    reader.line_num, raw[:1000], problem=f"The row has {len(cells)} cells, the first line names {len(header)} columns."
                )
            else:
                yield Row(reader.line_num, raw, dict(zip(header, cells, strict=True)))
    except UnicodeDecodeError as error:
        raise UnreadableBodyError(f"{name} is not {encoding}: say --encoding, such as latin-1 ({error.reason}).") from error
    finally:
        text.detach()


def _delimiter_of(line: str) -> str:
    return max(",;\t|", key=line.count)
