"""Who gets the next place."""

import asyncio

import pytest

from analytics.adhoc.places import Places
from analytics.errors import QueryCancelledError, RateLimitedError, ShuttingDownError

pytestmark = pytest.mark.anyio


async def take(places: Places, entered: list[str], project: str, caller: str, query: str, most: int, leave: asyncio.Event) -> None:
    async with places.taken_by(project, caller, most, query):
        entered.append(query)
        await leave.wait()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_free_place_goes_to_the_project_that_runs_the_fewest() -> None:
    places, entered, leave = Places(3, 10, 60), list[str](), asyncio.Event()
    first = asyncio.Event()
    tasks = [asyncio.create_task(take(places, entered, "busy", "a", "b1", 9, first))]
    tasks += [asyncio.create_task(take(places, entered, "busy", "a", f"b{n}", 9, leave)) for n in (2, 3)]
    tasks += [asyncio.create_task(take(places, entered, name, "q", f"{name}1", 9, leave)) for name in ("third", "quiet")]
    await settle()
    assert entered == ["b1", "b2", "third1"]
    first.set()
    await settle()
    assert entered == ["b1", "b2", "third1", "quiet1"], "b3 came first, but its project runs one already"
    leave.set()
    await asyncio.gather(*tasks)
    assert entered[-1] == "b3"
    assert places.taken == places.queued == 0


async def test_one_project_never_takes_all_places() -> None:
    places, entered, leave = Places(2, 10, 60), list[str](), asyncio.Event()
    tasks = [asyncio.create_task(take(places, entered, "busy", f"c{n}", f"b{n}", 9, leave)) for n in range(3)]
    await settle()
    tasks += [asyncio.create_task(take(places, entered, "quiet", "q", "q1", 9, leave))]
    await settle()
    assert entered == ["b0", "q1"]
    leave.set()
    await asyncio.gather(*tasks)
    assert places.taken == places.queued == 0


async def test_one_caller_has_so_many_places_and_holds_up_no_other() -> None:
    places, entered, leave = Places(3, 10, 60), list[str](), asyncio.Event()
    tasks = [asyncio.create_task(take(places, entered, "p", "greedy", f"g{n}", 1, leave)) for n in range(2)]
    tasks += [asyncio.create_task(take(places, entered, "p", "other", "o", 1, leave))]
    await settle()
    assert entered == ["g0", "o"]
    leave.set()
    await asyncio.gather(*tasks)


async def test_who_waits_too_long_finds_the_queue_full_or_is_cancelled_takes_no_place() -> None:
    places, entered, leave = Places(1, 1, 0.05), list[str](), asyncio.Event()
    running = asyncio.create_task(take(places, entered, "p", "c", "1", 9, leave))
    await settle()
    with pytest.raises(RateLimitedError):
        await take(places, entered, "p", "c", "2", 9, leave)
    waiting = asyncio.create_task(take(places, entered, "p", "c", "3", 9, leave))
    await settle()
    with pytest.raises(RateLimitedError):
        await take(places, entered, "p", "c", "4", 9, leave)
    assert places.cancel("p", "3", QueryCancelledError("no"))
    assert not places.cancel("other", "3", QueryCancelledError("no"))
    with pytest.raises(QueryCancelledError):
        await waiting
    gone = asyncio.create_task(take(places, entered, "p", "c", "5", 9, leave))
    await settle()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    leave.set()
    await running
    assert (entered, places.taken, places.queued) == (["1"], 0, 0)


async def test_at_a_stop_nobody_gets_in_any_more() -> None:
    places, entered, leave = Places(1, 5, 60), list[str](), asyncio.Event()
    running = asyncio.create_task(take(places, entered, "p", "c", "1", 9, leave))
    waiting = asyncio.create_task(take(places, entered, "p", "c", "2", 9, leave))
    await settle()
    places.stop()
    for late in (waiting, take(places, entered, "p", "c", "3", 9, leave)):
        with pytest.raises(ShuttingDownError):
            await late
    leave.set()
    await running
