"""Alerts in PostgreSQL: what they ask, how they stand, each change of a state, and the outbox of those nobody was told of yet.

The one thing to know: a state changes in the transaction that writes the outbox, so a change is told once and never twice. A check is
claimed by moving the time of the next one on: of all processes one makes it.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from analytics.clock import Clock
from analytics.domain.alert import AlertCondition, AlertKind, Comparison, Take
from analytics.domain.question import Question, question_of
from analytics.errors import ConflictError, LimitExceededError
from analytics.metadata.pool import Change, Connection, Database, Row, required
from analytics.metadata.secrets import make_id
from analytics.metadata.source_uses import hold_names
from analytics.metadata.storable import storable
from analytics.statements import postgres

AlertState = Literal["ok", "firing"]
MOST_OF_A_PROJECT = 200
ACTOR = "alerts"  # of the audit, for what nobody did by hand


@dataclass(frozen=True, slots=True)
class AlertDraft:
    """What an alert is. It asks `question`, or the saved query of a name."""

    name: str
    description: str
    question: Question | None
    saved_query: str | None
    params: Mapping[str, Any]
    condition: AlertCondition
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Alert:
    """One, as it stands."""

    id: str
    project_id: str
    draft: AlertDraft
    owner: str
    created_at: datetime
    changed_by: str
    changed_at: datetime
    revision: int
    state: AlertState
    state_since: datetime
    last_checked_at: datetime | None
    last_value: float | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A change of a state. `reason`: checked, changed, disabled or deleted."""

    id: int
    at: datetime
    state: str
    reason: str
    value: float | None


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A change that nobody was told of yet."""

    id: int
    project_id: str
    alert_id: str
    at: datetime
    state: str
    reason: str
    value: float | None


class Alerts:
    """Those of all projects. Methods raise MetadataUnavailableError."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, actor: str, project_id: str, draft: AlertDraft) -> Alert:
        """A new one. Raises LimitExceededError in a project that has too many."""
        alert_id = make_id("al")
        async with self._database.change(Change(actor, "alert.create", alert_id, project_id, after=_said(draft))) as connection:
            counted = await connection.one(_sql("count"), project_id=project_id)
            if counted is not None and counted["alerts"] >= MOST_OF_A_PROJECT:
                raise LimitExceededError(f"A project has up to {MOST_OF_A_PROJECT} alerts.", limit="alerts")
            await hold_names(connection, project_id, [draft.saved_query] if draft.saved_query else [])
            return _alert(required(await connection.one(_sql("insert"), **self._values(actor, project_id, alert_id, draft))))

    async def find(self, project_id: str, alert_id: str) -> Alert:
        """One. Raises NotFoundError."""
        async with self._database.read() as connection:
            return _alert(required(await connection.one(_sql("find"), project_id=project_id, id=alert_id)))

    async def page(self, project_id: str, state: AlertState | None, after: tuple[str, str] | None, limit: int) -> list[Alert]:
        """At most `limit`, oldest first, after the key (created_at as ISO 8601, id)."""
        created_at, alert_id = after or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                _sql("page"), project_id=project_id, state=state, after_created_at=created_at, after_id=alert_id, limit=limit
            )
        return [_alert(row) for row in rows]

    async def update(self, actor: str, project_id: str, alert_id: str, draft: AlertDraft, revision: int | None) -> Alert:
        """What it is from now on: it begins anew, and what fired is resolved. Raises NotFoundError, ConflictError for a lost race."""
        async with self._database.change(Change(actor, "alert.update", alert_id, project_id, after=_said(draft))) as connection:
            before = await _locked(connection, project_id, alert_id, revision)
            await hold_names(connection, project_id, [draft.saved_query] if draft.saved_query else [])
            row = await connection.one(_sql("update"), **self._values(actor, project_id, alert_id, draft))
            await self._resolve(connection, before, "changed" if draft.enabled else "disabled")
            return _alert(required(row))

    async def delete(self, actor: str, project_id: str, alert_id: str, revision: int | None) -> None:
        """Remove one; what fired is resolved. Raises NotFoundError, ConflictError."""
        async with self._database.change(Change(actor, "alert.delete", alert_id, project_id)) as connection:
            before = await _locked(connection, project_id, alert_id, revision)
            await connection.run(_sql("delete"), project_id=project_id, id=alert_id)
            await self._resolve(connection, before, "deleted")

    async def changes(self, project_id: str, alert_id: str, before: int, limit: int) -> list[AlertChange]:
        """At most `limit` changes of its state, newest first. Raises NotFoundError."""
        await self.find(project_id, alert_id)
        async with self._database.read() as connection:
            rows = await connection.all(_sql("changes"), project_id=project_id, alert_id=alert_id, before=before, limit=limit)
        return [AlertChange(**row) for row in rows]

    # ---- checks ------------------------------------------------------------

    async def claim(self, now: datetime, following: datetime, limit: int) -> list[Alert]:
        """At most `limit` alerts that are due at `now`, for this process alone; theirs is `following` next."""
        async with self._database.bookkeeping() as connection:
            rows = await connection.all(_sql("claim"), now=now, next=following, limit=limit)
        return [_alert(row) for row in rows]

    async def checked(self, alert: Alert, *, fires: bool, value: float | None, level: float | None) -> bool:
        """What a check of `alert` found; whether its state changed. Nothing is kept if it was changed or checked by another meanwhile."""
        state: AlertState = "firing" if fires else "ok"
        if state == alert.state:
            async with self._database.bookkeeping() as connection:
                await connection.run(_sql("checked"), **self._found(alert, state, level))
            return False
        told = "firing" if fires else "resolved"
        change = Change(ACTOR, f"alert.{told}", alert.id, alert.project_id, after={"value": value})
        async with self._database.change(change) as connection:
            row = await connection.one(_sql("lock"), project_id=alert.project_id, id=alert.id)
            same = row is not None and row["revision"] == alert.revision and row["state"] == alert.state
            if not same or not await connection.run(_sql("checked"), **self._found(alert, state, level)):
                connection.changes.clear()
                return False
            await self._keep(connection, alert, told, "checked", value)
        return True

    async def failed(self, alert: Alert, code: str) -> None:
        """That a check could not be made: its state stays."""
        async with self._database.bookkeeping() as connection:
            await connection.run(_sql("failed"), id=alert.id, revision=alert.revision, now=self._clock.now(), error=code)

    @asynccontextmanager
    async def outbox(self, limit: int) -> AsyncGenerator[list[OutboxEntry]]:
        """The oldest changes that nobody was told of, for the block alone; once it has ended well they are not in the outbox any more."""
        async with self._database.bookkeeping() as connection:
            found = [OutboxEntry(**row) for row in await connection.all(_sql("outbox"), limit=limit)]
            yield found
            await connection.run(_sql("told"), ids=[entry.id for entry in found])

    # ---- persons -------------------------------------------------------------

    async def mentioning(self, project_id: str, words: Sequence[str]) -> list[Alert]:
        """Alerts in which one of `words` stands somewhere."""
        async with self._database.read() as connection:
            rows = await connection.all(_sql("mentioning"), project_id=project_id, words=[storable(word) for word in words])
        return [_alert(row) for row in rows]

    async def rewrite(self, project_id: str, drafts: Mapping[str, AlertDraft]) -> None:
        """Put other texts in the place of what alerts (by id) had, on the disk too."""
        async with self._database.bookkeeping() as connection:
            for alert_id, draft in drafts.items():
                values = {name: value for name, value in _columns(draft).items() if name in ("name", "description", "question", "params")}
                await connection.run(_sql("rewrite"), project_id=project_id, id=alert_id, **values)
        await self._database.write_anew("alerts")

    # ---- parts -----------------------------------------------------------------

    async def _resolve(self, connection: Connection, before: Alert, reason: str) -> None:
        if before.state == "firing":
            await self._keep(connection, before, "resolved", reason, None)

    async def _keep(self, connection: Connection, alert: Alert, state: str, reason: str, value: float | None) -> None:
        await connection.run(
            _sql("keep_change"),
            project_id=alert.project_id,
            alert_id=alert.id,
            now=self._clock.now(),
            state=state,
            reason=reason,
            value=value,
        )

    def _found(self, alert: Alert, state: AlertState, level: float | None) -> dict[str, Any]:
        return {"id": alert.id, "revision": alert.revision, "state": state, "now": self._clock.now(), "value": level}

    def _values(self, actor: str, project_id: str, alert_id: str, draft: AlertDraft) -> dict[str, Any]:
        return {"id": alert_id, "project_id": project_id, "actor": actor, "now": self._clock.now(), **_columns(draft)}


def _sql(name: str) -> Any:
    return postgres("alerts")[name]


async def _locked(connection: Connection, project_id: str, alert_id: str, revision: int | None) -> Alert:
    alert = _alert(required(await connection.one(_sql("lock"), project_id=project_id, id=alert_id)))
    if revision is not None and alert.revision != revision:
        raise ConflictError("Somebody changed it in between; read it again.")
    return alert


def _columns(draft: AlertDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "description": draft.description,
        "question": None if draft.question is None else Jsonb(draft.question.document()),
        "saved_query": draft.saved_query,
        "params": Jsonb(dict(draft.params)),
        "condition": Jsonb(asdict(draft.condition)),
        "enabled": draft.enabled,
    }


def _alert(row: Row) -> Alert:
    condition: dict[str, Any] = row.pop("condition")
    comparison = condition["comparison"]
    draft = AlertDraft(
        name=row.pop("name"),
        description=row.pop("description"),
        question=None if (question := row.pop("question")) is None else question_of(question),
        saved_query=row.pop("saved_query"),
        params=row.pop("params"),
        condition=AlertCondition(
            AlertKind(condition["kind"]),
            None if comparison is None else Comparison(comparison),
            condition["value"],
            condition["column"],
            Take(condition["take"]),
            condition["relative"],
        ),
        enabled=row.pop("enabled"),
    )
    return Alert(draft=draft, **row)


def _said(draft: AlertDraft) -> dict[str, Any]:
    """Of texts and values the audit keeps nothing: they may name persons."""
    return {"kind": str(draft.condition.kind), "query": draft.saved_query, "parameters": sorted(draft.params), "enabled": draft.enabled}
