"""Countries of addresses, from a MaxMind file."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import maxminddb


@contextmanager
def open_countries(path: Path | None) -> Generator[Callable[[str], str] | None]:
    """From an address to its ISO country code, empty if unknown. None: there is no file.

    Raises OSError or maxminddb.InvalidDatabaseError for a file that cannot be read.
    """
    if path is None:
        yield None
        return
    with maxminddb.open_database(path, maxminddb.MODE_MMAP) as reader:

        def country_of(ip: str) -> str:
            try:
                found = reader.get(ip)
            except ValueError:  # an IPv6 address, and the file knows only IPv4
                return ""
            country = found.get("country") if isinstance(found, dict) else None
            code = country.get("iso_code") if isinstance(country, dict) else None
            return code if isinstance(code, str) else ""

        yield country_of
