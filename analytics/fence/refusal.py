"""A refusal while the tree is walked: it knows the word at fault, and the gate finds where in the text that word stands."""

import re
from collections.abc import Iterator

from analytics.errors import SqlNotAllowedError, SqlRefusedError
from analytics.fence.pieces import pieces_of

_LEADING = re.compile(r"\w+")
_MOST_PARTS = 20  # of a dotted name are looked for


class RefusedError(Exception):
    """`word` is the name, keyword or text at fault, None if the whole statement is; `called`: it stands before a bracket."""

    def __init__(
        self, detail: str, word: str | None = None, *, kind: type[SqlRefusedError] = SqlNotAllowedError, called: bool = False
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.word = word
        self.kind = kind
        self.called = called

    def at(self, sql: str) -> SqlRefusedError:
        """The error for the caller, with the character of `sql` at which the reason stands."""
        return self.kind(self.detail, position_of(sql, self.word, called=self.called))


def position_of(sql: str, word: str | None, *, called: bool = False) -> int:
    """Where `word` (a name, also quoted or dotted, a keyword or the content of a text) first stands in the statement, comments left out.

    The start of the statement if it does not stand there, as where the parser put another word for what was written.
    """
    tokens = list(_tokens(sql))
    start = tokens[0][0] if tokens else 0
    found = _find(tokens, word, called=called) if word else None
    if found is None and word and (leading := _LEADING.match(word)):  # a type is written with or without spaces
        found = _find(tokens, leading[0], called=False)
    return start if found is None else found


def _find(tokens: list[tuple[int, str]], word: str, *, called: bool) -> int | None:
    wanted = word.casefold()
    parts = [part.casefold() for part in word.split(".")[:_MOST_PARTS]] if "." in word else [wanted]
    found: int | None = None
    for index, (start, value) in enumerate(tokens):
        if value.casefold() == wanted:
            after = index + 1
        elif len(parts) > 1 and [v.casefold() for _, v in tokens[index : index + 2 * len(parts) - 1]] == _dotted(parts):
            after = index + 2 * len(parts) - 1
        else:
            continue
        if not called or (after < len(tokens) and tokens[after][1] == "("):
            return start
        found = start if found is None else found
    return found


def _tokens(sql: str) -> Iterator[tuple[int, str]]:
    for piece in pieces_of(sql):
        if piece.kind != "space":
            value = sql[piece.start : piece.end]
            yield piece.start, value[1:-1] if value[0] in "'`\"$" else value


def _dotted(parts: list[str]) -> list[str]:
    return [piece for part in parts for piece in (".", part)][1:]
