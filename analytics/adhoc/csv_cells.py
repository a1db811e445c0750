"""CSV of the engine made safe for spreadsheets, and counted.

The one thing to know: the engine puts every text between quotes and nothing else but lists and times, so a cell that begins with a quote
and then `=` is a text, and a negative number is never touched.
"""

import re
from collections.abc import Iterator

import numpy as np

# At the beginning of a cell; within one, a quote is always doubled and so never alone behind a comma or a line end.
_FORMULA = re.compile(rb'(?<=[,\n])"(?=[=+\-@\t\r])')
_STARTS = tuple(b'"' + bytes([byte]) for byte in b"=+-@\t\r")


def without_formulas(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same CSV with an apostrophe before each text that a spreadsheet would take for a formula. Chunks may be cut anywhere."""
    last = b"\n"  # what stands before
    held = b""
    for chunk in chunks:
        text = held + chunk
        text, held = text[:-2], text[-2:]  # whether a cell begins there is only seen with what follows
        if text:
            yield _guarded(last, text, held)
            last = text[-1:]
    if held:
        yield _guarded(last, held, b"")


def _guarded(before: bytes, text: bytes, after: bytes) -> bytes:
    whole = before + text + after
    if not any(start in whole for start in _STARTS):
        return text
    end = len(before) + len(text)
    parts, done = list[bytes](), len(before)
    for match in _FORMULA.finditer(whole):
        if len(before) <= match.start() < end:
            parts += [whole[done : match.end()], b"'"]
            done = match.end()
    return b"".join([*parts, whole[done:end]])


def csv_cell(text: str) -> str:
    """A text as a cell, with its quotes."""
    guarded = f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
    return '"' + guarded.replace('"', '""') + '"'


class CsvLines:
    """Counts the lines of a CSV whose texts may hold line ends."""

    def __init__(self) -> None:
        self._quoted = 0  # 1: a chunk ended within quotes

    def ends(self, chunk: bytes) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
        """Where in `chunk` lines end."""
        content = np.frombuffer(chunk, np.uint8)
        line_ends = content == 10
        if self._quoted or b'"' in chunk:
            quotes = np.cumsum(content == 34, dtype=np.uint8) + np.uint8(self._quoted)  # whether even or odd is all that counts
            line_ends &= (quotes & 1) == 0
            self._quoted = int(quotes[-1]) & 1 if len(quotes) else self._quoted
        return np.flatnonzero(line_ends)
