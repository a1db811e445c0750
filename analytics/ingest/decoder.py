"""A process that decodes events beside the worker: the worker's side of it.

Decoding is the one part of the way in that is Python through and through. In the worker it shares Python's lock with the event loop and the
writer, and costs twice what it does alone; here it has a lock and a processor of its own. The one thing to know: the process knows neither
keys nor erasures nor the disk, and may die at any moment; whatever was sent to it is then done in the worker.
"""

import logging
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from analytics.ingest.recorder import Recorded, Sent
from analytics.side_process import SideProcess

log = logging.getLogger(__name__)

START_SECONDS = 60.0
ANSWER_SECONDS = 60.0  # for a group of requests, which takes milliseconds: more is a hang
_RESTART_SECONDS = 2.0
_END_SECONDS = 5.0


class DecoderGoneError(Exception):
    """The process died, or hangs. Nothing of what was sent to it has any effect."""


class UnforeseenError(Exception):
    """Stands for an error that cannot travel, with its traceback as text."""


class Decoder:
    """One such process. Send from one thread, receive from one other; answers come in the order of what was sent."""

    def __init__(self, max_events: int, geoip_path: Path | None) -> None:
        self._process = SideProcess("analytics.ingest.decoder_process", max_events, geoip_path or "")
        self._ready = False
        self._gone = False

    def is_ready(self, wait_seconds: float = 0.0) -> bool:
        """Whether it can be sent to; before the first `send` only."""
        try:
            self._ready = self._ready or self._process.await_ready(wait_seconds)
        except (EOFError, OSError):
            self._gone = True
        return self._ready and not self._gone

    @property
    def is_gone(self) -> bool:
        """Whether it is of no use any more."""
        return self._gone

    def send(self, requests: Sequence[Sent], received_ms: int) -> None:
        """Have the requests recorded. Raises DecoderGoneError."""
        try:
            self._process.send((requests, received_ms))
        except OSError as error:
            self._gone = True
            raise DecoderGoneError from error

    def receive(self) -> Recorded:
        """What became of the requests sent first of those not yet received. Raises DecoderGoneError."""
        if self._gone:
            raise DecoderGoneError
        try:
            return cast(Recorded, self._process.receive(ANSWER_SECONDS))
        except (EOFError, OSError) as error:
            self._gone = True
            raise DecoderGoneError from error

    def close(self) -> None:
        """End it."""
        self._process.leave()
        process = self._process.process
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Decoders:
    """`count` such processes, each started again when it is gone."""

    def __init__(self, count: int, max_events: int, geoip_path: Path | None) -> None:
        self._max_events = max_events
        self._geoip_path = geoip_path
        self._decoders = [self._start() for _ in range(count)]
        self._started_at = [time.monotonic()] * count
        self._turn = 0

    def wait_until_ready(self) -> None:
        """Wait for those that were just started; one that takes too long is not waited for, and used when it is ready."""
        deadline = time.monotonic() + START_SECONDS
        for decoder in self._decoders:
            decoder.is_ready(max(0.0, deadline - time.monotonic()))

    def next(self) -> Decoder | None:
        """The one whose turn it is; None: there is none, or it is not ready."""
        if not self._decoders:
            return None
        turn = self._turn = (self._turn + 1) % len(self._decoders)
        decoder = self._decoders[turn]
        if decoder.is_gone and time.monotonic() > self._started_at[turn] + _RESTART_SECONDS:
            log.error("ingest.decoder_gone")
            decoder.close()
            decoder = self._decoders[turn] = self._start()
            self._started_at[turn] = time.monotonic()
        return decoder if decoder.is_ready() else None

    def close(self) -> None:
        """End all."""
        for decoder in self._decoders:
            decoder.close()

    def _start(self) -> Decoder:
        return Decoder(self._max_events, self._geoip_path)
