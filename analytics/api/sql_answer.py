"""The answer to a query in SQL, in memory that does not grow with it.

JSON is kept until it is whole, so that whatever goes wrong is a problem with a status; so is, on disk, what may be cut after `max_rows`,
since only then the headers can say whether it was. Of all else the first megabytes are. The one thing to know: once bytes are out, a
failure breaks the connection, and a reader who takes nothing for SLOW_SECONDS, or leaves, ends the query.
"""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path

import structlog
from anyio import SpooledTemporaryFile
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from analytics.adhoc.door import RunningSql
from analytics.adhoc.formats import MEDIA_TYPES, Format
from analytics.adhoc.queries import AdhocQueries, AskedSql, meta_of, whole_body
from analytics.adhoc.tool_format import ToolFormat
from analytics.api.answers import columns_json, shown_meta
from analytics.api.event_stream import until_disconnect
from analytics.api.schemas.base import iso_utc
from analytics.background import settle
from analytics.errors import AnalyticsError, LimitExceededError, WarehouseUnavailableError

SLOW_SECONDS = 60.0
HELD_BYTES = 4_000_000
JSON_BYTES = 64_000_000
KEPT_BYTES = 2_000_000_000  # of an answer on disk
READ_BYTES = 1_000_000
_log = structlog.get_logger("analytics.api")


class SqlResponse(Response):
    """Runs a query and answers it."""

    def __init__(self, queries: AdhocQueries, asked: AskedSql, scratch: Path, background: BackgroundTask | None = None) -> None:
        """`scratch`: a folder for files without a name, which are gone with the answer."""
        super().__init__(media_type=_media_type(asked.format), background=background)
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-store"
        self._queries = queries
        self._asked = asked
        self._scratch = scratch
        self._is_sent = False
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answering = asyncio.create_task(self._answer(send), name="sql-answer")
        leaving = asyncio.create_task(until_disconnect(receive), name="sql-leaving")
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Who leaves with the whole answer cancels nothing: the end of the query is still to be kept.
            await settle(*((leaving,) if self._is_sent else (leaving, answering)))
            await asyncio.wait({answering})
        failure = None if answering.cancelled() else answering.exception()
        if failure is None:
            return
        if not self._has_begun or not isinstance(failure, AnalyticsError | TimeoutError):
            raise failure
        # The answer stays without its end, so the server breaks the connection: nobody takes what came for all there is.
        code = failure.code if isinstance(failure, AnalyticsError) else "reader-too-slow"
        _log.warning("an answer broke off", query_id=self._asked.query_id, code=code)
        if isinstance(failure, AnalyticsError):
            await self._break_off(send, failure)

    async def _answer(self, send: Send) -> None:
        if self._asked.format is not Format.JSON and self._asked.max_rows is not None:
            await self._answer_kept(send)
            return
        async with self._queries.running(self._asked) as query:
            self._set_headers(query)
            if self._asked.format is Format.JSON:
                await self._send_json(send, query)
            else:
                self.headers["x-truncated"] = json.dumps(False)  # it is whole, or it breaks off
                await self._send_stream(send, query)

    async def _send_json(self, send: Send, query: RunningSql) -> None:
        too_large = f"A JSON answer may have {JSON_BYTES:,} bytes; ask for csv, ndjson, parquet or arrow."
        rows = await whole_body(query, JSON_BYTES, too_large)
        shape = query.shape
        meta = shown_meta(meta_of(query))
        head = f'{{"columns":{columns_json(shape.columns)},"rows":['.encode("utf-8", "replace")
        tail = f'],"truncated":{json.dumps(shape.truncated)},"meta":{json.dumps(meta)}}}'.encode()
        body = b"".join([head, rows, tail])
        self.headers["content-length"] = str(len(body))
        await self._begin(send)
        await self._put(send, body, more=False)

    async def _send_stream(self, send: Send, query: RunningSql) -> None:
        held: list[bytes] = []
        size = 0
        async with aclosing(query.chunks()) as chunks:
            async for chunk in chunks:
                held.append(chunk)
                size += len(chunk)
                if size >= HELD_BYTES:
                    break
            else:
                self._set_end(query)
                body = await self._encoded(b"".join(held), last=True)
                self.headers["content-length"] = str(len(body))
                await self._begin(send)
                await self._put(send, body, more=False)
                return
            await self._begin(send)
            await self._put(send, await self._encoded(b"".join(held)))
            held.clear()
            async for chunk in chunks:
                await self._put(send, await self._encoded(chunk))
        await self._put(send, await self._encoded(b"", last=True), more=False)

    async def _answer_kept(self, send: Send) -> None:
        async with SpooledTemporaryFile[bytes](max_size=HELD_BYTES, dir=str(self._scratch)) as kept:
            async with self._queries.running(self._asked) as query:
                self._set_headers(query)
                size = 0
                async for chunk in query.chunks():
                    size += len(chunk)
                    if size > KEPT_BYTES:
                        raise LimitExceededError(
                            f"An answer with max_rows may have {KEPT_BYTES:,} bytes; without, it may be larger.", limit="bytes_returned"
                        )
                    try:
                        await kept.write(chunk)
                    except OSError as error:
                        raise WarehouseUnavailableError("There is no room on disk to keep the answer until it is whole.") from error
            self.headers["x-truncated"] = json.dumps(query.shape.truncated)
            self.headers["content-length"] = str(size)
            await kept.seek(0)
            await self._begin(send)
            while chunk := await kept.read(READ_BYTES):
                await self._put(send, chunk)
            await self._put(send, b"", more=False)

    def _set_headers(self, query: RunningSql) -> None:
        # As the contract names them, and in the form that passes every proxy.
        for name, value in (("query_id", self._asked.query_id), ("data_as_of", iso_utc(query.data_as_of))):
            self.headers[name] = value
            self.headers[f"x-{name.replace('_', '-')}"] = value

    # ---- what answers of other forms do in their own way ---------------------

    def _set_end(self, query: RunningSql) -> None:
        """Headers about a query that has ended before its answer begins."""

    async def _encoded(self, data: bytes, *, last: bool = False) -> bytes:
        """What is sent for a part of the answer."""
        return data

    async def _break_off(self, send: Send, error: AnalyticsError) -> None:
        """A last word before the connection breaks."""

    # ---- sending -------------------------------------------------------------

    async def _begin(self, send: Send) -> None:
        self._has_begun = True
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _put(self, send: Send, chunk: bytes, *, more: bool = True) -> None:
        """Raises TimeoutError for a reader who takes nothing: the connection breaks."""
        async with asyncio.timeout(SLOW_SECONDS):
            await send({"type": "http.response.body", "body": chunk, "more_body": more})
        self._is_sent = not more


def _media_type(kind: Format | ToolFormat) -> str:
    return kind.media_type if isinstance(kind, ToolFormat) else MEDIA_TYPES[kind]
