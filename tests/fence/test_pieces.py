"""A text that somebody sends is cut into pieces in one go, however it is made: nobody holds up the others with one statement."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.errors import SqlNotAllowedError
from analytics.fence.gate import MAX_CHARACTERS
from analytics.fence.hidden import check_characters
from analytics.fence.pieces import pieces_of, texts_in, without_comments
from analytics.fence.refusal import position_of

SECONDS = 10.0  # of the processor: in one go it takes a tenth of one, else half a minute
HOSTILE = {
    "texts never closed": "'\\",
    "names never closed": "`a\\",
    "texts never closed at a last backslash": "'a",
    "comments never closed": "/*a",
    "marks": "$",
    "marks with a word": "$a",
    "one mark": "$a$ ",
    "texts with a hidden character": "'\u200b',",
    "dotted names": "a.",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_a_long_text_of_any_kind_is_gone_over_once(unit: str) -> None:
    sql = ("SELECT b." + unit * (MAX_CHARACTERS // len(unit)))[: MAX_CHARACTERS - 1] + "\\"
    started = time.process_time()
    assert 0 <= position_of(sql, f"{'a.' * 8_000}b") < len(sql)
    for text in (sql, sql.replace("\\", " ")):
        with suppress(SqlNotAllowedError):
            check_characters(text)
    with pytest.raises(SqlNotAllowedError):
        check_characters(f"\u200b{sql}")
    assert time.process_time() - started < SECONDS


def test_marks_of_which_each_stands_once_are_gone_over_once() -> None:
    sql = "".join(f"$a{number}$ " for number in range(MAX_CHARACTERS // 8))
    started = time.process_time()
    assert texts_in(sql) == []
    assert time.process_time() - started < SECONDS


@given(st.text(alphabet="'\"`$ab\\/*-#.\n é", max_size=40))
def test_the_pieces_are_the_whole_text(sql: str) -> None:
    pieces = list(pieces_of(sql))
    assert "".join(sql[piece.start : piece.end] for piece in pieces) == sql


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("SELECT 'a', 'b'", ["'a'", "'b'"]),
        (r"SELECT 'it\'s', 'it''s'", [r"'it\'s'", "'it''s'"]),
        ("SELECT $x$ it's $x$, $$'$$", ["$x$ it's $x$", "$$'$$"]),
        ("SELECT $x$ it, $y$", []),
        ("SELECT `a'b`, \"c'd\" -- it's\n, 'e' /* it's */", ["'e'"]),
        ("SELECT 'a', 'b", ["'a'"]),
    ],
)
def test_texts_are_told_from_names_and_comments(sql: str, texts: list[str]) -> None:
    assert [sql[start:end] for start, end in texts_in(sql)] == texts


def test_a_comment_is_a_space() -> None:
    assert without_comments("Array(/* of */Int64)-- it's\n") == "Array( Int64)  "
