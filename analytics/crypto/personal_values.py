"""Personal values: hashed or encrypted under keys of their project, equal values to equal results, so that they can still be counted.

    h1:base64url                HMAC-SHA256 of the text, keyed by project and field. Nobody can read it again.
    e1:KEYID:base64url          AES-SIV (deterministic, authenticated) of the JSON value; project and field are associated data.

The one thing to know: `user_id` and `anonymous_id` share one key, since one person's ids are linked by their values. After a rotation equal
values are equal only under the same key; filters look for the forms under every key.
"""

import base64
import binascii
import hmac
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from msgspec.json import decode, encode
from msgspec.json import format as compact

from analytics.crypto.key_ring import KeyName, KeyRing, RingKey, bound, derive_key
from analytics.domain.filters import Scalar
from analytics.domain.json_values import text_of
from analytics.domain.personal_fields import IDENTITIES, PersonalMode
from analytics.domain.project import Project
from analytics.errors import UnsealError

HASH_FORM = re.compile(r"h1:[A-Za-z0-9_-]{43}\Z")
ENCRYPTED_FORM = re.compile(r"e1:[0-9a-f]{8}:[A-Za-z0-9_-]{24,}\Z")
_SIV_BYTES = 64
_TEXT, _JSON = b"s", b"j"  # what the plaintext begins with: a string, or the JSON of anything else


class PersonalValues:
    """Hashes, encrypts and opens with the keys of one ring. Safe to use from many threads."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._hash_keys: dict[tuple[str, str, str], bytes] = {}
        self._ciphers: dict[tuple[str, str], AESSIV] = {}

    def treat(self, project_id: str, field: str, mode: PersonalMode, value: bytes) -> str | None:
        """What stands for the JSON `value` from now on; None: it is left out. Missing values (null, empty text) are the caller's.

        Raises MetadataUnavailableError without a key, msgspec.DecodeError for what is no JSON.
        """
        if mode is PersonalMode.DROP:
            return None
        text, is_text = _text_of_json(value)
        return self.treat_text(project_id, field, mode, text, is_text)

    def treat_text(self, project_id: str, field: str, mode: PersonalMode, text: str, is_text: bool = True) -> str:
        """The same for a text, or with `is_text` False for the text of another JSON value. Not for `drop`."""
        if mode is PersonalMode.HASH:
            return self._hash(project_id, field, text)
        return self._encrypt(self._ring.active(KeyName.PERSONAL_ENCRYPT), project_id, field, text, is_text)

    def open(self, project_id: str, field: str, token: str) -> bytes:
        """The JSON value behind an encrypted one. Raises UnsealError if it is none of this project and field, or was altered."""
        key = self._ring.find(token[3:11]) if ENCRYPTED_FORM.match(token) else None
        if key is None or key.name is not KeyName.PERSONAL_ENCRYPT:
            raise UnsealError("This is no encrypted value of ours.")
        encoded = token[12:]
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            plain = self._cipher(key, project_id).decrypt(raw, [bound("e1", project_id, field)])
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise UnsealError("An encrypted value was altered, or belongs elsewhere.") from error
        return _json_string(plain[1:]) if plain[:1] == _TEXT else plain[1:]

    def is_ours(self, project_id: str, field: str, token: str) -> bool:
        """Whether `token` has the form of our values, and if it is an encrypted one, was made by us for this field."""
        if HASH_FORM.match(token):
            return True
        try:
            self.open(project_id, field, token)
        except UnsealError:
            return False
        return True

    def forms(self, project: Project, field: str, value: Scalar) -> tuple[Scalar, ...]:
        """Every form in which events may hold `value` in this field: its hash or ciphertexts, and itself in events from before.

        A value already in our form stands for itself, so that what an answer shows can be asked for.
        """
        mode = project.personal_fields.get(field)
        text = text_of(value)
        if mode is None or mode is PersonalMode.DROP or text == "":
            return (value,)
        if mode is PersonalMode.HASH:
            return (value, self._hash(project.id, field, text))
        keys = self._ring.all(KeyName.PERSONAL_ENCRYPT)
        return (value, *(self._encrypt(key, project.id, field, text, is_text) for key in keys for is_text in (True, False)))

    def ids_as_stored(self, project: Project, person_id: str) -> tuple[str, ...]:
        """Every form in which this project's events may hold an id of a person, as user or as anonymous id; itself first."""
        forms = dict.fromkeys([person_id])
        for field in sorted(IDENTITIES):
            forms |= dict.fromkeys(str(form) for form in self.forms(project, field, person_id))
        return tuple(forms)

    def _hash(self, project_id: str, field: str, text: str) -> str:
        use = "id" if field in IDENTITIES else field
        key = self._ring.active(KeyName.PERSONAL_HASH)
        place = (key.id, project_id, use)
        derived = self._hash_keys.get(place)
        if derived is None:
            derived = self._hash_keys[place] = derive_key(key.material, "analytics personal hash v1", project_id, use)
        digest = hmac.digest(derived, text.encode("utf-8", "surrogatepass"), "sha256")
        return f"h1:{base64.urlsafe_b64encode(digest).decode('ascii')[:43]}"

    def _encrypt(self, key: RingKey, project_id: str, field: str, text: str, is_text: bool) -> str:
        plain = (_TEXT if is_text else _JSON) + text.encode("utf-8", "surrogatepass")
        sealed = self._cipher(key, project_id).encrypt(plain, [bound("e1", project_id, field)])
        return f"e1:{key.id}:{base64.urlsafe_b64encode(sealed).decode('ascii').rstrip('=')}"

    def _cipher(self, key: RingKey, project_id: str) -> AESSIV:
        place = (key.id, project_id)
        cipher = self._ciphers.get(place)
        if cipher is None:
            cipher = self._ciphers[place] = AESSIV(derive_key(key.material, "analytics personal v1", project_id, length=_SIV_BYTES))
        return cipher


def _text_of_json(value: bytes) -> tuple[str, bool]:
    """The text of a JSON value as filters define it, and whether it is a string."""
    if value[:1] == b'"':
        return decode(value, type=str), True
    if value[:1] in (b"{", b"["):
        return compact(value, indent=-1).decode("utf-8"), False
    return text_of(decode(value)), False


def _json_string(text: bytes) -> bytes:
    return encode(text.decode("utf-8", "surrogatepass"))
