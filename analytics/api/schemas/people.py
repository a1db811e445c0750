"""People, their sign-in and their roles."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from analytics.api.schemas.base import Answer, Body, PlainText, UtcTime
from analytics.domain.access import Role

Email = Annotated[PlainText, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\z", strip_whitespace=True)]


class SignedIn(Answer):
    """An access token for `expires_in` seconds, and what to get the next one with."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 the kind of token, not one
    expires_in: int
    refresh_token: str


class Refresh(Body):
    """A refresh token; it is good once."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Membership(Answer):
    """A project one may see; `role` is null for owners and tokens."""

    id: str
    slug: str
    role: Role | None


class Me(Answer):
    """Who is asking. Of a token `email` is null and `scopes` say what it may."""

    kind: Literal["person", "token"]
    id: str
    name: str
    email: str | None
    is_owner: bool
    scopes: list[str] | None
    projects: list[Membership]


class NewUser(Body):
    """A person who may sign in; roles are given per project."""

    email: Email
    password: Annotated[str, StringConstraints(min_length=8, max_length=1000)]
    name: Annotated[PlainText, StringConstraints(max_length=200, strip_whitespace=True)] = Field("", description="The address if absent.")


class UserAnswer(Answer):
    """A person."""

    id: str
    email: str
    name: str


class NewRole(Body):
    """What somebody shall be in a project."""

    role: Role


class MemberAnswer(Answer):
    """A person in a project."""

    email: str
    name: str
    role: Role
    created_at: UtcTime
