"""Answers compressed as they are sent.

The one thing to know: who asked for it by both `enable_http_compression` and Accept-Encoding gets it, as with a ClickHouse server.
"""

import re
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_QUICK = 3  # levels: what is read once is compressed quickly


class Compressor(Protocol):
    """One answer. For one thread at a time."""

    def compress(self, data: bytes, /) -> bytes:
        """What comes out for `data`, which may be nothing yet."""
        ...

    def flush(self) -> bytes:
        """What was held back, in a form that can be read without what follows."""
        ...

    def end(self) -> bytes:
        """The end."""
        ...


class _Gzip:
    def __init__(self) -> None:
        self._gzip = zlib.compressobj(_QUICK, wbits=31)

    def compress(self, data: bytes, /) -> bytes:
        return self._gzip.compress(data)

    def flush(self) -> bytes:
        return self._gzip.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._gzip.flush(zlib.Z_FINISH)


class _Zstd:
    def __init__(self) -> None:
        self._zstd = zstd.ZstdCompressor(level=_QUICK)

    def compress(self, data: bytes, /) -> bytes:
        return self._zstd.compress(data)

    def flush(self) -> bytes:
        return self._zstd.flush(zstd.ZstdCompressor.FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._zstd.flush(zstd.ZstdCompressor.FLUSH_FRAME)


_ZERO = re.compile(r"0(?:\.0*)?")
# The best first.
_COMPRESSORS: Mapping[str, Callable[[], Compressor]] = {"zstd": _Zstd, "gzip": _Gzip}


def encoding_for(accept_encoding: str) -> str | None:
    """The one of ours that the header names, the best first; None: none."""
    wanted = {
        name.strip().lower() for name, _, quality in (part.partition(";") for part in accept_encoding.split(",")) if not _is_zero(quality)
    }
    return next((name for name in _COMPRESSORS if name in wanted), None)


def compressor(encoding: str) -> Compressor:
    """A new one."""
    return _COMPRESSORS[encoding]()


def _is_zero(quality: str) -> bool:
    name, _, value = quality.partition("=")
    return name.strip() == "q" and _ZERO.fullmatch(value.strip()) is not None
