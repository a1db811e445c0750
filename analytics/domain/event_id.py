"""How an event id becomes 128 bits.

The seed is the project's secret, so that nobody outside can choose an id that collides with another project's. The engine never
computes this hash; it only compares stored halves.
"""

from xxhash import xxh3_128_digest


def hash_id(event_id: str, seed: int) -> tuple[int, int]:
    """The halves (id_hash, id_check) of the keyed hash of an event id, as stored in `events` and `event_ids`."""
    digest = xxh3_128_digest(event_id.encode("utf-8"), seed)
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")
