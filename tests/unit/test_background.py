"""Tasks beside a block end with it, whatever becomes of a cancellation."""

import asyncio

import pytest

from analytics.background import end, running

pytestmark = pytest.mark.anyio


async def deaf_to(cancellations: int) -> None:
    """Goes on for ever, and loses as many cancellations as told."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if cancellations == 0:
                raise
            cancellations -= 1


async def fail() -> None:
    raise LookupError("not there")


async def test_work_ends_with_its_block() -> None:
    async with running(deaf_to(0), "work") as task:
        await asyncio.sleep(0)
        assert (task.get_name(), task.done()) == ("work", False)
    assert task.cancelled()


async def test_a_cancellation_that_is_lost_is_repeated() -> None:
    tasks = [asyncio.create_task(deaf_to(lost)) for lost in (0, 1, 2)]
    await asyncio.sleep(0)
    await end(*tasks, again_seconds=0.01)
    assert all(task.cancelled() for task in tasks)


async def test_work_that_failed_says_so_at_the_end_of_its_block() -> None:
    with pytest.raises(LookupError, match="not there"):
        async with running(fail(), "work") as task:
            await asyncio.wait({task})


async def test_the_others_end_also_where_one_failed() -> None:
    tasks = [asyncio.create_task(fail()), asyncio.create_task(deaf_to(0)), asyncio.create_task(fail())]
    await asyncio.sleep(0)
    with pytest.raises(LookupError, match="not there"):
        await end(*tasks)
    assert all(task.done() for task in tasks)


async def test_nothing_to_end_is_well() -> None:
    await end()
