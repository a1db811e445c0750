"""A process that decodes events beside the worker: what runs in it (`python -m analytics.ingest.decoder_process FD MAX_EVENTS GEOIP`).

It answers what comes over the socket until the other end is closed, which the system does when the worker is killed.
"""

import pickle
import signal
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from analytics.domain.project import Project
from analytics.errors import PayloadTooLargeError, UnreadableBodyError
from analytics.garbage import tune_garbage_collection
from analytics.ingest.countries import open_countries
from analytics.ingest.pipeline import door_steps
from analytics.ingest.recorder import Recorder, Sent

_WARM_UP = b'[{"event": "warm_up", "user_id": "u", "timestamp": "2026-01-01T00:00:00Z", "properties": {"a": 1}}, {}]'
_FORESEEN = (PayloadTooLargeError, UnreadableBodyError)


class UnforeseenError(Exception):
    """Stands for an error that cannot travel, with its traceback as text."""


def answer(connection: Connection, recorder: Recorder) -> None:
    """Answer until the other end is closed."""
    while True:
        requests, received_ms = pickle.loads(connection.recv_bytes())  # noqa: S301 from our own worker
        recorded = recorder.record(requests, received_ms)
        for outcome in recorded.outcomes:
            if outcome.failure is not None and not isinstance(outcome.failure, _FORESEEN):
                outcome.failure = UnforeseenError("".join(traceback.format_exception(outcome.failure)))
        connection.send_bytes(pickle.dumps(recorded, protocol=5))


def main() -> None:
    """Entry point of the process."""
    # Ctrl-C goes to all of a terminal's processes: the worker first answers what it took.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connection, max_events, geoip = Connection(int(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
    with open_countries(Path(geoip) if geoip else None) as country_of, suppress(EOFError, ConnectionError):
        recorder = Recorder(door_steps(country_of), max_events)
        project = Project("warm-up", "warm-up", "warm-up", "Europe/London", datetime.now(UTC))
        recorder.record([Sent(project, _WARM_UP)], 1_767_225_600_000)
        tune_garbage_collection()
        connection.send_bytes(b"ready")
        answer(connection, recorder)


if __name__ == "__main__":
    main()
