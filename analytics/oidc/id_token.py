"""The ID token of an identity provider: what must hold of it before a word of it is believed (OpenID Connect Core, 3.1.3.7).

The one thing to know: only signatures by a public key of the provider's count. `none` and the algorithms with a shared secret are on no
list, so neither an unsigned token nor one "signed" with a public key as the secret gets to be looked at.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import jwt

from analytics.errors import UnauthenticatedError

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
LEEWAY_SECONDS = 60  # clocks of two machines
_LONGEST = 20_000
Jwk = Mapping[str, Any]


class UnknownKeyError(Exception):
    """The token names a key that is not among those at hand: the provider may have a new one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who came. `email` is None unless the provider says that it made sure of it."""

    subject: str
    email: str | None


def read_id_token(token: str, keys: Sequence[Jwk], *, issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims of a token of this issuer, for this client and this very sign-in.

    Raises UnauthenticatedError, or UnknownKeyError if it is signed by a key that is not in `keys`.
    """
    if len(token) > _LONGEST:
        raise not_good()
    try:
        claims = jwt.decode(
            token,
            _key_of(token, keys),
            algorithms=sorted(ALGORITHMS),
            issuer=issuer,
            audience=client_id,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise not_good() from error
    audiences, party, said = claims["aud"], claims.get("azp"), claims.get("nonce")
    if isinstance(audiences, list) and len(cast(list[object], audiences)) > 1 and party is None:
        raise not_good()
    if party is not None and party != client_id:
        raise not_good()
    if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "surrogatepass"), nonce.encode()):
        raise not_good()
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not (subject.isascii() and subject.isprintable()):
        raise not_good()
    return claims


def identity_of(claims: Mapping[str, Any]) -> Identity:
    """Who the claims are about."""
    email = claims.get("email")
    is_sure = claims.get("email_verified") is True and isinstance(email, str) and "@" in email and len(email) <= 300 and email.isprintable()
    return Identity(claims["sub"], email if is_sure else None)


def is_same_address(one: str, other: str) -> bool:
    """Whether they differ in case at most. A letter of ASCII is no other's small one, as databases have it of the dotted capital I."""
    return len(one) == len(other) and all(
        mine == its or (mine.isascii() == its.isascii() and mine.lower() == its.lower()) for mine, its in zip(one, other, strict=True)
    )


def not_good() -> UnauthenticatedError:
    """The one answer to whatever is wrong with what came back."""
    return UnauthenticatedError("The sign-in by the identity provider is not good; begin anew.")


def _key_of(token: str, keys: Sequence[Jwk]) -> jwt.PyJWK:
    header = jwt.get_unverified_header(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise not_good()
    found = [key for key in keys if key_id is None or key.get("kid") == key_id]
    fitting = [key for key in found if key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm]
    if key_id is not None and not found:
        raise UnknownKeyError
    if len(fitting) != 1:  # without a key id there must be no choice
        raise not_good()
    return jwt.PyJWK(dict(fitting[0]), algorithm=algorithm)
