"""Content encodings: what comes out, what is refused, and that neither memory nor time runs away."""

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest

from analytics.errors import PayloadTooLargeError, UnreadableBodyError, UnsupportedEncodingError
from analytics.ingest.body import expand, zstd

BODY = b'[{"event":"lesson_completed","user_id":"u-17","properties":{"course_id":"c-101"}}]' * 3
MOST = 1_000_000


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


def quick_brotli(data: bytes) -> bytes:
    return brotli.compress(data, quality=3)


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", quick_brotli),
    "zstd": ("zstd", zstd.compress),
}
every_encoding = pytest.mark.parametrize(("name", "encode"), ENCODERS.values(), ids=ENCODERS.keys())


@every_encoding
def test_what_was_compressed_comes_out(name: str, encode: Callable[[bytes], bytes]) -> None:
    assert expand(encode(BODY), name, MOST) == BODY
    assert expand(encode(BODY), f" {name.upper()} ", MOST) == BODY
    assert expand(encode(b""), name, MOST) == b""


@every_encoding
def test_large_bodies_come_out_whole(name: str, encode: Callable[[bytes], bytes]) -> None:
    large = bytes(range(256)) * 3_000
    assert expand(encode(large), name, MOST) == large


@pytest.mark.parametrize("name", ["", "identity", " , identity,"])
def test_no_encoding_leaves_the_body(name: str) -> None:
    assert expand(BODY, name, MOST) is BODY


@every_encoding
def test_a_stream_cut_at_any_byte_is_refused(name: str, encode: Callable[[bytes], bytes]) -> None:
    whole = encode(BODY)
    for length in range(1, len(whole)):
        with pytest.raises(UnreadableBodyError):
            expand(whole[:length], name, MOST)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br"])
def test_an_empty_stream_is_refused(name: str) -> None:
    with pytest.raises(UnreadableBodyError):
        expand(b"", name, MOST)


@every_encoding
def test_what_follows_the_stream_is_refused(name: str, encode: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UnreadableBodyError):
        expand(encode(BODY) + b"rest", name, MOST)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_several_members_come_out_joined(name: str) -> None:
    encode = ENCODERS[name][1]
    assert expand(encode(BODY) + encode(b"") + encode(BODY), name, MOST) == BODY * 2
    with pytest.raises(UnreadableBodyError):
        expand(encode(BODY) + encode(BODY)[:-1], name, MOST)


@pytest.mark.parametrize("name", ["deflate", "br"])
def test_encodings_without_members_have_one(name: str) -> None:
    encode = ENCODERS[name][1]
    with pytest.raises(UnreadableBodyError):
        expand(encode(BODY) + encode(BODY), name, MOST)


@every_encoding
def test_a_changed_stream_never_gives_another_body_unnoticed(name: str, encode: Callable[[bytes], bytes]) -> None:
    """gzip and zlib carry a checksum. The others may give other bytes, but never anything but bytes or a refusal."""
    whole = encode(BODY)
    for position in range(len(whole)):
        changed = whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :]
        try:
            result = expand(changed, name, MOST)
        except (UnreadableBodyError, PayloadTooLargeError):
            continue
        header = position < 10 and name.endswith("gzip")  # time, flags and system are not checked
        assert header or encode not in (gzip.compress, zlib.compress) or result == BODY


@every_encoding
def test_the_limit_counts_what_comes_out(name: str, encode: Callable[[bytes], bytes]) -> None:
    assert len(expand(encode(b"x" * MOST), name, MOST)) == MOST
    with pytest.raises(PayloadTooLargeError):
        expand(encode(b"x" * (MOST + 1)), name, MOST)


def test_the_limit_holds_without_an_encoding() -> None:
    with pytest.raises(PayloadTooLargeError):
        expand(b"x" * (MOST + 1), "", MOST)


@every_encoding
def test_a_bomb_is_refused_in_bounded_memory_and_time(name: str, encode: Callable[[bytes], bytes]) -> None:
    bomb = encode(bytes(60_000_000))
    assert len(bomb) < 100_000
    started = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooLargeError):
            expand(bomb, name, MOST)
        assert tracemalloc.get_traced_memory()[1] < 8 * MOST
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 2


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_body_of_countless_empty_members_is_refused_in_bounded_time(name: str) -> None:
    """Copying the rest of the body for each member would take hours."""
    member = ENCODERS[name][1](b"")
    started = time.process_time()
    with pytest.raises(UnreadableBodyError, match="parts"):
        expand(member * (20_000_000 // len(member)), name, MOST)
    assert time.process_time() - started < 5


def test_encodings_are_undone_last_first() -> None:
    assert expand(gzip.compress(zlib.compress(BODY)), "deflate, gzip", MOST) == BODY
    with pytest.raises(UnreadableBodyError):
        expand(gzip.compress(zlib.compress(BODY)), "gzip, deflate", MOST)


def test_no_more_than_four_encodings_are_undone() -> None:
    body = BODY
    for _ in range(4):
        body = gzip.compress(body)
    assert expand(body, "gzip,gzip,gzip,gzip", MOST) == BODY
    with pytest.raises(UnsupportedEncodingError):
        expand(gzip.compress(body), "gzip,gzip,gzip,gzip,gzip", MOST)


@pytest.mark.parametrize("name", ["compress", "gzip;q=1", "br gzip", "\x00", "gzip, lzma", "x" * 10_000])
def test_an_unknown_encoding_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedEncodingError) as refused:
        expand(gzip.compress(BODY), name, MOST)
    assert len(refused.value.detail) < 300


def test_a_zstd_frame_with_a_giant_window_is_refused() -> None:
    frame = b"\x28\xb5\x2f\xfd" + b"\x00" + b"\xff" + b"\x01\x00\x00"  # a window of 2^41 bytes and more
    with pytest.raises(UnreadableBodyError):
        expand(frame, "zstd", MOST)
