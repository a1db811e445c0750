"""Saved queries: what is saved, what is answered of it."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from pydantic import ConfigDict, Field, StrictInt, StringConstraints

from analytics.answers.runner import MOST_ROWS
from analytics.api.schemas.base import Answer, Body, UtcTime
from analytics.api.schemas.questions import QuestionAnswer, QuestionBody
from analytics.domain.question import MAX_DESCRIPTION
from analytics.metadata.saved_queries import SavedQuery, SavedVersion

MOST_AGE_SECONDS = 86_400
Description = Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION)]
MaxAge = Annotated[float, Field(ge=0, le=MOST_AGE_SECONDS, description="How old an answer that was kept may be.")]


class SavedQueryChange(Body):
    """What is to stand from now on."""

    description: Description = ""
    question: QuestionBody


class NewSavedQuery(SavedQueryChange):
    """A query to be saved. Its name is that of its endpoint, and of a table in the project's SQL."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "lessons-a-day",
                "description": "Lessons completed, by day.",
                "question": {"kind": "trends", "trends": {"series": [{"event": "lesson_completed"}]}},
            }
        },
    )

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class PublicationAnswer(Answer):
    """Since when it can be read at its endpoint."""

    published_at: UtcTime
    published_by: str
    max_age_seconds: float


class SavedQueryAnswer(Answer):
    """A saved query as it stands. `reads`: names that stand as tables in it; `publication` is null unless it is published."""

    name: str
    description: str
    owner: str
    created_at: UtcTime
    version: int
    changed_by: str
    changed_at: UtcTime
    reads: list[str]
    question: QuestionAnswer
    publication: PublicationAnswer | None

    @classmethod
    def of(cls, saved: SavedQuery) -> "SavedQueryAnswer":
        """It, to be shown."""
        told = {name: getattr(saved, name) for name in cls.model_fields if name not in ("question", "publication", "reads")}
        publication = PublicationAnswer.model_validate(saved) if saved.published_at is not None else None
        return cls(**told, reads=list(saved.reads), question=QuestionAnswer.of(saved.question), publication=publication)


class SavedVersionAnswer(Answer):
    """One version."""

    version: int
    description: str
    saved_by: str
    saved_at: UtcTime
    question: QuestionAnswer

    @classmethod
    def of(cls, version: SavedVersion) -> "SavedVersionAnswer":
        """It, to be shown."""
        return cls(
            version=version.version,
            description=version.description,
            saved_by=version.saved_by,
            saved_at=version.saved_at,
            question=QuestionAnswer.of(version.question),
        )


class RunQuestion(Body):
    """Values of the declared parameters."""

    params: Annotated[dict[str, Any], Field(max_length=200, default_factory=dict[str, Any])]
    max_age_seconds: MaxAge = 0
    max_rows: Annotated[StrictInt, Field(ge=1, le=MOST_ROWS)] = 10_000
    query_id: UUID | None = Field(None, description="A new UUID; absent: made here.")

    @property
    def id(self) -> str:
        """The query's id: hexadecimal."""
        return (self.query_id or uuid4()).hex


class Publication(Body):
    """How it is published."""

    max_age_seconds: MaxAge = 0
