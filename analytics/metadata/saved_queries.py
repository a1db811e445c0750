"""Saved queries in PostgreSQL: what stands now, every version of it, whether it is published, and the name it goes by as a table.

The one thing to know: a version is a text that was saved; `revision` counts every change, and is what two editors race for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from analytics.clock import Clock
from analytics.domain.question import Question, question_of
from analytics.errors import ConflictError, LimitExceededError
from analytics.metadata.pool import Change, Connection, Database, Row, required
from analytics.metadata.source_uses import hold_names, require_unnamed
from analytics.metadata.storable import storable
from analytics.statements import postgres

KIND = "query"
MOST_OF_A_PROJECT = 1_000
MOST_REACHABLE = 50
_TEXTS_A_ROUND = 200


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """What is saved. `reads` are the names of the project that stand as tables in its text."""

    question: Question
    description: str
    reads: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One saved query as it stands. `published_at` is None unless it is published."""

    name: str
    owner: str
    created_at: datetime
    version: int
    revision: int
    description: str
    question: Question
    reads: tuple[str, ...]
    changed_by: str
    changed_at: datetime
    published_by: str | None
    published_at: datetime | None
    max_age_seconds: float


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """One version of one."""

    version: int
    description: str
    question: Question
    saved_by: str
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class SavedText:
    """What a version says, for whoever looks for persons in it; `version` 0 is what stands now."""

    name: str
    version: int
    description: str
    question: Mapping[str, Any]


class SavedQueries:
    """Those of all projects. Methods raise MetadataUnavailableError."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, actor: str, project_id: str, name: str, draft: SavedDraft) -> SavedQuery:
        """The first version. Raises ConflictError for a name that is taken, LimitExceededError in a project that has too many."""
        change = Change(actor, "query.create", name, project_id, after=_said(draft))
        async with self._database.change(change) as connection:
            await connection.run(_sql("take_name"), project_id=project_id, name=name, kind=KIND)
            await hold_names(connection, project_id, draft.reads)
            counted = await connection.one(_sql("count"), project_id=project_id)
            if counted is not None and counted["queries"] >= MOST_OF_A_PROJECT:
                raise LimitExceededError(f"A project has up to {MOST_OF_A_PROJECT:,} saved queries.", limit="saved_queries")
            row = await connection.one(_sql("insert"), **self._values(actor, project_id, name, draft))
            await connection.run(_sql("keep_version"), project_id=project_id, name=name)
        return _saved(required(row))

    async def find(self, project_id: str, name: str) -> SavedQuery:
        """One. Raises NotFoundError."""
        async with self._database.read() as connection:
            return _saved(required(await connection.one(_sql("find"), project_id=project_id, name=name)))

    async def page(self, project_id: str, after: str, limit: int) -> list[SavedQuery]:
        """At most `limit` by name, after a name."""
        async with self._database.read() as connection:
            rows = await connection.all(_sql("page"), project_id=project_id, after=after, limit=limit)
        return [_saved(row) for row in rows]

    async def update(self, actor: str, project_id: str, name: str, draft: SavedDraft, revision: int | None) -> SavedQuery:
        """The next version, if it still stands at `revision` (None: whatever it is). Raises NotFoundError, ConflictError."""
        change = Change(actor, "query.update", name, project_id, after=_said(draft))
        async with self._database.change(change) as connection:
            await hold_names(connection, project_id, draft.reads)
            row = await connection.one(_sql("update"), **self._values(actor, project_id, name, draft), revision=revision)
            if row is None:
                await _lost(connection, project_id, name)
            await connection.run(_sql("keep_version"), project_id=project_id, name=name)
            saved = _saved(required(row))
            change.before, change.after = {"version": saved.version - 1}, {"version": saved.version, **_said(draft)}
        return saved

    async def delete(self, actor: str, project_id: str, name: str, revision: int | None) -> None:
        """Remove one with its versions. Raises NotFoundError, ConflictError also while saved queries, alerts or tiles ask it."""
        async with self._database.change(Change(actor, "query.delete", name, project_id)) as connection:
            standing = required(await connection.one(_sql("lock"), project_id=project_id, name=name))
            if revision is not None and standing["revision"] != revision:
                await _lost(connection, project_id, name)
            await require_unnamed(connection, project_id, name)
            await connection.run(_sql("leave_name"), project_id=project_id, name=name, kind=KIND)

    async def publish(self, actor: str, project_id: str, name: str, max_age_seconds: float) -> SavedQuery:
        """Let it be read at its endpoint. Raises NotFoundError."""
        change = Change(actor, "query.publish", name, project_id, after={"max_age_seconds": max_age_seconds})
        return await self._publish(change, actor, self._clock.now(), max_age_seconds)

    async def withdraw(self, actor: str, project_id: str, name: str) -> SavedQuery:
        """Let it be read at no endpoint any more. Raises NotFoundError."""
        return await self._publish(Change(actor, "query.withdraw", name, project_id), None, None, 0.0)

    async def versions(self, project_id: str, name: str, before: int, limit: int) -> list[SavedVersion]:
        """At most `limit` versions below `before`, newest first. Raises NotFoundError."""
        await self.find(project_id, name)
        async with self._database.read() as connection:
            rows = await connection.all(_sql("versions"), project_id=project_id, name=name, before=before, limit=limit)
        return [_version(row) for row in rows]

    async def version(self, project_id: str, name: str, version: int) -> SavedVersion:
        """One version. Raises NotFoundError."""
        async with self._database.read() as connection:
            return _version(required(await connection.one(_sql("version"), project_id=project_id, name=name, version=version)))

    async def reachable(self, project_id: str, names: Collection[str]) -> dict[str, tuple[Question, tuple[str, ...]]]:
        """The questions in SQL behind `names`, and behind all names in them, each with the names it reads; no more than MOST_REACHABLE."""
        rows = await self._reached(project_id, names)
        return {row["name"]: (question_of(row["question"]), tuple(row["reads"])) for row in rows}

    async def written(self, project_id: str, names: Collection[str]) -> list[tuple[str, str]]:
        """Who last changed each question that is `reachable`, and its SQL."""
        return [(row["changed_by"], question_of(row["question"]).sql) for row in await self._reached(project_id, names)]

    async def _reached(self, project_id: str, names: Collection[str]) -> Sequence[Row]:
        async with self._database.read() as connection:
            return await connection.all(_sql("reachable"), project_id=project_id, names=sorted(names), limit=MOST_REACHABLE)

    async def mentioning(self, project_id: str, words: Sequence[str]) -> list[SavedText]:
        """All versions in which one of `words` stands somewhere."""
        found: list[SavedText] = []
        while True:
            last = found[-1] if found else SavedText("", -1, "", {})
            async with self._database.read() as connection:
                rows = await connection.all(
                    _sql("texts"),
                    project_id=project_id,
                    words=[storable(word) for word in words],
                    after_name=last.name,
                    after_version=last.version,
                    limit=_TEXTS_A_ROUND,
                )
            found += [SavedText(**row) for row in rows]
            if len(rows) < _TEXTS_A_ROUND:
                return found

    async def rewrite(self, project_id: str, texts: Sequence[SavedText]) -> None:
        """Put these in the place of what they were, on the disk too."""
        async with self._database.bookkeeping() as connection:
            for text in texts:
                values = {"project_id": project_id, "name": text.name, "description": text.description, "question": Jsonb(text.question)}
                if text.version:
                    await connection.run(_sql("rewrite_version"), **values, version=text.version)
                else:
                    await connection.run(_sql("rewrite"), **values)
        for table in sorted({"saved_query_versions" if text.version else "saved_queries" for text in texts}):
            await self._database.write_anew(table)

    async def _publish(self, change: Change, actor: str | None, at: datetime | None, max_age_seconds: float) -> SavedQuery:
        async with self._database.change(change) as connection:
            row = await connection.one(
                _sql("publish"),
                project_id=change.project_id,
                name=change.target,
                published_by=actor,
                published_at=at,
                max_age_seconds=max_age_seconds,
            )
            return _saved(required(row))

    def _values(self, actor: str, project_id: str, name: str, draft: SavedDraft) -> dict[str, Any]:
        return {
            "project_id": project_id,
            "name": name,
            "actor": actor,
            "now": self._clock.now(),
            "description": draft.description,
            "question": Jsonb(draft.question.document()),
            "reads": list(draft.reads),
        }


def _sql(name: str) -> Any:
    return postgres("saved_queries")[name]


async def _lost(connection: Connection, project_id: str, name: str) -> None:
    """Raises why an update changed nothing."""
    required(await connection.one(_sql("find"), project_id=project_id, name=name))
    raise ConflictError("Somebody changed it in between; read it again.")


def _saved(row: Row) -> SavedQuery:
    return SavedQuery(question=question_of(row.pop("question")), reads=tuple(row.pop("reads")), **row)


def _version(row: Row) -> SavedVersion:
    return SavedVersion(question=question_of(row.pop("question")), **row)


def _said(draft: SavedDraft) -> dict[str, Any]:
    """Of a text the audit keeps what it reads and what may be set: it may name persons."""
    return {
        "kind": str(draft.question.kind),
        "reads": list(draft.reads),
        "parameters": [one.name for one in draft.question.parameters],
    }
