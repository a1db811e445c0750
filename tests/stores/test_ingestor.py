"""From requests to the spool, under concurrency, errors and an end: who gets an answer, what is on disk, and what is held afterwards."""

import asyncio
import errno
import gzip
import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from analytics.errors import (
    AnalyticsError,
    PayloadTooLargeError,
    RateLimitedError,
    ShuttingDownError,
    SpoolFullError,
    UnreadableBodyError,
    UnsupportedEncodingError,
)
from analytics.ingest.batch import EventBatch
from analytics.ingest.ingestor import Verdict
from analytics.spool.segment import Record
from analytics.spool.spool import RecordKind
from tests.fixtures.door import P1, P2, event, outcome_of
from tests.fixtures.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio


async def test_an_answered_event_is_on_disk(open_door: Any) -> None:
    async with open_door() as door:
        verdict = await door.send([event("a"), {"event": "e", "event_id": "b"}, 5, event("c")])
        assert (verdict.accepted, [(r.index, r.event_id, r.reason.value) for r in verdict.refusals]) == (
            2, [(1, "b", "missing-user"), (2, None, "not-an-object")],
        )  # fmt: skip
        assert door.on_disk() == [("p1", "a"), ("p1", "c")]
        assert door.on_disk(RecordKind.REFUSED) == [("p1", "b"), ("p1", "")]
        door.expect_nothing_held()


async def test_requests_of_one_group_have_each_their_own_verdict(open_door: Any) -> None:
    async with open_door() as door:
        held = await door.hold()
        sent = dict[int, Any]()
        for number in range(60):
            ids = [f"{number}-{place}" for place in range(number % 5)]
            body = [event(name) if (number + place) % 3 else {"event": "e", "event_id": name} for place, name in enumerate(ids)]
            sent[number] = asyncio.create_task(door.send([*body, number], P1 if number % 2 else P2))
        await asyncio.sleep(0)
        door.go.set()
        for number, task in sent.items():
            verdict = await task
            wrong = [place for place in range(number % 5) if not (number + place) % 3]
            assert verdict.accepted == number % 5 - len(wrong)
            assert [refusal.index for refusal in verdict.refusals] == [*wrong, number % 5]
            assert [refusal.event_id for refusal in verdict.refusals] == [*[f"{number}-{place}" for place in wrong], None]
        await held
        records = [item for item in door.spool.read(door.spool.checkpoint) if isinstance(item, Record)]
        assert len(records) <= 1 + 2 * 2 * 3, "small requests share records"
        assert {project for project, _ in door.on_disk()} == {"p1", "p2"}
        door.expect_nothing_held()


def break_a_step(batch: EventBatch) -> None:
    if "poison" in batch.event:
        raise RuntimeError("nobody foresaw this")


def break_the_record(batch: EventBatch) -> None:
    if "poison" in batch.event:
        batch.locale = cast(Any, [5] * len(batch))


@pytest.mark.parametrize("poison", [break_a_step, break_the_record])
async def test_one_request_that_breaks_the_common_work_does_not_hurt_the_others(
    open_door: Any, poison: Callable[[EventBatch], None]
) -> None:
    async with open_door(steps=poison) as door:
        held = await door.hold()
        good = [asyncio.create_task(door.send([event(f"g{n}"), {"event": "e", "event_id": f"bad{n}"}])) for n in range(5)]
        bad = asyncio.create_task(door.send([event("x"), event("y", event="poison")]))
        other = asyncio.create_task(door.send([event("o")], P2))
        await asyncio.sleep(0)
        door.go.set()
        for number, task in enumerate(good):
            verdict = await task
            assert (verdict.accepted, [(r.index, r.event_id) for r in verdict.refusals]) == (1, [(1, f"bad{number}")])
        assert (await other).accepted == 1
        failure = await outcome_of(bad)
        assert type(failure) is AnalyticsError
        await held
        assert sorted(door.on_disk()) == sorted([*(("p1", f"g{n}") for n in range(5)), ("p2", "o")])
        assert sorted(door.on_disk(RecordKind.REFUSED)) == [("p1", f"bad{n}") for n in range(5)]
        door.expect_nothing_held()


async def test_a_request_over_the_rate_is_refused_whole_also_beside_one_that_breaks(open_door: Any) -> None:
    async with open_door(rate=10, steps=break_a_step) as door:
        held = await door.hold()
        first = asyncio.create_task(door.send([event(f"a{n}") for n in range(100)]))
        bad = asyncio.create_task(door.send([event("y", event="poison")], P2))
        over = asyncio.create_task(door.send([event(f"b{n}") for n in range(50)]))
        await asyncio.sleep(0)
        door.go.set()
        assert (await first).accepted == 100
        assert type(await outcome_of(bad)) is AnalyticsError
        failure = await outcome_of(over)
        assert isinstance(failure, RateLimitedError)
        assert 1 <= failure.retry_after_seconds <= 5
        await held
        assert len(door.on_disk()) == 100
        door.expect_nothing_held()


async def test_a_first_request_above_the_burst_is_taken(open_door: Any) -> None:
    async with open_door(rate=10) as door:
        assert (await door.send([event(f"a{n}") for n in range(500)])).accepted == 500
        assert isinstance(await outcome_of(door.send([event("b")])), RateLimitedError)
        assert (await door.send([event("c")], P2)).accepted == 1


ERRORS: list[tuple[Any, dict[str, Any], type[AnalyticsError]]] = [
    (b"", {}, UnreadableBodyError),
    (b"[", {}, UnreadableBodyError),
    (b"x" * 20_000_001, {}, PayloadTooLargeError),
    ([1] * 10_001, {}, PayloadTooLargeError),
    (b"x", {"content_encoding": "gzip"}, UnreadableBodyError),
    (b"x", {"content_encoding": "other"}, UnsupportedEncodingError),
    (gzip.compress(b" " * 20_000_001), {"content_encoding": "gzip"}, PayloadTooLargeError),
]


async def test_nothing_is_held_after_any_mix_of_errors(open_door: Any) -> None:
    chance = random.Random(7)
    async with open_door() as door:
        expected = set[tuple[str, str]]()
        for turn in range(6):
            kinds = [chance.randrange(len(ERRORS) + 4) for _ in range(25)]
            tasks = list[Any]()
            for number, kind in enumerate(kinds):
                project = chance.choice([P1, P2])
                if kind < len(ERRORS):
                    body, more, error = ERRORS[kind]
                    tasks.append((asyncio.create_task(outcome_of(door.send(body, project, **more))), error))
                else:
                    event_id = f"{turn}-{number}"
                    bodies = ([event(event_id)], [event(event_id), 5], [5], [event(event_id, properties={"a": "x" * 20_000})])
                    body = json.dumps(bodies[kind - len(ERRORS)]).encode()
                    packed = chance.random() < 0.5
                    sent = door.send(gzip.compress(body) if packed else body, project, content_encoding="gzip" if packed else "")
                    tasks.append((asyncio.create_task(outcome_of(sent)), Verdict))
                    if kind != len(ERRORS) + 2:
                        expected.add((project.id, event_id))
            for task, kind in tasks:
                assert isinstance(await task, kind)
            door.expect_nothing_held()
        assert sorted(door.on_disk()) == sorted(expected)


async def test_room_is_given_back_once(open_door: Any) -> None:
    async with open_door(spool_bytes=10_000_000) as door:
        door.spool.reserve("p1", 1_000_000)  # of a request that is still under way
        for body, more, _ in ERRORS:
            await outcome_of(door.send(body, **more))
        for body in ([event("a")], [event("b"), 5], [5], []):
            assert isinstance(await outcome_of(door.send(body)), Verdict)
        left = 5_000_000 - 1_000_000 - door.spool.stats().pending_bytes
        with pytest.raises(SpoolFullError):
            door.spool.reserve("p1", left + 1)
        door.spool.reserve("p1", left)


async def test_a_full_spool_refuses_and_keeps_nothing_of_the_request(open_door: Any) -> None:
    async with open_door(spool_bytes=10_000_000) as door:
        big = [event(f"{n}", properties={"a": "x" * 30_000}) for n in range(30)]
        taken = 0
        while isinstance(outcome := await outcome_of(door.send(big)), Verdict):
            taken += outcome.accepted
        assert isinstance(outcome, SpoolFullError)
        assert outcome.retry_after_seconds >= 1
        assert len(door.on_disk()) == taken > 100
        assert door.spool.stats().pending_bytes <= 5_000_000 + 1_000_000
        assert (await door.send(big, P2)).accepted == 30, "one project's flood leaves room for others"
        door.expect_nothing_held()


async def test_a_compressed_body_is_held_by_its_real_size(open_door: Any) -> None:
    async with open_door(spool_bytes=10_000_000) as door:
        body = json.dumps([event("a")]).encode() + b" " * 6_000_000
        assert isinstance(await outcome_of(door.send(gzip.compress(body), content_encoding="gzip")), SpoolFullError)
        assert door.on_disk() == []
        door.expect_nothing_held()


async def test_a_sender_that_hangs_up_changes_nothing_for_the_others(open_door: Any) -> None:
    async with open_door() as door:
        held = await door.hold()
        tasks = [asyncio.create_task(door.send([event(f"{n}")])) for n in range(30)]
        bad = [asyncio.create_task(door.send(b"[")) for _ in range(5)]
        await asyncio.sleep(0)
        for task in [*tasks[::2], *bad]:
            task.cancel()
        door.go.set()
        results = await asyncio.gather(held, *tasks, *bad, return_exceptions=True)
        assert [isinstance(result, Verdict) for result in results[1:31]] == [False, True] * 15
        await door.send([event("last")])
        assert {event_id for _, event_id in door.on_disk()} == {*(str(n) for n in range(30)), "last"}
        door.expect_nothing_held()


@pytest.mark.parametrize("turn", range(15))
async def test_a_stop_answers_every_request_and_200_only_for_what_is_on_disk(open_door: Any, turn: int) -> None:
    async with open_door() as door:
        answers = dict[str, Verdict | AnalyticsError]()

        async def sender(number: int) -> None:
            for turn in range(200):
                event_id = f"{number}-{turn}"
                answers[event_id] = await outcome_of(door.send([event(event_id)]))
                if isinstance(answers[event_id], AnalyticsError):
                    return

        senders = [asyncio.create_task(sender(number)) for number in range(8)]
        await asyncio.sleep(0.001 * turn)
        stopping = asyncio.create_task(asyncio.to_thread(door.ingestor.stop))
        await asyncio.wait_for(asyncio.gather(stopping, *senders), PATIENCE_SECONDS)
        accepted = {event_id for event_id, answer in answers.items() if isinstance(answer, Verdict)}
        assert {event_id for _, event_id in door.on_disk()} == accepted
        assert all(isinstance(answer, Verdict | ShuttingDownError) for answer in answers.values())
        assert isinstance(await outcome_of(door.send([event("late")])), ShuttingDownError)
        door.expect_nothing_held()


async def test_a_request_held_back_over_a_stop_is_told_so(open_door: Any) -> None:
    async with open_door(backlog_rows=1) as door:
        await door.send([event(f"{n}") for n in range(6_000)])
        late = asyncio.create_task(outcome_of(door.send([event("late")])))
        await asyncio.sleep(0.05)
        assert not late.done()
        await asyncio.to_thread(door.ingestor.stop)
        assert isinstance(await asyncio.wait_for(late, PATIENCE_SECONDS), ShuttingDownError)
        assert len(door.on_disk()) == 6_000
        door.expect_nothing_held()


@pytest.fixture
def failing_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, int]]]:
    """Calls of `os` that fail from now on, with their error number, for as long as they are in the list."""
    failing = list[tuple[str, int]]()
    for name in ("write", "open", "fdatasync"):
        real = getattr(os, name)

        def call(*arguments: Any, name: str = name, real: Any = real) -> Any:
            for failed, number in failing:
                if failed == name and threading.current_thread().name == "ingest-commit":
                    raise OSError(number, os.strerror(number))
            return real(*arguments)

        monkeypatch.setattr(os, name, call)
    yield failing
    failing.clear()


async def test_a_full_disk_refuses_and_later_events_are_taken(open_door: Any, failing_disk: list[tuple[str, int]]) -> None:
    async with open_door() as door:
        await door.send([event("before")])
        failing_disk.append(("write", errno.ENOSPC))
        for _ in range(2):
            assert isinstance(await outcome_of(door.send([event("full"), 5])), SpoolFullError)
        failing_disk.clear()
        await door.send([event("after")])
        assert [event_id for _, event_id in door.on_disk()] == ["before", "after"]
        assert door.disk_failures == []
        door.expect_nothing_held()


@pytest.mark.parametrize("call", ["open", "write"])
async def test_a_disk_without_room_for_a_new_segment_refuses_and_later_events_are_taken(
    open_door: Any, failing_disk: list[tuple[str, int]], call: str
) -> None:
    async with open_door(segment_bytes=500) as door:
        await door.send([event("before")])
        failing_disk.append((call, errno.ENOSPC))
        for _ in range(2):
            assert isinstance(await outcome_of(door.send([event("full")])), SpoolFullError)
        failing_disk.clear()
        await door.send([event("after")])
        assert [event_id for _, event_id in door.on_disk()] == ["before", "after"]
        assert door.disk_failures == []
        assert door.spool.committed.segment == 2
        door.expect_nothing_held()


async def test_a_broken_disk_acknowledges_nothing_and_ends_the_process(open_door: Any, failing_disk: list[tuple[str, int]]) -> None:
    async with open_door() as door:
        await door.send([event("before")])
        failing_disk.append(("write", errno.EIO))
        assert isinstance(await outcome_of(door.send([event("lost")])), SpoolFullError)
        assert door.disk_failures == ["failed"]
        failing_disk.clear()
        assert isinstance(await outcome_of(door.send([event("later")])), SpoolFullError), "the disk may have lied before it failed"
        assert [event_id for _, event_id in door.on_disk()] == ["before"]


async def test_what_nobody_foresaw_in_the_spool_is_answered_too(open_door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_door() as door:
        await door.send([event("before")])
        with monkeypatch.context() as patch:
            patch.setattr("analytics.spool.spool.encode_record", lambda *arguments: 1 / 0)
            outcomes = await asyncio.gather(*[outcome_of(door.send([event(f"lost{n}")], project)) for n, project in enumerate((P1, P2))])
        assert [type(outcome) for outcome in outcomes] == [AnalyticsError, AnalyticsError]
        assert (await door.send([event("after")])).accepted == 1
        assert [event_id for _, event_id in door.on_disk()] == ["before", "after"]
        door.expect_nothing_held()
