"""Access tokens: what is good, what is over, what is not ours."""

import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from analytics.clock import FixedClock
from analytics.domain.access_token import ACCESS_SECONDS, OPERATOR_SECONDS, TokenSigner
from analytics.errors import UnauthenticatedError


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 22, 10, tzinfo=UTC))


@pytest.fixture
def signer(clock: FixedClock) -> TokenSigner:
    return TokenSigner("a secret key", clock)


def test_a_person_is_known_until_the_end(signer: TokenSigner, clock: FixedClock) -> None:
    token = signer.for_person("u_1")
    clock.advance(ACCESS_SECONDS - 1)
    assert signer.read(token).user_id == "u_1"
    clock.advance(1)
    with pytest.raises(UnauthenticatedError, match="over"):
        signer.read(token)


def test_the_operator_is_in_for_a_minute(signer: TokenSigner, clock: FixedClock) -> None:
    token = signer.for_operator()
    assert signer.read(token).user_id is None
    clock.advance(OPERATOR_SECONDS)
    with pytest.raises(UnauthenticatedError):
        signer.read(token)


def test_another_key_signs_nothing_of_ours(signer: TokenSigner, clock: FixedClock) -> None:
    with pytest.raises(UnauthenticatedError):
        signer.read(TokenSigner("another", clock).for_operator())


@pytest.mark.parametrize(
    "change",
    [
        {"exp": 2_000_000_000},
        {"aud": "another"},
        {"aud": ["analytics:operator"]},
        {"iss": "another"},
        {"sub": 7},
        {"iat": 1_900_000_000, "exp": 1_900_000_030},
        {"exp": "soon"},
        {"iat": None},
    ],
    ids=str,
)
def test_claims_of_another_shape_are_refused_though_well_signed(signer: TokenSigner, change: dict[str, Any]) -> None:
    header = jwt.get_unverified_header(signer.for_operator())
    claims = jwt.decode(signer.for_operator(), options={"verify_signature": False})
    key = signer._key
    good = jwt.encode(claims, key, algorithm="HS256", headers={"kid": header["kid"]})
    assert signer.read(good).user_id is None
    changed = {name: value for name, value in {**claims, **change}.items() if value is not None}
    bad = jwt.PyJWS().encode(json.dumps(changed).encode(), key, algorithm="HS256", headers={"kid": header["kid"], "typ": "JWT"})
    with pytest.raises(UnauthenticatedError):
        signer.read(bad)


@pytest.mark.parametrize("text", ["", "x", "a.b", "a.b.c", "é.é.é", "." * 1000, "\udcff"])
def test_text_that_is_no_token_is_refused(signer: TokenSigner, text: str) -> None:
    with pytest.raises(UnauthenticatedError):
        signer.read(text)
