"""The events of the benchmarks."""

import json
from datetime import UTC, datetime

import pytest

from benchmarks.dataset import BLOCK_EVENTS, EventFactory, probe_event

NOW_MS = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(scope="module")
def factory() -> EventFactory:
    return EventFactory(seed=5, blocks=40)


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = EventFactory(seed=5, blocks=40), EventFactory(seed=5, blocks=40)
    assert first.batch(100, now_ms=NOW_MS).array() == second.batch(100, now_ms=NOW_MS).array()


def test_a_batch_is_json_of_new_events(factory: EventFactory) -> None:
    seen: set[str] = set()
    for _ in range(5):
        events = json.loads(factory.batch(500, now_ms=NOW_MS).array())
        assert len(events) == 500
        for event in events:
            assert event["event_id"][14] in "47"
            moment = datetime.fromisoformat(event["timestamp"]).timestamp() * 1000
            assert NOW_MS - 5_000 <= moment <= NOW_MS
            assert event["session_id"][2:-1] == (event.get("user_id") or event["anonymous_id"])[2:]
        seen |= {event["event_id"] for event in events}
    assert len(seen) == 2_500


def test_a_repeated_block_is_the_same_events_again(factory: EventFactory) -> None:
    first = factory.batch(500, now_ms=NOW_MS)
    sent = json.loads(first.array())
    again = factory.batch(350, (first.sent_block(9), first.sent_block(0), first.sent_block(4)), NOW_MS + 60_000)
    events = json.loads(again.array())
    assert again.fresh == 350
    assert len(events) == 500
    assert events[350:400] == sent[450:500]
    assert events[400:450] == sent[:BLOCK_EVENTS]
    assert events[450:] == sent[200:250]


@pytest.mark.parametrize("size", [1, 20, 500])
def test_slices_are_the_batch_cut_up(factory: EventFactory, size: int) -> None:
    batch = factory.batch(500, now_ms=NOW_MS)
    parts = [json.loads(part) for part in batch.slices(size)]
    assert all(len(part) == size for part in parts)
    assert [event for part in parts for event in part] == json.loads(batch.array())


def test_events_are_of_about_440_bytes(factory: EventFactory) -> None:
    assert 400 < factory.mean_bytes < 480


def test_a_probe_is_one_more_event(factory: EventFactory) -> None:
    events = json.loads(factory.batch(50, now_ms=NOW_MS).array(probe_event("load_probe", 7, 123_456, NOW_MS)))
    assert len(events) == 51
    assert (events[-1]["event"], events[-1]["event_id"]) == ("load_probe", "00000007-0000-7000-8000-00000001e240")
