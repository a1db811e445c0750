"""A process that decodes events beside the worker: what runs in it (`python -m analytics.ingest.decoder_process FD MAX_EVENTS GEOIP`)."""

import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from analytics.domain.project import Project
from analytics.errors import PayloadTooLargeError, UnreadableBodyError
from analytics.garbage import tune_garbage_collection
from analytics.ingest.countries import open_countries
from analytics.ingest.decoder import UnforeseenError
from analytics.ingest.pipeline import door_steps
from analytics.ingest.recorder import Recorded, Recorder, Sent
from analytics.side_process import answer_all, do_without_pandas, ignore_signals

_WARM_UP = b'[{"event": "warm_up", "user_id": "u", "timestamp": "2026-01-01T00:00:00Z", "properties": {"a": 1}}, {}]'
_FORESEEN = (PayloadTooLargeError, UnreadableBodyError)


def answer(recorder: Recorder, requests: Sequence[Sent], received_ms: int) -> Recorded:
    """What became of the requests, in a form that can travel."""
    recorded = recorder.record(requests, received_ms)
    for outcome in recorded.outcomes:
        if outcome.failure is not None and not isinstance(outcome.failure, _FORESEEN):
            outcome.failure = UnforeseenError("".join(traceback.format_exception(outcome.failure)))
    return recorded


def main() -> None:
    """Entry point of the process."""
    ignore_signals()
    do_without_pandas()
    max_events, geoip = int(sys.argv[2]), sys.argv[3]
    with open_countries(Path(geoip) if geoip else None) as country_of:
        recorder = Recorder(door_steps(country_of), max_events)
        project = Project("warm-up", "warm-up", "warm-up", "Europe/London", datetime.now(UTC))
        recorder.record([Sent(project, _WARM_UP)], 1_767_225_600_000)
        tune_garbage_collection()
        answer_all(lambda asked: answer(recorder, *asked))


if __name__ == "__main__":
    main()
