"""TLS of the service's own port: TLS 1.2 or later, a certificate that is read again when its files change."""

import re
import ssl
from datetime import datetime
from pathlib import Path

_Stamps = tuple[tuple[int, ...] | None, ...]
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\s", re.DOTALL)


class ServedCertificate:
    """The certificate and key of the two files. `context` is for a server; a renewed certificate counts for new connections."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises ValueError, with a sentence, if the files cannot be read or do not belong together."""
        self._files = (certificate, key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.refused = False
        """Whether the files hold what is not good, so that the certificate of before goes on."""
        self._seen: _Stamps | None = self._stamps()
        self._load(self.context)
        self.ends_at = self._read_end()
        """When the certificate that is shown is over."""

    def renew(self) -> bool:
        """Read the files again if they changed; whether they did. Raises ValueError if they are not good: the old ones stay."""
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen, self.refused = stamps, True
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))  # half a pair must not reach the context that is in use
        ends_at = self._read_end()
        try:
            self._load(self.context)
        except ValueError:
            self._seen = None  # they changed between the two, and may be whole by the next look
            raise
        self.refused, self.ends_at = False, ends_at
        return True

    def _read_end(self) -> datetime:
        from cryptography.x509 import load_pem_x509_certificate  # takes a while, and few have a certificate

        try:
            return load_pem_x509_certificate(self._files[0].read_bytes()).not_valid_after_utc
        except OSError as error:
            raise ValueError(f"{self._files[0]}: cannot be read: {error.strerror or error}") from None

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except ssl.SSLError as error:
            words = "the certificate and the key do not belong together" if "MISMATCH" in str(error) else "is no certificate chain and key"
            raise ValueError(f"{certificate} with {key}: {words} ({error.reason or 'unreadable'})") from None
        except OSError as error:
            raise ValueError(f"{error.filename or certificate}: cannot be read: {error.strerror or error}") from None

    def _stamps(self) -> _Stamps:
        return tuple(_stamp(path) for path in self._files)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    # The second: a file that can be read only now has not changed else. The last: a time is of a tick, in which more may be written.
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size


def _no_password() -> str:
    raise ValueError("the key is protected by a password, which nobody could type at a start")


def pinned_context(certificate: Path) -> ssl.SSLContext:
    """A client's context that trusts the first certificate of the file and no other, under whatever name.

    For the command line, which calls the service on this machine by its address. Raises ValueError if the file holds no certificate.
    """
    try:
        found = _CERTIFICATE.search(certificate.read_text("ascii", "replace") + "\n")
        if found is None:
            raise ValueError(f"{certificate} holds no certificate")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=found[0])
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{certificate}: cannot be read: {error}") from error
    return context
