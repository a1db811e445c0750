"""How large a value may be that a call makes out of nothing, where the size stands in the text.

The one thing to know: a call on one such value ends when it ends, whatever the limits say. A size that is computed is not seen here; what
comes of that is bounded by the engine's limit of memory, and by the watchdog of the door.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics.errors import SqlTooComplexError
from analytics.fence.refusal import RefusedError

MOST = 100_000
# Which argument of a function is the size: characters of a text, elements of an array. (Ranges are limited by the engine.)
_SIZE_ARGUMENT: Mapping[str, int] = {
    **dict.fromkeys(("space", "randomstring", "randomstringutf8", "randomfixedstring", "randomprintableascii", "arraywithconstant"), 0),
    **dict.fromkeys(("repeat", "leftpad", "leftpadutf8", "lpad", "rightpad", "rightpadutf8", "rpad", "arrayresize"), 1),
}


def check_size(name: str, arguments: Sequence[Mapping[str, Any]]) -> None:
    """Raises RefusedError for a call whose size is a number that is too large."""
    low = name.lower()
    at = _SIZE_ARGUMENT.get(low)
    if at is None or at >= len(arguments):
        return
    value = arguments[at].get("value")
    size = value.get("value") if isinstance(value, Mapping) else None
    if isinstance(size, bool) or not isinstance(size, int | float | str):
        return
    if _number(size) > MOST:
        raise RefusedError(f"{name} makes values of {MOST:,} at the most.", name, kind=SqlTooComplexError, called=True)


def _number(size: float | str) -> float:
    try:
        return float(size)
    except ValueError:
        return 0.0
