"""A JSON document taken apart at its top level, however deep it is inside.

The decoder recurses, so that one event a thousand levels deep would make a whole request unreadable. Here only brackets, quotes and commas
are looked at, a window at a time: the parts are checked by whoever decodes them.
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_WINDOW_BYTES = 1 << 20
_MOST_PARTS = 1_000_000
_MEMBER = re.compile(rb'\s*"((?:[^"\\]|\\.)*)"\s*:\s*', re.DOTALL)


def count_elements(array: bytes) -> int | None:
    """How many elements the text of an array has; None if its brackets do not fit."""
    body = array.strip()
    try:
        commas = sum(map(len, _top_level_commas(body)))
    except ValueError:
        return None
    return commas + 1 if body[1:-1].strip() else 0


def split_array(array: bytes) -> list[bytes] | None:
    """The texts of the elements of an array; None if it is none, its brackets do not fit, or it has more than a million."""
    body = array.strip()
    return _parts(body) if body[:1] == b"[" and body[-1:] == b"]" else None


def split_object(text: bytes) -> dict[str, bytes] | None:
    """The texts of the members of an object, the last of equal names; None if it is none, or its brackets do not fit."""
    body = text.strip()
    parts = _parts(body) if body[:1] == b"{" and body[-1:] == b"}" else None
    if parts is None:
        return None
    members = dict[str, bytes]()
    for part in parts:
        name = _MEMBER.match(part)
        if name is None:
            return None
        members[name[1].decode("utf-8", "replace")] = part[name.end() :]
    return members


def _parts(body: bytes) -> list[bytes] | None:
    ends = list[int]()
    try:
        for commas in _top_level_commas(body):
            ends += commas.tolist()
            if len(ends) > _MOST_PARTS:
                return None
    except ValueError:
        return None
    if not ends and not body[1:-1].strip():
        return []
    starts = [1, *(end + 1 for end in ends)]
    return [body[start:end].strip() for start, end in zip(starts, [*ends, len(body) - 1], strict=True)]


def _top_level_commas(body: bytes) -> Iterator[NDArray[np.int64]]:
    """Positions of the commas of the outermost array or object. Raises ValueError if the brackets do not fit."""
    plain = body.replace(b"\\\\", b"__").replace(b'\\"', b"__")  # as long as before, and every quote left is a real one
    depth, in_text = 0, False
    for start in range(0, len(plain), _WINDOW_BYTES):
        window = np.frombuffer(plain, np.uint8, min(_WINDOW_BYTES, len(plain) - start), start)
        outside = np.logical_xor.accumulate(window == ord('"')) == in_text
        opened = ((window == ord("{")) | (window == ord("["))) & outside
        closed = ((window == ord("}")) | (window == ord("]"))) & outside
        depths = depth + np.cumsum(opened.astype(np.int32) - closed)
        ended = np.flatnonzero(depths <= 0)
        if len(ended) and start + int(ended[0]) != len(plain) - 1:
            raise ValueError("brackets do not fit")
        yield np.flatnonzero((window == ord(",")) & outside & (depths == 1)) + start
        depth, in_text = int(depths[-1]), not outside[-1]
    if depth != 0 or in_text:
        raise ValueError("brackets do not fit")
