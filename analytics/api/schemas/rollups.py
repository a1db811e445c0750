"""Own rollups."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from analytics.api.schemas.base import Answer, Body, PlainText, UtcTime
from analytics.domain.rollup import Rollup, RollupState

Name = Annotated[str, Field(min_length=1, max_length=100, description="As it is called in SQL: a-z, 0-9, `_`, `-`.")]


class NewRollup(Body):
    """A rollup to be made."""

    name: Name
    description: Annotated[PlainText, Field(max_length=1000)] = ""
    sql: Annotated[str, Field(min_length=1, max_length=8000, description="One SELECT from `events`, with WHERE and GROUP BY at most.")]


class RollupColumn(Answer):
    """A column: a dimension, or an aggregate."""

    name: str
    type: str
    kind: Literal["dimension", "aggregate"]


class RollupProgress(Answer):
    """How far it is filled: days of the past that are in it, of those with events."""

    days_done: int
    days: int
    filled_to: date | None


class RollupAnswer(Answer):
    """A rollup. Only an `active` one is read from its own table; in any other state its name stands for its SELECT over `events`."""

    id: str
    name: str
    description: str
    sql: str
    state: Literal["building", "active", "paused", "failed"]
    reason: str | None = Field(None, description="Why it failed.")
    progress: RollupProgress | None = Field(None, description="While it is built.")
    columns: list[RollupColumn]
    created_at: UtcTime
    changed_at: UtcTime

    @classmethod
    def of(cls, rollup: Rollup) -> "RollupAnswer":
        """As it stands."""
        columns: list[dict[str, Any]] = rollup.plan["columns"]
        progress = RollupProgress(days_done=rollup.days_done, days=rollup.days, filled_to=rollup.filled_to)
        return cls.model_validate(
            {
                **{name: getattr(rollup, name) for name in ("id", "name", "description", "sql", "reason", "created_at", "changed_at")},
                "state": str(rollup.state),
                "progress": progress if rollup.state is RollupState.BUILDING else None,
                "columns": [
                    {"name": one["name"], "type": one["type"], "kind": "aggregate" if one["merge"] else "dimension"} for one in columns
                ],
            }
        )
