"""Alerts: what is watched, how it stands."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool, StringConstraints

from analytics.api.schemas.base import Answer, Body, PlainText, UtcTime
from analytics.api.schemas.questions import QuestionAnswer, QuestionBody
from analytics.domain.alert import AlertCondition, AlertKind, Comparison, Take
from analytics.domain.question import MAX_DESCRIPTION
from analytics.metadata.alerts import Alert

AlertName = Annotated[PlainText, StringConstraints(min_length=1, max_length=200)]


class ConditionBody(Body):
    """When the answer is an alarm."""

    kind: AlertKind = Field(
        description="`threshold`: a value compares; `change`: its step does; `no_data`: no row, or nothing but 0 and null."
    )
    comparison: Comparison | None = Field(None, description="For threshold and change.")
    value: Annotated[float, Field(allow_inf_nan=False)] | None = Field(None, description="What is compared with.")
    column: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(None, description="Absent: the last one.")
    take: Take = Field(Take.LAST, description="Which value of the column counts.")
    relative: StrictBool = Field(False, description="Of change: as a share of the value before.")

    @property
    def condition(self) -> AlertCondition:
        """As it is judged by."""
        return AlertCondition(self.kind, self.comparison, self.value, self.column, self.take, self.relative)


class AlertBody(Body):
    """An alert: a question of its own, or the name of a saved query."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Nobody signs up",
                "question": {
                    "kind": "sql",
                    "sql": "SELECT count() AS signups FROM events WHERE event = 'signup' AND timestamp > now() - INTERVAL 1 HOUR",
                },
                "condition": {"kind": "threshold", "column": "signups", "comparison": "lt", "value": 1},
            }
        },
    )

    name: AlertName
    description: Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION)] = ""
    question: QuestionBody | None = None
    query: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(None, description="A saved query.")
    params: Annotated[dict[str, Any], Field(max_length=100, default_factory=dict[str, Any])]
    condition: ConditionBody
    enabled: StrictBool = True


class ConditionAnswer(Answer):
    """When the answer is an alarm."""

    kind: str
    comparison: str | None
    value: float | None
    column: str | None
    take: str
    relative: bool


class AlertAnswer(Answer):
    """An alert as it stands. `last_error` is the code of the problem that the last check met: then the state is what it was before."""

    id: str
    name: str
    description: str
    question: QuestionAnswer | None
    query: str | None
    params: dict[str, Any]
    condition: ConditionAnswer
    enabled: bool
    owner: str
    created_at: UtcTime
    changed_by: str
    changed_at: UtcTime
    state: str
    state_since: UtcTime
    last_checked_at: UtcTime | None
    last_value: float | None
    last_error: str | None

    @classmethod
    def of(cls, alert: Alert) -> "AlertAnswer":
        """It, to be shown."""
        draft = alert.draft
        parts = {"question", "query", "name", "description", "params", "condition", "enabled"}
        return cls(
            **{name: getattr(alert, name) for name in cls.model_fields if name not in parts},
            name=draft.name,
            description=draft.description,
            question=None if draft.question is None else QuestionAnswer.of(draft.question),
            query=draft.saved_query,
            params=dict(draft.params),
            condition=ConditionAnswer.model_validate(draft.condition),
            enabled=draft.enabled,
        )


class AlertChangeAnswer(Answer):
    """A change of the state: `firing` or `resolved`, by a check, or since the alert was changed, disabled or deleted."""

    id: int
    at: UtcTime
    state: str
    reason: str
    value: float | None
