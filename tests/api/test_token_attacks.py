"""Access tokens that are not ours, or not any more: each is 401, and none is an error of the service."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.fixtures.api import PASSWORD, Api

pytestmark = pytest.mark.anyio


class Forger:
    """Somebody with a good token who makes others of it; `key` is known only to those attacks that suppose it."""

    def __init__(self, api: Api, token: str, refresh_token: str) -> None:
        self.token = token
        self.refresh_token = refresh_token
        self.header = jwt.get_unverified_header(token)
        self.claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        ring = {key.id: key for key in api.services.keys.signing_keys()}
        self.key = api.services.signer._key_of(ring[self.header["kid"]])

    def signed(self, key: bytes | None = None, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Well signed if no `key` is given; None among `claims` leaves one out."""
        wanted = {name: value for name, value in {**self.claims, **claims}.items() if value is not None}
        header = {"alg": "HS256", "typ": "JWT", **self.header, **(headers or {})}
        return jwt.PyJWS().encode(json.dumps(wanted).encode(), key or self.key, algorithm="HS256", headers=header)

    def raw(self, header: dict[str, Any], signature: str = "") -> str:
        return f"{encoded(header)}.{self.token.split('.')[1]}.{signature}"

    def with_kid(self, kid: Any, key: bytes | None = None) -> str:
        """PyJWT makes no token with a kid that is no text: signed by hand, as one who has the key might."""
        header = {"alg": "HS256", "typ": "JWT", **({} if kid is None else {"kid": kid})}
        signing_input = f"{encoded(header)}.{self.token.split('.')[1]}".encode()
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing_input, key or self.key)
        return f"{signing_input.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def now() -> int:
    return int(time.time())


PUBLIC_KEY = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"

ATTACKS: dict[str, Callable[[Forger], str]] = {
    "no signature": lambda f: f.token.rpartition(".")[0] + ".",
    "alg none": lambda f: f.raw({**f.header, "alg": "none"}),
    "alg NonE": lambda f: f.raw({**f.header, "alg": "NonE"}),
    "alg none with the old signature": lambda f: f.raw({**f.header, "alg": "none"}, f.token.split(".")[2]),
    "alg none as the operator": lambda f: f"{encoded({'alg': 'none'})}.{encoded({**f.claims, 'aud': 'analytics:operator'})}.",
    "no alg": lambda f: f.raw({"typ": "JWT", "kid": f.header["kid"]}, f.token.split(".")[2]),
    "alg RS256, signed as HS256 by a public key": lambda f: jwt.encode(
        f.claims, base64.b64encode(PUBLIC_KEY), algorithm="HS256", headers={"kid": f.header["kid"]}
    ),
    "alg RS256 in the header alone": lambda f: f.raw({**f.header, "alg": "RS256"}, f.token.split(".")[2]),
    "alg HS512 with the right key": lambda f: jwt.encode(f.claims, f.key * 2, algorithm="HS512", headers={"kid": f.header["kid"]}),
    "the kid as the key": lambda f: f.signed(f.header["kid"].encode().ljust(32, b"\0")),
    "an empty key": lambda f: f.signed(b"\0" * 32),
    "over": lambda f: f.signed(iat=now() - 1_000, exp=now() - 100),
    "over for a second": lambda f: f.signed(iat=now() - 901, exp=now() - 1),
    "not yet": lambda f: f.signed(nbf=now() + 600),
    "from the future": lambda f: f.signed(iat=now() + 600, exp=now() + 1_200),
    "for a year": lambda f: f.signed(exp=now() + 365 * 86_400),
    "for ever": lambda f: f.signed(exp=None),
    "an end that is no number": lambda f: f.signed(exp="9999999999"),
    "an end that is infinite": lambda f: f.signed(exp=float("inf")),
    "another audience": lambda f: f.signed(aud="another"),
    "two audiences": lambda f: f.signed(aud=["analytics:person", "analytics:operator"]),
    "the operator's audience by a person's key": lambda f: f.signed(aud="analytics:operator", sub="operator", exp=now() + 30),
    "no audience": lambda f: f.signed(aud=None),
    "another issuer": lambda f: f.signed(iss="https://accounts.example.com"),
    "no issuer": lambda f: f.signed(iss=None),
    "another person": lambda f: f.signed(sub="u_nobody"),
    "no person": lambda f: f.signed(sub=None),
    "a person that is a number": lambda f: f.signed(sub=1),
    "another sign-in": lambda f: f.signed(sid="f_unknown"),
    "no sign-in": lambda f: f.signed(sid=None),
    "a sign-in that is SQL": lambda f: f.signed(sid="' OR true --"),
    "a sign-in with a NUL": lambda f: f.signed(sid="f_\x00"),
    "kid tampered": lambda f: f.with_kid(f.header["kid"] + "x"),
    "kid in another case": lambda f: f.with_kid(f.header["kid"].upper()),
    "kid a path": lambda f: f.with_kid("../../../../dev/null", b""),
    "kid SQL": lambda f: f.with_kid("x' UNION SELECT 'secret' --"),
    "kid empty": lambda f: f.with_kid(""),
    "kid a list": lambda f: f.with_kid([f.header["kid"]]),
    "kid an object": lambda f: f.with_kid({"kid": f.header["kid"]}),
    "kid a number": lambda f: f.with_kid(0),
    "no kid": lambda f: f.with_kid(None),
    "a key of its own in the header": lambda f: f.signed(b"k" * 32, {"jwk": {"kty": "oct", "k": base64.b64encode(b"k" * 32).decode()}}),
    "a key to be fetched": lambda f: f.signed(b"k" * 32, {"jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/x"}),
    "an extension that must be understood": lambda f: f.signed(headers={"crit": ["x"], "x": 1}),
    "another's key": lambda f: f.signed(b"another service's key of 32 bytes"),
    "a changed claim": lambda f: f"{f.token.split('.')[0]}.{encoded({**f.claims, 'sub': 'operator'})}.{f.token.split('.')[2]}",
    "a refresh token": lambda f: f.refresh_token,
    "truncated": lambda f: f.token[:-5],
    "half": lambda f: f.token[: len(f.token) // 2],
    "one part": lambda f: f.token.split(".")[0],
    "four parts": lambda f: f.token + ".x",
    "not base64": lambda f: f.token.replace(".", ".!", 1),
    "claims that are no object": lambda f: jwt.PyJWS().encode(b"[1]", f.key, algorithm="HS256", headers=f.header),
    "claims that are no JSON": lambda f: jwt.PyJWS().encode(b"{", f.key, algorithm="HS256", headers=f.header),
    "claims that are deep": lambda f: jwt.PyJWS().encode(b"[" * 500, f.key, algorithm="HS256", headers=f.header),
    "well signed, but very long": lambda f: f.signed(filler="x" * 5_000),
    "a long header": lambda f: f.raw({**f.header, "x": "y" * 5_000}, f.token.split(".")[2]),
}


@pytest.fixture(scope="module")
async def forger(api: Api) -> Forger:
    answer = (await api.client.post("/v1/auth/token", data={"username": await api.make_user(), "password": PASSWORD})).json()
    return Forger(api, answer["access_token"], answer["refresh_token"])


async def test_what_the_forger_signs_rightly_is_good(api: Api, forger: Forger) -> None:
    for token in (forger.token, forger.signed(), forger.with_kid(forger.header["kid"])):
        assert (await api.bearer(token).get("/v1/me")).status_code == 200


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_token_that_is_not_ours_is_refused(api: Api, forger: Forger, attack: str) -> None:
    answer = await api.bearer(ATTACKS[attack](forger)).get("/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), answer.text
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_an_access_token_refreshes_nothing(api: Api, forger: Forger) -> None:
    assert (await api.nobody.post("/v1/auth/refresh", {"refresh_token": forger.token})).status_code == 401
