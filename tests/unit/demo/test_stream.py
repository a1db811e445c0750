"""The events of the demo school."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from analytics.demo.school import FREE_LESSONS, build_school
from analytics.demo.stream import VISITORS_A_DAY, demo_events, demo_lines

UNTIL = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)  # a Friday
SCALE = 0.04


@cache
def events(seed: int = 1, until: datetime = UNTIL) -> Sequence[dict[str, Any]]:
    return tuple(demo_events(seed, until, visitors_a_day=VISITORS_A_DAY * SCALE))


def newcomers_with(name: str) -> int:
    """Users with such an event among those who signed up inside the window."""
    new = {event["user_id"] for event in events() if event["event"] == "signed_up"}
    return len(new & {event.get("user_id") for event in events() if event["event"] == name})


def test_the_same_seed_gives_the_same_bytes() -> None:
    short = {"window_days": 2, "visitors_a_day": 20.0}
    assert list(demo_lines(1, UNTIL, **short)) == list(demo_lines(1, UNTIL, **short))
    assert list(demo_lines(1, UNTIL, **short)) != list(demo_lines(2, UNTIL, **short))


def test_a_later_run_repeats_the_days_it_shares_with_an_earlier_one() -> None:
    later = {event["event_id"]: event for event in events(until=UNTIL + timedelta(days=1))}
    shared = [event for event in events() if event["timestamp"] >= (UNTIL - timedelta(days=29)).isoformat()[:19]]
    same = sum(later.get(event["event_id"]) == event for event in shared)
    assert same / len(shared) > 0.99


def test_full_size_is_a_million_events_in_every_season() -> None:
    # Winter is counted from the whole small world; July's low tide is 0.88/1.12 of January's high one.
    assert len(events(until=datetime(2026, 7, 17, 12, tzinfo=UTC))) / SCALE > 1_030_000
    assert len(events()) / SCALE < 2_000_000


def test_ids_are_unique_uuids_of_version_seven() -> None:
    ids = [event["event_id"] for event in events()]
    assert len(set(ids)) == len(ids)
    assert all(len(value) == 36 and value[14] == "7" and value[19] in "89ab" for value in ids)


def test_events_come_in_order_of_time_and_inside_the_window() -> None:
    times = [datetime.fromisoformat(event["timestamp"]) for event in events()]
    assert times == sorted(times)
    assert times[0] >= UNTIL - timedelta(days=30)
    assert times[-1] < UNTIL


def test_every_event_is_one_the_service_takes() -> None:
    for event in events():
        assert event.get("user_id") or event.get("anonymous_id")
        assert 1 <= len(event["event"]) <= 200
        assert event["timestamp"].endswith("Z")
        assert len(msgspec.json.encode(event)) < 2_000


def test_people_drop_out_from_step_to_step() -> None:
    steps = [
        "signed_up",
        "course_enrolled",
        "lesson_started",
        "lesson_completed",
        "checkout_started",
        "payment_succeeded",
    ]
    counts = [newcomers_with(step) for step in steps]
    assert all(earlier >= later > 0 for earlier, later in pairwise(counts)), dict(zip(steps, counts, strict=True))
    assert counts[0] > 1.2 * counts[3] > 3 * counts[5]
    visitors = len({event.get("user_id") or event["anonymous_id"] for event in events()})
    assert visitors > 3 * counts[0]


def test_people_drop_out_through_the_lessons_of_a_course() -> None:
    by_lesson = Counter(
        event["properties"]["lesson_number"]
        for event in events()
        if event["event"] == "lesson_started" and event["properties"]["course_id"] == "c-101"
    )
    reached = [by_lesson[number] for number in range(1, 11)]
    assert reached[0] > 1.3 * reached[4] > 1.3 * reached[9] > 0


def test_videos_are_completed_less_often_than_started() -> None:
    counts = Counter(event["event"] for event in events())
    assert 0.6 < counts["video_completed"] / counts["video_started"] < 0.95


def test_the_week_has_a_shape() -> None:
    by_day = Counter(date.fromisoformat(event["timestamp"][:10]) for event in events() if event["event"] == "signed_up")
    full = {day: count for day, count in by_day.items() if UNTIL.date() - timedelta(days=29) <= day < UNTIL.date()}
    mondays = [count for day, count in full.items() if day.weekday() == 0]
    saturdays = [count for day, count in full.items() if day.weekday() == 5]
    assert sum(mondays) / len(mondays) > 1.2 * sum(saturdays) / len(saturdays)


def test_the_day_has_a_shape() -> None:
    by_hour = Counter(event["timestamp"][11:13] for event in events())
    assert by_hour["18"] > 3 * by_hour["04"] > 0


def test_nobody_pays_before_the_free_lessons_are_over_nor_learns_on_without_paying() -> None:
    prices = {course.id: course.price for course in build_school()}
    paid: set[tuple[str, str]] = set()
    for event in events():
        if event["event"] == "payment_succeeded":
            assert prices[event["properties"]["course_id"]] > 0
            assert event["properties"]["revenue"] > 0
            assert event["properties"]["currency"] in {"EUR", "USD", "GBP"}
            paid.add((event["user_id"], event["properties"]["course_id"]))
        if event["event"] == "lesson_started" and event["properties"]["lesson_number"] == FREE_LESSONS + 1:
            course = event["properties"]["course_id"]
            assert prices[course] == 0 or (event["user_id"], course) in paid or event["user_id"] < f"u-{UNTIL - timedelta(days=31):%y%m%d}"


def test_a_sign_up_links_the_anonymous_visitor() -> None:
    for event in events():
        if event["event"] == "$identify":
            assert event["user_id"][2:] == event["anonymous_id"][2:]
        else:
            assert ("user_id" in event) != ("anonymous_id" in event)


def test_scores_campaigns_devices_and_places_vary() -> None:
    scores = {event["properties"]["score"] for event in events() if event["event"] == "quiz_submitted"}
    assert len(scores) > 40
    assert all(0 <= score <= 1 for score in scores)
    assert len({event["context"].get("campaign", {}).get("name") for event in events()}) > 4
    assert len({event["context"]["user_agent"] for event in events()}) > 15
    assert {event["context"]["timezone"] for event in events()} >= {"Europe/Berlin", "America/New_York", "Asia/Kolkata"}


@pytest.mark.parametrize("zone_change", [datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)])
def test_clock_changes_do_not_disturb_the_order(zone_change: datetime) -> None:
    times = [event["timestamp"] for event in demo_events(3, zone_change, window_days=3, visitors_a_day=30)]
    assert times == sorted(times)
    assert times
