"""Tasks beside a block end with it, whatever becomes of a cancellation."""

import asyncio

import pytest

from analytics.background import end, running, settle, woken

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


async def test_settled_is_also_what_failed() -> None:
    tasks = [asyncio.create_task(fail()), asyncio.create_task(deaf_to(1))]
    await asyncio.sleep(0)
    await settle(*tasks, again_seconds=0.01)
    assert isinstance(tasks[0].exception(), LookupError)
    assert tasks[1].cancelled()


async def test_whoever_waits_goes_on_when_woken_and_else_in_time() -> None:
    wake = asyncio.Event()
    await woken(wake, 0.01)
    wake.set()
    await woken(wake, 3600.0)
    assert not wake.is_set()


async def test_a_cancellation_that_comes_together_with_the_news_is_not_lost() -> None:
    wake = asyncio.Event()

    async def look_again_and_again() -> None:
        while True:
            await woken(wake, 3600.0)

    looking = asyncio.create_task(look_again_and_again())
    await asyncio.sleep(0)
    wake.set()
    looking.cancel()
    await asyncio.wait({looking}, timeout=10.0)
    assert looking.cancelled()


async def test_nothing_to_end_is_well() -> None:
    await end()
