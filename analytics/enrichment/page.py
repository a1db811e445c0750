"""Addresses of pages to host and path, and the campaign in their query."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

_LONGEST_QUERY = 2_048
CAMPAIGN_PARAMETERS = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


@dataclass(frozen=True, slots=True)
class PageAddress:
    """Parts of a URL; `path` has no query, fragment or trailing slash (but `/` itself stays)."""

    host: str
    path: str
    campaign: tuple[str, str, str, str, str] | None  # source, medium, name, term, content


NOWHERE = PageAddress("", "", None)
_LONGEST_KEPT = 1_024  # what is kept is bounded by number: longer addresses, which are rare, would be gigabytes


def read_url(url: str) -> PageAddress:
    """Host in lower case without port and `www.`, path, and campaign of a URL; what is no absolute URL has an empty host."""
    if not url:
        return NOWHERE
    return _read_and_keep(url) if len(url) <= _LONGEST_KEPT else _read(url)


def urls_kept() -> int:
    """How many addresses are kept with what was read of them."""
    return _read_and_keep.cache_info().currsize


def forget_urls() -> None:
    """Keep none of them."""
    _read_and_keep.cache_clear()


@lru_cache(maxsize=100_000)
def _read_and_keep(url: str) -> PageAddress:
    return _read(url)


def _read(url: str) -> PageAddress:
    rest, _, _ = url.partition("#")
    rest, _, query = rest.partition("?")
    scheme, separator, after = rest.partition("://")
    if separator and scheme.isascii() and scheme.replace("+", "").replace("-", "").replace(".", "").isalnum():
        authority, slash, path = after.partition("/")
        path = slash + path
        host = authority.rpartition("@")[2].lower()
        host = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        host = host.removeprefix("www.")
    else:
        host, path = "", rest
    path = path.rstrip("/") or "/"
    return PageAddress(host, path, _campaign(query) if "utm_" in query else None)


def _campaign(query: str) -> tuple[str, str, str, str, str] | None:
    found = dict(parse_qsl(query[:_LONGEST_QUERY], max_num_fields=200)) if query.count("&") < 200 else {}
    values = tuple(found.get(name, "") for name in CAMPAIGN_PARAMETERS)
    return (values[0], values[1], values[2], values[3], values[4]) if any(values) else None
