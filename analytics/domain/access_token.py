"""Access tokens: short JWTs (HS256) signed with a key made from the service's secret key.

Two kinds, told apart by the audience: a person's, which says only who it is (what they may is asked at each use, so a change counts at
once), and the operator's, an owner for at most a minute, which whoever can read the secret key can make: that is how the command line on
the same machine gets in.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt

from analytics.clock import Clock
from analytics.domain.access import Person
from analytics.errors import UnauthenticatedError

ACCESS_SECONDS = 15 * 60
OPERATOR_SECONDS = 60
_ISSUER = "analytics"
_PERSON, _OPERATOR = "analytics:person", "analytics:operator"
_ALGORITHM = "HS256"
_LEEWAY_SECONDS = 5

OPERATOR = Person("operator", "operator@localhost", "Operator of this machine", is_owner=True)


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a good token says: `user_id` of a person, or None for the operator."""

    user_id: str | None


class TokenSigner:
    """Makes and reads access tokens with one secret key."""

    def __init__(self, secret_key: str, clock: Clock) -> None:
        self._key = hmac.new(secret_key.encode("utf-8"), b"analytics access token v1", hashlib.sha256).digest()
        self._key_id = hashlib.sha256(self._key).hexdigest()[:12]
        self._clock = clock

    def for_person(self, user_id: str) -> str:
        """A token of ACCESS_SECONDS for the person with this id."""
        return self._sign(_PERSON, user_id, ACCESS_SECONDS)

    def for_operator(self) -> str:
        """An owner's token of OPERATOR_SECONDS."""
        return self._sign(_OPERATOR, OPERATOR.id, OPERATOR_SECONDS)

    def read(self, token: str) -> AccessClaims:
        """What `token` says. Raises UnauthenticatedError if it is not ours, is altered, or is over."""
        try:
            header = jwt.get_unverified_header(token)
            # The time is checked below, by our own clock.
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=[_PERSON, _OPERATOR],
                options={"require": ["exp", "iat", "sub", "aud", "iss"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise _wrong() from error
        if header.get("kid") != self._key_id:
            raise _wrong()
        return self._checked(claims)

    def _checked(self, claims: dict[str, Any]) -> AccessClaims:
        now = self._clock.now().timestamp()
        issued, ends, audience, subject = claims["iat"], claims["exp"], claims["aud"], claims["sub"]
        if not isinstance(issued, int) or not isinstance(ends, int) or not isinstance(subject, str):
            raise _wrong()
        longest = OPERATOR_SECONDS if audience == _OPERATOR else ACCESS_SECONDS
        if ends - issued > longest or issued > now + _LEEWAY_SECONDS:
            raise _wrong()
        if now >= ends:
            raise UnauthenticatedError("The access token is over; refresh it.")
        if audience == _OPERATOR:
            return AccessClaims(None)
        if audience != _PERSON:
            raise _wrong()
        return AccessClaims(subject)

    def _sign(self, audience: str, subject: str, seconds: int) -> str:
        now = self._clock.now()
        claims = {
            "iss": _ISSUER,
            "aud": audience,
            "sub": subject,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=seconds)).timestamp()),
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers={"kid": self._key_id})


def _wrong() -> UnauthenticatedError:
    return UnauthenticatedError("The credentials are not good.")
