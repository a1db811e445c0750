"""Encrypted values of stored events in clear, for those who may see personal data.

Every value of the right form is tried, also of fields that are no longer personal today; one that does not open here is shown as it is.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder, decode, encode

from analytics.crypto.personal_values import ENCRYPTED_FORM, PersonalValues
from analytics.domain.project import Project
from analytics.errors import UnsealError

_COLUMNS = {"ip": "context.ip", "page_url": "context.page.url", "page_title": "context.page.title", "referrer": "context.page.referrer"}
_OBJECTS = {"properties": "properties", "context_extra": "context"}
_members = Decoder(dict[str, Raw])


class RevealedValues:
    """Opens the values of one project."""

    def __init__(self, values: PersonalValues, project: Project) -> None:
        self._values = values
        self._project_id = project.id

    def columns(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of a stored event with what is encrypted in clear."""
        shown = dict(row)
        for column, field in _COLUMNS.items():
            opened = self._open(field, str(row[column]))
            if opened is not None:
                shown[column] = decode(opened)
        for column, field in _OBJECTS.items():
            if "e1:" in row[column]:
                shown[column] = self._object(field, row[column].encode("utf-8", "replace")).decode()
        return shown

    def body(self, text: str) -> str:
        """An event as it was sent, such as one that was refused, with what is encrypted in its properties and context in clear."""
        if "e1:" not in text:
            return text
        sent = text.encode("utf-8", "replace")
        try:
            members = _members.decode(sent)
        except (DecodeError, UnicodeDecodeError, RecursionError):
            return text
        for name in set(_OBJECTS.values()) & members.keys():
            if bytes(members[name])[:1] == b"{":
                members[name] = Raw(self._object(name, bytes(members[name])))
        return encode(members).decode()

    def _object(self, field: str, text: bytes) -> bytes:
        try:
            members = _members.decode(text)
            for name, value in members.items():
                path, raw = f"{field}.{name}", bytes(value)
                if raw[:1] == b"{":
                    members[name] = Raw(self._object(path, raw))
                elif raw[:4] == b'"e1:':
                    opened = self._open(path, decode(raw, type=str))
                    members[name] = value if opened is None else Raw(opened)
            return encode(members)
        except (DecodeError, UnicodeDecodeError, RecursionError):
            return text

    def _open(self, field: str, token: str) -> bytes | None:
        if not ENCRYPTED_FORM.match(token):
            return None
        try:
            return self._values.open(self._project_id, field, token)
        except UnsealError:
            return None
