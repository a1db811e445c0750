"""Late repeats: rows of `events` whose id their project has already, in whatever partition and with whatever time, person or name.

The first received stays. The one thing to know: of two rows with one sorting key and one version a merge keeps either. If this side
deleted the one by its content while a merge dropped the other, the event would be gone: such rows are deleted by where they lie.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from analytics.reconcile.session import Session
from analytics.statements import clickhouse

ROWS_A_ROUND = 1_000_000
ROWS_A_DELETION = 5_000  # a server takes 128 KiB a parameter
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class RepeatSearch:
    """Which ids are looked at: those received since `since`, in `slices` parts by their hash. Rows that expire by `today` are gone."""

    since: datetime
    today: date
    slices: int

    def parameters(self, number: int) -> Mapping[str, Any]:
        """Of the slice with this number, from 0."""
        since = self.since.strftime("%Y-%m-%d %H:%M:%S")
        return {"since": since, "today": self.today.isoformat(), "slices": self.slices, "slice": number, "rows": ROWS_A_ROUND}


@dataclass(slots=True)
class Removed:
    """What was removed: how many rows, and of which months (yyyymm)."""

    rows: int = 0
    months: set[str] = field(default_factory=set[str])


def count_new_ids(session: Session, since: datetime) -> int:
    """How many events were received since then."""
    answer = session.ask(clickhouse("reconcile/new_ids"), {"since": since.strftime("%Y-%m-%d %H:%M:%S")})
    return int(answer.column("events")[0].as_py())


def remove_repeats(session: Session, search: RepeatSearch, number: int, removed: Removed) -> None:
    """Remove the repeats of one slice. May be broken off anywhere: what is left is found by the next search.

    Raises as `Session.ask` and `Session.delete`.
    """
    in_place: dict[int, int] = {}  # a row that was merged meanwhile is found again: it counts once
    for _ in range(_ROUNDS):
        found = session.ask(clickhouse("reconcile/repeats"), search.parameters(number))
        if not found.num_rows:
            break
        removed.months |= {str(month) for month in np.unique(found.column("month").to_numpy())}
        by_place = found.column("collapses").to_numpy() == 1
        rows = found.filter(pa.array(by_place))
        for row_key, count in zip(*np.unique(rows.column("row_key").to_numpy(), return_counts=True), strict=True):
            in_place[int(row_key)] = max(in_place.get(int(row_key), 0), int(count))
        if rows.num_rows:
            # Before the others: any deletion changes places, and an id is found only as long as it has a row that is new.
            chunk = rows.slice(0, ROWS_A_DELETION)
            values = {
                "months": [str(month) for month in np.unique(chunk.column("month").to_numpy())],
                "places": chunk.column("place").to_pylist(),
            }
            session.delete("events", clickhouse("reconcile/delete_events_places"), values)
            continue
        for start in range(0, found.num_rows, ROWS_A_DELETION):
            chunk = found.slice(start, ROWS_A_DELETION)
            values = {
                "months": np.unique(chunk.column("month").to_numpy()).tolist(),
                "hashes": np.unique(chunk.column("id_hash").to_numpy()).tolist(),
                "row_keys": np.unique(chunk.column("row_key").to_numpy()).tolist(),
            }
            session.delete("events", clickhouse("reconcile/delete_repeats"), values)
            removed.rows += chunk.num_rows
    removed.rows += sum(in_place.values())
