"""People, their sign-in and their roles."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from analytics.api.schemas.base import Answer, Body, PlainText, UtcTime
from analytics.domain.access import Role

Email = Annotated[PlainText, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$", strip_whitespace=True)]


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


class UserRecordAnswer(UserAnswer):
    """A person as owners see them; `roles`: slug of a project to role. Who is `disabled` cannot sign in."""

    is_owner: bool
    disabled: bool
    roles: dict[str, Role]
    created_at: UtcTime
    last_sign_in_at: UtcTime | None


class UserUpdate(Body):
    """What may change of a person; what is absent or null stays."""

    name: Annotated[PlainText, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)] | None = None
    disabled: bool | None = Field(None, description="Shut out, or in again. Ends all sign-ins at once.")
    is_owner: bool | None = Field(None, description="Over all projects.")


class NewRole(Body):
    """What somebody shall be in a project."""

    role: Role


class MemberAnswer(Answer):
    """A person in a project."""

    email: str
    name: str
    role: Role
    created_at: UtcTime
