"""The running service behind TLS, and what another secret key does to it."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography.x509 import load_pem_x509_certificate

from analytics.errors import SettingsError
from analytics.settings import load_settings
from tests.fixtures.patience import PATIENCE_SECONDS, wait_for
from tests.fixtures.service import ServiceProcess
from tests.fixtures.tls import make_certificates

Start = Callable[..., ServiceProcess]


def command(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANALYTICS_")}
    given = {f"ANALYTICS_{name.upper()}": value for name, value in {"data_dir": str(data_dir), **settings}.items()}
    return subprocess.run(
        [sys.executable, "-m", "analytics", *arguments], env={**clean, **given}, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )


def serial_shown(url: str, authority: Path) -> str:
    context = ssl.create_default_context(cafile=str(authority))
    with httpx.Client(verify=context) as client, client.stream("GET", f"{url}/healthz") as response:
        shown = response.extensions["network_stream"].get_extra_info("ssl_object").getpeercert()
        assert response.status_code == 200
    return str(shown["serialNumber"])


def shown_metrics(url: str, authority: Path) -> tuple[float, float]:
    """When the certificate is over, and whether another one was refused."""
    with httpx.Client(verify=ssl.create_default_context(cafile=str(authority))) as client:
        lines = dict(line.rsplit(" ", 1) for line in client.get(f"{url}/metrics").text.splitlines() if not line.startswith("#"))
    prefix = "analytics_tls_certificate"
    return float(lines[f"{prefix}_expiry_timestamp_seconds"]), float(lines[f"{prefix}_refused"])


def end_of(certificate: Path) -> float:
    return load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()


def test_the_port_speaks_tls_alone_and_takes_up_a_renewed_certificate(start_service: Start, tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "tls", "127.0.0.1")
    tls = {"tls_cert_file": str(certificates.certificate), "tls_key_file": str(certificates.key)}
    service = start_service(**tls).wait_ready()
    assert service.url.startswith("https://127.0.0.1:")
    serial = serial_shown(service.url, certificates.authority)

    event = {"event": "e", "user_id": "u"}
    key = {"authorization": f"Bearer {service.ready['write_key']}"}
    with httpx.Client(verify=ssl.create_default_context(cafile=str(certificates.authority))) as client:
        assert client.post(f"{service.url}/v1/events", json=event, headers=key).json()["accepted"] == 1
        form = {"username": service.ready["admin_email"], "password": service.ready["admin_password"]}
        signed_in = client.post(f"{service.url}/v1/auth/session", data=form)
        cookie = signed_in.headers["set-cookie"]
        assert cookie.startswith("__Host-analytics_session="), "no PUBLIC_URL is set: the port's own TLS is enough"
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
        assert "max-age" in signed_in.headers["strict-transport-security"]
        assert client.get(f"{service.url}/v1/me").json()["email"] == form["username"]
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{service.url}/healthz")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{service.url.replace('https', 'http')}/healthz")
    old = ssl.create_default_context(cafile=str(certificates.authority))
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLS"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.ConnectError), httpx.Client(verify=old) as client:
        client.get(f"{service.url}/healthz")

    rotated = command(service.data_dir, "secrets", "rotate", "--json", **tls)
    assert rotated.returncode == 0, rotated.stderr
    assert set(json.loads(rotated.stdout)["keys"]) == {"secrets", "personal-encrypt", "audit-seals"}
    assert command(service.data_dir, "status", **tls).returncode == 0

    renewed = make_certificates(tmp_path / "renewed", "127.0.0.1")
    assert shown_metrics(service.url, certificates.authority) == (end_of(certificates.certificate), 0.0)
    renewed.key.replace(certificates.key)  # the half of a renewal, such as one that failed in the middle
    wait_for(lambda: shown_metrics(service.url, certificates.authority)[1] == 1.0, "the refusal of a key without its certificate")
    assert serial_shown(service.url, certificates.authority) == serial, "the pair of before goes on"
    assert "do not belong together" in service.log()
    end = end_of(renewed.certificate)
    renewed.certificate.replace(certificates.certificate)

    def is_renewed() -> bool:
        try:
            return serial_shown(service.url, renewed.authority) != serial
        except httpx.ConnectError:
            return False

    wait_for(is_renewed, "the renewed certificate")
    assert shown_metrics(service.url, renewed.authority) == (end, 0.0)
    assert service.stop() == 0


def test_another_secret_key_stops_the_start_until_the_ring_is_moved(start_service: Start, tmp_path: Path) -> None:
    old_file, new_file = tmp_path / "old", tmp_path / "new"
    old_file.write_text("the old secret key of this service\n")
    new_file.write_text("the new secret key of this service\n")
    first = start_service(secret_key_file=str(old_file)).wait_ready()
    assert not (first.data_dir / "secret_key").exists()
    assert first.stop() == 0

    refused = start_service(secret_key_file=str(new_file))
    assert refused.wait() == 2
    assert "ANALYTICS_SECRET_KEY" in refused.log()
    assert "analytics secrets reseal" in refused.log()

    wrong = command(first.data_dir, "secrets", "reseal", "--old-key-file", str(new_file), secret_key="a third")
    assert wrong.returncode == 1
    assert "opens neither" in wrong.stderr
    moved = command(first.data_dir, "secrets", "reseal", "--old-key-file", str(old_file), secret_key_file=str(new_file))
    assert moved.returncode == 0, moved.stderr
    last = start_service(secret_key_file=str(new_file)).wait_ready()
    checked = command(first.data_dir, "audit", "verify", secret_key_file=str(new_file))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    exported = command(first.data_dir, "audit", "export", str(tmp_path / "audit"), secret_key_file=str(new_file))
    assert exported.returncode == 0, exported.stderr
    actions = [json.loads(line)["action"] for line in (tmp_path / "audit").read_text().splitlines()]
    assert "key-ring.reseal" in actions
    assert last.stop() == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"tls_cert_file": "certificate.pem"}, "ANALYTICS_TLS_KEY_FILE"),
        ({"tls_key_file": "key.pem"}, "ANALYTICS_TLS_KEY_FILE"),
        ({"tls_cert_file": "certificate.pem", "tls_key_file": "nowhere.pem"}, "ANALYTICS_TLS_KEY_FILE"),
        ({"tls_cert_file": "certificate.pem", "tls_key_file": "other/key.pem"}, "ANALYTICS_TLS_KEY_FILE"),
        ({"tls_cert_file": "key.pem", "tls_key_file": "key.pem"}, "ANALYTICS_TLS_KEY_FILE"),
        ({"secret_key_file": "nowhere"}, "ANALYTICS_SECRET_KEY_FILE"),
        ({"secret_key_file": "empty"}, "ANALYTICS_SECRET_KEY_FILE"),
        ({"secret_key_file": "key.pem", "secret_key": "x"}, "ANALYTICS_SECRET_KEY_FILE"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings: dict[str, str], named: str, tmp_path: Path) -> None:

    make_certificates(tmp_path, "127.0.0.1")
    make_certificates(tmp_path / "other", "127.0.0.1")
    (tmp_path / "empty").write_text("\n")
    given = {name: value if name == "secret_key" else tmp_path / value for name, value in settings.items()}
    with pytest.raises(SettingsError, match=named):
        load_settings(None, **given)
