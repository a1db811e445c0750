"""What events and their rollups must hold, by brute force from a list of events, and what they do hold."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date
from typing import Any
from zoneinfo import ZoneInfo

from analytics.domain.project import Project
from analytics.warehouse.client import Warehouse
from tests.factories.stored_events import StoredEvent

Tables = dict[str, Counter[tuple[Any, ...]]]


def expected_tables(stored: Iterable[tuple[Project, StoredEvent]]) -> Tables:
    """How often each row or key is there if every one of these events is stored once."""
    tables: Tables = {name: Counter() for name in ("events", "event_counts", "user_days", "user_timeline")}
    for project, event in stored:
        when = event.timestamp.astimezone(UTC)
        bucket = when.replace(minute=when.minute // 15 * 15, second=0, microsecond=0)
        local = when.astimezone(ZoneInfo(project.timezone)).date()
        anonymous = int(not event.user_id)
        tables["events"][project.id, event.event_id, event.event, when, event.person] += 1
        tables["event_counts"][project.id, when.date(), event.event, bucket, event.expires_on] += 1
        tables["user_days"][project.id, local, event.event, event.person, anonymous, event.expires_on] += 1
        tables["user_timeline"][project.id, when.date(), when, event.event, event.person, anonymous, event.expires_on] += 1
    return tables


_QUESTIONS = {
    "events": "SELECT project_id, event_id, event, timestamp, person, toInt64(1) FROM events",
    "event_counts": "SELECT project_id, date, event, bucket, expires_on, events FROM event_counts",
    "user_days": "SELECT project_id, local_date, event, person, is_anonymous, expires_on, events FROM user_days",
    "user_timeline": "SELECT project_id, date, timestamp, event, person, is_anonymous, expires_on, toInt64(1) FROM user_timeline",
}


def stored_tables(warehouse: Warehouse, today: date = date(2026, 1, 1)) -> Tables:
    """How often each row or key is there. A key that sums up to nothing is kept, as a key with 0."""
    tables: Tables = {}
    for name, question in _QUESTIONS.items():
        tables[name] = Counter()
        for *key, count in warehouse.query(f"{question} WHERE expires_on > '{today}'").rows:
            tables[name][tuple(key)] += count
    return tables
