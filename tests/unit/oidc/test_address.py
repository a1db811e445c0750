"""What an identity provider says is believed over https, or on this machine."""

import pytest

from analytics.oidc.address import is_good_address


@pytest.mark.parametrize(
    ("address", "is_good"),
    [
        ("https://provider.example", True),
        ("https://provider.example:8443/realms/school", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost/token", True),
        ("http://[::1]:8080", True),
        ("http://provider.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://localhost.evil.example", False),
        ("ftp://127.0.0.1", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("//provider.example", False),
        ("https://[", False),
        ("", False),
        (None, False),
        (17, False),
    ],
)
def test_only_https_and_loopback_are_good(address: object, is_good: bool) -> None:
    assert is_good_address(address) is is_good
