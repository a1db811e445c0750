"""Which days of a rollup must be compared: those of months of which any part of a table is new since the last finished run.

A table's parts never change, they are replaced. So a month whose parts are those that the last run knew holds the same rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

Parts = Mapping[str, int]  # "table/yyyymm": hash of the names of its parts

_DAY = timedelta(days=1)
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2149, 6, 6)  # of the engine's Date


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Days to compare, both inclusive."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """All of them, in order."""
        return [self.first + _DAY * number for number in range((self.last - self.first).days + 1)]


def changed_months(table: str, now: Parts, before: Parts | None) -> set[str]:
    """Months (yyyymm) of `table` that are not made of the parts they were made of `before`; None: all months."""
    known = before or {}
    places = {place for place in (*now, *known) if place.partition("/")[0] == table}
    return {place.partition("/")[2] for place in places if before is None or now.get(place) != known.get(place)}


def windows_to_compare(table: str, by_local_day: bool, now: Parts, before: Parts | None, touched: Iterable[str] = ()) -> list[Window]:
    """The windows of a rollup, newest first. `touched` are months of `events` that changed since `now` was read.

    `by_local_day`: an event may lie in the rollup a day before or after its day in `events`.
    """
    of_events = changed_months("events", now, before) | set(touched)
    windows = {_month(month) for month in changed_months(table, now, before)}
    windows |= {_wider(_month(month)) if by_local_day else _month(month) for month in of_events}
    # A month by itself within the same month with a day more at each end is compared already.
    return sorted((window for window in windows if not any(_holds(other, window) for other in windows)), reverse=True)


def _month(text: str) -> Window:
    first = date(int(text[:4]), int(text[4:]), 1)
    following = (first + 31 * _DAY).replace(day=1)
    return Window(first, following - _DAY)


def _wider(window: Window) -> Window:
    return Window(max(_FIRST_DAY, window.first - _DAY), min(_LAST_DAY, window.last + _DAY))


def _holds(other: Window, window: Window) -> bool:
    return other != window and other.first <= window.first and window.last <= other.last
