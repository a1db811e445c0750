"""Somebody on loopback who counts whoever connects."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Listener:
    """Counts who connects, on loopback."""

    def __init__(self, server: socket.socket) -> None:
        self.port = server.getsockname()[1]
        self.callers = 0
        self._server = server
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.callers += 1
            connection.close()


@contextmanager
def listening() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener(server)
        yield listener
        server.shutdown(socket.SHUT_RDWR)
