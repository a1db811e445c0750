"""What a project's own rollup stands for in FROM: its table, or, while that is not all it should be, its SELECT over the events.

The one thing to know: both give the same rows, so a rollup that is built, paused or failed answers more slowly and never wrongly.
"""

from collections.abc import Collection, Mapping

from analytics.domain.rollup import Rollup, RollupState
from analytics.fence.named import NamedQuery, NamedSource
from analytics.metadata.rollups import Rollups
from analytics.rollups.feeds import OwnFeeds
from analytics.rollups.plan import RollupPlan


class OwnRollupNames:
    """Names of all projects' rollups."""

    def __init__(self, store: Rollups, feeds: OwnFeeds) -> None:
        self._store = store
        self._feeds = feeds

    async def tables(self, project_id: str, names: Collection[str]) -> Mapping[str, NamedSource]:
        """Those of `names` that are rollups of this project. Raises MetadataUnavailableError."""
        return {rollup.name: self._source(rollup) for rollup in await self._store.named(project_id, names)}

    def _source(self, rollup: Rollup) -> NamedSource:
        if rollup.state is RollupState.ACTIVE and not self._feeds.is_away(rollup.id):
            return RollupPlan.of(rollup.plan).asked_as(rollup.name, rollup.physical, rollup.description)
        return NamedQuery(rollup.sql)
