"""Reconciliations."""

from pydantic import Field

from analytics.api.schemas.base import Answer, Body, UtcTime
from analytics.reconcile.records import Reason, Reconciliation, Status


class WantedReconciliation(Body):
    """How thorough it shall be."""

    full: bool = Field(False, description="Look at all ids and all months, not only at what is new since the last finished one.")


class ReconciliationProgress(Answer):
    """How far it is; `phase` is `repeats` or the table that is compared."""

    phase: str
    done: int
    total: int


class ReconciliationAnswer(Answer):
    """One reconciliation. `removed` counts late repeats, `drift` by how many events each rollup differed from the events."""

    id: str
    status: Status
    reason: Reason
    full: bool
    requested_at: UtcTime
    started_at: UtcTime | None
    finished_at: UtcTime | None
    progress: ReconciliationProgress
    removed: int
    drift: dict[str, int]
    error: str | None

    @classmethod
    def of(cls, record: Reconciliation) -> "ReconciliationAnswer":
        """The answer that shows `record`."""
        return cls(
            id=record.id,
            status=record.status,
            reason=record.reason,
            full=record.full,
            requested_at=record.requested_at,
            started_at=record.started_at,
            finished_at=record.finished_at,
            progress=ReconciliationProgress(phase=record.phase, done=record.steps_done, total=record.steps),
            removed=record.removed,
            drift=dict(record.drift),
            error=record.error or None,
        )
