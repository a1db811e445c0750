"""Personal fields at the door: dropped, hashed or encrypted before the spool, and before a refused event is kept.

The one thing to know: a value that already has the form of ours (`h1:…`, `e1:…`) is text like any other and is treated again, unless it
comes back in a replay from the very field of the rejected event in which we wrote it: `Kept` says which those are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from msgspec import DecodeError, Raw
from msgspec.json import Decoder, decode, encode

from analytics.crypto.personal_values import PersonalValues
from analytics.domain.linked_ids import ALIAS, PREVIOUS_ID, PREVIOUS_ID_FIELD
from analytics.domain.personal_fields import IDENTITIES, PersonalMode
from analytics.domain.project import Project
from analytics.domain.verdict import Reason
from analytics.errors import MetadataUnavailableError
from analytics.ingest.batch import EventBatch, Texts

Kept = frozenset[tuple[str, str]]  # (field, value of ours in it)
Tree = Mapping[str, "Tree | str"]  # member names to the next level, or to the field
NOTHING_KEPT: Kept = frozenset()

_members = Decoder(dict[str, Raw])
_UNREADABLE = (DecodeError, UnicodeDecodeError, RecursionError)
_TOP_LEVEL = ("user_id", "anonymous_id", "session_id")
_COLUMNS = {
    "context.ip": "ip",
    "context.user_agent": "user_agent",
    "context.locale": "locale",
    "context.timezone": "timezone",
    "context.page.url": "page_url",
    "context.page.title": "page_title",
    "context.page.referrer": "referrer",
}
_CAMPAIGN = "context.campaign."


class PersonalFields:
    """Treats batches and bodies as their project's `personal_fields` say. Without `values` a project that has any is refused."""

    def __init__(self, values: PersonalValues | None) -> None:
        self._values = values

    def treat_batch(self, batch: EventBatch) -> None:
        """A step of the door: the last, so that whatever comes from an address or a time is made before. Free without personal fields."""
        if not batch.project.personal_fields:
            return
        plan = self._plan(batch.project)
        for field in (*_TOP_LEVEL, *_COLUMNS, *(name for name in plan.fields if name.startswith(_CAMPAIGN))):
            if field in plan.fields:
                self._treat_column(plan, batch, field)
        if plan.properties or plan.alias_properties:
            self._treat_properties(plan, batch)
        if plan.context and batch.context_extra is not None:
            batch.context_extra = [
                extra and plan.treat_object(extra.encode(), plan.context, batch.kept_values.get(index, NOTHING_KEPT)).decode()
                for index, extra in enumerate(batch.context_extra)
            ]

    def treat_body(self, project: Project, body: bytes, kept: Kept = NOTHING_KEPT) -> bytes | None:
        """The body of a refused event, treated; None if it cannot be read, so that nothing of it may be kept."""
        plan = self._plan(project)
        try:
            members = _members.decode(body)
            is_alias = decode(members.get("event", Raw(b"null"))) == ALIAS
            trees = {"properties": plan.alias_properties if is_alias else plan.properties, "context": plan.context}
            for name in _TOP_LEVEL:
                if name in members and name in plan.fields:
                    plan.treat_member(members, name, name, kept)
            for name, tree in trees.items():
                if not tree or name not in members or bytes(members[name]) == b"null":
                    continue
                if bytes(members[name])[:1] == b"{":
                    members[name] = Raw(plan.treat_object(bytes(members[name]), tree, kept))
                else:
                    del members[name]  # whatever it is, it stands where personal fields are
            return encode(members)
        except _UNREADABLE:
            return None

    def values_in(self, project: Project, body: str) -> Kept:
        """The values of ours in the kept body of a rejected event, by field: a replay may send them back."""
        if not project.personal_fields or self._values is None:
            return NOTHING_KEPT
        plan = self._plan(project)
        try:
            members = _members.decode(body)
            found = [(name, bytes(members[name])) for name in _TOP_LEVEL if name in members and name in plan.fields]
            for name, tree in (("properties", plan.alias_properties), ("context", plan.context)):
                if name in members and bytes(members[name])[:1] == b"{":
                    found += _leaves(bytes(members[name]), tree)
            texts = [(field, decode(value)) for field, value in found if value[:1] == b'"']
        except _UNREADABLE:
            return NOTHING_KEPT
        return frozenset((field, text) for field, text in texts if self._values.is_ours(project.id, field, text))

    def _treat_column(self, plan: "_Plan", batch: EventBatch, field: str) -> None:
        def treated(texts: Texts) -> Texts:
            return [text and plan.treat_text(field, text, batch.kept_values.get(index, NOTHING_KEPT)) for index, text in enumerate(texts)]

        if field.startswith(_CAMPAIGN):
            name = field.removeprefix(_CAMPAIGN)
            if name in batch.campaign:
                batch.campaign[name] = treated(batch.campaign[name])
        else:
            name = _COLUMNS.get(field, field)
            setattr(batch, name, treated(getattr(batch, name)))

    def _treat_properties(self, plan: "_Plan", batch: EventBatch) -> None:
        for index, text in enumerate(batch.properties):
            is_alias = batch.event[index] == ALIAS
            tree, names = (plan.alias_properties, plan.alias_names) if is_alias else (plan.properties, plan.names)
            # A name may be written with escapes; without any it stands in the text as it is.
            if index in batch.refused or (b"\\" not in text and not any(name in text for name in names)):
                continue
            try:
                batch.properties[index] = plan.treat_object(text, tree, batch.kept_values.get(index, NOTHING_KEPT))
            except _UNREADABLE as error:
                batch.refuse(index, Reason.INVALID_PROPERTIES, f'"properties" could not be read: {error}.')
                batch.properties[index] = b"{}"

    def _plan(self, project: Project) -> "_Plan":
        if self._values is None:
            raise MetadataUnavailableError("The keys of personal fields are not open here.")
        return _Plan(project, self._values)


class _Plan:
    """The personal fields of one project, as trees of member names."""

    def __init__(self, project: Project, values: PersonalValues) -> None:
        self._project_id = project.id
        self._values = values
        self.fields = project.personal_fields
        self.properties = _tree(self.fields, "properties.")
        self.context = _tree(self.fields, "context.")
        # The id that `$alias` names in its properties is one of a person: it must stay equal to the one in `user_id`.
        linked = any(name in self.fields for name in IDENTITIES)
        self.alias_properties: Tree = {**self.properties, PREVIOUS_ID: PREVIOUS_ID_FIELD} if linked else self.properties
        self.names = [name.encode() for name in self.properties]
        self.alias_names = [name.encode() for name in self.alias_properties]

    def treat_object(self, text: bytes, tree: Tree, kept: Kept) -> bytes:
        """The JSON object `text` with its personal members treated; of a repeated name the last one stays."""
        members = _members.decode(text)
        changed = False
        for name, below in tree.items():
            if name not in members:
                continue
            changed = True
            if isinstance(below, str):
                self.treat_member(members, name, below, kept)
            elif bytes(members[name])[:1] == b"{":
                members[name] = Raw(self.treat_object(bytes(members[name]), below, kept))
        return encode(members) if changed else text

    def treat_member(self, members: dict[str, Raw], name: str, field: str, kept: Kept) -> None:
        """Treat one member of an object; null and empty text stay, except that `drop` leaves them out."""
        value = bytes(members[name])
        mode = self._mode(field)
        if mode is PersonalMode.DROP:
            del members[name]
        elif value == b"null" or value == b'""':
            return
        elif value[:1] == b'"':
            members[name] = Raw(encode(self.treat_text(field, decode(value), kept)))
        else:
            members[name] = Raw(encode(self._values.treat(self._project_id, self._keyed_as(field), mode, value)))

    def treat_text(self, field: str, text: str, kept: Kept) -> str | None:
        """The text that stands for `text`, which is not empty; None: it is left out."""
        mode = self._mode(field)
        if mode is PersonalMode.DROP:
            return None
        if (field, text) in kept:
            return text
        return self._values.treat_text(self._project_id, self._keyed_as(field), mode, text)

    def _mode(self, field: str) -> PersonalMode:
        return PersonalMode.HASH if self._is_linked(field) else self.fields[field]

    def _keyed_as(self, field: str) -> str:
        return "user_id" if self._is_linked(field) else field

    def _is_linked(self, field: str) -> bool:
        return field == PREVIOUS_ID_FIELD and self.alias_properties.get(PREVIOUS_ID) == PREVIOUS_ID_FIELD and field not in self.fields


def _tree(fields: Mapping[str, PersonalMode], prefix: str) -> Tree:
    tree: dict[str, Tree | str] = {}
    for field in fields:
        if field.startswith(prefix):
            *parents, leaf = field.removeprefix(prefix).split(".")
            level = tree
            for parent in parents:
                level = cast("dict[str, Tree | str]", level.setdefault(parent, dict[str, "Tree | str"]()))
            level[leaf] = field
    return tree


def _leaves(text: bytes, tree: Tree) -> Iterator[tuple[str, bytes]]:
    members = _members.decode(text)
    for name, below in tree.items():
        value = bytes(members.get(name, Raw(b"")))
        if isinstance(below, str):
            yield below, value
        elif value[:1] == b"{":
            yield from _leaves(value, below)


def kept_by_index(kept: Sequence[tuple[int, Kept]]) -> dict[int, Kept]:
    """Of (number of events, values they may keep) in order: by the index of the event in all of them."""
    found: dict[int, Kept] = {}
    start = 0
    for count, values in kept:
        if values:
            found |= dict.fromkeys(range(start, start + count), values)
        start += count
    return found
