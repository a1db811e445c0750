"""What is kept of an erased id: a keyed hash, by which it is known again and not found out."""

import hashlib

HASH_BYTES = 16


class IdHasher:
    """Hashes ids under a key of 32 bytes: with another one, erased ids are not known again."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def hash(self, project_id: str, text: str) -> bytes:
        """16 bytes for an id; the same id of another project has others."""
        message = f"{project_id}\0{text}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(message, key=self._key, digest_size=HASH_BYTES).digest()
