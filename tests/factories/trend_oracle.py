"""Trends by brute force: what `POST …/trends` must answer, from a list of events, without a database."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from analytics.domain.filters import matches
from analytics.domain.json_values import number_of, read_json, text_of
from analytics.query.result import Group
from analytics.query.spec import Metric, Series, TrendSpec
from tests.factories.stored_events import StoredEvent

Line = tuple[Group | None, list[Any], Any]


def expected_lines(spec: TrendSpec, series: Series, events: Sequence[StoredEvent]) -> list[Line]:
    """(group, values, total) of each line of one series, in the order of the answer."""
    chosen = [event for event in events if _counts(spec, series, event)]
    if spec.breakdown is None:
        return [(None, *_line(spec, series, chosen))]
    groups: dict[str, list[StoredEvent]] = defaultdict(list)
    for event in chosen:
        groups[text_of(property_of(event, spec.breakdown.property))].append(event)
    measured = {text: _measure(series, members) for text, members in groups.items()}
    order = sorted(groups, key=lambda t: (measured[t] is None, -(tidy(measured[t]) or 0), t == "", t.encode()))
    shown, rest = order[: spec.breakdown.limit], order[spec.breakdown.limit :]
    lines: list[Line] = [(Group(text or None), *_line(spec, series, groups[text])) for text in shown]
    if rest:
        lines.append((Group(None, other=True), *_line(spec, series, [event for text in rest for event in groups[text]])))
    return lines


def tidy(value: Any) -> Any:
    """Twelve significant digits: floating sums differ in their last bits with the order of rows."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def property_of(event: StoredEvent, name: str) -> object:
    """The JSON value of a property, straight from the event."""
    if name.startswith("properties."):
        value: Any = read_json(event.properties_text)
        for key in name.split(".")[1:]:
            value = value.get(key) if isinstance(value, dict) else None
        return value
    return {"event": event.event, "user_id": event.user_id, "browser": event.columns.get("browser", "")}[name]


def _counts(spec: TrendSpec, series: Series, event: StoredEvent) -> bool:
    if not spec.span.start <= event.timestamp < spec.span.end:
        return False
    if series.event is not None and event.event != series.event:
        return False
    value_of: Callable[[str], object] = lambda name: property_of(event, name)  # noqa: E731
    return matches(spec.filter, value_of) and matches(series.filter, value_of)


def _line(spec: TrendSpec, series: Series, events: Sequence[StoredEvent]) -> tuple[list[Any], Any]:
    buckets: list[list[StoredEvent]] = [[] for _ in spec.buckets.starts]
    for event in events:
        buckets[bisect_right(spec.buckets.starts, event.timestamp) - 1].append(event)
    if spec.cumulative:
        so_far = [[event for bucket in buckets[: index + 1] for event in bucket] for index in range(len(buckets))]
        return [_measure(series, members) for members in so_far], _measure(series, events)
    return [_measure(series, members) for members in buckets], _measure(series, events)


def _measure(series: Series, events: Sequence[StoredEvent]) -> Any:
    if series.metric is Metric.TOTAL:
        return len(events)
    if series.metric is Metric.UNIQUE_USERS:
        return len({event.person for event in events})
    assert series.property is not None
    read = [number_of(property_of(event, series.property)) for event in events]
    numbers = sorted(number for number in read if number is not None)
    if series.metric is Metric.SUM:
        return math.fsum(numbers)
    if not numbers:
        return None
    match series.metric:
        case Metric.AVG:
            return math.fsum(numbers) / len(numbers)
        case Metric.MIN:
            return numbers[0]
        case Metric.MAX:
            return numbers[-1]
        case _:
            level = {Metric.MEDIAN: 0.5, Metric.P90: 0.9, Metric.P95: 0.95, Metric.P99: 0.99}[series.metric]
            place = level * (len(numbers) - 1)
            low = math.floor(place)
            return numbers[low] + (numbers[min(low + 1, len(numbers) - 1)] - numbers[low]) * (place - low)
