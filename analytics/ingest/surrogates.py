r"""Halves of characters: `"\ud83d"` without its second half.

Browsers send them when they cut a text in the middle of an emoji. They are no Unicode and the decoder refuses them wherever they stand, and
with them the whole request; here they become U+FFFD, as browsers themselves do wherever text becomes UTF-8.
"""

import re

REPLACEMENT = "\ufffd"
_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONELY = re.compile(_HIGH + rb"(?!" + _LOW + rb")|(?<!\\u[dD][89abAB][0-9a-fA-F][0-9a-fA-F])" + _LOW)


def mend_surrogates(body: bytes) -> bytes | None:
    """JSON text with each half replaced, in as many bytes; None if there is none."""
    if b"\0" in body:  # no JSON; and it stands for an escaped backslash below
        return None
    mended, count = _LONELY.subn(rb"\\ufffd", body.replace(b"\\\\", b"\0\0"))
    return mended.replace(b"\0\0", b"\\\\") if count else None
