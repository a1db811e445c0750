"""Answers compressed piece by piece: what has come can be read, and the whole is the whole."""

import zlib

import pytest
from backports import zstd

from analytics.api.clickhouse_compression import compressor, encoding_for

OPENED = {
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "zstd": lambda: zstd.ZstdDecompressor().decompress,
}


@pytest.mark.parametrize("encoding", list(OPENED))
def test_what_was_flushed_can_be_read_before_the_end(encoding: str) -> None:
    made, opened = compressor(encoding), OPENED[encoding]()
    assert opened(made.compress(b"a" * 100_000) + made.flush()) == b"a" * 100_000
    assert opened(made.compress(b"b") + made.end()) == b"b"


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", None),
        ("lz4", None),
        ("lz4,zstd,br,gzip", "zstd"),
        ("gzip, br", "gzip"),
        ("zstd;q=0, br, gzip;q=0.5", "gzip"),
        ("br", None),
        ("GZIP;q=0.0", None),
    ],
)
def test_the_best_that_is_accepted_is_chosen(accepted: str, chosen: str | None) -> None:
    assert encoding_for(accepted) == chosen
