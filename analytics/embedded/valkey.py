"""The embedded Valkey: on a unix socket behind a password, bounded in memory, with a snapshot now and then.

Nothing in it is the only copy, so a lost minute costs warm caches, never data.
"""

import secrets
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import redis

from analytics.embedded.account import Account, give_to
from analytics.embedded.binaries import valkey_program
from analytics.embedded.child import ChildCommand, start_child, stop_child, stop_leftovers
from analytics.errors import EngineStartError

START_SECONDS = 30.0

# Read from standard input, so that the password is in no file and in no list of processes.
_CONFIG = """
port 0
unixsocket {socket}
unixsocketperm 700
requirepass {password}
daemonize no
databases 16
maxmemory 256mb
maxmemory-policy volatile-lru
appendonly no
save 300 1000
stop-writes-on-bgsave-error no
rdbcompression yes
loglevel warning
enable-debug-command no
enable-module-command no
"""


class EmbeddedValkey:
    """One server as our child."""

    name = "valkey"

    def __init__(self, folder: Path, runtime_folder: Path, account: Account | None) -> None:
        self._folder = folder
        self._socket = runtime_folder / "valkey.sock"
        self._account = account
        self._program = valkey_program(account, runtime_folder)
        self._password = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder.parent / "valkey.log"

    @property
    def url(self) -> str:
        return f"unix://:{self._password}@{quote(str(self._socket))}?db=0"

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server, once started."""
        return self._process

    def start(self) -> None:
        """Start the server; does not wait for it. Raises EngineStartError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stop_leftovers(self._folder, ("valkey-server",))
        for unfinished in self._folder.glob("temp-*.rdb"):
            unfinished.unlink(missing_ok=True)
        give_to(self._account, self._folder)
        self._socket.unlink(missing_ok=True)
        self._log.unlink(missing_ok=True)
        self._process = start_child(
            ChildCommand(
                [str(self._program), "-"],
                self._folder,
                self._account,
                standard_input=_CONFIG.format(socket=self._socket, password=self._password).encode(),
                log=self._log,
            )
        )

    def wait_ready(self) -> None:
        """Wait until the server answers. Raises EngineStartError with the end of its log."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with redis.Redis.from_url(self.url, socket_timeout=5) as client:
                    client.ping()
                return
            except redis.RedisError as error:
                if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                    words = self._log.read_text("utf-8", "replace").strip().splitlines()[-5:] or [str(error)]
                    raise EngineStartError(f"The embedded Valkey did not start: {' | '.join(words)}") from error
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it with a last snapshot; nothing of it is left afterwards."""
        if self._process is not None:
            stop_child(self._process, [(signal.SIGTERM, 10.0)])
            self._process = None
