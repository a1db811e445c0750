"""Days of own rollups computed anew or compared while events come in: the writer is held between two batches for each few of them.

The one thing to know: a hold may not last as long as a computation takes, and where other processes write too it does not keep them out.
Whoever needs to be sure compares afterwards, which needs the writer for a moment only, and computes again what differs.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import structlog

from analytics.errors import WarehouseUnavailableError
from analytics.fence.rollup_shape import DAY, EVENTS_COLUMN
from analytics.reconcile.months import Window
from analytics.reconcile.session import Hold, Session
from analytics.rollups.tables import OwnTable, OwnTables
from analytics.statements import Statement

EVENTS_A_HOLD = 400_000
_TRIES = 2
_ROUNDS = 5
_log = structlog.get_logger("analytics.rollups")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Days that are computed together: those of one month, few enough events."""

    days: tuple[date, ...]
    events: int


def chunks_of(days: Sequence[tuple[date, int]]) -> Iterator[Chunk]:
    """Days with their numbers of events, in order, cut into chunks."""
    chunk: list[date] = []
    events = 0
    for day, count in days:
        if chunk and (events + count > EVENTS_A_HOLD or (day.year, day.month) != (chunk[0].year, chunk[0].month)):
            yield Chunk(tuple(chunk), events)
            chunk, events = [], 0
        chunk.append(day)
        events += count
    if chunk:
        yield Chunk(tuple(chunk), events)


@dataclass(frozen=True, slots=True)
class Computed:
    """For how long the writer was held, and whether it was all along: else a batch that came in between may be missing."""

    held_seconds: float
    sure: bool


class Rebuild:
    """`hold` pauses the writer of this process, None if it is in another. Methods block; for any one thread at a time."""

    def __init__(self, tables: OwnTables, hold: Hold | None, settle_seconds: float) -> None:
        self._tables = tables
        self._hold = hold
        self._settle_seconds = settle_seconds

    def compute(self, table: OwnTable, days: Sequence[date]) -> Computed:
        """Make `days` what the events say. Raises as OwnTables.compute."""
        if self._hold is None:
            self._tables.compute(table, days)
            return Computed(0.0, False)
        held = 0.0
        for _ in range(_TRIES):
            with self._hold() as pause:
                begun = time.monotonic()
                self._tables.compute(table, days)
                held = time.monotonic() - begun
                if pause.intact():
                    return Computed(held, True)
        return Computed(held, False)

    def repair(self, session: Session, table: OwnTable, window: Window, going: date) -> int:
        """Compare the days of a window with the events and compute anew those that differ; by how many events they did.

        Rows that expire by `going` count as gone. Raises as `compute` and as the methods of Session.
        """
        drift = 0
        for round_number in range(_ROUNDS):
            found = self.differing(session, table, window, going)
            if found and round_number == 0 and self._settle_seconds:
                session.wait(self._settle_seconds)  # others' batches may be between `events` and the rollup
                found = {day: off for day, off in self.differing(session, table, window, going).items() if found.get(day) == off}
            if not found:
                return drift
            drift = max(drift, sum(found.values()))
            for day in sorted(found):
                session.check()
                self.compute(table, [day])
        raise WarehouseUnavailableError("Days of an own rollup differ from the events each time they are computed.")

    def differing(self, session: Session, table: OwnTable, window: Window, going: date) -> dict[date, int]:
        """The days of a window on which the table is not what the events say, and by how many events, 1 at least."""
        parameters = {"days": [day.isoformat() for day in window.days], "going": going.isoformat()}
        answer = session.ask_at_rest(_comparison(table), parameters)
        found = zip(answer.column("day").to_pylist(), answer.column("off").to_pylist(), strict=True)
        return dict(cast(Iterable[tuple[date, int]], found))


def _comparison(table: OwnTable) -> Statement:
    """Both sides as sums over their groups: of numbers of events, and of hashes of a group's key, number of events and exact values.

    Each name in it begins with fence_, as no column of a rollup does.
    """
    plain = {name: f"fence_k{number}" for number, name in enumerate(table.dimensions)}
    exact = {name: f"fence_v{number}" for number, name in enumerate(table.exact)}
    keys = "".join(f", `{name}` AS {alias}" for name, alias in plain.items())
    finals = "".join(f", finalizeAggregation(`{name}`) AS {alias}" for name, alias in exact.items())
    merged = "".join(f", {table.merges[name]}(`{name}`) AS {alias}" for name, alias in exact.items())
    texts = "".join(f", ifNull(toString({alias}), '\\0')" for alias in (*plain.values(), *exact.values()))
    grouped = "".join(f", {alias}" for alias in plain.values())
    hashed = f"sum(cityHash64(fence_goes, fence_n{texts}))"
    truth = f"SELECT {DAY}, expires_on AS fence_goes, {EVENTS_COLUMN} AS fence_n{keys}{finals} FROM ({table.fill})"  # noqa: S608
    stored = (
        f"SELECT {DAY}, expires_on AS fence_goes, sum({EVENTS_COLUMN}) AS fence_n{keys}{merged} FROM {table.table}"  # noqa: S608
        f" WHERE {DAY} IN {{days:Array(Date)}} GROUP BY {DAY}, fence_goes{grouped}"
    )
    text = f"""SELECT {DAY} AS day, toInt64(greatest(1, abs(sum(true_n) - sum(stored_n)))) AS off
FROM
(
    SELECT {DAY}, toInt64(sum(fence_n)) AS true_n, {hashed} AS true_sum, toInt64(0) AS stored_n, toUInt64(0) AS stored_sum
    FROM ({truth}) WHERE fence_goes > {{going:Date}} GROUP BY {DAY}
    UNION ALL
    SELECT {DAY}, toInt64(0), toUInt64(0), toInt64(sum(fence_n)), {hashed}
    FROM ({stored}) WHERE fence_goes > {{going:Date}} GROUP BY {DAY}
)
GROUP BY day
HAVING sum(true_n) != sum(stored_n) OR sum(true_sum) != sum(stored_sum)
ORDER BY day
LIMIT 1000"""  # noqa: S608 - names of our own and a checked tree
    return Statement(f"rollups/{table.table}", text, frozenset({"days", "going"}), frozenset())
