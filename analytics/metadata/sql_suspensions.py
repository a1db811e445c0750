"""Suspensions of ad-hoc SQL, in PostgreSQL: of callers, statements and projects whose query did not end and took the embedded engine along.

The one thing to know: each further one within FORGOTTEN_AFTER lasts longer; one that is lifted counts as if it had never been.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from analytics.audit.names import AuditNames
from analytics.clock import Clock, iso_utc
from analytics.errors import NotFoundError, SqlSuspendedError
from analytics.metadata.pool import Change, ChangeConnection, Database, Row
from analytics.metadata.secrets import make_id
from analytics.statements import postgres

LASTS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24))
FORGOTTEN_AFTER = timedelta(days=7)
CALLERS_OF_A_PROJECT = 3
"""So many callers of one project within FORGOTTEN_AFTER suspend the SQL of all of it: a new token or member is quickly made."""
SuspendedKind = Literal["caller", "statement", "project"]
_WORDS = {"caller": "Your SQL", "statement": "This statement", "project": "The SQL of this project"}


@dataclass(frozen=True, slots=True)
class Suspension:
    """One as it is shown. `strike`: the how manieth it was lately; `actor`: whose statement or values did not end."""

    id: str
    kind: SuspendedKind
    actor: str
    query_id: str
    strike: int
    began_at: datetime
    ends_at: datetime
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class HungQuery:
    """A query that did not end though it was killed. `author`: who wrote the statement or gave its values, None where nobody knows."""

    query_id: str
    project_id: str
    author: str | None
    statement: str


class SqlSuspensions:
    """Those of all projects. Methods raise MetadataUnavailableError."""

    def __init__(self, database: Database, names: AuditNames, clock: Clock) -> None:
        self._database = database
        self._names = names
        self._clock = clock
        self.in_force = 0
        """How many there are, as `count` last found."""

    async def require_none(self, project_id: str, callers: Collection[str], *statements: str) -> None:
        """Raises SqlSuspendedError if the SQL of one of `callers` is suspended, or of the project, or one of `statements`."""
        subjects: list[tuple[SuspendedKind, str]] = [("project", project_id), *(("caller", caller) for caller in callers)]
        subjects.extend(("statement", self._names.subject(project_id, statement)) for statement in statements)
        now = self._clock.now()
        async with self._database.read() as connection:
            row = await connection.one(
                postgres("sql_suspensions")["in_force"],
                kinds=[kind for kind, _ in subjects],
                subjects=[subject for _, subject in subjects],
                now=now,
            )
        if row is not None:
            left = math.ceil((row["ends_at"] - now).total_seconds())
            until = iso_utc(row["ends_at"])
            detail = f"{_WORDS[row['kind']]} is suspended until {until}, since a query did not end and had to be ended with its engine."
            raise SqlSuspendedError(detail, retry_after_seconds=max(1, left))

    async def suspend(self, hung: HungQuery) -> None:
        """Keep what hung, and suspend its author, its statement and, after several authors, its project. What is suspended stays so."""
        statement = self._names.subject(hung.project_id, hung.statement)
        actor = hung.author or "anybody"
        async with self._database.change(Change("service", "sql.suspend", hung.query_id, hung.project_id)) as connection:
            connection.changes.clear()
            await connection.one(postgres("sql_suspensions")["lock"])
            now = self._clock.now()
            await connection.run(postgres("sql_suspensions")["forget"], before=now - FORGOTTEN_AFTER)
            await self._begin(connection, "statement", statement, actor, hung, now)
            if hung.author is None:
                return
            await self._begin(connection, "caller", hung.author, actor, hung, now)
            since = now - FORGOTTEN_AFTER
            row = await connection.one(postgres("sql_suspensions")["callers_lately"], project_id=hung.project_id, since=since)
            if row is not None and row["callers"] >= CALLERS_OF_A_PROJECT:
                await self._begin(connection, "project", hung.project_id, actor, hung, now)

    async def page(self, project_id: str, before: tuple[str, str] | None, limit: int) -> list[Suspension]:
        """At most `limit` that came from a project, newest first, after the key (began_at as ISO 8601, id)."""
        began_at, suspension_id = before or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("sql_suspensions")["page"],
                project_id=project_id,
                before_began_at=began_at,
                before_id=suspension_id,
                limit=limit,
            )
        return [Suspension(**row) for row in rows]

    async def lift(self, actor: str, project_id: str, suspension_id: str) -> None:
        """End one now; one that has been lifted stays so. Raises NotFoundError."""
        async with self._database.change(Change(actor, "sql.lift", suspension_id, project_id)) as connection:
            row = await connection.one(postgres("sql_suspensions")["lift"], project_id=project_id, id=suspension_id, now=self._clock.now())
            if row is not None:
                connection.change.before = dict(row)
                return
            connection.changes.clear()
            if await connection.one(postgres("sql_suspensions")["find"], project_id=project_id, id=suspension_id) is None:
                raise NotFoundError

    async def count(self) -> None:
        """Bring `in_force` up to date."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("sql_suspensions")["count"], now=self._clock.now())
        self.in_force = 0 if row is None else row["suspensions"]

    async def _begin(
        self, connection: ChangeConnection, kind: SuspendedKind, subject: str, actor: str, hung: HungQuery, now: datetime
    ) -> None:
        lately: Row | None = await connection.one(
            postgres("sql_suspensions")["lately"], kind=kind, subject=subject, since=now - FORGOTTEN_AFTER, now=now
        )
        times = 0 if lately is None else lately["times"]
        if lately is not None and lately["in_force"]:  # several that hung together are one
            return
        ends_at = now + LASTS[min(times, len(LASTS) - 1)]
        suspension_id = make_id("ss")
        await connection.run(
            postgres("sql_suspensions")["insert"],
            id=suspension_id,
            project_id=hung.project_id,
            kind=kind,
            subject=subject,
            actor=actor,
            query_id=hung.query_id,
            strike=times + 1,
            began_at=now,
            ends_at=ends_at,
        )
        after = {"kind": kind, "of": actor, "query": hung.query_id, "until": iso_utc(ends_at), "strike": times + 1}
        connection.changes.append(Change("service", "sql.suspend", suspension_id, hung.project_id, after=after))
