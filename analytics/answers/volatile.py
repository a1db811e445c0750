"""Whether a statement's answer depends on when it is asked, and on chance: the same data does not give the same answer again."""

import re

# How a checked statement says that expired rows are gone: that changes at midnight only, which every kept answer knows.
_LIVE_ROWS = re.compile(r"expires_on`? > toDate\(now\('UTC'\)\)")
_VOLATILE = re.compile(
    r"\b(?:now|now64|today|yesterday|utc_?timestamp|cur(?:rent_?)?date|current_?timestamp|localtime(?:stamp)?|rand\w*|"
    r"generateUUID\w*|dateTimeToUUIDv7|rowNumber\w*)\b",
    re.IGNORECASE,
)


def is_volatile(canonical_sql: str) -> bool:
    """Whether the canonical text of a checked statement names such a function; a text that only mentions one counts too."""
    return _VOLATILE.search(_LIVE_ROWS.sub("", canonical_sql)) is not None
