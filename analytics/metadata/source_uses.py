"""What asks a saved query or a rollup by its name: while anything does, the name cannot be given back.

The one thing to know: who saves something holds the names in it, and who deletes one locks it: of the two the second sees the first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analytics.errors import ConflictError
from analytics.metadata.pool import Connection, Database
from analytics.statements import postgres

MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class SourceUse:
    """What asks a name: a saved query by its name, an alert or a dashboard by its id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text of SQL, and alerts and dashboards that ask it: of many the first few."""

    sql: str
    users: Sequence[SourceUse]


class SourceUses:
    """Those of all projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def texts(self, project_id: str, name: str, limit: int) -> list[SourceText]:
        """At most `limit` texts of alerts and dashboards in which the name stands by itself, be it as a table or not, each once.

        Raises MetadataUnavailableError.
        """
        async with self._database.read() as connection:
            rows = await connection.all(
                postgres("source_uses")["texts"], project_id=project_id, name=name, limit=limit, users=MOST_TOLD + 1
            )
        return [SourceText(row["sql"], [SourceUse(*user) for user in row["users"]]) for row in rows]


async def hold_names(connection: Connection, project_id: str, names: Iterable[str]) -> None:
    """Keep these names until the transaction ends. Raises ConflictError if one was deleted since it was looked up."""
    if await hold_what_is_there(connection, project_id, names):
        raise ConflictError("What it asks was deleted in between; read it again.")


async def hold_what_is_there(connection: Connection, project_id: str, names: Iterable[str]) -> set[str]:
    """Keep those of these names that exist until the transaction ends; the others."""
    wanted = set(names)
    if not wanted:
        return wanted
    rows = await connection.all(postgres("source_uses")["hold"], project_id=project_id, names=sorted(wanted))
    return wanted - {row["name"] for row in rows}


async def require_unnamed(connection: Connection, project_id: str, name: str) -> None:
    """Lock a name that is to be deleted. Raises ConflictError saying what asks it."""
    await connection.one(postgres("source_uses")["lock"], project_id=project_id, name=name)
    require_none([SourceUse(**row) for row in await connection.all(postgres("source_uses")["uses"], project_id=project_id, name=name)])


def require_none(uses: Sequence[SourceUse]) -> None:
    """Raises ConflictError saying what asks the name."""
    if uses:
        told = [f"{use.kind} {use.id}" for use in uses[:MOST_TOLD]]
        raise ConflictError(f"It is asked by {', '.join(told)}{' and more' if len(uses) > MOST_TOLD else ''}.")
