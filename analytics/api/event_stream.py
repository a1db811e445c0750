"""Server-sent events as a response that cannot outlive its reader.

The one thing to know: a reader who takes nothing for SLOW_SECONDS is cut off, one who leaves is noticed at once, and in both cases, as at
a stop, the source is closed, so whatever it holds is freed.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from analytics.background import end

SLOW_SECONDS = 15.0
HEARTBEAT_SECONDS = 15.0
RETRY_MS = 3_000
HEARTBEAT = b": still here\n\n"


def server_sent(event: str, data: Mapping[str, Any]) -> bytes:
    """One event on the wire."""
    return f"event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class EventStream(Response):
    """Sends what `source` yields (whole events as bytes, b"" for nothing new) until it ends, the reader leaves, or is too slow."""

    media_type = "text/event-stream"

    def __init__(
        self, source: AsyncGenerator[bytes], slow_seconds: float = SLOW_SECONDS, heartbeat_seconds: float = HEARTBEAT_SECONDS
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._source = source
        self._slow_seconds = slow_seconds
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send_all(send))
        leaving = asyncio.create_task(until_disconnect(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(sending, leaving)

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._source) as source:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._send(send, f"retry: {RETRY_MS}\n\n".encode())
            sent_at = time.monotonic()
            async for news in source:
                silent = time.monotonic() - sent_at >= self._heartbeat_seconds  # proxies close what is silent
                chunk = news or (HEARTBEAT if silent else b"")
                if chunk:
                    if not await self._send(send, chunk):
                        return
                    sent_at = time.monotonic()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, chunk: bytes) -> bool:
        try:
            async with asyncio.timeout(self._slow_seconds):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TimeoutError:
            return False  # leaves the response unfinished: the server breaks the connection
        return True


async def until_disconnect(receive: Receive) -> None:
    """Returns once whoever asked has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
