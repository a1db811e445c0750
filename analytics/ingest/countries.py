"""Countries of addresses, from a MaxMind file."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import maxminddb


def open_countries(path: Path | None, stack: ExitStack) -> Callable[[str], str] | None:
    """From an address to its ISO country code, empty if unknown; open as long as `stack`. None: there is no file.

    Raises OSError or maxminddb.InvalidDatabaseError for a file that cannot be read.
    """
    if path is None:
        return None
    reader = stack.enter_context(maxminddb.open_database(path, maxminddb.MODE_MMAP))

    def country_of(ip: str) -> str:
        try:
            found = reader.get(ip)
        except ValueError:  # an IPv6 address, and the file knows only IPv4
            return ""
        country = found.get("country") if isinstance(found, dict) else None
        code = country.get("iso_code") if isinstance(country, dict) else None
        return code if isinstance(code, str) else ""

    return country_of
