"""Signing in and out, passwords, links, browser sessions."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from analytics.api.schemas.base import Answer, Body, PlainText, UtcTime
from analytics.api.schemas.people import Email
from analytics.domain.access import Role

Secret = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Password = Annotated[str, StringConstraints(max_length=1000)]


class SignedIn(Answer):
    """An access token for `expires_in` seconds, and what to get the next one with."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 the kind of token, not one
    expires_in: int
    refresh_token: str


class Refresh(Body):
    """A refresh token; it is good once."""

    refresh_token: Secret


class NewPassword(Body):
    """Another password: 12 characters or more."""

    current_password: Password
    new_password: Password


class SigningKeyAnswer(Answer):
    """A key that signs access tokens; `ends_at` is null while it is the newest."""

    kid: str
    created_at: UtcTime
    ends_at: UtcTime | None


class SigningKeysAnswer(Answer):
    """All keys that are good, newest first."""

    items: list[SigningKeyAnswer]


class SessionForm(Body):
    """Who signs in a browser; as JSON or as a form."""

    username: Annotated[str, StringConstraints(max_length=300)]
    password: Password
    totp: Annotated[str, StringConstraints(max_length=50)] | None = Field(None, description="A code of the second factor, for who has one.")


class SessionAnswer(Answer):
    """A browser's session: what its page sends as X-CSRF-Token, when it is over however busy, and after how many idle seconds."""

    csrf_token: str
    expires_at: UtcTime
    idle_seconds: int


class NewInvitation(Body):
    """Somebody to invite; without `project` (owners only) into none yet."""

    email: Email
    name: Annotated[PlainText, StringConstraints(max_length=200, strip_whitespace=True)] = Field("", description="The address if absent.")
    project: Annotated[str, StringConstraints(max_length=100)] | None = None
    role: Role | None = None


class LinkAnswer(Answer):
    """A link that is good once. `link` is null if it was mailed, else hand it over; it is shown this once."""

    email: str
    expires_at: UtcTime
    mailed: bool
    link: str | None


class InvitationAnswer(Answer):
    """Somebody who is invited and has not come yet; `project` and `role` are null for one into none. Its link is shown nowhere again."""

    id: str
    email: str
    name: str
    project: str | None
    role: Role | None
    created_at: UtcTime
    expires_at: UtcTime


class Forgotten(Body):
    """Whose password is forgotten."""

    email: Annotated[str, StringConstraints(max_length=300)]


class ForgottenAnswer(Answer):
    """The same for everybody."""

    detail: str


class Acceptance(Body):
    """The token of a link (behind `token=`) and the password to have: 12 characters or more."""

    token: Secret
    password: Password


class AcceptedAnswer(Answer):
    """The address to sign in with."""

    email: str
