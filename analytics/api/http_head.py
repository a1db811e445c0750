"""HTTP before any application: what is no request, and heads that are too long or never end, answered as problems.

The server takes a head of any length and waits for it for ever; here both have an end. Bodies are bounded by whoever reads them.
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from analytics.api.problems import problem

HEAD_BYTES = 65_536
HEAD_SECONDS = 30.0
LINGER_SECONDS = 0.5  # of an idle connection at a stop: a request that is on its way is answered, not reset


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    head_seconds = HEAD_SECONDS
    _head_bytes = 0
    _in_head = True
    _head_timer: asyncio.TimerHandle | None = None
    _is_last = False  # the next answer ends the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head from now on."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what does not yet make a whole head."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse(431, f"The head of the request is larger than {HEAD_BYTES:,} bytes.")
        elif self._head_timer is None and self._head_bytes:
            self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head. One that follows a body in chunks must not change what the head said."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole; a small one has come in one piece and was never counted."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()
        if self._is_last and (cycle := cast(Any, self.cycle)) is not None:
            cycle.keep_alive = False

    def shutdown(self) -> None:
        """The service stops: what was asked is answered with `Connection: close`."""
        self._is_last = True
        if self._is_idle():
            self.loop.call_later(LINGER_SECONDS, self._close_if_idle)
        else:
            super().shutdown()

    def _close_if_idle(self) -> None:
        if self._is_idle() and not self.transport.is_closing():
            self.transport.close()

    def _is_idle(self) -> bool:
        cycle = cast(Any, self.cycle)
        return cycle is None or cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, and end the connection; a whole request before it has its own answer first."""
        before = cast(Any, self.cycle)
        if before is not None and not before.response_complete and not before.more_body:
            before.keep_alive = False
        else:
            self._refuse(400, msg)

    def _head_is_late(self) -> None:
        self._head_timer = None
        before = cast(Any, self.cycle)
        if before is not None and not before.response_complete:  # its answer goes first
            self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)
        elif not self.transport.is_closing():
            self._refuse(408, "The head of the request did not arrive in time.")

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int, detail: str) -> None:
        self._stop_timer()
        phrase = HTTPStatus(status).phrase
        _, headers, body = problem(status, "http", phrase, detail)
        fields: dict[str, Any] = {**headers, "content-length": len(body), "connection": "close"}
        lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        self.transport.write("\r\n".join(lines).encode("latin-1") + body)
        self.transport.close()
