"""The certificate of the service's own port."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from analytics.crypto.tls import ServedCertificate, pinned_context
from tests.fixtures.tls import make_certificates


def test_nothing_older_than_tls_1_2_is_spoken(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, "localhost")
    assert ServedCertificate(certificates.certificate, certificates.key).context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_half_a_renewed_pair_is_not_taken_up(tmp_path: Path) -> None:
    certificates, renewed = make_certificates(tmp_path / "a", "localhost"), make_certificates(tmp_path / "b", "localhost")
    served = ServedCertificate(certificates.certificate, certificates.key)
    assert not served.renew()
    renewed.certificate.replace(certificates.certificate)
    assert not served.refused
    with pytest.raises(ValueError, match="do not belong together"):
        served.renew()
    assert served.refused
    assert not served.renew(), "it says so once"
    assert served.refused
    renewed.key.replace(certificates.key)
    assert served.renew()
    assert not served.refused


def test_a_file_that_is_gone_is_said_and_taken_up_when_it_is_there_again(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, "localhost")
    served = ServedCertificate(certificates.certificate, certificates.key)
    away = certificates.key.rename(tmp_path / "away.pem")
    with pytest.raises(ValueError, match="cannot be read"):
        served.renew()
    assert served.refused
    assert not served.renew()
    away.rename(certificates.key)
    assert served.renew()
    assert not served.refused


def test_a_certificate_says_when_it_is_over(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "a", "localhost")
    served = ServedCertificate(certificates.certificate, certificates.key)
    first = served.ends_at
    assert first == load_pem_x509_certificate(certificates.certificate.read_bytes()).not_valid_after_utc
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    issued = trustme.CA().issue_cert("localhost", not_after=soon)
    issued.private_key_pem.write_to_path(str(certificates.key))
    issued.cert_chain_pems[0].write_to_path(str(certificates.certificate))
    assert served.renew()
    assert served.ends_at == soon != first


def test_the_command_line_trusts_one_certificate_alone(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "a", "localhost")
    context = pinned_context(certificates.certificate)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) <= 1
    with pytest.raises(ValueError, match="no certificate"):
        pinned_context(certificates.key)


def test_a_file_that_was_half_written_a_tick_ago_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The times of a file are of the clock's tick, in which the rest may be written."""
    certificates = make_certificates(tmp_path, "localhost")
    whole = certificates.certificate.read_bytes()
    really = Path.stat

    def coarse(self: Path, **more: Any) -> Any:
        found = really(self, **more)
        return SimpleNamespace(st_mtime_ns=0, st_ctime_ns=0, st_ino=found.st_ino, st_size=found.st_size)

    monkeypatch.setattr(Path, "stat", coarse)
    served = ServedCertificate(certificates.certificate, certificates.key)
    certificates.certificate.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="no certificate chain"):
        served.renew()
    certificates.certificate.write_bytes(whole)
    assert served.renew()
    assert not served.refused


def test_a_key_with_a_passphrase_is_refused_and_asks_nobody(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, "localhost")
    served = ServedCertificate(certificates.certificate, certificates.key)
    key = load_pem_private_key(certificates.key.read_bytes(), None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a passphrase"))
    certificates.key.write_bytes(sealed)
    with pytest.raises(ValueError, match="protected by a password"):
        served.renew()
    assert served.refused
