"""A person to be found: all their ids in one project, in the forms in which stores are asked for them."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from xxhash import xxh3_64_intdigest

SHORT_ID = 8  # characters: anything shorter is looked for in texts only as a whole JSON string


@dataclass(frozen=True)
class Subject:
    """`nonce` salts the hashes by which tables are asked: those of one erasure say nothing to another."""

    project_id: str
    ids: tuple[str, ...]
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))

    @cached_property
    def by_hash(self) -> dict[str, Any]:
        """Parameters of statements that compare ids by hashes."""
        return {
            "project_id": self.project_id,
            "nonce": self.nonce,
            "quick": [xxh3_64_intdigest(text.encode("utf-8", "replace")) for text in self.ids],
            "exact": [hashlib.sha256((self.nonce + text).encode("utf-8", "replace")).hexdigest().upper() for text in self.ids],
        }

    @cached_property
    def needles(self) -> tuple[str, ...]:
        """Texts by which an id is found within JSON or a sentence."""
        found = dict[str, None]()
        for text in self.ids:
            for written in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
                found[written if len(text) < SHORT_ID else written[1:-1]] = None
        return tuple(found)

    @cached_property
    def quoted(self) -> tuple[str, ...]:
        """The ids as whole JSON strings."""
        return tuple(dict.fromkeys(json.dumps(text, ensure_ascii=plain) for text in self.ids for plain in (True, False)))

    def is_one_of(self, text: str | None) -> bool:
        """Whether `text` is one of the ids."""
        return text in self.ids
