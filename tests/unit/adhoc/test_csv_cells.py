"""CSV that spreadsheets do not run, wherever it is cut into chunks."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.adhoc.csv_cells import CsvLines, csv_cell, without_formulas

# As the engine writes: texts between quotes, numbers bare.
CELLS = st.one_of(st.integers(), st.text(alphabet="=+-@\t\r\n\",'a1", max_size=8))


def written(rows: list[list[int | str]]) -> bytes:
    lines = [",".join('"' + cell.replace('"', '""') + '"' if isinstance(cell, str) else str(cell) for cell in row) for row in rows]
    return "".join(line + "\n" for line in lines).encode()


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=4), st.integers(1, 9))
def test_each_text_that_begins_like_a_formula_gets_an_apostrophe_and_nothing_else_changes(rows: list[list[int | str]], size: int) -> None:
    guarded = b"".join(without_formulas(iter(cut(written(rows), size))))
    wanted = [[f"'{cell}" if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") else str(cell) for cell in row] for row in rows]
    # An empty line is no row to the reader.
    assert [row or [""] for row in csv.reader(io.StringIO(guarded.decode(), newline=""))] == [row or [""] for row in wanted]


@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=4), st.integers(1, 9))
def test_lines_are_counted_also_where_texts_hold_line_ends(rows: list[list[int | str]], size: int) -> None:
    lines = CsvLines()
    assert sum(len(lines.ends(chunk)) for chunk in cut(written(rows), size)) == len(rows)


@pytest.mark.parametrize(("text", "cell"), [("a", '"a"'), ("=a", '"\'=a"'), ('a"b', '"a""b"'), ("-1", '"\'-1"')])
def test_a_name_of_a_column_is_a_text_too(text: str, cell: str) -> None:
    assert csv_cell(text) == cell
