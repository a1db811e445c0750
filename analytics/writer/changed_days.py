"""What a batch is about to change: its projects and their days, for whoever keeps answers about them."""

import numpy as np
import pyarrow as pa
import structlog

from analytics.cache.change_marks import Change, ChangeMarks
from analytics.clock import Clock
from analytics.domain.columns import distinct_texts

_DAY_MS = 86_400_000
_MOST_FLAGS = 1 << 20
_log = structlog.get_logger("analytics.answers")


class BatchMarks:
    """`inserting` and `inserted` of the Writer. Neither raises: an event is worth more than an answer."""

    def __init__(self, marks: ChangeMarks, clock: Clock) -> None:
        self._marks = marks
        self._clock = clock

    def inserting(self, token: str, events: pa.RecordBatch) -> None:
        """These events are about to be put in."""
        try:
            age_ms = self._clock.now_ms() - int(np.asarray(events.column("received_at").cast(pa.int64())).min())
            self._marks.begin(token, changed_days(events), age_ms / 1000)
        except Exception as error:
            _log.error("a batch goes in unmarked", exc_info=error)
            self._marks.distrust(token)

    def inserted(self, token: str) -> None:
        """They are all in."""
        try:
            self._marks.end(token)
        except Exception as error:  # the next beat tells the marks that are left
            _log.error("the mark of a batch was not taken away", exc_info=error)


def changed_days(events: pa.RecordBatch) -> list[Change]:
    """The projects of `events` and their days, UTC. 50,000 events take less than a millisecond."""
    codes, projects = distinct_texts(events.column("project_id"))
    days = np.asarray(events.column("timestamp").cast(pa.int64())) // _DAY_MS
    first = int(days.min())
    span = int(days.max()) - first + 1
    keys = np.asarray(codes).astype(np.int64) * span + (days - first)
    if span * len(projects) <= _MOST_FLAGS:
        flags = np.zeros(span * len(projects), np.bool_)
        flags[keys] = True
        found = np.flatnonzero(flags)
    else:
        found = np.unique(keys)
    by_project: dict[int, list[int]] = {}
    for key in found.tolist():
        by_project.setdefault(key // span, []).append(first + key % span)
    return [Change(projects[code], each) for code, each in by_project.items()]
