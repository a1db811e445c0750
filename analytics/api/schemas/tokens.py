"""API tokens."""

from typing import Annotated

from pydantic import Field

from analytics.api.schemas.base import Answer, Body, GivenTime, UtcTime
from analytics.api.schemas.keys import Label

Scopes = Annotated[list[str], Field(min_length=1, max_length=50, description="`read`, `personal-data`, `sql`, `manage`, `endpoint:NAME`.")]


class NewToken(Body):
    """An API token to be made."""

    name: Label
    scopes: Scopes
    expires_at: GivenTime | None = Field(None, description="A year from now if absent.")


class TokenAnswer(Answer):
    """What is known of an API token after it was shown."""

    id: str
    name: str
    last_four: str
    scopes: list[str]
    created_at: UtcTime
    expires_at: UtcTime
    last_used_at: UtcTime | None = Field(None, description="To the minute.")


class MadeToken(TokenAnswer):
    """An API token just made; `token` is shown this once."""

    token: str
