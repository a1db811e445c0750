"""Where mail is handed over, read from one URL. There is no way to say it that would send mail or passwords in the clear."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

_PORTS = {"smtps": 465, "smtp+starttls": 587}


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server: TLS from the first byte, or by STARTTLS. `ca_file`: what its certificate is checked with, None for the system's."""

    host: str
    port: int
    starttls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


def parse_mail_url(url: str) -> MailServer:
    """`smtps://user:password@host:465` or `smtp+starttls://user:password@host:587`, with `?ca_file=/path.pem` for a private authority.

    Raises ValueError, in words for whoever set it.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with smtps:// or smtp+starttls://")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or port == 0 or parts.path not in ("", "/") or parts.fragment:
        raise ValueError("must be smtps://user:password@host:port or smtp+starttls://user:password@host:port")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    ca_file = options.pop("ca_file", None)
    if options:
        raise ValueError(f"unknown option {', '.join(sorted(options))}; there is ca_file")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("must have a user and a password, or neither")
    return MailServer(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "smtp+starttls",
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        Path(ca_file) if ca_file else None,
    )
