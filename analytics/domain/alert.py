"""When the answer to a question is an alarm. Pure: rows in, verdict out.

The one thing to know: a value that is missing is no alarm but for `no_data`; whoever wants both makes two alerts.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from analytics.errors import InvalidQueryError


class AlertKind(StrEnum):
    """What is looked for."""

    THRESHOLD = "threshold"
    CHANGE = "change"
    NO_DATA = "no_data"


class Comparison(StrEnum):
    """How a value is compared."""

    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"


class Take(StrEnum):
    """Which of the values of a column counts."""

    LAST = "last"
    FIRST = "first"
    MIN = "min"
    MAX = "max"
    SUM = "sum"


_COMPARE: Mapping[Comparison, Callable[[float, float], bool]] = {
    Comparison.GT: operator.gt,
    Comparison.GTE: operator.ge,
    Comparison.LT: operator.lt,
    Comparison.LTE: operator.le,
}


@dataclass(frozen=True, slots=True)
class AlertCondition:
    """`column`: of which the values count; None: the last. For `change` the value is that of the last row less that of the row before,
    or, where there is one row only, less that of the last check; `relative`: as a share of it.
    """

    kind: AlertKind
    comparison: Comparison | None = None
    value: float | None = None
    column: str | None = None
    take: Take = Take.LAST
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`value` is what was compared, None where there was none; `level` is what the next check compares a change with."""

    fires: bool
    value: float | None
    level: float | None


def check_condition(condition: AlertCondition, pointer: str = "/condition") -> None:
    """Raises InvalidQueryError for one that means nothing."""
    compares = condition.comparison is not None and condition.value is not None
    if condition.kind is AlertKind.NO_DATA:
        if condition.comparison is not None or condition.value is not None:
            raise InvalidQueryError.at(f"{pointer}/value", "does not go with no_data")
    elif not compares:
        raise InvalidQueryError.at(pointer, "needs a comparison and a value")
    if condition.relative and condition.kind is not AlertKind.CHANGE:
        raise InvalidQueryError.at(f"{pointer}/relative", "goes with change only")
    if condition.take is not Take.LAST and condition.kind is AlertKind.CHANGE:
        raise InvalidQueryError.at(f"{pointer}/take", "does not go with change")


def judge(condition: AlertCondition, columns: Sequence[str], rows: Sequence[Sequence[Any]], last_level: float | None) -> Verdict:
    """What the rows say. `last_level` is that of the last check. Raises InvalidQueryError if there is no such column."""
    if condition.column is not None and condition.column not in columns:
        raise InvalidQueryError.at("/condition/column", f"is no column of the answer, which has {', '.join(columns)[:500]}")
    place = len(columns) - 1 if condition.column is None else list(columns).index(condition.column)
    found = [number_of(row[place]) for row in rows]
    numbers = [number for number in found if number is not None]
    level = numbers[-1] if numbers else None
    if condition.kind is AlertKind.NO_DATA:
        return Verdict(not any(numbers), float(len(rows)), level)
    value = _change(condition, found, last_level) if condition.kind is AlertKind.CHANGE else _taken(condition.take, numbers)
    if value is None or condition.comparison is None or condition.value is None:
        return Verdict(False, None, level)
    return Verdict(_COMPARE[condition.comparison](value, condition.value), value, level)


def number_of(value: Any) -> float | None:
    """A value of an answer as a number; None for what is none. Decimals and large integers are texts in an answer."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            value = Decimal(value)
        except InvalidOperation:
            return None
    if not isinstance(value, int | float | Decimal):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _taken(take: Take, numbers: Sequence[float]) -> float | None:
    if not numbers:
        return None
    match take:
        case Take.LAST:
            return numbers[-1]
        case Take.FIRST:
            return numbers[0]
        case Take.MIN:
            return min(numbers)
        case Take.MAX:
            return max(numbers)
        case Take.SUM:
            return math.fsum(numbers)


def _change(condition: AlertCondition, found: Sequence[float | None], last_level: float | None) -> float | None:
    now = found[-1] if found else None
    before = found[-2] if len(found) > 1 else last_level
    if now is None or before is None:
        return None
    if not condition.relative:
        return now - before
    return (now - before) / abs(before) if before else None
