"""Batches over HTTP when the service is busy, away, or says no: a server that answers by a script stands for it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from analytics.errors import ForbiddenError, StoreError, UnauthenticatedError
from analytics.load.sender import Outgoing, Refused, Sender

Reply = tuple[int, dict[str, str], bytes]


def accept(lines: list[bytes]) -> Reply:
    return 200, {}, json.dumps({"accepted": len(lines), "rejected": 0, "errors": []}).encode()


def problem(status: int, code: str = "busy", **headers: str) -> Reply:
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps({"code": code, "detail": "no"}).encode()


@contextmanager
def front_door(reply: Callable[[list[bytes]], Reply]) -> Iterator[tuple[str, list[list[bytes]]]]:
    """Where it listens, and the requests it got, as lists of lines."""
    seen: list[list[bytes]] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            lines = self.rfile.read(int(self.headers["Content-Length"])).split(b"\n")
            assert self.path == "/v1/events"
            assert self.headers["Authorization"] == "Bearer wk_test"
            with lock:
                seen.append(lines)
                status, headers, body = reply(lines)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def batches(count: int, size: int = 3) -> list[Outgoing]:
    return [Outgoing(tuple(b'{"event_id":"%d-%d"}' % (number, index) for index in range(size)), number) for number in range(count)]


def test_results_come_in_the_order_of_the_batches() -> None:
    with front_door(accept) as (url, seen):
        answered = list(Sender(url, "wk_test", in_flight=4).send(iter(batches(25))))
    assert [item.batch.tag for item in answered] == list(range(25))
    assert sum(item.accepted for item in answered) == 75
    assert len(seen) == 25


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_service_is_asked_again_with_the_same_bytes_after_the_time_it_names(status: int) -> None:
    times = iter([problem(status, Retry_After="0"), problem(status, Retry_After="0")])
    reasons: list[str] = []
    with front_door(lambda lines: next(times, None) or accept(lines)) as (url, seen):
        answered = list(Sender(url, "wk_test", waiting=reasons.append).send(batches(1)))
    assert answered[0].accepted == 3
    assert seen == [list(batches(1)[0].lines)] * 3
    assert [reason[:3] for reason in reasons] == [str(status)] * 2


def test_a_service_that_stays_away_ends_the_load_and_says_so() -> None:
    with front_door(lambda lines: problem(503, Retry_After="1")) as (url, _), pytest.raises(StoreError, match="503 no"):
        list(Sender(url, "wk_test", patience_seconds=0.1).send(batches(3)))
    with pytest.raises(StoreError, match="did not take the events"):  # nobody listens there any more
        list(Sender(url, "wk_test", patience_seconds=0.1).send(batches(1)))


@pytest.mark.parametrize(("status", "kind"), [(401, UnauthenticatedError), (403, ForbiddenError)])
def test_a_wrong_key_ends_the_load_at_once(status: int, kind: type[Exception]) -> None:
    with front_door(lambda lines: problem(status, "unauthenticated")) as (url, seen), pytest.raises(kind):
        list(Sender(url, "wk_test", in_flight=2).send(batches(50)))
    assert len(seen) < 10


def test_one_unreadable_event_does_not_take_its_batch_along() -> None:
    def picky(lines: list[bytes]) -> Reply:
        return problem(400, "invalid-body") if b'{"event_id":"0-5"}' in lines else accept(lines)

    with front_door(picky) as (url, _):
        (answered,) = Sender(url, "wk_test").send(batches(1, size=9))
    assert answered.accepted == 8
    assert answered.refused == (Refused(5, "invalid-body", "400 no"),)


def test_verdicts_name_the_event_by_its_place() -> None:
    verdict = {"accepted": 2, "rejected": 1, "errors": [{"index": 1, "event_id": None, "code": "missing-user", "detail": "Nobody."}]}
    with front_door(lambda lines: (200, {}, json.dumps(verdict).encode())) as (url, _):
        (answered,) = Sender(url, "wk_test").send(batches(1))
    assert answered.refused == (Refused(1, "missing-user", "Nobody."),)


def test_a_batch_without_events_asks_nobody() -> None:
    with front_door(accept) as (url, seen):
        (answered,) = Sender(url, "wk_test").send([Outgoing((), "only bad rows")])
    assert (answered.accepted, seen) == (0, [])
