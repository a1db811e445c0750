"""Bytes of a request to bytes of JSON: content encodings, with bounded expansion.

Bounded in memory by the size of the result, and in time by the number of encodings, gzip members and zstd frames: each is cheap to send and
dear to read.
"""

import sys
import zlib
from collections.abc import Callable, Mapping

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from analytics.errors import PayloadTooLargeError, UnreadableBodyError, UnsupportedEncodingError

_ZSTD_WINDOW_LOG = 27  # 128 MiB at most
_MOST_ENCODINGS = 4
_MOST_MEMBERS = 10_000
_FEED_BYTES = 65_536  # what is behind the end of a member is copied: never the whole rest of the body


def expand(body: bytes, content_encoding: str, max_bytes: int) -> bytes:
    """The body without its content encodings (a comma list, last applied first).

    Raises UnsupportedEncodingError, UnreadableBodyError for a broken or cut stream, PayloadTooLargeError as soon as more than `max_bytes`
    come out: memory stays bounded by `max_bytes` whatever is sent.
    """
    if content_encoding:
        names = [name for part in content_encoding.split(",") if (name := part.strip().lower())]
        if len(names) > _MOST_ENCODINGS:
            raise UnsupportedEncodingError(f"Content-Encoding names {len(names)} encodings; {_MOST_ENCODINGS} are the most.")
        for name in reversed(names):
            expander = _EXPANDERS.get(name)
            if expander is None:
                raise UnsupportedEncodingError(f"Content-Encoding {name[:40]!r} is not understood: send gzip, deflate, br, zstd or none.")
            body = expander(body, max_bytes)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"The body is larger than {max_bytes:,} bytes.")


def _cut_off() -> UnreadableBodyError:
    return UnreadableBodyError("The compressed body ends too early.")


def _count_member(members: int) -> int:
    if members >= _MOST_MEMBERS:
        raise UnreadableBodyError(f"The compressed body has more than {_MOST_MEMBERS:,} parts.")
    return members + 1


def _inflate(body: bytes, max_bytes: int, window_bits: int) -> bytes:
    if not body:
        raise _cut_off()
    out = bytearray()
    view = memoryview(body)
    position = members = 0
    while position < len(view):  # a gzip file may hold several members
        if members and window_bits != _GZIP:
            raise UnreadableBodyError("Something follows the compressed body.")
        members = _count_member(members)
        inflater = zlib.decompressobj(window_bits)
        while not inflater.eof:
            chunk = view[position : position + _FEED_BYTES]
            if not chunk:
                raise _cut_off()
            try:
                # All of the chunk is taken, or more than is allowed comes out.
                out += inflater.decompress(chunk, max_bytes + 1 - len(out))
            except zlib.error as error:
                raise UnreadableBodyError(f"The compressed body is damaged: {error}") from error
            if len(out) > max_bytes:
                raise _too_large(max_bytes)
            position += len(chunk) - len(inflater.unused_data)
    return bytes(out)


_GZIP = 31
_ZLIB = 15
_RAW = -15


def _deflate(body: bytes, max_bytes: int) -> bytes:
    # "deflate" means zlib by the standard and raw deflate by habit.
    zlib_header = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _inflate(body, max_bytes, _ZLIB if zlib_header else _RAW)


def _brotli(body: bytes, max_bytes: int) -> bytes:
    out = bytearray()
    decompressor = brotli.Decompressor()
    try:
        out += decompressor.process(body, output_buffer_limit=max_bytes + 1)
        while not decompressor.is_finished() and len(out) <= max_bytes:
            if decompressor.can_accept_more_data():
                raise _cut_off()
            out += decompressor.process(b"", output_buffer_limit=max_bytes + 1)
    except brotli.error as error:
        raise UnreadableBodyError("The compressed body is damaged.") from error
    if len(out) > max_bytes:
        raise _too_large(max_bytes)
    return bytes(out)


def _zstd(body: bytes, max_bytes: int) -> bytes:
    out = bytearray()
    view = memoryview(body)
    position = members = 0
    try:
        while position < len(view):  # frames may follow one another
            members = _count_member(members)
            decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})
            while not decompressor.eof:
                chunk = view[position : position + _FEED_BYTES] if decompressor.needs_input else view[:0]
                if decompressor.needs_input and not chunk:
                    raise _cut_off()
                out += decompressor.decompress(chunk, max_length=max_bytes + 1 - len(out))
                if len(out) > max_bytes:
                    raise _too_large(max_bytes)
                position += len(chunk)
            position -= len(decompressor.unused_data)
    except zstd.ZstdError as error:
        raise UnreadableBodyError(f"The compressed body is damaged: {error}") from error
    return bytes(out)


def _identity(body: bytes, max_bytes: int) -> bytes:
    return body


_EXPANDERS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": lambda body, most: _inflate(body, most, _GZIP),
    "x-gzip": lambda body, most: _inflate(body, most, _GZIP),
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
    "identity": _identity,
}
