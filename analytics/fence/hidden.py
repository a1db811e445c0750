"""Characters that cannot be seen, or stand for a space without being one: nobody can read what is meant where they are.

The one thing to know: in a text between quotes they are data, and welcome, but for controls and halves of characters.
"""

import unicodedata
from bisect import bisect_left
from functools import cache

from analytics.errors import SqlNotAllowedError
from analytics.fence.pieces import texts_in

_SPACES = frozenset(" \t\n\r")
# Fillers that are letters or marks to Unicode and nothing to the eye.
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def check_characters(sql: str) -> None:
    """Raises SqlNotAllowedError with the place of the first character that may not stand where it does."""
    places = [place for place, char in enumerate(sql) if not is_plain(char)]
    if not places:
        return
    texts = texts_in(sql)
    starts = [start for start, _ in texts]
    for place in places:
        char = sql[place]
        before = bisect_left(starts, place)  # so many texts begin before it
        is_data = unicodedata.category(char) not in ("Cc", "Cs") and before > 0 and place < texts[before - 1][1]
        if not is_data:
            raise SqlNotAllowedError(f"The SQL holds a character that cannot be seen: U+{ord(char):04X}.", place)


@cache
def is_plain(char: str) -> bool:
    """Whether a character shows, or is a space as they are written in programs."""
    return char in _SPACES or (unicodedata.category(char)[0] not in "CZ" and char not in _FILLERS)
