"""Codes of authenticator apps and recovery codes."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from analytics.crypto.one_time_codes import (
    app_address,
    app_code,
    is_app_code,
    make_recovery_codes,
    make_secret,
    matching_step,
    plain_code,
    recovery_hash,
    step_of,
)

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_a_code_is_that_of_rfc_6238(seconds: int, code: str) -> None:
    """Its table for SHA-1, of which an app of 6 digits shows the last six."""
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert app_code(RFC_SECRET, step_of(instant)) == code
    assert matching_step(RFC_SECRET, code, instant) == seconds // 30


@pytest.mark.parametrize(("off", "is_good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_may_be_one_step_early_or_late(off: int, is_good: bool) -> None:
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    wanted = step_of(now) + off
    assert matching_step(RFC_SECRET, app_code(RFC_SECRET, wanted), now) == (wanted if is_good else None)


def test_an_app_reads_the_address() -> None:
    secret = make_secret()
    parts = urlsplit(app_address(secret, "ada+x@example.org"))
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Analytics:ada%2Bx%40example.org")
    assert asked == {"secret": secret, "issuer": "Analytics", "digits": "6", "period": "30", "algorithm": "SHA1"}
    assert len(base64.b32decode(secret)) == 20
    assert make_secret() != secret


def test_recovery_codes_are_ten_and_random_and_typed_as_one_likes() -> None:
    codes = make_recovery_codes()
    assert len({*codes, *make_recovery_codes()}) == 20
    for code in codes:
        assert [len(part) for part in code.split("-")] == [4, 4, 4, 4]
        assert plain_code(f" {code.upper().replace('-', ' ')}\n") == plain_code(code)
        assert not is_app_code(plain_code(code))


def test_what_is_kept_of_a_recovery_code_says_nothing_without_the_secret() -> None:
    code = make_recovery_codes()[0]
    assert recovery_hash(RFC_SECRET, code) == recovery_hash(RFC_SECRET, code) != recovery_hash(make_secret(), code)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "\ud800", "000000\n0"])
def test_what_is_no_code_matches_no_step(typed: str) -> None:
    assert not is_app_code(plain_code(typed)) or len(plain_code(typed)) == 6
    assert matching_step(RFC_SECRET, plain_code(typed), datetime(2026, 11, 22, tzinfo=UTC)) is None


def test_a_code_typed_with_a_space_is_the_code() -> None:
    assert is_app_code(plain_code("123 456 "))
