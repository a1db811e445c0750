"""HTTP/1.1 spoken by hand over keep-alive sockets: a few microseconds a request, since the generator shares two cores with the service."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What came back. Status 0: the connection broke before an answer (whether the request arrived is not known)."""

    status: int
    body: bytes
    retry_after_seconds: float = 0.0


Done = Callable[[Answer], None]


class Connection(asyncio.Protocol):
    """One socket, one request at a time."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._received = b""
        self._needed = -1
        self._done: Done | None = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, head: bytes, body: bytes, done: Done) -> None:
        """Send a request; `done` is called once, with its answer."""
        self._done = done
        self._received, self._needed = b"", -1
        self.transport.writelines((head, body))

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        if self._needed < 0:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._needed = end + 4 + _content_length(received[:end])
        if len(received) < self._needed:
            return
        head, _, body = received[: self._needed].partition(b"\r\n\r\n")
        done, self._done = self._done, None
        closing = b"\r\nconnection: close" in head.lower()
        if done is not None:
            done(Answer(int(received[9:12]), body, _retry_after(head) if received[9:10] != b"2" else 0.0))
        if closing:
            self.transport.close()
        else:
            self._pool.release(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        done, self._done = self._done, None
        if done is not None:
            done(Answer(0, b""))


class Pool:
    """Up to `size` connections to one address; requests beyond that wait their turn."""

    def __init__(self, host: str, port: int, size: int) -> None:
        self._host, self._port, self._size = host, port, size
        self._idle: list[Connection] = []
        self._opening = 0
        self._open: set[Connection] = set()
        self._waiting: deque[tuple[bytes, bytes, Done]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Requests that have no connection yet."""
        return len(self._waiting)

    def send(self, head: bytes, body: bytes, done: Done) -> None:
        """Send now if a connection is free or may be opened, else when one comes free."""
        if self._idle:
            self._idle.pop().send(head, body, done)
            return
        self._waiting.append((head, body, done))
        if len(self._open) + self._opening < self._size:
            self._opening += 1
            task = asyncio.ensure_future(self._connect())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def request(self, head: bytes, body: bytes = b"") -> Answer:
        """Send and wait."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.send(head, body, lambda answer: None if answered.done() else answered.set_result(answer))
        return await answered

    def release(self, connection: Connection) -> None:
        """A connection is free again."""
        if self._waiting:
            connection.send(*self._waiting.popleft())
        else:
            self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close every connection."""
        for connection in tuple(self._open):
            connection.transport.close()

    async def _connect(self) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(self), self._host, self._port)
        except OSError:
            self._opening -= 1
            if self._waiting:
                self._waiting.popleft()[2](Answer(0, b""))
            return
        self._opening -= 1
        self._open.add(connection)
        self.release(connection)


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    return int(lowered[at + 17 :].partition(b"\r\n")[0])


def _retry_after(head: bytes) -> float:
    lowered = head.lower()
    at = lowered.find(b"\r\nretry-after:")
    return float(lowered[at + 14 :].partition(b"\r\n")[0]) if at >= 0 else 0.0


def request_head(method: str, path: str, host: str, headers: dict[str, str]) -> bytes:
    """The head of a request up to (not including) its Content-Length line's value."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items()), "Content-Length: "]
    return "\r\n".join(lines).encode()


def with_length(head: bytes, body: bytes) -> bytes:
    """The whole head for `body`."""
    return b"%b%d\r\n\r\n" % (head, len(body))
