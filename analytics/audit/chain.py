"""The chain over the records: each seal is an HMAC-SHA256 over the seal before it, its own number and the record.

    seal(n) = HMAC(key, seal(n - 1) || canonical(n, record))        seal(0) is 32 zero bytes

The one thing to know: numbers count sealings, not records, since records become visible out of the order of their ids. Whoever lacks the
key can make no seal, so a chain with one record changed, left out or moved does not check; only a cut end needs a head kept elsewhere. Keys
are those of the key ring; once a newer one has sealed, an older one is good for what it sealed before and for nothing after.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from analytics.crypto.key_ring import KeyName, KeyRing
from analytics.errors import FieldError, InvalidRequestError

START = bytes(32)
MAX_FINDINGS = 100
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many seals, and the last of them. Whoever keeps it elsewhere can tell whether the end was cut off."""

    number: int = 0
    seal: bytes = START

    def __str__(self) -> str:
        return f"{self.number}:{self.seal.hex()}"


def parse_head(text: str) -> Head:
    """A head as it was printed. Raises InvalidRequestError."""
    match = _HEAD.match(text.strip())
    if match is None:
        raise InvalidRequestError(
            "That is no head of an audit chain.", [FieldError("/query/expect", "must be NUMBER:SEAL as it was printed")]
        )
    return Head(int(match[1]), bytes.fromhex(match[2]))


def key_of_secret(secret_key: str) -> bytes:
    """The key that sealed before there was one in the key ring."""
    return hmac.new(secret_key.encode("utf-8"), b"analytics audit seals v1", hashlib.sha256).digest()


class ChainKey:
    """Makes seals, with 32 bytes of key. `id` is what a seal says of its key."""

    def __init__(self, material: bytes) -> None:
        self._key = material
        self.id = hashlib.sha256(material).hexdigest()[:12]

    def seal(self, before: bytes, number: int, fields: Sequence[str | None]) -> bytes:
        """The seal with this number, after the seal `before`, of a record with these fields."""
        canonical = json.dumps([number, *fields], ensure_ascii=True, separators=(",", ":")).encode("ascii")
        return hmac.new(self._key, before + canonical, hashlib.sha256).digest()


def chain_keys(ring: KeyRing) -> list[ChainKey]:
    """The keys of the chain, oldest first: the last one seals. Empty if the ring has none yet."""
    active_first = ring.all(KeyName.AUDIT_SEALS)
    return [ChainKey(key.material) for key in (*active_first[1:], *active_first[:1])]


@dataclass(frozen=True, slots=True)
class Link:
    """One seal as it is kept; `fields` are those of its record, None if there is no such record any more."""

    number: int
    record_id: int
    key_id: str
    seal: bytes
    fields: tuple[str | None, ...] | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `kind`: altered, deleted, missing-seals, other-key, older-key, unsealed, cut-tail, other-chain."""

    kind: str
    detail: str
    number: int | None = None
    record_id: int | None = None


@dataclass(slots=True)
class Walk:
    """Goes along a chain, link by link in the order of their numbers, and keeps what it finds (the first MAX_FINDINGS).

    `keys`: those that may have sealed, oldest first; newer ones may be put behind them on the way.
    """

    keys: Sequence[ChainKey]
    expected: Head | None = None
    head: Head = field(default_factory=Head)
    checked: int = 0
    wrong: int = 0
    findings: list[Finding] = field(default_factory=list[Finding])
    _newest: int = 0  # place in `keys` of the newest that was met

    def step(self, link: Link) -> None:
        """The next link."""
        self.checked += 1
        place = next((place for place, key in enumerate(self.keys) if key.id == link.key_id), None)
        if link.number != self.head.number + 1:
            self.found(
                Finding("missing-seals", f"The seals {self.head.number + 1} to {link.number - 1} are gone.", link.number, link.record_id)
            )
        elif place is None:
            self.found(Finding("other-key", f"Seal {link.number} was made with a key that is not ours.", link.number, link.record_id))
        elif place < self._newest:
            detail = f"Seal {link.number} was made with a key that a newer one had taken the place of."
            self.found(Finding("older-key", detail, link.number, link.record_id))
        elif link.fields is None:
            self.found(Finding("deleted", f"Record {link.record_id} is gone.", link.number, link.record_id))
        elif not hmac.compare_digest(self.keys[place].seal(self.head.seal, link.number, link.fields), link.seal):
            self.found(
                Finding(
                    "altered",
                    f"Record {link.record_id}, its place in the chain or its seal {link.number} is not what was sealed.",
                    link.number,
                    link.record_id,
                )
            )
        self._newest = max(self._newest, place or 0)
        self.head = Head(link.number, link.seal)
        if self.expected is not None and self.expected.number == link.number and self.expected.seal != link.seal:
            self.found(Finding("other-chain", f"Seal {link.number} is not the one of the expected head.", link.number, link.record_id))

    def end(self) -> None:
        """No more links."""
        if self.expected is not None and self.expected.number > self.head.number:
            self.found(
                Finding("cut-tail", f"The chain ends with seal {self.head.number}, but {self.expected.number} was there.", self.head.number)
            )

    def found(self, finding: Finding) -> None:
        """Keep a finding."""
        self.wrong += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
