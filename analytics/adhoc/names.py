"""What names in a statement may stand for beside the tables that every project has."""

from collections.abc import Collection, Mapping
from typing import Protocol

from analytics.fence.named import NamedSource
from analytics.fence.server_words import ServerWords


class Names(Protocol):
    """A project's own names for tables."""

    async def of(self, project_id: str, wanted: Collection[str]) -> Mapping[str, NamedSource]:
        """What those of `wanted` that exist stand for, and whatever stands behind them. Raises RequestError, MetadataUnavailableError."""
        ...


class Face(Protocol):
    """What a tool sees that takes the service for a ClickHouse server: a project as a database, and the tables that describe it."""

    @property
    def words(self) -> ServerWords:
        """What may be said beside plain names."""
        ...

    async def tables(self, wanted: Collection[str]) -> Mapping[str, NamedSource]:
        """Those of `wanted` that describe the project, such as `system.tables`. Raises as `Names.of`."""
        ...
