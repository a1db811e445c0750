"""The certificate of the service's own port."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
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
