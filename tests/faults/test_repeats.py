"""Repeats through the front door: each id counts once, in rows, in every rollup and in trends; the first content stays."""

import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults.harness import Group
from tests.faults.logged_sender import AnswerLog, LoggedSender
from tests.faults.stored_state import change_tables

HOUR = 3600


def make_events(number: int, event: str = "lesson_started", version: int = 0, **members: Any) -> list[dict[str, Any]]:
    """New events in June."""
    return [
        {
            "event_id": uuid.uuid4().hex,
            "event": event,
            "user_id": f"u-{index % 7}",
            "timestamp": f"2026-06-{index % 28 + 1:02d}T10:00:00Z",
            "properties": {"v": version},
            **members,
        }
        for index in range(number)
    ]


def again(events: list[dict[str, Any]], version: int, **members: Any) -> list[dict[str, Any]]:
    """The same ids with another content."""
    return [{**event, "properties": {"v": version}, **members} for event in events]


def send(sender: LoggedSender, *batches: list[dict[str, Any]]) -> None:
    """Each batch in a request of its own, one after the other, all accepted."""
    for batch in batches:
        reply = sender.send(batch)
        assert reply is not None
        assert reply.status == 200, reply.body
        assert reply.body == {"accepted": len(batch), "rejected": 0, "errors": []}


def expect_once(group: Group, log: AnswerLog) -> None:
    """As the service answers: the list, raw and rollup trends, and persons by day."""
    group.wait_drained()
    reader = group.reader()
    listed = [item["event_id"] for item in reader.events()]
    assert sorted(listed) == sorted(log.acknowledged)
    for event in {content[0] for contents in log.contents.values() for content in contents}:
        totals = {source: reader.total(source, event) for source in ("raw", "rollup")}
        assert totals["raw"] == totals["rollup"], event
        users = {source: reader.total(source, event, "unique_users") for source in ("raw", "rollup")}
        assert users["raw"] == users["rollup"], event
    assert reader.total("raw") == reader.total("rollup") == len(log.acknowledged)
    reader.close()


def test_a_repeat_counts_once_whatever_it_carries_and_by_whatever_way_it_comes(group: Group) -> None:
    sender = group.sender()
    log = sender.log

    same = make_events(20)
    send(sender, same, same, same)  # before the first is stored, and while it is
    group.wait_drained()
    send(sender, same)  # and after

    twice = make_events(20)
    send(sender, [*twice, *again(twice, 1)])  # in one request

    parts = make_events(20)
    send(sender, parts[:15], make_events(10) + parts[5:], parts[10:] + make_events(3))  # in other batches
    group.wait_drained()

    other = make_events(30)
    send(sender, other)
    group.wait_drained()
    send(
        sender,
        again(other, 1, timestamp="2026-06-20T23:59:59.999Z"),  # another time,
        again(other, 2, timestamp="2024-01-31T00:00:00Z"),  # month,
        again(other, 3, user_id="somebody-else"),  # user
        again(other, 4, event="lesson_completed"),  # or name
        again(other, 5, event="quiz_passed", user_id="nobody", timestamp="2025-12-01T00:00:00Z"),
    )

    shuffled = [*make_events(40), *other, *same]
    random.Random(1).shuffle(shuffled)
    send(sender, shuffled)
    random.Random(2).shuffle(shuffled)
    send(sender, shuffled)

    def at_once(version: int) -> list[dict[str, Any]]:
        start.wait()
        batch = again(race, version)
        random.Random(version).shuffle(batch)
        send(sender, batch)
        return batch

    race = make_events(25)
    start = threading.Barrier(8)
    with ThreadPoolExecutor(8) as threads:  # on several connections at the same instant
        list(threads.map(at_once, range(1, 9)))

    expect_once(group, log)
    stored = group.stored()
    log.expect_exactly(stored)
    assert {stored.contents[event["event_id"]][2] for event in [*same, *twice, *parts, *other]} == {0}, "the first content stays"


def test_a_repeat_counts_once_an_hour_a_day_and_a_restart_later(make_group: Callable[..., Group]) -> None:
    group = make_group().start()
    sender = group.sender()
    first = make_events(30)
    send(sender, first)
    group.stop()

    # The filter of known ids is in memory: it is made anew from the tables at each start.
    group.start(clock_offset_seconds=str(HOUR))
    late = make_events(10)
    send(sender, again(first, 1, user_id="later"), late, again(late, 2))
    group.wait_drained()
    group.kill_all()

    group.start(clock_offset_seconds=str(23 * HOUR))  # over midnight: another partition of the ids
    send(sender, again(first[:15], 3, timestamp="2025-02-03T00:00:00Z"), again(late, 3), make_events(5))
    group.wait_drained()
    group.kill_worker()
    group.release()
    sender.send_until_accepted(again(first[15:], 4, event="quiz_passed"))

    expect_once(group, sender.log)
    stored = group.stored()
    sender.log.expect_exactly(stored)
    assert {stored.contents[event["event_id"]][2] for event in [*first, *late]} == {0}


def test_the_id_of_an_event_that_was_refused_or_quarantined_may_come_again(make_group: Callable[..., Group]) -> None:
    group = make_group(batch_max_wait_ms="300")
    change_tables(group.data_dir, "ALTER TABLE events ADD CONSTRAINT no_poison CHECK event != 'poison'")
    group.start()
    sender = group.sender()
    refused = make_events(5, timestamp="1999-12-31T00:00:00Z")
    reply = sender.send(refused)
    assert reply is not None
    assert (reply.status, reply.body["rejected"]) == (200, 5)
    assert {error["code"] for error in reply.body["errors"]} == {"timestamp-too-old"}
    corrected = again(refused, 1, timestamp="2026-06-01T00:00:00Z")
    send(sender, corrected)

    good, poison = make_events(20), make_events(3, event="poison")
    send(sender, [*good[:10], *poison, *good[10:]])
    group.wait_drained()
    reader = group.reader()
    assert [reader.get(f"/events/{event['event_id']}/status")["status"] for event in (good[0], poison[0])] == ["stored", "quarantined"]
    rejected = {item["event_id"]: item for item in reader.get("/rejected-events", limit=100)["items"]}
    assert {rejected[event["event_id"]]["status"] for event in refused} == {"refused"}
    for event in poison:
        item = rejected[event["event_id"]]
        assert item["status"] == "quarantined"
        assert "no_poison" in item["detail"]
    reader.close()
    # The rest of the batch is stored once, and nothing is tried for ever: what comes behind it is stored too.
    sender.log.forget(event["event_id"] for event in poison)
    mended = again(poison[:2], 2, event="lesson_started")
    send(sender, mended, again(mended, 3), make_events(4))
    group.wait_drained()
    stored = group.stored()
    sender.log.expect_exactly(stored)
    assert {stored.contents[event["event_id"]][2] for event in mended} == {2}
    assert sorted(row[0] for row in stored.rejected if row[1] == "quarantined") == sorted(event["event_id"] for event in poison)


def test_an_id_counts_once_in_each_project(group: Group) -> None:
    first = group.sender()
    events = make_events(10)
    send(first, events, again(events, 1))
    second = group.second_project()
    send(second, again(events, 5), again(events, 6))
    group.wait_drained()
    for project, version in (("default", 0), ("second", 5)):
        reader = group.reader(project)
        items = reader.events()
        assert len(items) == reader.total("rollup") == 10
        assert {item["properties"]["v"] for item in items} == {version}
        reader.close()


@pytest.mark.long
def test_random_repeats_across_restarts_count_once(make_group: Callable[..., Group]) -> None:
    """Many senders with overlapping batches, over kills and moves of the clock."""
    group, chance = make_group(batch_max_rows="200").start(), random.Random(11)
    log = AnswerLog()
    pool = make_events(5_000)
    for step in range(8):

        def keep_sending(seed: int) -> None:
            own = random.Random(seed)
            for _ in range(40):
                batch = [{**event, "properties": {"v": own.randint(0, 10**9)}} for event in own.sample(pool, own.randint(1, 300))]
                group.sender(log).send_until_accepted(batch)

        with ThreadPoolExecutor(4) as threads:
            sending = [threads.submit(keep_sending, chance.randint(0, 10**9)) for _ in range(4)]
            if step % 2:
                group.kill_worker()
                group.release()
            for done in sending:
                done.result()
        group.stop()
        group.start(clock_offset_seconds=str(step * 2 * HOUR))
    expect_once(group, log)
    log.expect_exactly(group.stored())
