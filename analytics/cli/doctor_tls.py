"""Whether the way to each remote store is encrypted and its certificate checked, and how long our own certificate is good."""

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from analytics.cli.doctor_findings import Finding, ok, warning
from analytics.clock import Clock, iso_utc
from analytics.crypto.tls import ServedCertificate
from analytics.settings import PREFIX, Settings
from analytics.warehouse.server_address import parse_server_url

SOON = timedelta(days=14)
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


def certificate_findings(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """A finding if the service's own port has a certificate."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return
    ends_at = ServedCertificate(settings.tls_cert_file, settings.tls_key_file).ends_at
    if ends_at - clock.now() > SOON:
        yield ok("certificate", f"of the service's own port, good until {iso_utc(ends_at)}")
    else:
        yield warning("certificate", f"of the service's own port, over at {iso_utc(ends_at)}", f"Renew {settings.tls_cert_file}.")


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
