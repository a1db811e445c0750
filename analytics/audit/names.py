"""How the audit names people: by keyed hashes, never by address or id.

The one thing to know: whatever goes into the audit passes `AuditNames.clean`, so that an address which somebody wrote into the name of a
key or into X-Request-Id is a hash there too.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import cast

_ADDRESS = re.compile(r"[^\s@\"'<>(),;:]+@[^\s@\"'<>(),;:]+")
_PERSON = re.compile(r"u_[a-z2-7]{16}\Z")
_KINDS: Mapping[str, str] = {"u_": "person", "t_": "token", "p_": "write-key", "s_": "link"}
HASH_CHARACTERS = 32


def kind_of(actor: str) -> str:
    """What an actor is, by its id: person, token, write-key, link, operator, anybody, service, or a claimed address."""
    if "@" in actor:
        return "address"
    if actor in ("operator", "anybody"):
        return actor
    return _KINDS.get(actor[:2], "service")


def key_of_secret(secret_key: str) -> bytes:
    """The key of names that a key ring begins with; it stays, whatever the secret key is later."""
    return hmac.new(secret_key.encode("utf-8"), b"analytics audit names v1", hashlib.sha256).digest()


def claimed(name: str) -> str:
    """Somebody who only says to have this name, as an actor: an address, so that no name can pass for a person's id or for the operator."""
    return name if "@" in name else f"{name}@"


class AuditNames:
    """Keyed hashes of names: equal names are equal hashes, and nobody else can make them."""

    def __init__(self, secret_key: str) -> None:
        self._key = key_of_secret(secret_key)

    def use(self, key: bytes) -> None:
        """Hash with the key of the key ring from now on."""
        self._key = key

    def actor(self, actor: str) -> str:
        """The hash of an actor: a person's or token's id, or an address."""
        kind = kind_of(actor)
        return self._hash(kind, actor.strip().lower() if kind == "address" else actor)

    def subject(self, project_id: str, user_id: str) -> str:
        """The hash of a person whom a project's events are about."""
        return self._hash("subject", f"{project_id}\0{user_id}")

    def target(self, target: str | None) -> str | None:
        """A target as it is kept: people as hashes, other things by their id."""
        if target is None or not target:
            return None
        return self.actor(target) if _PERSON.match(target) or "@" in target else target

    def clean(self, value: object) -> object:
        """`value` (JSON) with every e-mail address and every id of a person in it replaced by its hash."""
        if isinstance(value, str):
            cleaned = _ADDRESS.sub(lambda match: self._hash("address", match[0].strip().lower()), value)
            return self.actor(cleaned) if _PERSON.match(cleaned) else cleaned
        if isinstance(value, Mapping):
            return {str(self.clean(key)): self.clean(item) for key, item in cast(Mapping[object, object], value).items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.clean(item) for item in cast(Sequence[object], value)]
        return value

    def _hash(self, kind: str, name: str) -> str:
        named = f"{kind}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, named, hashlib.sha256).hexdigest()[:HASH_CHARACTERS]
