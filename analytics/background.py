"""Tasks that run beside something and end with it.

The one thing to know: one cancellation is not enough. `asyncio.wait_for` of Python 3.11 drops one that comes together with what it waits
for, and psycopg's pool waits for a connection by it; the task then goes on as if nobody had asked it to end.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

AGAIN_SECONDS = 1.0


async def settle(*tasks: asyncio.Task[Any], again_seconds: float = AGAIN_SECONDS) -> None:
    """Cancel `tasks` until all of them have ended, however they do."""
    while going := [task for task in tasks if not task.done()]:
        for task in going:
            task.cancel()
        await asyncio.wait(going, timeout=again_seconds)


async def end(*tasks: asyncio.Task[Any], again_seconds: float = AGAIN_SECONDS) -> None:
    """`settle`. Raises what the first of them failed with, if one did."""
    await settle(*tasks, again_seconds=again_seconds)
    failures = [failure for task in tasks if not task.cancelled() and (failure := task.exception()) is not None]
    if failures:
        raise failures[0]


@asynccontextmanager
async def running(work: Coroutine[Any, Any, object], name: str) -> AsyncGenerator[asyncio.Task[object]]:
    """Do `work` in a task of this name as long as the block runs. Raises at the end what `work` failed with."""
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        await end(task)


async def woken(wake: asyncio.Event, seconds: float) -> None:
    """Wait until `wake` is set, `seconds` at most, and clear it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()
    wake.clear()
