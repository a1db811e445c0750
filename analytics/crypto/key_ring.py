"""The key ring: named keys of 256 random bits, kept sealed under a key made from the service's secret key.

    SECRET_KEY --HKDF-SHA256--> wrapping key --AES-256-GCM--> ring keys --HKDF-SHA256--> a key per project and use

The one thing to know: this holds the open keys in memory and touches no store; `metadata/key_ring.py` keeps them in PostgreSQL. A key is
never changed or removed: rotation makes a new active one beside it, and the old one goes on reading what it sealed.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from analytics.errors import MetadataUnavailableError, UnsealError

KEY_BYTES = 32
NONCE_BYTES = 12


class KeyName(StrEnum):
    """What a key of the ring is for."""

    SECRETS = "secrets"  # seals secrets at rest
    PERSONAL_HASH = "personal-hash"  # never rotated: the same person must stay the same hash
    PERSONAL_ENCRYPT = "personal-encrypt"
    AUDIT_SEALS = "audit-seals"
    AUDIT_NAMES = "audit-names"  # never rotated: a person must be found again in old records


ROTATED = (KeyName.SECRETS, KeyName.PERSONAL_ENCRYPT, KeyName.AUDIT_SEALS)


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key as it is kept: `sealed` is nonce and ciphertext."""

    id: str
    name: KeyName
    is_active: bool
    sealed: bytes


@dataclass(frozen=True, slots=True)
class RingKey:
    """An open key."""

    id: str
    name: KeyName
    is_active: bool
    material: bytes = field(repr=False)


def derive_key(material: bytes, *context: str, length: int = KEY_BYTES) -> bytes:
    """HKDF-SHA256 of `material` for one use: two contexts that differ in any part give unrelated keys."""
    return HKDF(SHA256(), length, None, bound(*context)).derive(material)


def bound(*parts: str) -> bytes:
    """The parts as one byte string, each behind its length, so that no two lists of parts give the same."""
    texts = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(text).to_bytes(4, "big") + text for text in texts)


class Wrapping:
    """Seals ring keys under one secret key."""

    def __init__(self, secret_key: str) -> None:
        self._cipher = AESGCM(derive_key(secret_key.encode("utf-8"), "analytics key ring v1"))

    def wrap(self, key: RingKey) -> WrappedKey:
        """The key as it is to be kept."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return WrappedKey(key.id, key.name, key.is_active, nonce + self._cipher.encrypt(nonce, key.material, _context(key)))

    def unwrap(self, kept: WrappedKey) -> RingKey:
        """The open key. Raises UnsealError if it was sealed under another secret key, or altered."""
        try:
            material = self._cipher.decrypt(kept.sealed[:NONCE_BYTES], kept.sealed[NONCE_BYTES:], _context(kept))
        except (InvalidTag, ValueError) as error:
            raise UnsealError(f"The key {kept.id} was sealed under another secret key, or altered.") from error
        return RingKey(kept.id, kept.name, kept.is_active, material)


def make_ring_key(name: KeyName, material: bytes | None = None) -> RingKey:
    """A new active key, random unless `material` is given; its id is 8 random characters."""
    return RingKey(secrets.token_hex(4), name, True, material or secrets.token_bytes(KEY_BYTES))


class KeyRing:
    """The open keys of this process. `show` replaces them all at once; the rest may be called from any thread."""

    def __init__(self, secret_key: str) -> None:
        self.wrapping = Wrapping(secret_key)
        self._keys: dict[str, RingKey] = {}

    @classmethod
    def sharing(cls, ring: "KeyRing") -> "KeyRing":
        """An empty ring under the same secret key."""
        made = cls("")
        made.wrapping = ring.wrapping
        return made

    def show(self, kept: Iterable[WrappedKey]) -> None:
        """Hold exactly these keys, oldest first. Raises UnsealError, and then holds what it held."""
        keys: dict[str, RingKey] = {}
        for one in kept:
            known = self._keys.get(one.id)
            # A key's material never changes, whatever it is wrapped in.
            is_same = known is not None and (known.name, known.is_active) == (one.name, one.is_active)
            keys[one.id] = known if known is not None and is_same else self.wrapping.unwrap(one)
        self._keys = keys

    def active(self, name: KeyName) -> RingKey:
        """The key to seal with now. Raises MetadataUnavailableError if this process has not seen one yet."""
        for key in self._keys.values():
            if key.is_active and key.name is name:
                return key
        raise MetadataUnavailableError(f"The key ring holds no key for {name} yet.", retry_after_seconds=2)

    def find(self, key_id: str) -> RingKey | None:
        """The key with this id, however old."""
        return self._keys.get(key_id)

    def all(self, name: KeyName) -> Sequence[RingKey]:
        """Every key of a name, the active one first."""
        return sorted((key for key in self._keys.values() if key.name is name), key=lambda key: not key.is_active)


def _context(key: RingKey | WrappedKey) -> bytes:
    # Not `is_active`, which changes with a rotation.
    return bound("analytics ring key v1", key.name, key.id)
