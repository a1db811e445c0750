"""Times as senders write them, to ms since 1970 UTC.

A whole column at once where all are ISO 8601 strings with a zone, one by one otherwise; both read the same texts the same way.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

UNREADABLE = np.iinfo(np.int64).min
MISSING = UNREADABLE + 1
_FAR_FUTURE = np.iinfo(np.int64).max
_SECONDS_BELOW = 1e11
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_1_MS = -62_135_596_800_000  # `datetime` begins here, Arrow does not
# A date, a time and at most a fraction and a zone; `fromisoformat` alone would also take week dates and the like.
# Hours end at 23, also for Pythons that take 24:00.
_ISO = re.compile(
    r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}"
    r"([Tt ]([01][0-9]|2[0-3])(:?[0-9]{2}(:?[0-9]{2}([.,][0-9]{1,9})?)?)?([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?"
)
_PLAIN_ISO = pa.timestamp("ms", tz="UTC")


def parse_times(values: Sequence[str | int | float | None]) -> NDArray[np.int64]:
    """Milliseconds for each value; MISSING for None, UNREADABLE for what is no time. Fractions of a millisecond are cut off."""
    kinds = set(map(type, values))
    if kinds == {type(None)}:
        return np.full(len(values), MISSING, np.int64)
    if kinds == {str}:
        try:
            # Only the length every SDK sends: other forms, and what only looks like one, go through `parse_time`.
            if set(map(len, cast(Sequence[str], values))) == {24}:
                times: NDArray[np.int64] = np.asarray(pa.array(values, pa.string()).cast(_PLAIN_ISO).cast(pa.int64()))
                if times.min() >= _YEAR_1_MS:
                    return times
        except pa.ArrowInvalid:
            pass
    return np.fromiter(map(parse_time, values), np.int64, len(values))


def parse_time(value: str | float | None) -> int:
    """One value, as in `parse_times`."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return UNREADABLE
    milliseconds = value * 1000 if abs(value) < _SECONDS_BELOW else value
    return int(max(-_FAR_FUTURE // 2, min(_FAR_FUTURE // 2, milliseconds)))


def _parse_text(text: str) -> int:
    if not _ISO.fullmatch(text):
        return UNREADABLE
    try:
        moment = datetime.fromisoformat(text.upper().replace(",", "."))
    except ValueError:
        return UNREADABLE
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        difference = moment - _EPOCH
    except OverflowError:
        return UNREADABLE
    return (difference.days * 86_400 + difference.seconds) * 1000 + difference.microseconds // 1000
