"""The key ring."""

from pydantic import Field

from analytics.api.schemas.base import Answer


class RotationAnswer(Answer):
    """What a rotation did."""

    keys: dict[str, str] = Field(description="Ids of the new active keys, by what they are for.")
    resealed: int = Field(description="Secrets that were sealed anew.")
