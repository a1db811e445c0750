"""Dashboards in PostgreSQL: documents, each with a version.

The one thing to know: a change names the version that it was made from. Of two that were made from the same one the second is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from analytics.clock import Clock
from analytics.errors import ConflictError, NotFoundError
from analytics.metadata.pool import Change, Database, Row, required
from analytics.metadata.secrets import make_id
from analytics.metadata.source_uses import hold_what_is_there
from analytics.metadata.storable import storable
from analytics.statements import postgres

MOST = 1_000  # of one project


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard as it is kept. `document` is of the form of `dashboards/document.py`; `changed_by`: who wrote it, if that is known."""

    id: str
    project_id: str
    name: str
    version: int
    document: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    changed_by: str | None


class Dashboards:
    """The dashboards of all projects. Methods raise MetadataUnavailableError."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, actor: str, project_id: str, document: Mapping[str, Any], action: str = "dashboard.create") -> Dashboard:
        """Keep a new one. Raises ConflictError where there are too many."""
        now = self._clock.now()
        kept: dict[str, Any] = storable(dict(document))
        made = Dashboard(make_id("d"), project_id, kept["name"], 1, kept, now, now, actor)
        async with self._database.change(Change(actor, action, made.id, project_id, after=_told(kept))) as connection:
            counted = await connection.one(postgres("dashboards")["count"], project_id=project_id)
            if counted is not None and counted["dashboards"] >= MOST:
                raise ConflictError(f"A project may have {MOST:,} dashboards.")
            await hold_what_is_there(connection, project_id, _saved_questions(kept))
            await connection.run(
                postgres("dashboards")["insert"],
                id=made.id,
                project_id=project_id,
                name=made.name,
                document=Jsonb(kept),
                now=now,
                changed_by=actor,
            )
        return made

    async def find(self, project_id: str, dashboard_id: str) -> Dashboard:
        """The one with this id. Raises NotFoundError."""
        async with self._database.read() as connection:
            row = await connection.one(postgres("dashboards")["find"], project_id=project_id, id=dashboard_id)
        return _dashboard(required(row))

    async def page(self, project_id: str, after: tuple[str, str] | None, limit: int) -> list[Dashboard]:
        """At most `limit` of a project, oldest first, after the key (created_at as ISO 8601, id)."""
        created_at, dashboard_id = after or (None, None)
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("dashboards")["page"], project_id=project_id, after_created_at=created_at, after_id=dashboard_id, limit=limit
            )
        return [_dashboard(row) for row in rows]

    async def update(self, actor: str, read: Dashboard, document: Mapping[str, Any]) -> Dashboard:
        """The next version of the dashboard that was read. Raises ConflictError if it is in another version by now, or gone."""
        now = self._clock.now()
        kept: dict[str, Any] = storable(dict(document))
        changed_by = read.changed_by if actor == "service" else actor  # an erasure writes nothing of its own
        change = Change(actor, "dashboard.update", read.id, read.project_id, before=_told(read.document), after=_told(kept))
        async with self._database.change(change) as connection:
            await hold_what_is_there(connection, read.project_id, _saved_questions(kept))
            row = await connection.one(
                postgres("dashboards")["update"],
                project_id=read.project_id,
                id=read.id,
                version=read.version,
                name=kept["name"],
                document=Jsonb(kept),
                now=now,
                changed_by=changed_by,
            )
            if row is None:
                raise ConflictError("The dashboard was changed in between; read it again.")
        return replace(read, name=kept["name"], version=row["version"], document=kept, updated_at=now, changed_by=changed_by)

    async def delete(self, actor: str, project_id: str, dashboard_id: str, version: int | None) -> None:
        """Remove it and its links. Raises NotFoundError, or ConflictError if it is not in `version` any more."""
        async with self._database.change(Change(actor, "dashboard.delete", dashboard_id, project_id)) as connection:
            gone = await connection.one(postgres("dashboards")["delete"], project_id=project_id, id=dashboard_id, version=version)
            if gone is None:
                if await connection.one(postgres("dashboards")["find"], project_id=project_id, id=dashboard_id) is None:
                    raise NotFoundError
                raise ConflictError("The dashboard was changed in between; read it again.")
            connection.change.before = {"name": gone["name"], "version": gone["version"]}

    async def mentioning(self, project_id: str, words: Sequence[str]) -> list[Dashboard]:
        """Those in whose documents one of `words` stands somewhere."""
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("dashboards")["mentioning"], project_id=project_id, words=[storable(word) for word in words]
            )
        return [_dashboard(row) for row in rows]

    async def clean(self) -> None:
        """Write the table anew, so that what was changed is not on disk any more."""
        await self._database.write_anew("dashboards")


def _dashboard(row: Row) -> Dashboard:
    return Dashboard(**row)


def _saved_questions(document: Mapping[str, Any]) -> list[str]:
    """The names of the saved questions that its tiles ask; one that is gone since is that tile's error."""
    questions = [tile["question"] for tile in document["tiles"]]
    return [question["saved"] for question in questions if "saved" in question]


def _told(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit keeps of a document: no questions, no values, no name, since any of them may name a person."""
    return {"tiles": len(document["tiles"])}
