"""Write keys."""

from typing import Annotated

from pydantic import Field, StringConstraints

from analytics.api.schemas.base import Answer, Body, PlainText, UtcTime

Label = Annotated[PlainText, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class NewKey(Body):
    """A write key to be made."""

    name: Label


class KeyAnswer(Answer):
    """A write key; `revoked_at` is null while it is good."""

    id: str
    name: str
    key: str = Field(description="Readable: write keys are public by nature.")
    created_at: UtcTime
    revoked_at: UtcTime | None
