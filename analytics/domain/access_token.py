"""Access tokens: short JWTs (HS256), of two kinds that are told apart by audience and by key.

A person's says only who it is and by which sign-in (what they may is asked at each use, so a change counts at once). It is signed by a key
of the ring: salts in PostgreSQL, each made a key by the service's secret key, so that all processes share them and the database alone
signs nothing. The operator's makes an owner for at most a minute. Its key is made of the secret key alone: whoever can read that gets in,
which is how the command line on the same machine does.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from analytics.clock import Clock
from analytics.domain.access import Person
from analytics.errors import MetadataUnavailableError, UnauthenticatedError

ACCESS_SECONDS = 15 * 60
OPERATOR_SECONDS = 60
PUBLISH_SECONDS = 5  # a new key signs only after so long: by then every process knows it
_ISSUER = "analytics"
_PERSON, _OPERATOR = "analytics:person", "analytics:operator"
_ALGORITHM = "HS256"
_LEEWAY_SECONDS = 5
_LONGEST_TOKEN = 2_000
_ID = re.compile(r"[a-z]{1,3}_[a-z0-9_]{1,60}\Z")  # what is signed goes to a database, whoever signed it

OPERATOR = Person("operator", "operator@localhost", "Operator of this machine", is_owner=True)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of the ring, without the secret that makes it one: `id` is the `kid` of what it signs."""

    id: str
    salt: bytes
    created_at: datetime


def ends_at(ring: Sequence[SigningKey], key: SigningKey) -> datetime | None:
    """When the last token that `key` of `ring` signed is over; None while it signs."""
    later = [other.created_at for other in ring if (other.created_at, other.id) > (key.created_at, key.id)]
    return min(later) + timedelta(seconds=PUBLISH_SECONDS + ACCESS_SECONDS + _LEEWAY_SECONDS) if later else None


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a good token says: `user_id` of a person and the sign-in (`family_id`) it is of, or None for the operator."""

    user_id: str | None
    family_id: str | None = None


class TokenSigner:
    """Makes and reads access tokens."""

    def __init__(self, secret_key: str, clock: Clock, ring: Callable[[], Sequence[SigningKey]] = tuple) -> None:
        """`ring` answers the keys for people's tokens, as they are now; without it there are only the operator's."""
        self._secret = secret_key.encode("utf-8")
        self._operator_key = _mac(self._secret, b"analytics access token v1")
        self._operator_key_id = hashlib.sha256(self._operator_key).hexdigest()[:12]
        self._ring = ring
        self._clock = clock

    def for_person(self, user_id: str, family_id: str) -> str:
        """A token of ACCESS_SECONDS for the person with this id, of one sign-in. Raises MetadataUnavailableError if there is no key."""
        now = self._clock.now()
        ring = sorted(self._ring(), key=lambda key: (key.created_at, key.id))
        if not ring:
            raise MetadataUnavailableError("There is no key to sign with.")
        known_to_all = [key for key in ring if key.created_at + timedelta(seconds=PUBLISH_SECONDS) <= now]
        key = known_to_all[-1] if known_to_all else ring[0]
        return self._sign(_PERSON, user_id, ACCESS_SECONDS, self._key_of(key), key.id, sid=family_id)

    def for_operator(self) -> str:
        """An owner's token of OPERATOR_SECONDS."""
        return self._sign(_OPERATOR, OPERATOR.id, OPERATOR_SECONDS, self._operator_key, self._operator_key_id)

    def read(self, token: str) -> AccessClaims:
        """What `token` says. Raises UnauthenticatedError if it is not ours, is altered, or is over."""
        if len(token) > _LONGEST_TOKEN:
            raise _wrong()
        try:
            key, audience = self._named_by(jwt.get_unverified_header(token))
            # The time is checked below, by our own clock.
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=[audience],
                options={"require": ["exp", "iat", "sub", "aud", "iss"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise _wrong() from error
        return self._checked(claims, audience)

    def _named_by(self, header: dict[str, Any]) -> tuple[bytes, str]:
        """The key that signs what has this header, and for which audience alone it does."""
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise _wrong()
        if key_id == self._operator_key_id:
            return self._operator_key, _OPERATOR
        now, ring = self._clock.now(), self._ring()
        for key in ring:
            if key.id == key_id:
                over = ends_at(ring, key)
                if over is None or now < over:
                    return self._key_of(key), _PERSON
        raise _wrong()

    def _checked(self, claims: dict[str, Any], audience: str) -> AccessClaims:
        now = self._clock.now().timestamp()
        issued, ends, subject = claims["iat"], claims["exp"], claims["sub"]
        not_before, family_id = claims.get("nbf", issued), claims.get("sid")
        if claims["aud"] != audience or not isinstance(subject, str) or not all(type(time) is int for time in (issued, ends, not_before)):
            raise _wrong()
        longest = OPERATOR_SECONDS if audience == _OPERATOR else ACCESS_SECONDS
        if ends - issued > longest or max(issued, not_before) > now + _LEEWAY_SECONDS:
            raise _wrong()
        if now >= ends:
            raise UnauthenticatedError("The access token is over; refresh it.")
        if audience == _OPERATOR:
            return AccessClaims(None)
        if not isinstance(family_id, str) or not _ID.match(family_id) or not _ID.match(subject):
            raise _wrong()
        return AccessClaims(subject, family_id)

    def _key_of(self, key: SigningKey) -> bytes:
        return _mac(self._secret, b"analytics signing key v2\0" + key.id.encode("utf-8") + b"\0" + key.salt)

    def _sign(self, audience: str, subject: str, seconds: int, key: bytes, key_id: str, **more: str) -> str:
        now = self._clock.now()
        claims = {
            "iss": _ISSUER,
            "aud": audience,
            "sub": subject,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + seconds,
            "jti": secrets.token_hex(8),
            **more,
        }
        return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"kid": key_id})


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _wrong() -> UnauthenticatedError:
    return UnauthenticatedError("The credentials are not good.")
