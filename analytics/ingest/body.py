"""Bytes of a request to bytes of JSON: content encodings, with bounded expansion."""

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


def expand(body: bytes, content_encoding: str, max_bytes: int) -> bytes:
    """The body without its content encodings (a comma list, last applied first).

    Raises UnsupportedEncodingError, UnreadableBodyError for a broken or cut stream, PayloadTooLargeError as soon as more than `max_bytes`
    come out: memory stays bounded by `max_bytes` whatever is sent.
    """
    for name in reversed([part.strip().lower() for part in content_encoding.split(",") if part.strip()]):
        expander = _EXPANDERS.get(name)
        if expander is None:
            raise UnsupportedEncodingError(f"Content-Encoding {name[:40]!r} is not understood: send gzip, deflate, br, zstd or none.")
        body = expander(body, max_bytes)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"The body is larger than {max_bytes:,} bytes.")


def _inflate(body: bytes, max_bytes: int, window_bits: int) -> bytes:
    out = bytearray()
    rest = body
    while rest:  # a gzip file may hold several members
        inflater = zlib.decompressobj(window_bits)
        try:
            while not inflater.eof and rest:
                out += inflater.decompress(rest, max_bytes + 1 - len(out))
                if len(out) > max_bytes:
                    raise _too_large(max_bytes)
                rest = inflater.unconsumed_tail
        except zlib.error as error:
            raise UnreadableBodyError(f"The compressed body is damaged: {error}") from error
        if not inflater.eof:
            raise UnreadableBodyError("The compressed body ends too early.")
        rest = inflater.unused_data if window_bits == _GZIP else b""
    if not body:
        raise UnreadableBodyError("The compressed body is empty.")
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
                raise UnreadableBodyError("The compressed body ends too early.")
            out += decompressor.process(b"", output_buffer_limit=max_bytes + 1)
    except brotli.error as error:
        raise UnreadableBodyError("The compressed body is damaged.") from error
    if len(out) > max_bytes:
        raise _too_large(max_bytes)
    return bytes(out)


def _zstd(body: bytes, max_bytes: int) -> bytes:
    out = bytearray()
    rest = body
    try:
        while rest:  # frames may follow one another
            decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})
            feed = rest
            while not decompressor.eof:
                if decompressor.needs_input and not feed and feed is not rest:
                    raise UnreadableBodyError("The compressed body ends too early.")
                out += decompressor.decompress(feed, max_length=max_bytes + 1 - len(out))
                if len(out) > max_bytes:
                    raise _too_large(max_bytes)
                feed = b""
            rest = decompressor.unused_data
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
