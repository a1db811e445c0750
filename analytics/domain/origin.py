"""Origins of web pages (RFC 6454), as browsers write them into the header Origin."""

import re

from analytics.errors import FieldError, InvalidRequestError

_ORIGIN = re.compile(r"(https?)://([a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?\Z")
_USUAL_PORTS = {"http": "80", "https": "443"}


def check_origins(origins: list[str]) -> tuple[str, ...]:
    """`origins` as a browser would write them, without repeats. Raises InvalidRequestError naming those that are none."""
    found = [_as_sent(origin) for origin in origins]
    wrong = [
        FieldError(f"/allowed_origins/{place}", "must be scheme://host or scheme://host:port, such as https://school.example")
        for place, origin in enumerate(found)
        if origin is None
    ]
    if wrong:
        raise InvalidRequestError(wrong[0].detail, wrong)
    return tuple(dict.fromkeys(origin for origin in found if origin is not None))


def _as_sent(text: str) -> str | None:
    match = _ORIGIN.match(text.strip().lower())
    if match is None or (match[3] is not None and int(match[3]) > 65_535):
        return None
    scheme, host, port = match.groups()
    return f"{scheme}://{host}" if port in (None, _USUAL_PORTS[scheme]) else f"{scheme}://{host}:{port}"
