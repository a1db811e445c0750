"""Codes that are good once: of an authenticator app (TOTP, RFC 6238: SHA-1, 6 digits, 30 seconds), and for the day it is lost.

The one thing to know: nothing here remembers what was used; `metadata/second_factors.py` does. A code of the app is worth one in a million,
so whoever asks for it must count the tries; a recovery code is 80 random bits.
"""

import base64
import hashlib
import hmac
import re
import secrets
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from analytics.crypto.key_ring import derive_key

STEP_SECONDS = 30
DRIFT_STEPS = 1  # a clock may be so many steps off, and a person so slow
ISSUER = "Analytics"
RECOVERY_CODES = 10
_DIGITS = 6
_SECRET_BYTES = 20  # what RFC 4226 asks for
_APP_CODE = re.compile(rf"[0-9]{{{_DIGITS}}}\Z")
_RECOVERY_BYTES = 10


def make_secret() -> str:
    """160 random bits in base32, as apps take them by hand."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


def app_address(secret: str, account: str) -> str:
    """The `otpauth://` address of a secret, which apps read from a QR code."""
    # The algorithm is SHA-1 since apps know no other; what it does here is not weakened by collisions.
    return TOTP(_raw(secret), _DIGITS, SHA1(), STEP_SECONDS).get_provisioning_uri(account, ISSUER)  # noqa: S303


def plain_code(typed: str) -> str:
    """A code as a person types it, without spaces and hyphens, in lower case."""
    return re.sub(r"[\s-]", "", typed).lower()


def is_app_code(code: str) -> bool:
    """Whether a plain code is of the kind that an app shows."""
    return _APP_CODE.match(code) is not None


def app_code(secret: str, step: int) -> str:
    """What the app shows in a step: 30 seconds, counted from 1970."""
    return HOTP(_raw(secret), _DIGITS, SHA1()).generate(step).decode("ascii")  # noqa: S303


def step_of(instant: datetime) -> int:
    """The step of an instant."""
    return int(instant.timestamp()) // STEP_SECONDS


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The step around `now` whose code this is; None if it is of none. Takes as long for any code."""
    found = None
    for step in range(step_of(now) - DRIFT_STEPS, step_of(now) + DRIFT_STEPS + 1):
        if hmac.compare_digest(app_code(secret, step).encode(), code.encode("utf-8", "surrogatepass")):
            found = step
    return found


def make_recovery_codes() -> list[str]:
    """Codes to write down: four groups of four letters and digits."""
    texts = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode("ascii").lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[place : place + 4] for place in range(0, len(text), 4)) for text in texts]


def recovery_hash(secret: str, code: str) -> bytes:
    """What is kept of a recovery code (a plain one): nobody checks a guess without the person's secret, which is sealed."""
    key = derive_key(_raw(secret), "analytics recovery code v1")
    return hmac.new(key, code.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def _raw(secret: str) -> bytes:
    return base64.b32decode(secret)
