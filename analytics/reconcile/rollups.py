"""A rollup compared with the events, day by day and then key by key, and put right.

Numbers are corrected by rows that add or take away, rows without events are deleted by where they lie: neither minds events that come in
meanwhile, and each may be broken off and done again. The one thing to know: a difference counts only if it is there twice, each time with
the writer between two batches.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import structlog
from numpy.typing import NDArray

from analytics.reconcile.months import Window
from analytics.reconcile.session import Session
from analytics.statements import Statement, clickhouse

KEYS_A_ROUND = 200_000
KEYS_BY_NAME = 5_000  # a server takes 128 KiB a parameter; more are cheaper looked at among all
PLACES_A_DELETION = 40_000
PLACES_A_DELETION_ON_A_SERVER = 5_000
DAYS_A_BATCH = 1_000
_ROUNDS = 50
_log = structlog.get_logger("analytics.reconcile")


@dataclass(frozen=True, slots=True)
class Rollup:
    """A table that a view fills from `events`. `sums`: its rows are keys with numbers of events; else a row an event.

    `day` is the column of its day. The statements compare it, ever more closely, by days, by hashes of keys and by keys with the places of
    their rows; `delete` deletes rows by place.
    """

    name: str
    day: str
    sums: bool
    days: Statement
    differences: Statement
    keys: Statement
    delete: Statement


def rollups() -> tuple[Rollup, ...]:
    """All of them. `event_ids` is none: it knows ids for some days, also of events that are gone."""
    return (
        Rollup(
            "event_counts",
            "date",
            True,
            clickhouse("reconcile/event_counts_days"),
            clickhouse("reconcile/event_counts_differences"),
            clickhouse("reconcile/event_counts_keys"),
            clickhouse("reconcile/delete_event_counts_places"),
        ),
        Rollup(
            "user_days",
            "local_date",
            True,
            clickhouse("reconcile/user_days_days"),
            clickhouse("reconcile/user_days_differences"),
            clickhouse("reconcile/user_days_keys"),
            clickhouse("reconcile/delete_user_days_places"),
        ),
        Rollup(
            "user_timeline",
            "date",
            False,
            clickhouse("reconcile/user_timeline_days"),
            clickhouse("reconcile/user_timeline_differences"),
            clickhouse("reconcile/user_timeline_keys"),
            clickhouse("reconcile/delete_user_timeline_places"),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Day:
    """One project's day that differs."""

    project_id: str
    day: date
    true_events: int
    stored_events: int

    @property
    def rows(self) -> int:
        """At most so many rows."""
        return max(self.true_events, abs(self.stored_events))

    @property
    def differences(self) -> int:
        """So many differences, as far as one can tell."""
        return abs(self.true_events - self.stored_events)


class RollupRepair:
    """Compares and repairs one rollup. Rows that expire by `going` count as gone; `settle_seconds` lie between the two looks."""

    def __init__(self, session: Session, rollup: Rollup, going: date, settle_seconds: float, rows_a_slice: int) -> None:
        self._session = session
        self._rollup = rollup
        self._going = going.isoformat()
        self._settle_seconds = settle_seconds
        self._rows_a_slice = rows_a_slice

    def repair(self, window: Window) -> int:
        """Compare the days of `window` and put right what differs; by how many events it differed, 0 if it did not.

        Raises as the methods of Session.
        """
        bounds = {"first": window.first.isoformat(), "last": window.last.isoformat(), "going": self._going}
        found = self._session.ask_at_rest(self._rollup.days, bounds)
        days = [_Day(*row) for row in zip(*(found.column(name).to_pylist() for name in _Day.__slots__), strict=True)]
        drift = 0
        for batch in _batches(days, self._rows_a_slice):
            rows, differences = sum(day.rows for day in batch), sum(day.differences for day in batch)
            slices = max(1, math.ceil(rows / self._rows_a_slice), math.ceil(differences / KEYS_A_ROUND))
            for number in range(slices):
                drift += self._repair_slice(batch, slices, number)
        return drift

    def _repair_slice(self, days: Sequence[_Day], slices: int, number: int) -> int:
        values: dict[str, Any] = {
            "days": [(day.project_id, day.day.isoformat()) for day in days],
            "projects": sorted({day.project_id for day in days}),
            "first": min(day.day for day in days).isoformat(),
            "last": max(day.day for day in days).isoformat(),
            "going": self._going,
            "slices": slices,
            "slice": number,
            "rows": KEYS_A_ROUND,
        }
        counted: dict[int, int] = {}
        for _ in range(_ROUNDS):
            first = self._ask(self._rollup.differences, values)
            if not first.num_rows:
                break
            self._session.wait(self._settle_seconds)
            by_name = first.num_rows <= KEYS_BY_NAME
            named = {"all_keys": int(not by_name), "keys": _keys(first) if by_name else []}
            differing = _in_both(first, self._ask(self._rollup.keys, {**values, **named}))
            if not differing.num_rows:
                break
            for key, off in zip(_keys(differing), _missing(differing).tolist(), strict=True):
                counted.setdefault(key, max(1, abs(off)))
            self._put_right(differing)
        else:
            _log.warning("a rollup could not be put right: the next run goes on", table=self._rollup.name)
        return sum(counted.values())

    def _ask(self, statement: Statement, values: Mapping[str, Any]) -> pa.Table:
        return self._session.ask_at_rest(statement, {name: values[name] for name in statement.parameters})

    def _put_right(self, differing: pa.Table) -> None:
        true = differing.column("true_events").to_numpy()
        missing = _missing(differing)
        if self._rollup.sums:
            self._delete(differing, keep=np.where(true > 0, -1, 0))
            self._insert(differing, np.where(true > 0, missing, 0))
        else:
            self._delete(differing, keep=np.where(missing < 0, true, -1))
            self._insert(differing, np.maximum(missing, 0))

    def _delete(self, differing: pa.Table, keep: NDArray[np.int64]) -> None:
        """Delete the rows of each key but the first `keep` of them; -1: none of its rows."""
        most = PLACES_A_DELETION if self._session.embedded else PLACES_A_DELETION_ON_A_SERVER
        places: list[int] = []
        months: set[str] = set()
        for row in np.flatnonzero(keep >= 0).tolist():
            if len(places) >= most:
                break  # a deletion renames all parts: what is beyond these places must be looked up again
            places += differing.column("places")[row].as_py()[int(keep[row]) :]
            months.add(f"{differing.column(self._rollup.day)[row].as_py():%Y%m}")
        if places:
            self._session.delete(self._rollup.name, self._rollup.delete, {"months": sorted(months), "places": places[:most]})

    def _insert(self, differing: pa.Table, events: NDArray[np.int64]) -> None:
        """Add to each key the number of its `events`: as one row with the number, or as so many rows."""
        rows = np.flatnonzero(events)
        if not len(rows):
            return
        numbers = events[rows]
        if not self._rollup.sums:
            rows = np.repeat(rows, numbers)
        added = differing.drop_columns(list(_NOT_KEYS)).take(rows)
        if self._rollup.sums:
            added = added.append_column("events", pa.array(numbers, pa.int64()))
        self._session.insert(self._rollup.name, added)


_NOT_KEYS = ("key", "true_events", "stored_events", "places")


def _batches(days: Sequence[_Day], rows_a_batch: int) -> Iterator[Sequence[_Day]]:
    """Days to look at together: as many as have few enough rows and differences, or a single larger one."""
    batch: list[_Day] = []
    rows = differences = 0
    for day in days:
        rows, differences = rows + day.rows, differences + day.differences
        if batch and (rows > rows_a_batch or differences > KEYS_A_ROUND or len(batch) == DAYS_A_BATCH):
            yield batch
            batch, rows, differences = [], day.rows, day.differences
        batch.append(day)
    if batch:
        yield batch


def _keys(differing: pa.Table) -> list[int]:
    return differing.column("key").to_numpy().tolist()


def _missing(differing: pa.Table) -> NDArray[np.int64]:
    """How many events the rollup lacks, by key; below 0: it has too many."""
    return differing.column("true_events").to_numpy() - differing.column("stored_events").to_numpy()


def _in_both(first: pa.Table, second: pa.Table) -> pa.Table:
    """The keys that differ in both by the same number, as the second saw them."""
    before = dict(zip(_keys(first), _missing(first).tolist(), strict=True))
    same = [before.get(key) == off for key, off in zip(_keys(second), _missing(second).tolist(), strict=True)]
    return second.filter(pa.array(same, pa.bool_()))
