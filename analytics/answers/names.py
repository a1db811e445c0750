"""A project's own names for tables: its saved queries in SQL, and its rollups.

The one thing to know: what a name stands for is looked up in the project that asks, each time, and nowhere else; the gate knows no project.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from analytics.adhoc.parameters import bind
from analytics.domain.question import QUESTION_NAME, Question
from analytics.errors import FieldError, InvalidRequestError, LimitExceededError
from analytics.fence.catalog import TABLES
from analytics.fence.named import MAX_NAMED_CHARACTERS, NamedQuery, NamedSource
from analytics.metadata.saved_queries import SavedQueries

# Beside the tables there are: those that there will be, and what a reader would take for the engine's or the fence's own.
_TAKEN = frozenset({table.name for table in TABLES} | {"sessions", "users", "system", "default", "information_schema", "numbers", "values"})


class RollupNames(Protocol):
    """What the project's rollups go by."""

    async def tables(self, project_id: str, names: Collection[str]) -> Mapping[str, NamedSource]:
        """Those of `names` that are rollups of this project. Raises MetadataUnavailableError."""
        ...


class SourceNames:
    """Names of all projects."""

    def __init__(self, saved: SavedQueries, rollups: RollupNames | None = None) -> None:
        self._saved = saved
        self._rollups = rollups

    async def of(self, project_id: str, wanted: Collection[str]) -> Mapping[str, NamedSource]:
        """What those of `wanted` that exist stand for, and whatever stands behind them.

        Raises LimitExceededError if that is too much text, MetadataUnavailableError.
        """
        reached = await self._saved.reachable(project_id, wanted)
        if sum(len(question.sql) for question, _ in reached.values()) > MAX_NAMED_CHARACTERS:
            raise LimitExceededError(
                f"The saved queries behind this have more than {MAX_NAMED_CHARACTERS:,} characters.", limit="complexity"
            )
        named: dict[str, NamedSource] = {name: named_query(question) for name, (question, _) in reached.items()}
        if self._rollups is not None:
            others = {name for _, reads in reached.values() for name in reads} | set(wanted)
            named.update(await self._rollups.tables(project_id, others - named.keys()))
        return named


def named_query(question: Question) -> NamedQuery:
    """A saved question in SQL as a table: its parameters have their defaults."""
    types = {one.name: one.type for one in question.parameters if one.has_default}
    return NamedQuery(question.sql, bind(types, {one.name: one.default for one in question.parameters if one.has_default}))


def check_source_name(name: str, pointer: str = "/name") -> None:
    """Raises InvalidRequestError for a name that no saved query and no rollup may have."""
    if not QUESTION_NAME.match(name):
        detail = "must be 1 to 100 of the characters a-z 0-9 _ -, a letter or digit first"
    elif name in _TAKEN or name.startswith("fence_"):
        detail = "is the name of a built-in table, or reserved"
    else:
        return
    raise InvalidRequestError(f"The name {detail}.", [FieldError(pointer, detail)])
