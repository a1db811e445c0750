"""Projects."""

from typing import Annotated

from pydantic import Field, StringConstraints

from analytics.api.schemas.base import Answer, Body, PlainText, UtcTime
from analytics.domain.personal_fields import MAX_FIELDS, MAX_NAME, PersonalMode
from analytics.domain.project import MAX_EVENT_BYTES, IpPolicy

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
ProjectName = Annotated[PlainText, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Days = Annotated[int, Field(ge=1, le=36_500)]
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
PersonalFields = Annotated[
    dict[FieldName, PersonalMode],
    Field(
        max_length=MAX_FIELDS,
        description="Members of events that are dropped, hashed or encrypted before they are written: user_id, anonymous_id, session_id, "
        "properties.NAME, context.NAME.",
        examples=[{"user_id": "hash", "properties.email": "encrypt", "context.ip": "drop"}],
    ),
]
Learners = Annotated[int, Field(ge=2, le=1000, description="Groups of fewer learners are shown on no dashboard; null: all are.")]
EventBytes = Annotated[int, Field(ge=100, le=MAX_EVENT_BYTES)]


class NewProject(Body):
    """A project to be made; `timezone` can never be changed, since per-day numbers are kept in it."""

    slug: Slug
    name: ProjectName | None = Field(None, description="The slug if absent.")
    timezone: str = Field("UTC", max_length=64, description="IANA name.")
    ip_policy: IpPolicy = IpPolicy.KEEP
    retention_days: Days | None = Field(None, description="Null: kept for ever.")
    event_max_bytes: EventBytes = 32_768
    event_max_age_days: Days | None = Field(None, description="Older events are refused; null: back to the year 2000.")
    personal_fields: PersonalFields = Field({})
    suppress_below: Learners | None = None


class ProjectChange(Body):
    """What may change of a project; what is absent stays."""

    name: ProjectName = ""
    ip_policy: IpPolicy = IpPolicy.KEEP
    retention_days: Days | None = None
    event_max_bytes: EventBytes = 32_768
    event_max_age_days: Days | None = None
    personal_fields: PersonalFields = Field({}, description="All of them; events already stored stay as they are.")
    suppress_below: Learners | None = None


class ProjectAnswer(Answer):
    """A project."""

    id: str
    slug: str
    name: str
    timezone: str
    created_at: UtcTime
    ip_policy: IpPolicy
    retention_days: int | None
    event_max_bytes: int
    event_max_age_days: int | None
    personal_fields: dict[str, PersonalMode]
    suppress_below: int | None


class MadeProject(ProjectAnswer):
    """A project just made, with its first write key."""

    write_key: str
