"""A planned series as SQL and parameters.

The one maker of Fragments: their text is the catalogue's own and numbered parameters, never a caller's value, which reaches the engine as a
typed parameter only. Every condition compiles to an expression that is 0 or 1, never NULL, so that `not` means the same here and in
`domain/filters.py`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, LiteralString

from analytics.domain.filters import NEGATIVES, And, Condition, Filter, Not, Operator, Or, Scalar
from analytics.domain.json_values import number_of, text_of
from analytics.query.catalog import Property, Table, find_property
from analytics.query.planner import SeriesPlan, local_days
from analytics.query.spec import Metric, TrendSpec
from analytics.statements import Fragment, Statement, clickhouse

_COMPARISONS = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}
_TEXT_TESTS = {
    Operator.CONTAINS: "position({text}, {operand}) > 0",
    Operator.STARTS_WITH: "startsWith({text}, {operand})",
    Operator.ENDS_WITH: "endsWith({text}, {operand})",
    Operator.REGEX: "match({text}, {operand})",
}
_NUMERIC_MEASURES = {
    Metric.SUM: "ifNull(sumKahan({number}), 0)",
    Metric.AVG: "sumKahan({number}) / count({number})",
    Metric.MIN: "min({number})",
    Metric.MAX: "max({number})",
    Metric.MEDIAN: "quantileExactInclusive(0.5)({number})",
    Metric.P90: "quantileExactInclusive(0.9)({number})",
    Metric.P95: "quantileExactInclusive(0.95)({number})",
    Metric.P99: "quantileExactInclusive(0.99)({number})",
}
_TWELVE_DIGITS = "round({measure}, 11 - toInt16(floor(log10(greatest(abs({measure}), 1e-300)))))"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement ready to run. `bucket_keys` are the numbers by which its answer names the buckets, in order."""

    sql: str
    parameters: Mapping[str, Any]
    bucket_keys: Sequence[int] = ()


@dataclass(slots=True)
class Parameters:
    """Numbered parameters of one statement: `add` gives the placeholder."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])

    def add(self, value: object, kind: str = "String") -> str:
        """The placeholder `{p0:String}` of a new parameter."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"{{{name}:{kind}}}"


def compile_series(spec: TrendSpec, plan: SeriesPlan, project_id: str, today: date, groups: Sequence[str] | None) -> Compiled:
    """The statement that gives the values of a series.

    `groups` are the texts of the groups of a breakdown, which get the numbers 1, 2, …; the rest gets the number after the last.
    None: no breakdown, one group with number 1.
    """
    parameters = Parameters()
    fragments = {"filters": Fragment(_filters(spec, plan, parameters))}
    bucket, keys = _bucket(spec, plan.table, parameters)
    fragments["bucket"] = Fragment(bucket)
    if groups is not None and spec.breakdown is not None:
        fragments["group"] = Fragment(_group(find_property(spec.breakdown.property, ""), groups, parameters))
    return _compiled_series(spec, plan, project_id, today, parameters, fragments, keys)


def compile_side_by_side(spec: TrendSpec, plan: SeriesPlan, events: Sequence[str], project_id: str, today: date) -> Compiled:
    """The statement that gives the values of `plan` for each of `events` in place of its own: they are the groups 1, 2, …"""
    parameters = Parameters()
    names = f"event IN {parameters.add(list(events), 'Array(String)')}"
    fragments = {"filters": Fragment(_all_of([names, *_common_filters(spec, plan, parameters)]))}
    bucket, keys = _bucket(spec, plan.table, parameters)
    fragments |= {"bucket": Fragment(bucket), "group": Fragment(_group(find_property("event", ""), events, parameters))}
    return _compiled_series(spec, plan, project_id, today, parameters, fragments, keys)


def _compiled_series(
    spec: TrendSpec,
    plan: SeriesPlan,
    project_id: str,
    today: date,
    parameters: Parameters,
    fragments: dict[str, Fragment],
    keys: Sequence[int],
) -> Compiled:
    statement = _statement(spec, plan)
    if "measure" in statement.slots:
        fragments["measure"] = Fragment(_measure(plan, parameters))
    return Compiled(statement.text(**fragments), {**parameters.values, **_range(spec, statement, project_id, today)}, keys)


def compile_top(spec: TrendSpec, plan: SeriesPlan, project_id: str, today: date) -> Compiled:
    """The statement that gives the texts of the largest groups of a series' breakdown, largest first."""
    if spec.breakdown is None:
        raise ValueError("a series without breakdown has no groups")
    parameters = Parameters()
    fragments = {"filters": Fragment(_filters(spec, plan, parameters))}
    match plan.table:
        case Table.EVENT_COUNTS:
            statement = clickhouse("trends/top_event_counts")
        case Table.USER_DAYS:
            statement = clickhouse("trends/top_user_days")
        case Table.EVENTS:
            statement = clickhouse("trends/top_events")
            fragments["text"] = Fragment(text_expression(find_property(spec.breakdown.property, ""), parameters))
            measure = _measure(plan, parameters)
            # Floating sums differ in their last bits with the order of rows: groups that far equal are in the order of their names.
            fragments["measure"] = Fragment(_TWELVE_DIGITS.format(measure=measure) if plan.series.metric.is_numeric else measure)
    values = {**parameters.values, **_range(spec, statement, project_id, today), "groups": spec.breakdown.limit}
    return Compiled(statement.text(**fragments), values)


def _statement(spec: TrendSpec, plan: SeriesPlan) -> Statement:
    running_users = spec.cumulative and plan.series.metric is Metric.UNIQUE_USERS
    match plan.table:
        case Table.EVENT_COUNTS:
            return clickhouse("trends/event_counts")
        case Table.USER_DAYS:
            return clickhouse("trends/first_seen_user_days") if running_users else clickhouse("trends/user_days")
        case Table.EVENTS:
            return clickhouse("trends/first_seen_events") if running_users else clickhouse("trends/events")


def _range(spec: TrendSpec, statement: Statement, project_id: str, today: date) -> dict[str, Any]:
    first_day, last_day = local_days(spec)
    values = {
        "project_id": project_id,
        "today": today.isoformat(),
        "start": engine_time(spec.span.start),
        "end": engine_time(spec.span.end),
        "first_date": spec.span.start.astimezone(UTC).date().isoformat(),
        "last_date": (spec.span.end - timedelta(milliseconds=1)).astimezone(UTC).date().isoformat(),
        "first_day": first_day,
        "last_day": last_day,
    }
    return {name: value for name, value in values.items() if name in statement.parameters}


def engine_time(instant: datetime) -> str:
    """An instant as the engine reads a DateTime64(3, 'UTC') parameter."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def _bucket(spec: TrendSpec, table: Table, parameters: Parameters) -> tuple[str, Sequence[int]]:
    """The number of a row's bucket: its index if all are equally wide, else the start of the bucket it falls into."""
    if table is Table.USER_DAYS:
        column, starts = "toInt32(local_date)", [_day_number(day) for day in spec.buckets.dates]
        end = _day_number(date.fromisoformat(local_days(spec)[1])) + 1
    else:
        column = "toUnixTimestamp(timestamp)" if table is Table.EVENTS else "toUnixTimestamp(event_counts.bucket)"
        starts, end = spec.buckets.seconds, math.ceil(spec.span.end.timestamp())
    if len(starts) == 1:
        return "materialize(toUInt32(0))", [0]
    steps = {after - before for before, after in pairwise(starts)}
    # What is left of the range for the last bucket counts too: it may be a day of 25 hours, or March after February.
    if len(steps) > 1 or end - starts[-1] > max(steps):
        return f"roundDown(toUInt32({column}), {parameters.add(list(starts), 'Array(UInt32)')})", starts
    first, step = parameters.add(starts[0], "Int64"), parameters.add(steps.pop(), "Int64")
    return f"intDiv({column} - {first}, {step})", range(len(starts))


def _day_number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _group(found: Property, groups: Sequence[str], parameters: Parameters) -> str:
    """The number of a row's group: its place in `groups`, from 1, or the one after the last."""
    text = text_expression(found, parameters)
    numbers = parameters.add(list(range(1, len(groups) + 1)), "Array(UInt16)")
    rest = parameters.add(len(groups) + 1, "UInt16")
    return f"transform(toString({text}), {parameters.add(list(groups), 'Array(String)')}, {numbers}, {rest})"


def _filters(spec: TrendSpec, plan: SeriesPlan, parameters: Parameters) -> str:
    event = plan.series.event
    names = [] if event is None else [f"event = {parameters.add(event)}"]
    return _all_of([*names, *_common_filters(spec, plan, parameters)])


def _common_filters(spec: TrendSpec, plan: SeriesPlan, parameters: Parameters) -> list[str]:
    return [compile_filter(tree, parameters) for tree in (spec.filter, plan.series.filter) if tree is not None]


def _all_of(terms: Sequence[str]) -> str:
    return " AND ".join(terms) or "true"


def _measure(plan: SeriesPlan, parameters: Parameters) -> str:
    series = plan.series
    if series.property is not None:
        return _NUMERIC_MEASURES[series.metric].format(number=number_expression(find_property(series.property, ""), parameters))
    return "uniqExact(user_hash)" if series.metric is Metric.UNIQUE_USERS else "count()"


def compile_terms(terms: Sequence[LiteralString]) -> Fragment:
    """A slot's text from expressions written in the source, all of which must hold."""
    return Fragment.of(" AND ".join(terms) if terms else "true")


# ---- filters -----------------------------------------------------------------


def compile_filter(tree: Filter, parameters: Parameters) -> str:
    """A boolean expression over events columns that means what `domain.filters.matches` does."""
    match tree:
        case And(terms):
            return f"({' AND '.join(compile_filter(term, parameters) for term in terms)})" if terms else "true"
        case Or(terms):
            return f"({' OR '.join(compile_filter(term, parameters) for term in terms)})" if terms else "false"
        case Not(term):
            return f"NOT {compile_filter(term, parameters)}"
        case Condition(_, operator, _):
            if operator in NEGATIVES:
                return f"NOT {_condition(tree, NEGATIVES[operator], parameters)}"
            return _condition(tree, operator, parameters)


def text_expression(found: Property, parameters: Parameters) -> str:
    """The text of a property, empty where it is missing."""
    if not found.path:
        return found.text
    keys = ", ".join(parameters.add(key) for key in found.path)
    return f"JSONExtract({found.text}, {keys}, 'String')"


def number_expression(found: Property, parameters: Parameters) -> str:
    """The number of a property, NULL where it has none."""
    number = f"toFloat64OrNull({text_expression(found, parameters)})"
    return f"if(isFinite({number}), {number} + 0, NULL)"  # -0 + 0 is 0: IN takes the two zeros for different numbers


def _condition(condition: Condition, operator: Operator, parameters: Parameters) -> str:
    found = find_property(condition.property, f"{condition.pointer}/property")
    values = [found.operand(value, condition.pointer) for value in condition.values]
    if operator in (Operator.EQ, Operator.IN):
        return _equality(found, values, parameters)
    if operator in _COMPARISONS or operator is Operator.BETWEEN:
        return _comparison(found, operator, values, parameters)
    text = text_expression(found, parameters)
    if operator is Operator.IS_SET:
        return f"({text} != '')"
    test = _TEXT_TESTS[operator].format(text=text, operand=parameters.add(str(values[0])))
    return f"({test} AND {text} != '')"


def _equality(found: Property, values: Sequence[Scalar], parameters: Parameters) -> str:
    texts = sorted({text_of(value) for value in values if isinstance(value, str | bool)} - {""})
    numbers = sorted({float(value) + 0.0 for value in values if not isinstance(value, str | bool)})
    tests: list[str] = []
    if texts:
        text = text_expression(found, parameters)
        equal = f"= {parameters.add(texts[0])}" if len(texts) == 1 else f"IN {parameters.add(texts, 'Array(String)')}"
        tests.append(f"{text} {equal}")
    if numbers:
        number = number_expression(found, parameters)
        equal = f"= {parameters.add(numbers[0], 'Float64')}" if len(numbers) == 1 else f"IN {parameters.add(numbers, 'Array(Float64)')}"
        tests.append(f"ifNull({number} {equal}, false)")
    return f"({' OR '.join(tests)})" if tests else "false"


def _comparison(found: Property, operator: Operator, values: Sequence[Scalar], parameters: Parameters) -> str:
    numbers = [number_of(value) for value in values]
    if None in numbers:
        text = text_expression(found, parameters)
        return f"({_in_order(text, operator, [parameters.add(text_of(value)) for value in values])} AND {text} != '')"
    number = number_expression(found, parameters)
    return f"ifNull({_in_order(number, operator, [parameters.add(value, 'Float64') for value in numbers])}, false)"


def _in_order(left: str, operator: Operator, bounds: Sequence[str]) -> str:
    if operator is Operator.BETWEEN:
        return f"{left} BETWEEN {bounds[0]} AND {bounds[1]}"
    return f"{left} {_COMPARISONS[operator]} {bounds[0]}"
