"""Whether the way to each remote store is encrypted, and the store's certificate checked."""

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from analytics.cli.doctor_findings import Finding, ok, warning
from analytics.settings import PREFIX, Settings
from analytics.warehouse.server_address import parse_server_url

_NO = frozenset({"0", "false", "no", "none", "off"})


def tls_findings(settings: Settings) -> Iterator[Finding]:
    """A finding for each store of another machine."""
    if settings.postgres_url is not None:
        yield from _postgres(settings.postgres_url.get_secret_value())
    if settings.redis_url is not None:
        yield from _redis(settings.redis_url.get_secret_value())
    for name, url in (("clickhouse", settings.clickhouse_url), ("clickhouse analysts", settings.clickhouse_readonly_url)):
        if url is not None:
            yield from _clickhouse(name, url.get_secret_value())


def _postgres(url: str) -> Iterator[Finding]:
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return  # the check of the store itself says so
    hosts = str(parts.get("host") or "").split(",")
    if not all(_is_here(host) for host in hosts):
        good = parts.get("sslmode") == "verify-full"
        yield _finding("postgresql tls", good, f"Add ?sslmode=verify-full&sslrootcert=FILE to {PREFIX}POSTGRES_URL.")


def _redis(url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    if parts.scheme == "unix" or _is_here(parts.hostname or ""):
        return
    options = dict(parse_qsl(parts.query))
    good = parts.scheme == "rediss" and not _is_off(options, "ssl_cert_reqs") and not _is_off(options, "ssl_check_hostname")
    yield _finding("redis tls", good, f"Write {PREFIX}REDIS_URL as rediss://…?ssl_ca_certs=FILE.")


def _clickhouse(name: str, url: str) -> Iterator[Finding]:
    address = parse_server_url(url)
    if not _is_here(address.host):
        good = address.interface == "https" and not _is_off(address.options, "verify")
        yield _finding(f"{name} tls", good, f"Write {PREFIX}CLICKHOUSE_URL as https://…:8443/…?ca_cert=FILE.")


def _finding(name: str, good: bool, remedy: str) -> Finding:
    if good:
        return ok(name, "encrypted, and its certificate is checked")
    return warning(name, "passwords and events go over the network without verified TLS", remedy)


def _is_off(options: Mapping[str, str], name: str) -> bool:
    return options.get(name, "").lower() in _NO


def _is_here(host: str) -> bool:
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
