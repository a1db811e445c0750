"""A person in what was written in an own rollup: its name, description or SQL. Such a rollup is dropped, table, view and all.

The rows of rollups name nobody by themselves; what they hold of a person's events is computed anew (privacy/erasing.py).
"""

import anyio.from_thread

from analytics.domain.rollup import Rollup
from analytics.metadata.rollups import Rollups
from analytics.privacy.named import names
from analytics.privacy.subject import Subject
from analytics.rollups.tables import OwnTables


class RollupTexts:
    """`postgres:rollups`."""

    name = "postgres:rollups"

    def __init__(self, store: Rollups, tables: OwnTables) -> None:
        self._store = store
        self._tables = tables

    def find(self, subject: Subject) -> int:
        return len(self._naming(subject))

    def remove(self, subject: Subject) -> None:
        found = self._naming(subject)
        for rollup in found:
            anyio.from_thread.run(self._store.drop, rollup)
            self._tables.drop(rollup.physical)  # its view holds the text too
            anyio.from_thread.run(self._store.remove, rollup)
        if found:
            anyio.from_thread.run(self._store.clean)

    def _naming(self, subject: Subject) -> list[Rollup]:
        kept = anyio.from_thread.run(self._store.of_project, subject.project_id)
        texts = {rollup.id: "\n".join((rollup.name, rollup.description, rollup.sql)) for rollup in kept}
        return [rollup for rollup in kept if any(names(text, texts[rollup.id], {}) for text in subject.ids)]
