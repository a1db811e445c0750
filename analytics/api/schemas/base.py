"""What all bodies and answers share: strict bodies, times as ISO 8601 UTC with milliseconds, plain text."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer

from analytics.clock import iso_utc


def _plain(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must not hold control characters")
    return text


UtcTime = Annotated[AwareDatetime, PlainSerializer(iso_utc, return_type=str)]
PlainText = Annotated[str, AfterValidator(_plain)]


class Body(BaseModel):
    """A request body: a member it does not know is refused, so that a misspelt `expires_at` is not a key that never expires."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """A response body."""

    model_config = ConfigDict(from_attributes=True)
