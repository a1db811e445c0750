"""When a reconciliation is due."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.jobs.schedule import next_quiet_hour, reconciliation_is_due


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}:00Z")


@pytest.mark.parametrize(
    ("instant", "hour"),
    [("22T02:59", "22T03:00"), ("22T03:00", "23T03:00"), ("22T03:01", "23T03:00"), ("22T23:59", "23T03:00")],
)
def test_the_quiet_hour_is_the_next(instant: str, hour: str) -> None:
    assert next_quiet_hour(at(instant)) == at(hour)


def test_due_once_the_quiet_hour_has_come_since_the_last_began() -> None:
    last = at("21T03:00") + timedelta(seconds=12)
    assert not reconciliation_is_due(at("22T02:59"), last, None)
    assert reconciliation_is_due(at("22T03:00"), last, None)
    assert not reconciliation_is_due(at("22T03:10"), at("22T03:00"), None)


def test_due_at_the_first_look_after_a_day_without() -> None:
    assert reconciliation_is_due(at("25T17:00"), at("22T03:00"), None)


def test_never_later_than_a_day_after_the_last() -> None:
    for minutes in range(0, 3 * 24 * 60, 7):
        last = datetime(2026, 3, 28, tzinfo=UTC) + timedelta(minutes=minutes)
        assert reconciliation_is_due(last + timedelta(days=1), last, None)


def test_the_first_is_counted_from_the_first_event() -> None:
    assert not reconciliation_is_due(at("22T10:00"), None, None)
    assert not reconciliation_is_due(at("22T10:00"), None, at("22T09:00"))
    assert reconciliation_is_due(at("23T03:00"), None, at("22T09:00"))


def test_one_that_failed_is_tried_again_after_a_while() -> None:
    finished, failed = at("21T03:00"), at("22T03:00")
    assert not reconciliation_is_due(at("22T03:14"), finished, None, failed)
    assert reconciliation_is_due(at("22T03:15"), finished, None, failed)
    assert not reconciliation_is_due(at("22T03:16"), at("22T03:15"), None, at("22T03:15"))
