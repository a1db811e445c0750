"""One reconciliation from beginning to end. Blocks: for a thread of its own.

Late repeats first, so that the rollups are compared with events of which each is there once. May be broken off anywhere: whatever was done
is right, and the next run begins where the last finished one began.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from analytics.reconcile.months import Parts, Window, windows_to_compare
from analytics.reconcile.own_rollups import OWN, OwnRollupRepair
from analytics.reconcile.records import Reconciliation
from analytics.reconcile.repeats import Removed, RepeatSearch, count_new_ids, remove_repeats
from analytics.reconcile.rollups import Rollup, RollupRepair, rollups
from analytics.reconcile.session import Session
from analytics.statements import clickhouse

TABLES = ("events", *(rollup.name for rollup in rollups()))
IDS_A_SLICE = 8_000_000
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_OVERLAP = timedelta(hours=1)  # other nodes' spools may lag behind ours
_GOING = timedelta(days=2)  # the engine drops a row on its day of expiry, which begins earlier or later in its zone than in ours


@dataclass(slots=True)
class Progress:
    """How far a run is, and what it found."""

    phase: str = "starting"
    steps_done: int = 0
    steps: int = 0
    removed: int = 0
    drift: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*TABLES[1:], OWN), 0))


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How much at once, how long to wait between two looks at a difference, and who repairs rollups that projects made."""

    settle_seconds: float
    ids_a_slice: int = IDS_A_SLICE
    rows_a_slice: int = 5_000_000
    own: OwnRollupRepair | None = None


def reconcile(
    session: Session, now: datetime, full: bool, last: Reconciliation | None, options: RunOptions, tell: Callable[[Progress], None]
) -> Parts:
    """Reconcile all tables; the parts they were made of at the beginning. `last` is the last finished run; `tell` hears of each step.

    Raises InterruptedRunError, InsertRejectedError, LimitExceededError, QueryTimeoutError or WarehouseUnavailableError.
    """
    progress = Progress()
    for table in TABLES:
        session.wait_for_deletions(table)  # of a run that was killed: what it finds deleted or not must not change under this one
    parts = _parts(session)
    complete_until = None if full or last is None else last.complete_until
    before = None if full or last is None else last.parts

    since = _EVER if complete_until is None else complete_until - _OVERLAP
    slices = max(1, math.ceil(count_new_ids(session, since) / options.ids_a_slice))
    progress.phase, progress.steps = "repeats", slices
    tell(progress)
    removed = Removed()
    for number in range(slices):
        remove_repeats(session, RepeatSearch(since, now.date(), slices), number, removed)
        progress.removed = removed.rows
        progress.steps_done += 1
        tell(progress)

    work = [(rollup, window) for rollup in rollups() for window in _windows(rollup, parts, before, removed)]
    own_tables = options.own.tables() if options.own is not None else ()
    own_work = [(name, window) for name in own_tables for window in windows_to_compare(name, False, parts, before, removed.months)]
    progress.steps += len(work) + len(own_work)
    going = (now + _GOING).date()
    for rollup, window in work:
        progress.phase = rollup.name
        tell(progress)
        drift = _repair(session, rollup, window, going, options)
        progress.drift[rollup.name] += drift
        progress.steps_done += 1
        tell(progress)
    for name, window in own_work:
        progress.phase = OWN
        tell(progress)
        assert options.own is not None
        progress.drift[OWN] += options.own.repair(session, name, window, going)
        progress.steps_done += 1
        tell(progress)
    return parts


def _windows(rollup: Rollup, parts: Parts, before: Parts | None, removed: Removed) -> list[Window]:
    return windows_to_compare(rollup.name, rollup.day != "date", parts, before, removed.months)


def _repair(session: Session, rollup: Rollup, window: Window, going: date, options: RunOptions) -> int:
    return RollupRepair(session, rollup, going, options.settle_seconds, options.rows_a_slice).repair(window)


def _parts(session: Session) -> Parts:
    answer = session.ask(clickhouse("reconcile/parts"), {})
    return dict(zip((str(place) for place in answer.column("place").to_pylist()), answer.column("parts").to_numpy().tolist(), strict=True))
