"""What is recorded of one change or read, and how it is written: with the connection, so in the transaction, of what it describes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

from analytics.audit.names import AuditNames, kind_of
from analytics.audit.origin import Origin, current_origin
from analytics.clock import Clock
from analytics.statements import Statement, postgres


@dataclass(slots=True)
class Change:
    """Who does what to what: said by every change and every read that is recorded, logged, and kept as the audit.

    `before` and `after` are JSON and hold no secrets; people in them are hashed on the way.
    """

    actor: str  # a person's or token's id, "operator", "bootstrap", or an address that somebody claims to have
    action: str  # "key.create": what stands before the dot is the kind of the target
    target: str | None = None  # the id of what is changed
    project_id: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


class Runs(Protocol):
    """A connection that runs our statements."""

    async def run(self, statement: Statement, **values: Any) -> int:
        """Run one for its effect."""
        ...


AuditRow = dict[str, Any]


class AuditLog:
    """Writes records. `names` hashes people."""

    def __init__(self, names: AuditNames, clock: Clock) -> None:
        self.names = names
        self._clock = clock

    async def record(self, connection: Runs, change: Change) -> None:
        """Keep `change`, in the transaction of `connection`."""
        await self.write(connection, [self.row(change)])

    def row(self, change: Change, origin: Origin | None = None, at: datetime | None = None) -> AuditRow:
        """`change` as it is kept, by default of this moment and this request."""
        origin = origin or current_origin()
        return {
            "at": (at or self._clock.now()).isoformat(),
            "actor_kind": kind_of(change.actor),
            "actor": self.names.actor(change.actor),
            "action": change.action,
            "project_id": change.project_id,
            "target_kind": change.action.rpartition(".")[0] or change.action,
            "target_id": self.names.clean(self.names.target(change.target)),
            "before": self._json(change.before),
            "after": self._json(change.after),
            "address": origin.address,
            "request_id": self.names.clean(origin.request_id),
        }

    async def write(self, connection: Runs, rows: Sequence[AuditRow]) -> None:
        """Write `rows` in one statement."""
        await connection.run(postgres("audit")["insert"], rows=json.dumps(rows))

    def _json(self, value: Mapping[str, Any] | None) -> Any:
        # Through JSON text first: times, enumerations and whatever else a caller hands over become what PostgreSQL will keep.
        return None if value is None else self.names.clean(json.loads(json.dumps(dict(value), default=str)))


def fields_of(row: Mapping[str, Any]) -> tuple[str | None, ...]:
    """The kept fields of a record in the order in which they are sealed, each as text."""
    at = cast(datetime, row["at"])
    return (str(row["id"]), at.isoformat(timespec="microseconds"), *(row[name] for name in _SEALED))


_SEALED = (
    "actor_kind",
    "actor",
    "action",
    "project_id",
    "target_kind",
    "target_id",
    "before",
    "after",
    "address",
    "request_id",
)
