"""A rollup that a project made for itself, as it stands. What it asks is checked by the fence (fence/rollup_shape.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

MOST_OF_PROJECT = 10


class RollupState(StrEnum):
    """Only one that is active is read from its table; each of the others stands for its SELECT over the events."""

    BUILDING = "building"
    ACTIVE = "active"
    PAUSED = "paused"
    FAILED = "failed"
    DROPPING = "dropping"


@dataclass(frozen=True, slots=True)
class Rollup:
    """`physical` is its table; `plan` its columns and texts, as kept. While it is built: `begun` says that new events reach it, `filled_to`
    up to which day the past is in it, `days_done` of `days` how far that is. `reason`: why it failed."""

    id: str
    project_id: str
    name: str
    description: str
    sql: str
    plan: Mapping[str, Any]
    physical: str
    state: RollupState
    created_at: datetime
    changed_at: datetime
    reason: str | None = None
    begun: bool = False
    filled_to: date | None = None
    days_done: int = 0
    days: int = 0
