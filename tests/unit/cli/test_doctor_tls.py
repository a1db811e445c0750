"""`analytics doctor` warns of a remote store without verified TLS."""

from datetime import timedelta
from pathlib import Path

import pytest

from analytics.cli.doctor_tls import certificate_findings, tls_findings
from analytics.clock import FixedClock
from analytics.crypto.tls import ServedCertificate
from analytics.settings import Settings
from tests.fixtures.tls import make_certificates


@pytest.mark.parametrize(
    ("setting", "url", "state"),
    [
        ("postgres_url", "postgresql://u:p@db.example.org/a", "warning"),
        ("postgres_url", "postgresql://u:p@db.example.org/a?sslmode=require", "warning"),
        ("postgres_url", "postgresql://u:p@db.example.org/a?sslmode=verify-ca&sslrootcert=ca.pem", "warning"),
        ("postgres_url", "postgresql://u:p@db.example.org/a?sslmode=verify-full&sslrootcert=ca.pem", "ok"),
        ("postgres_url", "postgresql://u:p@localhost/a", None),
        ("postgres_url", "postgresql://u:p@/a?host=%2Frun%2Fpostgresql", None),
        ("redis_url", "redis://cache.example.org", "warning"),
        ("redis_url", "rediss://cache.example.org?ssl_cert_reqs=none", "warning"),
        ("redis_url", "rediss://cache.example.org?ssl_check_hostname=false", "warning"),
        ("redis_url", "rediss://cache.example.org?ssl_ca_certs=ca.pem", "ok"),
        ("redis_url", "redis://127.0.0.1:6379", None),
        ("redis_url", "unix:///run/valkey.sock", None),
        ("clickhouse_url", "http://u:p@ch.example.org/a", "warning"),
        ("clickhouse_url", "https://u:p@ch.example.org/a?verify=false", "warning"),
        ("clickhouse_url", "https://u:p@ch.example.org/a?ca_cert=ca.pem", "ok"),
        ("clickhouse_url", "http://u:p@[::1]/a", None),
    ],
)
def test_a_remote_store_without_verified_tls_is_warned_of(setting: str, url: str, state: str | None) -> None:
    findings = list(tls_findings(Settings.model_validate({setting: url})))
    assert [finding.state for finding in findings] == ([] if state is None else [state])
    if state == "warning":
        assert setting.upper() in findings[0].remedy
        assert "u:p" not in findings[0].detail + findings[0].remedy


@pytest.mark.parametrize(("days", "state"), [(15, "ok"), (13, "warning"), (-1, "warning")])
def test_a_certificate_that_is_over_soon_is_warned_of(tmp_path: Path, days: int, state: str) -> None:
    made = make_certificates(tmp_path, "localhost")
    settings = Settings.model_validate({"tls_cert_file": made.certificate, "tls_key_file": made.key})
    clock = FixedClock(ServedCertificate(made.certificate, made.key).ends_at - timedelta(days=days))
    assert [finding.state for finding in certificate_findings(settings, clock)] == [state]
    assert not list(certificate_findings(Settings(), clock))
