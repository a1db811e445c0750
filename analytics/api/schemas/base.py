"""What all bodies and answers share: strict bodies, times as ISO 8601 UTC with milliseconds, plain text."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer

from analytics.clock import iso_utc

_FIRST_YEAR, _LAST_YEAR = 2, 9998  # one inside what `datetime` holds: they have a wall time in every zone


def _plain(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must not hold control characters")
    return text


def _storable(instant: datetime) -> datetime:
    # The year as it was written, too: the first and the last have times that are in no year of UTC.
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR or not _FIRST_YEAR <= instant.astimezone(UTC).year <= _LAST_YEAR:
        raise ValueError(f"years go from {_FIRST_YEAR} to {_LAST_YEAR}")
    return instant.astimezone(UTC)


UtcTime = Annotated[AwareDatetime, PlainSerializer(iso_utc, return_type=str)]
GivenTime = Annotated[AwareDatetime, AfterValidator(_storable)]
"""A time in a request body: an instant that has a year in every zone, in UTC. What is stored must be readable."""
PlainText = Annotated[str, AfterValidator(_plain)]


class Body(BaseModel):
    """A request body: a member it does not know is refused, so that a misspelt `expires_at` is not a key that never expires."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """A response body."""

    model_config = ConfigDict(from_attributes=True)
