"""Where a ClickHouse server is: its URL, read whole.

The one thing to know: the driver looks at no URL's scheme (it would send a password over plain HTTP to `https://host:9440`) and takes any
option from its query, so it is given these parts, never the URL.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import parse_qsl, unquote, urlsplit

_PORTS = {"http": 8123, "https": 8443}
# What may stand in the URL's query: the driver's own names for how the server's certificate is checked and ours is shown.
OPTIONS = ("verify", "ca_cert", "client_cert", "client_cert_key", "server_host_name")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The parts of a URL `http(s)://user:password@host:port/database?option=…`. `database` None: the user's own default."""

    interface: Literal["http", "https"]
    host: str
    port: int
    username: str | None
    password: str = field(repr=False)
    database: str | None
    options: Mapping[str, str]

    @property
    def name(self) -> str:
        """For people: host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_server_url(url: str) -> ServerAddress:
    """The parts of `url`. Raises ValueError, with a sentence that holds nothing of the URL's secrets."""
    parts = urlsplit(url.strip())
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with http:// or https://, as ClickHouse's HTTP interface (port 8123 or 8443) is used")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("has no readable port: write http://user:password@host:8123/database, reserved characters as %XX") from None
    if not host:
        raise ValueError("names no host: write http://user:password@host:8123/database")
    path = parts.path.strip("/")
    if "/" in path:
        raise ValueError("must name one database behind the host: http://user:password@host:8123/database")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ValueError(f"has the unknown option {unknown[0]!r}; known are {', '.join(OPTIONS)}")
    interface = cast(Literal["http", "https"], parts.scheme)
    username = unquote(parts.username) if parts.username else None
    return ServerAddress(
        interface, host, port or _PORTS[interface], username, unquote(parts.password or ""), unquote(path) or None, options
    )
