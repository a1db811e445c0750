"""HTTP before the application: heads without an end, and what is no HTTP."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from starlette.types import Receive, Scope, Send

from analytics.api import http_head
from tests.fixtures.loopback import served
from tests.fixtures.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with served(echo) as url:
        yield int(url.rpartition(":")[2])


async def answer_to(port: int, *pieces: bytes, answers: int | None = None, pause: float = 0.0) -> bytes:
    """What comes back until so many answers are whole; None: until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        found = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (answers is None or whole_answers(found) < answers) and (chunk := await reader.read(65_536)):
                    found += chunk
        return found
    finally:
        writer.close()


def whole_answers(found: bytes) -> int:
    """How many answers, each as long as it says, stand in `found` from its beginning."""
    count = 0
    while b"\r\n\r\n" in found:
        head, _, rest = found.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) < size:
            break
        count, found = count + 1, rest[size:]
    return count


def problem_in(answer: bytes, status: int) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    assert (json.loads(body)["status"], json.loads(body)["code"]) == (status, "http")


REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"


async def test_requests_are_answered_one_after_another_on_a_connection(port: int) -> None:
    for pieces in ((REQUEST,) * 3, (REQUEST * 3,), tuple(REQUEST[at : at + 1] for at in range(len(REQUEST)))):
        sent = b"".join(pieces).count(b"POST")
        assert (await answer_to(port, *pieces, answers=sent, pause=0.001)).count(b"HTTP/1.1 200") == sent


async def test_what_is_no_http_is_a_problem(port: int) -> None:
    for text in (
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n",
    ):
        problem_in(await answer_to(port, text), 400)


async def test_a_head_has_an_end(port: int) -> None:
    start = b"POST / HTTP/1.1\r\nhost: x\r\n"
    fits = start + b"x: " + b"y" * 60_000 + b"\r\ncontent-length: 0\r\n\r\n"
    assert (await answer_to(port, fits, answers=1)).startswith(b"HTTP/1.1 200")
    pieces = [fits[at : at + 9_000] for at in range(0, len(fits), 9_000)]
    assert (await answer_to(port, *pieces, answers=1, pause=0.001)).startswith(b"HTTP/1.1 200")
    for endless in (start + b"x: ", start + b"x", b"POST /", start):
        line = b"a: b\r\n" if endless == start else b"y"
        problem_in(await answer_to(port, endless, line * 150_000), 431)


async def test_a_whole_request_is_answered_before_the_nonsense_behind_it(port: int) -> None:
    answer = await answer_to(port, REQUEST + b"nonsense\r\n\r\n")
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"{}")


async def test_a_field_behind_the_body_is_not_of_the_head() -> None:
    async def host(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        names = b",".join(name for name, _ in scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(names)).encode())]})
        await send({"type": "http.response.body", "body": names})

    async with served(host) as url:
        request = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-forwarded-for: me\r\n\r\n"
        assert (await answer_to(int(url.rpartition(":")[2]), request, answers=1)).endswith(b"\r\n\r\nhost,transfer-encoding")


async def test_a_long_body_is_no_head(port: int) -> None:
    body = b"z" * 500_000
    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 500000\r\n\r\n" + body
    assert (await answer_to(port, request, request, answers=2)).count(body) == 2


@pytest.mark.parametrize("pieces", [(), (b"POST / HTT",), (REQUEST, b"POST / HTTP/1.1\r\nhost"), (b"\r\n",)])
async def test_a_head_does_not_take_for_ever(port: int, monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...]) -> None:
    monkeypatch.setattr(http_head.BoundedHttp, "head_seconds", 0.2)
    started = time.monotonic()
    answer = await answer_to(port, *pieces)
    assert time.monotonic() - started > 0.198  # the event loop counts whole milliseconds
    problem_in(answer[answer.index(b"HTTP/1.1 408") :], 408)
    assert answer.count(b"HTTP/1.1 200") == pieces.count(REQUEST)
