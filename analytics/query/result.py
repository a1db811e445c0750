"""What a question answers, as data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from analytics.query.spec import Series, TrendSpec

Value = int | float | None
Source = Literal["raw", "rollup", "mixed"]


@dataclass(frozen=True, slots=True)
class Meta:
    """How an answer came about. Every event answered before `data_as_of` is in it."""

    query_id: str
    elapsed_ms: int
    rows_read: int
    bytes_read: int
    cached: bool
    data_as_of: datetime
    source: Source


@dataclass(frozen=True, slots=True)
class Group:
    """The value of the breakdown's property, None where it is missing; `other`: all values beyond the limit."""

    value: str | None
    other: bool = False


@dataclass(frozen=True, slots=True)
class TrendLine:
    """One line: a value per bucket, and the metric over the whole range (for users: distinct, not the sum)."""

    label: str
    breakdown: Group | None
    values: Sequence[Value]
    total: Value
    estimate: bool = False


@dataclass(frozen=True, slots=True)
class TrendAnswer:
    """The lines of all series, in order; the groups of one series stand together, largest first, `other` last."""

    buckets: Sequence[str]
    series: Sequence[TrendLine]
    meta: Meta


def trend_lines(
    spec: TrendSpec, series: Series, bucket_keys: Sequence[int], groups: Sequence[str] | None, rows: Sequence[tuple[int, int, int, Value]]
) -> list[TrendLine]:
    """Lines of one series from rows (group, bucket, is_total, value); buckets without a row get the value of no events."""
    nothing: Value = 0 if series.metric.is_zero_of_nothing else None
    position = {key: index for index, key in enumerate(bucket_keys)}
    values: dict[int, list[Value]] = {}
    totals: dict[int, Value] = {}
    for group, bucket, is_total, value in rows:
        number = _tidy(value, nothing)
        if is_total:
            totals[group] = number
        else:
            values.setdefault(group, [nothing] * len(bucket_keys))[position[bucket]] = number
    lines: list[TrendLine] = []
    for group, breakdown in _numbered(groups):
        if breakdown is not None and group not in values:
            continue  # no such rows any more, or nothing beyond the limit
        line = values.get(group, [nothing] * len(bucket_keys))
        total = totals.get(group, nothing)
        if spec.cumulative:
            line = _running(line)
            total = line[-1]
        lines.append(TrendLine(series.label, breakdown, line, total))
    return lines


def source_of(is_rollup: Sequence[bool]) -> Source:
    """One word for where the answers of all series came from."""
    kinds = set(is_rollup)
    return "mixed" if len(kinds) > 1 else "rollup" if True in kinds else "raw"


def _numbered(groups: Sequence[str] | None) -> list[tuple[int, Group | None]]:
    if groups is None:
        return [(1, None)]
    named = [(number, Group(text or None)) for number, text in enumerate(groups, start=1)]
    return [*named, (len(groups) + 1, Group(None, other=True))]


def _tidy(value: Value, nothing: Value) -> Value:
    """Floating sums may differ in their last bits with the order of rows: answers carry 15 significant digits."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return nothing
    return float(f"{value:.15g}") if isinstance(value, float) else value


def _running(values: Sequence[Value]) -> list[Value]:
    running: list[Value] = []
    so_far: int | float = 0
    for value in values:
        so_far += value or 0
        running.append(float(f"{so_far:.15g}") if isinstance(so_far, float) else so_far)
    return running
