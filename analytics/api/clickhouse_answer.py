"""The answer to a ClickHouse tool: like any answer to SQL, with ClickHouse's headers, compression and exceptions.

The one thing to know: where an answer breaks off, the exception stands in it behind the tag that was said in its head, and then the
connection breaks: who reads neither sees that it has no end.
"""

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import anyio.to_thread
from starlette.types import Receive, Scope, Send

from analytics.adhoc.door import RunningSql
from analytics.adhoc.queries import AdhocQueries, AskedSql
from analytics.api.clickhouse_compression import Compressor, compressor
from analytics.api.clickhouse_errors import TAG_HEADER, exception_answer, exception_in_stream
from analytics.api.sql_answer import SqlResponse
from analytics.errors import AnalyticsError, ConflictError

_TAG_BYTES = 8  # in hexadecimal digits a tag of 16, as a server's


class ToolResponse(SqlResponse):
    """Runs a query and answers it."""

    def __init__(self, queries: AdhocQueries, asked: AskedSql, scratch: Path, shown_id: str, encoding: str | None) -> None:
        """`shown_id`: the query's id as the tool wrote it. `encoding`: how the answer is compressed, None: not."""
        super().__init__(queries, asked, scratch)
        self._tag = secrets.token_hex(_TAG_BYTES)
        self._compressor: Compressor | None = None if encoding is None else compressor(encoding)
        self._told = {"X-ClickHouse-Query-Id": shown_id, "X-ClickHouse-Timezone": "UTC"}
        self.headers.update(self._told)
        self.headers["X-ClickHouse-Format"] = str(asked.format)
        self.headers["vary"] = "accept-encoding"
        if encoding is not None:
            self.headers["content-encoding"] = encoding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except AnalyticsError as error:
            if self._has_begun:
                raise
            await exception_answer(error, self._told)(scope, receive, send)

    async def _answer(self, send: Send) -> None:
        try:
            await super()._answer(send)
        except ConflictError:
            # As with a server, an id is free again once its query has ended: tools try again by the same id.
            kept = await self._queries.history.find(self._asked.project.id, self._asked.query_id)
            if self._has_begun or kept is None or kept.actor != self._asked.actor or kept.status == "running":
                raise
            self._asked = replace(self._asked, query_id=uuid4().hex)
            await super()._answer(send)

    def _set_headers(self, query: RunningSql) -> None:
        self.headers[TAG_HEADER] = self._tag

    def _set_end(self, query: RunningSql) -> None:
        self.headers["X-ClickHouse-Summary"] = json.dumps(_summary(query))

    async def _encoded(self, data: bytes, *, last: bool = False) -> bytes:
        if self._compressor is None:
            return data
        return await anyio.to_thread.run_sync(_compressed, self._compressor, data, last)

    async def _break_off(self, send: Send, error: AnalyticsError) -> None:
        text = exception_in_stream(error, self._tag)
        if self._compressor is not None:
            text = self._compressor.compress(text) + self._compressor.flush()
        with suppress(TimeoutError):
            await self._put(send, text)


def _compressed(made: Compressor, data: bytes, last: bool) -> bytes:
    return made.compress(data) + (made.end() if last else b"")


def _summary(query: RunningSql) -> Mapping[str, str]:
    """What the query took, as texts. Rows of binary formats are not counted on a server."""
    counts = {
        "read_rows": query.rows_read,
        "read_bytes": query.bytes_read,
        "written_rows": 0,
        "written_bytes": 0,
        "total_rows_to_read": query.rows_read,
        "result_rows": query.shape.rows,
        "result_bytes": query.bytes_returned,
        "elapsed_ns": query.elapsed_ms * 1_000_000,
    }
    return {name: str(count) for name, count in counts.items()}
