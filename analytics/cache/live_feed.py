"""A sample of the latest events of each project, in this process: the writer publishes, live streams read.

A ring per project and no queue per reader: whoever reads slowly misses samples and holds up nobody.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

PER_SECOND = 5
KEPT_EVENTS = 20
KEPT_SECONDS = 60.0
MOST_PROJECTS = 1_000


@dataclass(frozen=True, slots=True)
class SampledEvent:
    """A stored event. Times are ms since 1970-01-01 UTC; `properties` is a JSON object as text; absent texts are ''.

    Everything but `event` and the times may be personal data.
    """

    event_id: str
    event: str
    timestamp_ms: int
    received_ms: int
    user_id: str
    anonymous_id: str
    session_id: str
    properties: str


@dataclass(slots=True)
class _Ring:
    events: deque[tuple[int, float, SampledEvent]]  # number, when published, event
    second: int = 0
    taken: int = 0  # in `second`


class LiveFeed:
    """The rings of all projects that were heard of lately. Safe from many threads."""

    def __init__(self, per_second: int = PER_SECOND, kept_events: int = KEPT_EVENTS, most_projects: int = MOST_PROJECTS) -> None:
        self._per_second = per_second
        self._kept_events = kept_events
        self._most_projects = most_projects
        self._rings: OrderedDict[str, _Ring] = OrderedDict()
        self._number = 0
        self._lock = threading.Lock()

    def wanted(self, project_id: str) -> int:
        """How many samples of this project are welcome now: ask before making any."""
        with self._lock:
            ring = self._rings.get(project_id)
            if ring is None or ring.second != int(time.monotonic()):
                return self._per_second
            return max(0, self._per_second - ring.taken)

    def publish(self, project_id: str, samples: Sequence[SampledEvent]) -> None:
        """Show `samples`, oldest first; those above the rate are dropped."""
        now = time.monotonic()
        with self._lock:
            ring = self._rings.get(project_id)
            if ring is None:
                ring = self._rings[project_id] = _Ring(deque(maxlen=self._kept_events))
                if len(self._rings) > self._most_projects:
                    self._rings.popitem(last=False)
            self._rings.move_to_end(project_id)
            if ring.second != int(now):
                ring.second, ring.taken = int(now), 0
            for sample in samples[: max(0, self._per_second - ring.taken)]:
                self._number += 1
                ring.taken += 1
                ring.events.append((self._number, now, sample))

    def since(self, project_id: str, number: int) -> tuple[int, list[SampledEvent]]:
        """The samples after `number` that are still held and not older than KEPT_SECONDS, and the number to ask with next time."""
        oldest = time.monotonic() - KEPT_SECONDS
        with self._lock:
            ring = self._rings.get(project_id)
            if ring is None:
                return number, []
            fresh = [(n, event) for n, at, event in ring.events if n > number and at >= oldest]
        return (fresh[-1][0] if fresh else number), [event for _, event in fresh]

    def held(self, project_id: str) -> list[SampledEvent]:
        """All that is held of a project, however old."""
        with self._lock:
            ring = self._rings.get(project_id)
            return [] if ring is None else [event for _, _, event in ring.events]

    def forget(self, project_id: str) -> None:
        """Drop what is held of a project."""
        with self._lock:
            self._rings.pop(project_id, None)
