"""`analytics doctor` warns of a remote store without verified TLS."""

import pytest

from analytics.cli.doctor_tls import tls_findings
from analytics.settings import Settings


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
