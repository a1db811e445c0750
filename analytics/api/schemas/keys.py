"""Write keys."""

from typing import Annotated

from pydantic import Field, StringConstraints

from analytics.api.schemas.base import Answer, Body, PlainText, UtcTime

Origins = Annotated[
    list[Annotated[str, StringConstraints(max_length=300)]],
    Field(max_length=100, description="Pages of these origins may send with it (`https://school.example`); none: of any."),
]
Label = Annotated[PlainText, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class NewKey(Body):
    """A write key to be made."""

    name: Label
    allowed_origins: Origins = Field(default_factory=list[str])


class KeyChange(Body):
    """What may change of a write key; what is absent stays."""

    name: Label | None = None
    allowed_origins: Origins | None = None


class KeyRotation(Body):
    """How a write key is rotated."""

    overlap_seconds: int = Field(86_400, ge=0, le=31_536_000, description="For so long the old key is good beside the new one.")


class KeyAnswer(Answer):
    """A write key; `revoked_at` is null while it is good, `ends_at` unless it was rotated."""

    id: str
    name: str
    key: str = Field(description="Readable: write keys are public by nature.")
    created_at: UtcTime
    revoked_at: UtcTime | None
    ends_at: UtcTime | None = Field(description="It ends by itself then.")
    allowed_origins: list[str]


class RotatedKey(KeyAnswer):
    """The new key, and when the one that it takes the place of ends."""

    old_key_ends_at: UtcTime
