"""Asks the warehouse: plan, compile, run, read.

The one thing to know: the watermark is read before the first statement runs, so that `data_as_of` is never later than what was read.
"""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast
from uuid import uuid4

from analytics.clock import Clock
from analytics.crypto.personal_values import PersonalValues
from analytics.domain.project import Project
from analytics.errors import AnalyticsError, LimitExceededError
from analytics.query.compiler import Compiled, compile_series, compile_side_by_side, compile_top
from analytics.query.personal import trend_as_stored
from analytics.query.planner import SeriesPlan, plan_trend, side_by_side
from analytics.query.result import Meta, TrendAnswer, TrendLine, source_of, trend_lines
from analytics.query.spec import TrendSpec
from analytics.telemetry.metrics import Metrics
from analytics.warehouse.client import Rows, Warehouse

MAX_GROUP_TEXT = 100_000  # characters of the values of all groups: they are asked for a second time, as parameters
Watermark = Callable[[], datetime]


class Questions:
    """The engine of all questions over one warehouse. `watermark` says up to when every answered event is stored."""

    def __init__(
        self, warehouse: Warehouse, clock: Clock, watermark: Watermark, metrics: Metrics, personal: PersonalValues | None = None
    ) -> None:
        """`personal` has the keys of personal fields; without it questions about them are refused."""
        self._warehouse = warehouse
        self._clock = clock
        self._watermark = watermark
        self._metrics = metrics
        self._personal = personal

    async def trends(self, project: Project, spec: TrendSpec) -> TrendAnswer:
        """The values of every series of `spec` over the project's events.

        Raises InvalidQueryError if a demanded rollup cannot answer, LimitExceededError, QueryTimeoutError, WarehouseUnavailableError.
        Exact quantiles and distinct counts hold their values in memory: at the limit of a question's memory they fail, they never estimate.
        """
        with self._measured("trends"):
            return await self._trends(project, trend_as_stored(spec, project, self._personal))

    async def _trends(self, project: Project, spec: TrendSpec) -> TrendAnswer:
        asking = _Asking(self._warehouse, self._watermark())
        plans = plan_trend(spec, project.timezone)
        lines: dict[int, list[TrendLine]] = {}
        for places in side_by_side(spec, plans):
            together = [plans[place] for place in places]
            if len(together) == 1:
                lines[places[0]] = await self._series(asking, project, spec, together[0])
            else:
                lines |= dict(zip(places, await self._side_by_side(asking, project, spec, together), strict=True))
        return TrendAnswer(spec.buckets.labels, [line for place in sorted(lines) for line in lines[place]], asking.meta(plans))

    @contextmanager
    def _measured(self, kind: str) -> Generator[None]:
        started = time.perf_counter()
        try:
            yield
        except AnalyticsError as error:
            self._metrics.question_errors.labels(error.code).inc()
            raise
        finally:
            self._metrics.question_seconds.labels(kind).observe(time.perf_counter() - started)

    async def _series(self, asking: "_Asking", project: Project, spec: TrendSpec, plan: SeriesPlan) -> list[TrendLine]:
        today = self._clock.now().date()
        groups: list[str] | None = None
        if spec.breakdown is not None:
            groups = [str(row[0]) for row in (await asking.run(compile_top(spec, plan, project.id, today))).rows]
            if not groups:
                return []
            if sum(map(len, groups)) > MAX_GROUP_TEXT:
                raise LimitExceededError(f"The values of {spec.breakdown.property} are too long for a breakdown.", limit="breakdown-text")
        compiled = compile_series(spec, plan, project.id, today, groups)
        rows = await asking.run(compiled)
        return trend_lines(spec, plan.series, compiled.bucket_keys, groups, cast(Sequence[Any], rows.rows))

    async def _side_by_side(
        self, asking: "_Asking", project: Project, spec: TrendSpec, plans: Sequence[SeriesPlan]
    ) -> list[list[TrendLine]]:
        """The lines of each of the plans, which differ in their event alone."""
        events = sorted({plan.series.event for plan in plans if plan.series.event is not None})
        compiled = compile_side_by_side(spec, plans[0], events, project.id, self._clock.now().date())
        rows: dict[int, list[Any]] = {number: [] for number in range(1, len(events) + 1)}
        for group, *values in (await asking.run(compiled)).rows:
            rows[group].append((1, *values))
        own = {event: rows[number] for number, event in enumerate(events, start=1)}
        return [trend_lines(spec, plan.series, compiled.bucket_keys, None, own[plan.series.event or ""]) for plan in plans]


class _Asking:
    """The statements of one question, counted."""

    def __init__(self, warehouse: Warehouse, data_as_of: datetime) -> None:
        self._warehouse = warehouse
        self._data_as_of = data_as_of
        self._query_id = uuid4().hex
        self._started = time.perf_counter()
        self._statements = 0
        self._rows_read = 0
        self._bytes_read = 0

    async def run(self, compiled: Compiled) -> Rows:
        self._statements += 1
        rows = await self._warehouse.ask(compiled.sql, compiled.parameters, query_id=f"{self._query_id}-{self._statements}")
        self._rows_read += rows.rows_read
        self._bytes_read += rows.bytes_read
        return rows

    def meta(self, plans: Sequence[SeriesPlan]) -> Meta:
        return Meta(
            query_id=self._query_id,
            elapsed_ms=round((time.perf_counter() - self._started) * 1000),
            rows_read=self._rows_read,
            bytes_read=self._bytes_read,
            cached=False,
            data_as_of=self._data_as_of,
            source=source_of([plan.is_rollup for plan in plans]),
        )
