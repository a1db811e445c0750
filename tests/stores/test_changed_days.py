"""What a batch is about to change is told before its insert begins, and that it is in only after it has."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from analytics.cache.change_marks import Change
from analytics.clock import FixedClock
from analytics.writer.changed_days import BatchMarks, changed_days
from tests.factories.kept_answers import Changing, Table

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def batch(*rows: tuple[str, int], received: datetime = NOW) -> pa.RecordBatch:
    """Rows of (project, day)."""
    times = [datetime.fromtimestamp(0, UTC) + timedelta(days=day, hours=23) for _, day in rows]
    return pa.RecordBatch.from_arrays(
        [
            pa.array([project for project, _ in rows]).dictionary_encode(),
            pa.array(times, pa.timestamp("ms", tz="UTC")),
            pa.array([received] * len(rows), pa.timestamp("ms", tz="UTC")),
        ],
        names=["project_id", "timestamp", "received_at"],
    )


@pytest.mark.parametrize("spread", [3, 2_000_000])  # by flags, and by sorting
def test_the_days_of_each_project_are_those_of_its_events(spread: int) -> None:
    chance = np.random.default_rng(1)
    rows = [(f"p{int(p)}", int(d)) for p, d in zip(chance.integers(0, 4, 200), chance.integers(10, 10 + spread, 200), strict=True)]
    rows = [(project, min(day, 2_000_000 if spread > 3 else day)) for project, day in rows]
    expected = {project: {day for of, day in rows if of == project} for project, _ in rows}
    assert {change.project_id: set(change.days or ()) for change in changed_days(batch(*rows))} == expected


def test_a_batch_that_cannot_be_told_is_distrusted_and_goes_in(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changing = Changing(redis_url, Table(), lease_seconds=0.1)

    def broken(events: pa.RecordBatch) -> list[Change]:
        raise TypeError("unforeseen")

    monkeypatch.setattr("analytics.writer.changed_days.changed_days", broken)
    changing.marks._stopped.set()  # no beat pays meanwhile
    BatchMarks(changing.marks, FixedClock(NOW)).inserting("t1", batch(("p1", 20_000)))
    assert changing.marks._owes
    changing.marks.stop()


def test_a_mark_that_cannot_be_taken_away_stops_no_writer(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changing = Changing(redis_url, Table(), lease_seconds=0.1)
    changing.marks._stopped.set()  # what is broken here is not the beat's to call
    changing.marks._thread.join()
    marks = BatchMarks(changing.marks, FixedClock(NOW))
    marks.inserting("t1", batch(("p1", 20_000)))

    def broken(begun: object = None) -> None:
        raise TypeError("unforeseen")

    with monkeypatch.context() as patch:
        patch.setattr(changing.marks, "_tell", broken)
        marks.inserted("t1")
    assert not changing.marks._marks, "the next beat tells that it has ended"
    changing.marks.stop()
