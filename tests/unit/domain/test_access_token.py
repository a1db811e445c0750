"""Access tokens: what is good, what is over, what is not ours."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from analytics.clock import FixedClock
from analytics.domain.access_token import ACCESS_SECONDS, OPERATOR_SECONDS, PUBLISH_SECONDS, SigningKey, TokenSigner, ends_at
from analytics.errors import MetadataUnavailableError, UnauthenticatedError


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 22, 10, tzinfo=UTC))


@pytest.fixture
def ring(clock: FixedClock) -> list[SigningKey]:
    return [SigningKey("sk_1", b"salt one", clock.now())]


@pytest.fixture
def signer(clock: FixedClock, ring: list[SigningKey]) -> TokenSigner:
    return TokenSigner("a secret key", clock, lambda: ring)


def kid_of(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


def test_a_person_is_known_until_the_end(signer: TokenSigner, clock: FixedClock) -> None:
    token = signer.for_person("u_1", "f_1")
    clock.advance(ACCESS_SECONDS - 1)
    claims = signer.read(token)
    assert (claims.user_id, claims.family_id) == ("u_1", "f_1")
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
        {"nbf": 1_900_000_000},
        {"nbf": "now"},
        {"exp": True},
    ],
    ids=str,
)
def test_claims_of_another_shape_are_refused_though_well_signed(signer: TokenSigner, change: dict[str, Any]) -> None:
    header = jwt.get_unverified_header(signer.for_operator())
    claims = jwt.decode(signer.for_operator(), options={"verify_signature": False})
    key = signer._operator_key
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


def test_a_new_key_signs_once_every_process_knows_it_and_the_old_one_is_good_till_its_last_token_is_over(
    signer: TokenSigner, clock: FixedClock, ring: list[SigningKey]
) -> None:
    clock.advance(3_600)
    ring.append(SigningKey("sk_2", b"salt two", clock.now()))
    clock.advance(PUBLISH_SECONDS - 1)
    last = signer.for_person("u_1", "f_1")
    assert kid_of(last) == "sk_1"
    clock.advance(1)
    assert kid_of(signer.for_person("u_1", "f_1")) == "sk_2"
    clock.advance(ACCESS_SECONDS - 2)
    assert signer.read(last).user_id == "u_1"
    clock.advance(2)
    with pytest.raises(UnauthenticatedError, match="over"):
        signer.read(last)


def test_an_old_key_signs_nothing_after_its_time(signer: TokenSigner, clock: FixedClock, ring: list[SigningKey]) -> None:
    claims = {"iss": "analytics", "aud": "analytics:person", "sub": "u_1", "sid": "f_1"}
    old = ring[0]
    ring.append(SigningKey("sk_2", b"salt two", clock.now() + timedelta(seconds=1)))
    over = ends_at(ring, old)
    assert over is not None
    assert ends_at(ring, ring[1]) is None

    def made_now() -> str:
        now = int(clock.now().timestamp())
        return jwt.encode({**claims, "iat": now, "exp": now + 60}, signer._key_of(old), algorithm="HS256", headers={"kid": old.id})

    clock.instant = over - timedelta(seconds=1)
    assert signer.read(made_now()).user_id == "u_1"
    clock.instant = over
    with pytest.raises(UnauthenticatedError):
        signer.read(made_now())


def test_the_salts_alone_sign_nothing(clock: FixedClock, signer: TokenSigner, ring: list[SigningKey]) -> None:
    thief = TokenSigner("another secret key", clock, lambda: ring)
    with pytest.raises(UnauthenticatedError):
        signer.read(thief.for_person("u_1", "f_1"))
    assert TokenSigner("a secret key", clock, lambda: ring).read(signer.for_person("u_1", "f_1")).user_id == "u_1"


def test_without_a_ring_there_are_no_tokens_for_people(clock: FixedClock) -> None:
    with pytest.raises(MetadataUnavailableError):
        TokenSigner("a secret key", clock).for_person("u_1", "f_1")


def test_each_key_signs_for_its_audience_alone(signer: TokenSigner, clock: FixedClock, ring: list[SigningKey]) -> None:
    now = int(clock.now().timestamp())
    claims = {"iss": "analytics", "sub": "operator", "sid": "f_1", "iat": now, "exp": now + 30}
    operators, persons = (signer._operator_key, kid_of(signer.for_operator())), (signer._key_of(ring[0]), ring[0].id)
    for (key, kid), audience in ((operators, "analytics:person"), (persons, "analytics:operator")):
        with pytest.raises(UnauthenticatedError):
            signer.read(jwt.encode({**claims, "aud": audience}, key, algorithm="HS256", headers={"kid": kid}))
