"""Making ids and secrets, and what is kept of a secret.

Write keys are public by nature and kept as they are. API and refresh tokens are 256 random bits, so a plain SHA-256 is all that is kept;
passwords are not random and get argon2id.
"""

import base64
import hashlib
import secrets

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from analytics.errors import RateLimitedError

# OWASP's second choice: 19 MiB and two passes, about 20 ms of one core, so that a burst of sign-ins does not starve the way in.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Compared with when nobody has that name, so that the time of an answer does not tell. Made at first use: hashing takes a while.
_NOBODY: list[str] = []
MOST_WAITING = 200  # some seconds of work


def make_id(prefix: str) -> str:
    """An opaque id: `prefix`, `_` and 16 characters of lower-case base32 (80 random bits)."""
    return f"{prefix}_{_base32(10)}"


def make_write_key() -> str:
    """`wk_` and 32 characters (160 random bits)."""
    return f"wk_{_base32(20)}"


def make_token(prefix: str) -> str:
    """`prefix`, `_` and 43 characters (256 random bits)."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def make_password() -> str:
    """A password for a person who will change it: 120 random bits."""
    return secrets.token_urlsafe(15)


def make_id_seed() -> int:
    """63 random bits."""
    return secrets.randbits(63)


def token_hash(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Passwords:
    """argon2id on worker threads, a few at a time: each takes 19 MiB and a whole core.

    Both calls raise RateLimitedError when so many wait already that the answer would come too late.
    """

    def __init__(self, at_once: int = 2) -> None:
        self._limiter = anyio.CapacityLimiter(at_once)

    async def hash(self, password: str) -> str:
        """The PHC string to keep."""
        self._check_queue()
        return await anyio.to_thread.run_sync(_HASHER.hash, password, limiter=self._limiter)

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether `password` is the one behind `kept`; without `kept` it takes as long and is False."""
        self._check_queue()
        return await anyio.to_thread.run_sync(_matches, password, kept, limiter=self._limiter)

    def _check_queue(self) -> None:
        if self._limiter.statistics().tasks_waiting >= MOST_WAITING:
            raise RateLimitedError("Too many sign in at once; try again.", 2)


def _matches(password: str, kept: str | None) -> bool:
    if not _NOBODY:
        _NOBODY.append(_HASHER.hash(secrets.token_urlsafe(16)))
    try:
        return _HASHER.verify(kept or _NOBODY[0], password) and kept is not None
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def _base32(size_bytes: int) -> str:
    return base64.b32encode(secrets.token_bytes(size_bytes)).decode("ascii").rstrip("=").lower()
