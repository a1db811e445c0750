"""An event as a sender writes it, and its context, of which only some members have columns."""

from typing import Annotated, TypeVar, cast

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, ValidationError
from msgspec import field as struct_field
from msgspec.json import Decoder, encode

Name = Annotated[str, Meta(min_length=1, max_length=200)]
EventId = Annotated[str, Meta(min_length=1, max_length=100)]
Time = str | int | float

ABSENT = Raw(b"")
_Part = TypeVar("_Part", "Page", "Campaign")


class Page(Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """`context.page`."""

    url: str | None = None
    title: str | None = None
    referrer: str | None = None


class Campaign(Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """`context.campaign`."""

    source: str | None = None
    medium: str | None = None
    name: str | None = None
    term: str | None = None
    content: str | None = None


class Context(Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The members of `context` that have columns; any other sends the event through `lenient_context`."""

    ip: str | None = None
    user_agent: str | None = None
    page: Page | None = None
    campaign: Campaign | None = None
    locale: str | None = None
    timezone: str | None = None


class _OpenContext(Context, gc=False, forbid_unknown_fields=False, omit_defaults=True):
    """The same, any other member passed over."""


class Event(Struct, gc=False, omit_defaults=True):
    """An event as sent; unknown members are ignored."""

    event: Name
    user_id: Name | None = None
    anonymous_id: Name | None = None
    event_id: EventId | None = None
    session_id: Name | None = None
    timestamp: Time | None = None
    sent_at: Time | None = None
    properties: Raw = ABSENT
    context: Context | None = None
    # JSON text of context members without a column. Of a type that no sender can send: whoever tries is decoded with the context as text.
    extra: UnsetType = struct_field(default=UNSET, name="$context_extra")


_CONTEXT_MEMBERS = frozenset(Context.__struct_fields__)
_raw_object = Decoder(dict[str, Raw])
_open_context = Decoder(_OpenContext)
_text = Decoder(str)


def lenient_context(text: bytes) -> tuple[Context | None, UnsetType | str]:
    """The members of a context that have columns, and JSON text of all others (UNSET: none).

    A member of a wrong type counts as one without a column. Raises ValidationError if the context is no object.
    """
    if not text or text == b"null":
        return None, UNSET
    members = _raw_object.decode(text)
    others = {name: bytes(raw) for name, raw in members.items() if name not in _CONTEXT_MEMBERS}
    try:
        context: Context = _open_context.decode(text)
    except ValidationError:
        context = _lenient_members(members, others)
    return context, _object_text(others) if others else UNSET


def _lenient_members(members: dict[str, Raw], others: dict[str, bytes]) -> Context:
    """The context of `members`, what does not fit put to `others`."""
    context = Context()
    for name, raw in members.items():
        if name in ("ip", "user_agent", "locale", "timezone"):
            _set_text(context, name, bytes(raw), others)
        elif name == "page":
            context.page = _lenient_part(Page(), name, bytes(raw), others)
        elif name == "campaign":
            context.campaign = _lenient_part(Campaign(), name, bytes(raw), others)
    return context


def _set_text(target: Struct, name: str, value: bytes, extra: dict[str, bytes]) -> None:
    if value == b"null":
        return
    if value[:1] == b'"':
        setattr(target, name, _text.decode(value))
    elif name != "ip":  # an address in a wrong place would escape the project's policy
        extra[name] = value


def _lenient_part(part: _Part, name: str, value: bytes, extra: dict[str, bytes]) -> _Part | None:
    if value[:1] != b"{":
        if value != b"null":
            extra[name] = value
        return None
    rest = dict[str, bytes]()
    for member, raw in _raw_object.decode(value).items():
        if member in part.__struct_fields__:
            _set_text(part, member, bytes(raw), rest)
        else:
            rest[member] = bytes(raw)
    if rest:
        extra[name] = _object_text(rest).encode()
    return part


def _object_text(members: dict[str, bytes]) -> str:
    return "{" + ",".join(f"{encode(name).decode()}:{value.decode()}" for name, value in members.items()) + "}"


def as_sent(event: Event) -> bytes:
    """The event as JSON again, with the bytes of its properties."""
    text = cast(object, event.extra)
    if not isinstance(text, str):
        return encode(event)
    members = _raw_object.decode(encode(event))
    del members["$context_extra"]
    context = _raw_object.decode(members.get("context", Raw(b"{}")))
    for name, value in _raw_object.decode(text).items():
        # `page` and `campaign` may be in both: some of their members have a column.
        known = context.get(name)
        context[name] = value if known is None else Raw(encode({**_raw_object.decode(known), **_raw_object.decode(value)}))
    members["context"] = Raw(encode(context))
    return encode(members)
