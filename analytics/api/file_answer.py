"""A file as an answer: opened before anything is said, so that it is there until it is sent, also if it is removed meanwhile."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Self

import anyio.to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from analytics.errors import ConflictError

_CHUNK_BYTES = 256 * 1024


class FileAnswer(Response):
    """A download; it closes the file whatever becomes of it."""

    def __init__(self, file: BinaryIO, media_type: str, name: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(None, 200, headers, media_type)
        self._file = file
        self.headers["content-length"] = str(os.fstat(file.fileno()).st_size)
        self.headers["content-disposition"] = f'attachment; filename="{name}"'
        self.headers["cache-control"] = "no-store"

    @classmethod
    async def opened(cls, path: Path, media_type: str, name: str) -> Self:
        """The answer with the file at `path`; `name` is plain ASCII. Raises ConflictError if it is not there any more."""
        try:
            file = await anyio.to_thread.run_sync(lambda: path.open("rb"))
        except FileNotFoundError as error:
            raise ConflictError("The file was removed.") from error
        return cls(file, media_type, name)

    def close(self) -> None:
        """It is not sent."""
        self._file.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            more = True
            while more:
                chunk = await anyio.to_thread.run_sync(self._file.read, _CHUNK_BYTES)
                more = len(chunk) == _CHUNK_BYTES
                await send({"type": "http.response.body", "body": chunk, "more_body": more})
        finally:
            self._file.close()
