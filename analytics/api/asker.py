"""Whoever asks a question: it ends when they hang up.

The one thing to know: this is for what only reads. A change goes on to its end, whoever waits for it.
"""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from starlette.types import Receive

from analytics.api.event_stream import until_disconnect
from analytics.background import end
from analytics.errors import QueryCancelledError

T = TypeVar("T")


class Asker:
    """The other end of the connection, once the whole request has come."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    async def answer(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` answers; raises what it raises. Raises QueryCancelledError, with `work` cancelled, once the asker has hung up."""
        answering = asyncio.create_task(work, name="question")
        leaving = asyncio.create_task(until_disconnect(self._receive), name="question-leaving")
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise QueryCancelledError("Whoever asked has hung up.")
            return answering.result()
        finally:
            await end(answering, leaving)


def asker_of(request: Request) -> Asker:
    """Who sent this request."""
    return Asker(request.receive)


CurrentAsker = Annotated[Asker, Depends(asker_of)]
