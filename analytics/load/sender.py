"""Batches of events over HTTP, several at a time, each repeated until it is answered.

The one thing to know: results come back in the order the batches went in, so that the caller always knows up to where all is done.
"""

import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import httpx
import msgspec

from analytics.errors import AnalyticsError, ForbiddenError, InvalidRequestError, StoreError, UnauthenticatedError

_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Events to send together, each one line of JSON. `tag` comes back with the result."""

    lines: Sequence[bytes]
    tag: Any = None


@dataclass(frozen=True, slots=True)
class Refused:
    """One event the service refused: its place in the batch, and why."""

    index: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a batch."""

    batch: Outgoing
    accepted: int
    refused: Sequence[Refused]


class Sender:
    """Posts batches to `url`/v1/events with a write key.

    `patience_seconds`: how long one batch is repeated while the service cannot take it; `waiting` hears why.
    """

    def __init__(
        self,
        url: str,
        write_key: str,
        *,
        in_flight: int = 4,
        patience_seconds: float = 300.0,
        waiting: Callable[[str], None] = lambda reason: None,
        trust: ssl.SSLContext | bool = True,
    ) -> None:
        self._url = url.rstrip("/") + "/v1/events"
        self._headers = {"Authorization": f"Bearer {write_key}", "Content-Type": "application/x-ndjson"}
        self._in_flight = in_flight
        self._patience_seconds = patience_seconds
        self._waiting = waiting
        self._trust = trust
        self._stopped = threading.Event()

    def send(self, batches: Iterable[Outgoing]) -> Generator[Answered]:
        """The result of each batch, in order.

        Raises UnauthenticatedError or ForbiddenError for a wrong key, StoreError when a batch could not be delivered within the patience.
        What is in flight is waited for before an error leaves here.
        """
        limits = httpx.Limits(max_connections=self._in_flight, max_keepalive_connections=self._in_flight)
        with (
            httpx.Client(headers=self._headers, limits=limits, timeout=httpx.Timeout(60, connect=5), verify=self._trust) as client,
            ThreadPoolExecutor(self._in_flight, thread_name_prefix="load") as pool,
        ):
            under_way: deque[Future[Answered]] = deque()
            try:
                for batch in batches:
                    if len(under_way) >= self._in_flight:
                        yield under_way.popleft().result()
                    under_way.append(pool.submit(self._deliver, client, batch))
                while under_way:
                    yield under_way.popleft().result()
            finally:
                self._stopped.set()

    def _deliver(self, client: httpx.Client, batch: Outgoing) -> Answered:
        if not batch.lines:
            return Answered(batch, 0, ())
        body = b"\n".join(batch.lines)
        deadline = time.monotonic() + self._patience_seconds
        attempt = 0
        while True:
            attempt += 1
            pause, reason = min(0.25 * 2**attempt, _LONGEST_PAUSE_SECONDS) * random.uniform(0.7, 1.3), ""  # noqa: S311 - only spreads out
            try:
                response = client.post(self._url, content=body)
            except httpx.TransportError as error:
                reason = f"{type(error).__name__}: {error}"
            else:
                if response.status_code == 200:
                    return _answered(batch, response.content)
                if response.status_code in (429, 500, 502, 503, 504):
                    reason = _detail(response)
                    pause = _retry_after(response, pause)
                elif response.status_code in (400, 413):
                    return self._halve(client, batch, response)
                else:
                    raise _failure(response)
            if time.monotonic() + pause > deadline:
                raise StoreError(f"The service did not take the events within {self._patience_seconds:.0f} s: {reason}")
            self._waiting(reason)
            if self._stopped.wait(pause):
                raise StoreError("Stopped while waiting for the service.")

    def _halve(self, client: httpx.Client, batch: Outgoing, response: httpx.Response) -> Answered:
        """The service cannot read the request as a whole: find the event it stumbles over, and send the others."""
        if len(batch.lines) == 1:
            code = str(_problem(response).get("code", "unreadable"))
            return Answered(batch, 0, (Refused(0, code, _detail(response)),))
        middle = len(batch.lines) // 2
        first = self._deliver(client, Outgoing(batch.lines[:middle]))
        second = self._deliver(client, Outgoing(batch.lines[middle:]))
        moved = tuple(Refused(item.index + middle, item.code, item.detail) for item in second.refused)
        return Answered(batch, first.accepted + second.accepted, (*first.refused, *moved))


def _answered(batch: Outgoing, content: bytes) -> Answered:
    answer = msgspec.json.decode(content)
    refused = tuple(Refused(int(item["index"]), str(item["code"]), str(item["detail"])) for item in answer["errors"])
    return Answered(batch, int(answer["accepted"]), refused)


def _retry_after(response: httpx.Response, pause: float) -> float:
    try:
        return min(max(float(response.headers["Retry-After"]), 0.05), _LONGEST_PAUSE_SECONDS)
    except (KeyError, ValueError):
        return pause


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}


def _detail(response: httpx.Response) -> str:
    return f"{response.status_code} {_problem(response).get('detail') or response.reason_phrase}"


def _failure(response: httpx.Response) -> AnalyticsError:
    detail = _detail(response)
    if response.status_code == 401:
        return UnauthenticatedError(f"The write key is not accepted ({detail})")
    if response.status_code == 403:
        return ForbiddenError(f"The write key may not send events ({detail})")
    return InvalidRequestError(f"The service answered {detail}")
