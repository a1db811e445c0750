"""Secrets that the service must be able to read again (passwords of mail servers, secrets of webhooks), sealed at rest.

    sealed = secrets.seal(project.id, "webhook:wh_17", "the secret")   # "s1:9f3c2a1b:…"
    secrets.open(project.id, "webhook:wh_17", sealed)

AES-256-GCM under the active key `secrets` of the ring; project and purpose are associated data, so that a value copied to another place
cannot be opened there. What must only be compared, never read (passwords of people, tokens), is hashed instead: `metadata/secrets.py`.
"""

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from analytics.crypto.key_ring import NONCE_BYTES, KeyName, KeyRing, RingKey, bound, derive_key
from analytics.errors import UnsealError

_PREFIX = "s1"


class SealedSecrets:
    """Seals and opens with the keys of one ring."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def seal(self, project_id: str, purpose: str, text: str) -> str:
        """`text` as `s1:KEYID:base64url`; `project_id` is empty for what belongs to the whole service."""
        key = self._ring.active(KeyName.SECRETS)
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = _cipher(key).encrypt(nonce, text.encode("utf-8", "surrogatepass"), bound(_PREFIX, project_id, purpose))
        return f"{_PREFIX}:{key.id}:{base64.urlsafe_b64encode(nonce + sealed).decode('ascii').rstrip('=')}"

    def open(self, project_id: str, purpose: str, sealed: str) -> str:
        """The text. Raises UnsealError if it was sealed elsewhere or for another project or purpose, or altered."""
        prefix, _, rest = sealed.partition(":")
        key_id, _, encoded = rest.partition(":")
        key = self._ring.find(key_id) if prefix == _PREFIX else None
        if key is None or key.name is not KeyName.SECRETS:
            raise UnsealError("A sealed secret names a key that is not in the ring.")
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            text = _cipher(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], bound(_PREFIX, project_id, purpose))
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise UnsealError("A sealed secret was altered, or belongs elsewhere.") from error
        return text.decode("utf-8", "surrogatepass")

    def is_current(self, sealed: str) -> bool:
        """Whether it is sealed under the active key."""
        return sealed.startswith(f"{_PREFIX}:{self._ring.active(KeyName.SECRETS).id}:")


def _cipher(key: RingKey) -> AESGCM:
    return AESGCM(derive_key(key.material, "analytics sealed secret v1"))
