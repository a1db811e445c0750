"""Whether a saved query or a rollup may be deleted: not while the SQL of an alert or a tile reads it.

What names it outright is looked for by whoever deletes it, in the same transaction (metadata/source_uses.py).
"""

from analytics.adhoc.door import SqlDoor
from analytics.errors import RequestError
from analytics.metadata.source_uses import SourceUse, SourceUses, require_none


class SourcesInTexts:
    """For one event loop."""

    def __init__(self, store: SourceUses, door: SqlDoor) -> None:
        self._store = store
        self._door = door

    async def require_unread(self, project_id: str, name: str) -> None:
        """Raises ConflictError if SQL of an alert or a tile reads `name` as a table, StoreError if that cannot be known."""
        uses = [use for use in await self._store.texts(project_id, name) if await self._reads(project_id, use, name)]
        require_none(list(dict.fromkeys(SourceUse(use.kind, use.id) for use in uses)))

    async def _reads(self, project_id: str, use: SourceUse, name: str) -> bool:
        try:
            return name in (await self._door.checked(use.sql, project_id)).named
        except RequestError:  # it cannot be asked as it is
            return False
