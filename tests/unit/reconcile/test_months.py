"""Which days must be compared."""

from datetime import date

from analytics.reconcile.months import Window, windows_to_compare

OCTOBER = Window(date(2026, 10, 1), date(2026, 10, 31))
NOVEMBER = Window(date(2026, 11, 1), date(2026, 11, 30))
PARTS = {"events/202610": 1, "events/202611": 2, "event_counts/202610": 3, "event_counts/202611": 4}


def windows(now: dict[str, int], before: dict[str, int] | None, **more: set[str]) -> list[Window]:
    return windows_to_compare("event_counts", False, now, before, **more)


def test_what_is_made_of_the_same_parts_is_left_alone() -> None:
    assert windows(PARTS, PARTS) == []


def test_everything_is_compared_if_nothing_was_before() -> None:
    assert windows(PARTS, None) == [NOVEMBER, OCTOBER]


def test_a_month_is_compared_if_the_events_or_the_rollup_changed() -> None:
    assert windows({**PARTS, "events/202610": 9}, PARTS) == [OCTOBER]
    assert windows({**PARTS, "event_counts/202611": 9}, PARTS) == [NOVEMBER]
    assert windows(PARTS, PARTS, touched={"202611"}) == [NOVEMBER]


def test_a_month_that_is_gone_or_new_in_one_of_them_is_compared() -> None:
    assert windows({place: parts for place, parts in PARTS.items() if place != "event_counts/202610"}, PARTS) == [OCTOBER]
    assert windows({**PARTS, "events/202612": 1}, PARTS) == [Window(date(2026, 12, 1), date(2026, 12, 31))]


def test_other_tables_do_not_matter() -> None:
    assert windows({**PARTS, "user_days/202610": 5}, PARTS) == []


def test_days_of_other_zones_reach_into_the_months_around() -> None:
    now = {"events/202611": 1, "user_days/202611": 1, "user_days/202602": 1}
    assert windows_to_compare("user_days", True, now, None) == [
        Window(date(2026, 10, 31), date(2026, 12, 1)),
        Window(date(2026, 2, 1), date(2026, 2, 28)),
    ]


def test_the_ends_of_the_calendar_are_days() -> None:
    ends = windows_to_compare("user_days", True, {"events/197001": 1, "events/214906": 1}, None)
    assert (ends[1].first, ends[0].last) == (date(1970, 1, 1), date(2149, 6, 6))
