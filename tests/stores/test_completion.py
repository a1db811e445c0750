"""A batch of which any part has landed, in any table: what is missing is put in, once, beside what others have stored."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from analytics.domain.project import Project
from analytics.warehouse.arrow_stream import to_stream
from analytics.warehouse.client import Warehouse
from analytics.writer.completion import complete
from tests.factories.stored_events import StoredEvent, event_batch, make_event, make_project

COLUMNS = {
    "events": "project_id, date, event, user_hash, id_hash, timestamp, received_at, local_date, expires_on, event_id, person, course_id",
    "event_counts": "project_id, date, event, bucket, expires_on",
    "user_days": "project_id, local_date, event, user_hash, person, is_anonymous, expires_on",
    "user_timeline": "project_id, date, user_hash, timestamp, id_hash, event, person, is_anonymous, session_id, expires_on",
    "event_ids": "received_on, received_at, id_hash, id_check",
}
SUMS = ("event_counts", "user_days")
CONTENTS = {
    table: f"SELECT {columns}{', sum(events)' if table in SUMS else ''} FROM {table}{' GROUP BY ALL' if table in SUMS else ''}"
    for table, columns in COLUMNS.items()
}
RECEIVED = datetime.now(UTC).replace(microsecond=250_000) - timedelta(seconds=5)


def contents(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Every table, rows in an order of their own."""
    return {table: sorted(warehouse.query(sql).rows) for table, sql in CONTENTS.items()}


def parts(warehouse: Warehouse) -> set[tuple[str, str]]:
    """Table and name of every part."""
    rows = warehouse.query("SELECT table, name FROM system.parts WHERE active AND database = currentDatabase()").rows
    return {(table, name) for table, name in rows if table in CONTENTS}


def some_events(chance: random.Random, number: int, received_at: datetime) -> list[StoredEvent]:
    """Events of a few days in three months, of few persons and names, so that batches meet in the keys of the rollups."""
    return [
        make_event(
            chance.choice(("page_view", "lesson_completed", "ünïcode 'quoted'")),
            chance.choice(("u-1", "u-2", "")),
            anonymous_id="a-1",
            timestamp=datetime(
                2026, chance.choice((3, 4, 9)), chance.choice((1, 30)), chance.choice((0, 23)), chance.choice((0, 59)), tzinfo=UTC
            ),
            properties={"course_id": chance.choice(("c-1", ""))},
            received_at=received_at + timedelta(milliseconds=chance.choice((0, 0, 1, 700))),
            expires_on=chance.choice((date(2149, 6, 6), date(2148, 1, 1))),
        )
        for _ in range(number)
    ]


def insert(warehouse: Warehouse, batch: pa.RecordBatch) -> None:
    warehouse.insert_arrow("events", batch.schema.names, to_stream(batch))


@pytest.fixture
def still(warehouse: Warehouse) -> Warehouse:
    """Without merges, so that the parts of a batch can be told from others."""
    for table in CONTENTS:
        warehouse.command(f"SYSTEM STOP MERGES {table}")
    return warehouse


def test_whatever_is_missing_of_a_batch_is_put_in_and_nothing_else(still: Warehouse) -> None:
    lost_of = set[str]()
    for seed in range(6):
        chance = random.Random(seed)
        zone = chance.choice(("UTC", "Pacific/Kiritimati", "America/St_Johns"))
        project, other = make_project(timezone=zone), make_project("other")
        insert(still, event_batch(project, some_events(chance, 20, RECEIVED)))
        insert(still, event_batch(other, some_events(chance, 20, RECEIVED)))  # received in the same milliseconds
        before = parts(still)
        batch = event_batch(project, some_events(chance, chance.randint(1, 40), RECEIVED))
        insert(still, batch)
        whole = contents(still)
        lost = [part for part in sorted(parts(still) - before) if chance.random() < chance.choice((0.2, 0.5, 1.0))]
        for table, name in lost:
            still.command(f"ALTER TABLE {table} DROP PART '{name}'")
        lost_of |= {table for table, _ in lost}
        assert (contents(still) == whole) is (not lost)
        filled = complete(still, batch)
        assert filled.keys() == {table for table, _ in lost}
        assert contents(still) == whole, seed
        assert complete(still, batch) == {}
        assert contents(still) == whole
    assert lost_of == CONTENTS.keys(), "parts of every table were lost"


def test_a_batch_of_which_nothing_landed_is_stored_as_an_insert_stores_it(warehouse: Warehouse) -> None:
    batch = event_batch(make_project(), some_events(random.Random(5), 50, RECEIVED))
    assert complete(warehouse, batch).keys() == CONTENTS.keys()
    completed = contents(warehouse)
    for table in CONTENTS:
        warehouse.command(f"TRUNCATE TABLE {table}")
    insert(warehouse, batch)
    assert contents(warehouse) == completed


def test_a_completion_broken_off_anywhere_is_ended_by_the_next(still: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = event_batch(make_project(), some_events(random.Random(6), 30, RECEIVED))
    insert(still, batch)
    whole = contents(still)
    real = Warehouse.insert_arrow
    for stop_after in range(6):
        for table in CONTENTS:
            still.command(f"TRUNCATE TABLE {table}")
        left = iter(range(stop_after))

        def until_stopped(self: Warehouse, table: str, *arguments: Any, left: Iterator[int] = left, **settings: Any) -> None:
            if next(left, None) is None:
                raise InterruptedError
            real(self, table, *arguments, **settings)

        with monkeypatch.context() as broken:
            broken.setattr(Warehouse, "insert_arrow", until_stopped)
            if stop_after < 5:
                with pytest.raises(InterruptedError):
                    complete(still, batch)
        complete(still, batch)
        assert contents(still) == whole


def test_a_batch_over_more_months_than_one_insert_may_touch_is_completed(warehouse: Warehouse) -> None:
    project = make_project()
    events = [make_event(timestamp=datetime(2003 + n // 12, n % 12 + 1, 5, tzinfo=UTC), received_at=RECEIVED) for n in range(101)]
    complete(warehouse, event_batch(project, events))
    assert {
        table: sum(row[-1] for row in rows) if table in SUMS else len(rows) for table, rows in contents(warehouse).items()
    } == dict.fromkeys(CONTENTS, 101)


def test_what_has_expired_meanwhile_is_not_counted_as_missing(still: Warehouse) -> None:
    project: Project = make_project()
    gone = [make_event(received_at=RECEIVED, expires_on=date(2020, 1, 1)) for _ in range(5)]
    batch = event_batch(project, [*some_events(random.Random(7), 5, RECEIVED), *gone])
    insert(still, batch)
    still.command("TRUNCATE TABLE event_counts")
    still.command("TRUNCATE TABLE user_days")
    complete(still, batch)
    assert sum(row[-1] for row in contents(still)["event_counts"]) == 5


def test_each_view_on_events_is_completed(warehouse: Warehouse) -> None:
    """A new view on `events` must be completed too: see analytics/writer/completion.py."""
    views = warehouse.query(
        "SELECT name, create_table_query FROM system.tables WHERE engine = 'MaterializedView' AND database = currentDatabase()"
    ).rows
    targets = {query.partition(" TO ")[2].split()[0].rpartition(".")[2] for _, query in views}
    assert targets == CONTENTS.keys() - {"events"}
