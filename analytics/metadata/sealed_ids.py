"""Ids of persons for as long as work on them is under way: encrypted, bound to the row that holds them.

The one thing to know: the key is made from the one key of the key ring that is never rotated; with another ring nothing opens.
"""

import os
from collections.abc import Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from analytics.errors import UnsealError

_NONCE_BYTES = 12


class SealedIds:
    """Seals and opens under a key of 32 bytes; `owner` is the id of the row."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, owner: str, ids: Sequence[str]) -> bytes:
        """`ids`, encrypted."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, msgspec.msgpack.encode(ids), owner.encode())

    def open(self, owner: str, sealed: bytes) -> tuple[str, ...]:
        """What was sealed. Raises UnsealError if it was under another key ring, or for another row."""
        try:
            content = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode())
        except InvalidTag as error:
            raise UnsealError("The ids of a person were sealed under another key ring.") from error
        return msgspec.msgpack.decode(content, type=tuple[str, ...])
