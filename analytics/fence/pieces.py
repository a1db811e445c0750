"""A statement's text cut into words, texts, names and comments, as far as it takes to find places in it.

The one thing to know: this runs on whatever somebody sends, before any parser, and holds Python's lock. So it goes over the text once:
what is opened and never closed is one piece up to the end, and is not looked at again from its next character.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal["space", "text", "quoted", "open", "mark", "word", "other"]
_PIECE = re.compile(
    r"(?P<space>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?(?:\*/|\Z))"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*+')"
    r"|(?P<quoted>`(?:[^`\\]|\\.|``)*+`|\"(?:[^\"\\]|\\.|\"\")*+\")"
    r"|(?P<open>['`\"].*)"  # what it opens is closed nowhere
    r"|(?P<mark>\$\w*\$)"
    r"|(?P<word>[A-Za-z_0-9]+)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_MARKS = re.compile(r"(?=(\$\w*\$))")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, from `start` up to `end`. The kind of a heredoc is text."""

    kind: Kind
    start: int
    end: int


def pieces_of(sql: str) -> Iterator[Piece]:
    """All of it, in order."""
    last: dict[str, int] | None = None  # where each mark of a heredoc stands for the last time
    at = 0
    while at < len(sql):
        found = _PIECE.match(sql, at)
        assert found is not None  # any character is a piece at least
        kind, end = cast(Kind, found.lastgroup), found.end()
        if kind == "mark":
            if last is None:
                last = {mark[1]: mark.start() for mark in _MARKS.finditer(sql)}
            if last[found[0]] >= end:
                kind, end = "text", sql.index(found[0], end) + len(found[0])
            else:
                kind, end = "other", at + 1
        yield Piece(kind, at, end)
        at = end


def texts_in(sql: str) -> list[tuple[int, int]]:
    """Where the texts between quotes, or between the marks of a heredoc, begin and end, in order."""
    return [(piece.start, piece.end) for piece in pieces_of(sql) if piece.kind == "text"]


def without_comments(text: str) -> str:
    """The text with a space in the place of each comment."""
    return "".join(" " if piece.kind == "space" else text[piece.start : piece.end] for piece in pieces_of(text))
