"""All tiles of a dashboard, asked side by side under one budget.

The one thing to know: a tile that fails, or is not done in time, has an error in its place; the others are shown all the same. A filter
that is set reaches each tile or the tile says that it does not: numbers that look filtered and are not are never shown.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import structlog

from analytics.answers.answer import Answer
from analytics.answers.runner import Answers, Asked, Days
from analytics.answers.small_groups import shown
from analytics.background import settle
from analytics.clock import Clock
from analytics.dashboards.document import DashboardDocument, Tile
from analytics.domain.project import Project
from analytics.domain.question import Question, QuestionKind, question_of
from analytics.domain.time_range import parse_zone
from analytics.errors import AnalyticsError, FieldError, InvalidRequestError, NotFoundError, QueryTimeoutError, WarehouseUnavailableError
from analytics.metadata.saved_queries import SavedQueries
from analytics.query.persons import shows_persons

BUDGET_SECONDS = 20.0
AT_ONCE = 6
MOST_ROWS = 10_000  # of one tile
_log = structlog.get_logger("analytics.dashboards")


@dataclass(frozen=True, slots=True)
class View:
    """A dashboard as somebody looks at it.

    `caller` shares one allowance of places. `filters` are the values of those that are set; the names in `fixed` are not to be escaped:
    no tile may ignore them. `days` are local ones, both included. `author` last changed the document.
    """

    project: Project
    document: DashboardDocument
    caller: str
    days: Days
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    fixed: frozenset[str] = frozenset()
    max_age_seconds: float = 0.0
    author: str | None = None

    @property
    def timezone(self) -> str:
        """The zone of its days."""
        return self.document.timezone or self.project.timezone


@dataclass(frozen=True, slots=True)
class TileAnswer:
    """A tile with its answer, or what kept it from having one. `withheld`: how many of its rows or values are about too few learners."""

    tile: Tile
    answer: Answer | None = None
    error: AnalyticsError | None = None
    withheld: int = 0


class Boards:
    """For one event loop."""

    def __init__(self, answers: Answers, saved: SavedQueries, clock: Clock, budget_seconds: float = BUDGET_SECONDS) -> None:
        self._answers = answers
        self._saved = saved
        self._clock = clock
        self._budget_seconds = budget_seconds

    def days_of(self, document: DashboardDocument, project: Project, first: date | None = None, last: date | None = None) -> Days:
        """The days to show: those asked for, else the dashboard's own. Both or none are given."""
        if first is not None and last is not None:
            return first, last
        own = document.days
        if own.date_from is not None and own.date_to is not None:
            return own.date_from, own.date_to
        today = self._clock.now().astimezone(parse_zone(document.timezone or project.timezone)).date()
        return today - timedelta(days=(own.last or 30) - 1), today

    async def answer(self, view: View, tiles: Sequence[Tile] | None = None) -> list[TileAnswer]:
        """The answers of `tiles` (of all, if absent), in their order. Raises nothing that is one tile's fault."""
        wanted = view.document.tiles if tiles is None else tiles
        places = asyncio.Semaphore(AT_ONCE)
        tasks = [asyncio.create_task(self._answer(view, tile, places), name=f"tile {tile.id}") for tile in wanted]
        if not tasks:
            return []
        try:
            await asyncio.wait(tasks, timeout=self._budget_seconds)
        finally:
            await settle(*tasks)
        return [self._outcome(tile, task) for tile, task in zip(wanted, tasks, strict=True)]

    def _outcome(self, tile: Tile, task: "asyncio.Task[TileAnswer]") -> TileAnswer:
        if task.cancelled():
            return TileAnswer(tile, error=QueryTimeoutError(f"The dashboard took longer than {self._budget_seconds:g} seconds."))
        failure = task.exception()
        if failure is None:
            return task.result()
        if isinstance(failure, AnalyticsError):
            return TileAnswer(tile, error=failure)
        _log.error("a tile failed unforeseen", tile=tile.id, exc_info=failure)
        return TileAnswer(tile, error=WarehouseUnavailableError("The tile could not be answered."))

    async def _answer(self, view: View, tile: Tile, places: asyncio.Semaphore) -> TileAnswer:
        async with places:
            asked = await self.asked(view, tile)
            answer = await self._answers.answer(asked)
            least = view.project.suppress_below
            if least is None:
                return TileAnswer(tile, answer)
            learners = asked.question.learners if tile.learners is None else tile.learners
            kept, withheld = await shown(self._answers, asked, answer, least, learners)
            return TileAnswer(tile, kept, withheld=withheld)

    async def check(self, view: View, tile: Tile) -> tuple[str | None, bool]:
        """The kind of question that a tile asks (None: a saved one), and whether it is about single persons.

        Raises what keeps it from being asked: SqlRefusedError, SqlSuspendedError, InvalidRequestError, StoreError.
        """
        try:
            asked = await self.asked(view, tile)
        except NotFoundError as error:
            detail = f"there is no saved question {tile.saved}"
            raise InvalidRequestError(f"{detail}.", [FieldError("/question/saved", detail)]) from error
        question = asked.question
        if question.kind is QuestionKind.SQL:
            await self._answers.require_allowed(asked)
            await self._answers.checked_sql(asked)
            return (None if tile.saved else "sql"), False
        spec = self._answers.trend_spec(asked)
        if tile.saved:
            return None, False
        return "trends", shows_persons(spec, view.project.personal_fields)

    async def asked(self, view: View, tile: Tile) -> Asked:
        """What a tile asks, with the days and filters of the view in it. Raises NotFoundError, InvalidRequestError."""
        saved = tile.saved
        if saved is None:
            question, author = question_of(tile.question), view.author
        else:
            kept = await self._saved.find(view.project.id, saved)
            question, author = kept.question, kept.changed_by
        declared = {one.name: one.type for one in question.parameters}
        params = dict(tile.params)
        if "timezone" in declared:
            params["timezone"] = view.timezone
        giver = view.author if tile.params else author
        conditions: list[Any] = []
        for one in view.document.filters:
            values = list(view.filters.get(one.name, one.default or ()))
            if not values or (one.name in tile.ignores and one.name not in view.fixed):
                continue
            if one.name in declared:
                params[one.name] = _bound(one.name, declared[one.name], values)
                if values != list(one.default or ()):
                    giver = view.caller
                elif giver != view.caller:
                    giver = view.author
            elif question.kind is QuestionKind.TRENDS:
                conditions.append({"property": one.property, "operator": "in", "value": values})
            else:
                detail = f"its SQL declares no parameter {one.name}"
                raise InvalidRequestError(f"The filter {one.name} does not reach this tile: {detail}.", [FieldError("/question", detail)])
        if question.kind is QuestionKind.TRENDS:
            question = _filtered(question, conditions, view.timezone)
        return Asked(
            project=view.project,
            question=question,
            caller=view.caller,
            params=params,
            days=view.days,
            max_age_seconds=view.max_age_seconds,
            max_rows=MOST_ROWS,
            author=author,
            giver=giver,
        )


def _bound(name: str, kind: str, values: Sequence[str]) -> Any:
    if kind.startswith("Array("):
        return list(values)
    if len(values) > 1:
        detail = f"its parameter {name} takes one value"
        raise InvalidRequestError(f"The filter {name} does not reach this tile: {detail}.", [FieldError("/question", detail)])
    return values[0]


def _filtered(question: Question, conditions: Sequence[Any], timezone: str) -> Question:
    body = {**question.trends, "timezone": timezone}
    own = body.get("filters")
    every = [own, *conditions] if own is not None else list(conditions)
    if conditions:
        body["filters"] = every[0] if len(every) == 1 else {"and": every}
    return replace(question, trends=body)
