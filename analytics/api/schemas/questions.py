"""A question in a body, wherever one may stand: saved queries, tiles, alerts."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from analytics.api.schemas.base import Answer, Body
from analytics.api.schemas.sql import ColumnAnswer
from analytics.api.schemas.trends import MetaAnswer
from analytics.domain.question import MAX_DESCRIPTION, MAX_PARAMETERS, MAX_SQL, Question, question_of


class ParameterBody(Body):
    """A value that whoever asks may set."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    type: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(description="A ClickHouse type, such as Date or String.")
    default: Any = Field(None, description="Without a default the value must be given.")
    description: Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION)] = ""


class QuestionBody(Body):
    """SQL or trends. A parameter stands in SQL as `{name:Type}`, in trends as `{"parameter": "name"}` in the place of a filter's value."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "kind": "sql",
                "sql": "SELECT date, count() AS events FROM events WHERE date >= {from:Date} GROUP BY date ORDER BY date",
                "parameters": [{"name": "from", "type": "Date", "default": "2026-11-01", "description": "First day."}],
            }
        },
    )

    kind: Literal["sql", "trends"]
    sql: Annotated[str, StringConstraints(min_length=1, max_length=MAX_SQL)] | None = None
    trends: dict[str, Any] | None = Field(None, description="The body of POST …/trends.")
    parameters: Annotated[list[ParameterBody], Field(max_length=MAX_PARAMETERS, default_factory=list[ParameterBody])]
    learners: Annotated[str, StringConstraints(min_length=1, max_length=200)] | Literal[False] | None = Field(
        None,
        description="Of SQL: the column that counts the learners behind a row, so that small groups can be withheld; "
        "false: no row is about a group of learners.",
    )

    def question(self, pointer: str = "/question") -> Question:
        """It, checked for its shape. Raises InvalidQueryError."""
        return question_of(self.model_dump(exclude_unset=True), pointer)


class ParameterAnswer(Answer):
    """A value that whoever asks may set; without `has_default` it must be given."""

    name: str
    type: str
    has_default: bool
    default: Any
    description: str


class QuestionAnswer(Answer):
    """A question."""

    kind: str
    sql: str | None
    trends: dict[str, Any] | None
    parameters: list[ParameterAnswer]
    learners: str | bool | None

    @classmethod
    def of(cls, question: Question) -> "QuestionAnswer":
        """It, to be shown."""
        members = question.document()
        return cls(
            kind=str(question.kind),
            sql=members.get("sql"),
            trends=members.get("trends"),
            parameters=[ParameterAnswer.model_validate(one) for one in question.parameters],
            learners=question.learners,
        )


class TableAnswer(Answer):
    """The answer to a question: rows as lists. Integers beyond 2^53, decimals and times are texts; NaN and infinities null."""

    columns: list[ColumnAnswer]
    rows: list[list[Any]]
    truncated: bool = Field(description="There were more rows.")
    withheld: int = Field(description="Rows or values about too few learners, where the project withholds these from whoever asked.")
    meta: MetaAnswer


class PageAnswer(TableAnswer):
    """A page of it; `next_cursor` is null on the last."""

    next_cursor: str | None
