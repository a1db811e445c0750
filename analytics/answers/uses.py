"""Whether a saved query or a rollup may be deleted: not while the SQL of an alert or a tile reads it.

What names it outright is looked for by whoever deletes it, in the same transaction (metadata/source_uses.py). The one thing to know: texts
are read until enough is found to be told, and never more than MAX_TEXTS; of what has to be read beyond that, the name stays.
"""

from analytics.adhoc.door import SqlDoor
from analytics.errors import ConflictError, RequestError
from analytics.metadata.source_uses import MOST_TOLD, SourceUse, SourceUses, require_none

MAX_TEXTS = 100  # parsed, of one name


class SourcesInTexts:
    """For one event loop."""

    def __init__(self, store: SourceUses, door: SqlDoor) -> None:
        self._store = store
        self._door = door

    async def require_unread(self, project_id: str, name: str) -> None:
        """Raises ConflictError if SQL of an alert or a tile reads `name` as a table, or too many name it to be read, StoreError if that
        cannot be known.
        """
        found = await self._store.texts(project_id, name, MAX_TEXTS + 1)
        uses = list[SourceUse]()
        for text in found[:MAX_TEXTS]:
            if len(uses) <= MOST_TOLD and await self._reads(project_id, text.sql, name):
                uses += [use for use in text.users if use not in uses]
        require_none(uses)
        if len(found) > MAX_TEXTS:
            raise ConflictError(f"It stands in more than {MAX_TEXTS} texts of alerts and tiles: too many to see whether one asks it.")

    async def _reads(self, project_id: str, sql: str, name: str) -> bool:
        try:
            return name in (await self._door.checked(sql, project_id)).named
        except RequestError:  # it cannot be asked as it is
            return False
