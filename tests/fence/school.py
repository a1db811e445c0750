"""A small school, the same for every test: what the questions of the corpus are asked about.

Two projects share the tables. PROJECT is the one that asks; all that FOREIGN holds is marked with CANARY, which must never be seen.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from analytics.domain.project import Project
from analytics.warehouse.client import Warehouse
from tests.factories.stored_events import StoredEvent, store_events

PROJECT_ID = "prj_school"
FOREIGN_ID = "prj_foreign"
CANARY = "CANARY7f3a"

_GB = {"country": "GB", "browser": "Chrome", "os": "Windows", "device": "desktop", "page_host": "school.example", "locale": "en-GB"}
_DE = {"country": "DE", "browser": "Firefox", "os": "Android", "device": "mobile", "page_host": "school.example", "locale": "de-DE"}
_US = {"country": "US", "browser": "Safari", "os": "macOS", "device": "desktop", "page_host": "app.school.example", "locale": "en-US"}
_NEWS = {"campaign_source": "news", "campaign_medium": "mail", "page_path": "/", "page_url": "https://school.example/?utm_source=news"}
_HOME = {"page_path": "/", "page_url": "https://school.example/"}

_FAST = ["new", "fast"]
# time in March 2026, user, anonymous, session, event, properties, columns
_ROWS: tuple[tuple[str, str, str, str, str, Mapping[str, Any], Mapping[str, str]], ...] = (
    ("02 09:00", "u-1", "", "s-1", "page_view", {"title": "Home"}, _GB | _NEWS),
    ("02 09:05", "u-1", "", "s-1", "signup", {"plan": "free"}, _GB),
    ("02 09:30", "u-1", "", "s-1", "lesson_started", {"course_id": "c-1", "lesson_id": "l-1", "attempt": 1}, _GB),
    (
        "02 10:00",
        "u-1",
        "",
        "s-1",
        "lesson_completed",
        {"course_id": "c-1", "lesson_id": "l-1", "score": 0.9, "minutes": 30, "tags": _FAST},
        _GB,
    ),
    ("03 09:00", "u-1", "", "s-2", "lesson_started", {"course_id": "c-1", "lesson_id": "l-2", "attempt": 1}, _GB),
    (
        "03 09:40",
        "u-1",
        "",
        "s-2",
        "lesson_completed",
        {"course_id": "c-1", "lesson_id": "l-2", "score": 0.7, "minutes": 40, "tags": ["new"]},
        _GB,
    ),
    (
        "04 12:00",
        "u-1",
        "",
        "s-3",
        "purchase",
        {"course_id": "c-2", "revenue": 49.5, "currency": "EUR", "price": {"amount": 49.5, "vat": {"rate": 0.2}}, "due": "2026-04-01"},
        _GB,
    ),
    ("02 11:00", "u-2", "", "s-4", "page_view", {"title": "Courses"}, _DE | _HOME),
    ("02 11:01", "u-2", "", "s-4", "signup", {"plan": "pro"}, _DE),
    ("02 11:10", "u-2", "", "s-4", "lesson_started", {"course_id": "c-1", "lesson_id": "l-1", "attempt": 2}, _DE),
    ("03 11:00", "u-2", "", "s-5", "lesson_completed", {"course_id": "c-1", "lesson_id": "l-1", "score": 0.5, "minutes": 50}, _DE),
    ("05 10:00", "u-2", "", "s-6", "purchase", {"course_id": "c-1", "revenue": 20, "currency": "EUR", "coupon": "", "is_gift": True}, _DE),
    ("03 08:00", "u-3", "", "s-7", "page_view", {"title": "Home"}, _GB | _NEWS),
    ("03 08:02", "u-3", "", "s-7", "signup", {"plan": "free"}, _GB),
    ("04 08:00", "u-3", "", "s-8", "lesson_started", {"course_id": "c-2", "lesson_id": "l-3", "attempt": 1}, _GB),
    ("04 08:45", "u-3", "", "s-8", "page_view", {"title": "Help"}, _GB | {"page_path": "/help"}),
    ("04 20:00", "u-4", "", "s-9", "page_view", {"title": "Home"}, _US | _HOME),
    ("04 20:10", "u-4", "", "s-9", "signup", {"plan": "pro"}, _US),
    (
        "04 20:15",
        "u-4",
        "",
        "s-9",
        "purchase",
        {"course_id": "c-2", "revenue": 99, "currency": "USD", "price": {"amount": 99, "vat": {"rate": 0}}, "due": "2026-04-15T12:00:00Z"},
        _US,
    ),
    ("05 07:00", "u-4", "", "s-10", "lesson_started", {"course_id": "c-2", "lesson_id": "l-3", "attempt": 3}, _US),
    (
        "05 07:30",
        "u-4",
        "",
        "s-10",
        "lesson_completed",
        {
            "course_id": "c-2",
            "lesson_id": "l-3",
            "score": "0.95",
            "minutes": 30,
            "tags": ["fast", "hard"],
            "note": 'it\'s "fine" \\ ünï 🎓',
        },
        _US,
    ),
    ("06 23:30", "u-5", "a-5", "s-11", "page_view", {"title": "Home"}, _DE | _HOME),
    ("06 23:45", "u-5", "a-5", "s-11", "signup", {"plan": "free"}, _DE),
    ("07 00:10", "u-5", "a-5", "s-11", "page_view", {"title": "Courses"}, _DE | {"page_path": "/courses"}),
    ("03 15:00", "", "a-9", "s-12", "page_view", {"title": "Home", "ref": "ad"}, _US | _NEWS),
    ("05 16:00", "", "a-9", "s-13", "page_view", {"title": "Help"}, _US | {"page_path": "/help"}),
    ("06 03:00", "", "a-bot", "s-14", "page_view", {}, {"device": "bot", "page_path": "/robots.txt"}),
)


def _project(project_id: str) -> Project:
    return Project(project_id, project_id, project_id, "UTC", datetime(2026, 1, 1, tzinfo=UTC), id_seed=7)


def _event(number: int, row: tuple[str, str, str, str, str, Mapping[str, Any], Mapping[str, str]]) -> StoredEvent:
    time, user, anonymous, session, name, properties, columns = row
    moment = datetime.strptime(f"2026-03-{time}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    return StoredEvent(
        name, moment, user, anonymous, properties, f"e-{number:02}", is_bot=anonymous == "a-bot", columns={**columns, "session_id": session}
    )


EVENTS = tuple(_event(number, row) for number, row in enumerate(_ROWS, 1))
EXPIRED = StoredEvent("expired", datetime(2026, 3, 2, tzinfo=UTC), f"u-{CANARY}", event_id=f"gone-{CANARY}", expires_on=date(2026, 3, 3))


def _foreign(event: StoredEvent) -> StoredEvent:
    return StoredEvent(
        f"{event.event}_{CANARY}",
        event.timestamp,
        f"{event.person}-{CANARY}",
        "",
        {**event.properties, "course_id": CANARY} if not isinstance(event.properties, str) else event.properties,
        f"{event.event_id}-{CANARY}",
        columns={**event.columns, "country": CANARY},
    )


def store_school(warehouse: Warehouse) -> None:
    """Both projects' events, in the tables and, through the views, in the rollups."""
    store_events(warehouse, _project(PROJECT_ID), [*EVENTS, EXPIRED])
    store_events(warehouse, _project(FOREIGN_ID), map(_foreign, EVENTS))
