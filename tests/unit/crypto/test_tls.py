"""The certificate of the service's own port."""

import ssl
from pathlib import Path

import pytest

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
    with pytest.raises(ValueError, match="do not belong together"):
        served.renew()
    assert not served.renew(), "it says so once"
    renewed.key.replace(certificates.key)
    assert served.renew()


def test_the_command_line_trusts_one_certificate_alone(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "a", "localhost")
    context = pinned_context(certificates.certificate)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) <= 1
    with pytest.raises(ValueError, match="no certificate"):
        pinned_context(certificates.key)
