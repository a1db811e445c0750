"""The events of the whole school in order of time, one by one, in bounded memory.

What is held: one small record for each person whose story is not over, and the events of visits under way.
"""

import heapq
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from analytics.demo.learner import Event, Learner, days, local_instant_ms, start_of
from analytics.demo.people import arrivals, make_person
from analytics.demo.school import build_school

WINDOW_DAYS = 30
LOOK_BACK_DAYS = 60  # people who came earlier are half way through their courses when the window opens
VISITORS_A_DAY = 2_400.0


def demo_events(seed: int, until: datetime, window_days: int = WINDOW_DAYS, visitors_a_day: float = VISITORS_A_DAY) -> Iterator[Event]:
    """Events of the `window_days` before `until`, oldest first; `timestamp` is ISO 8601.

    The same seed gives the same events wherever two windows overlap (within LOOK_BACK_DAYS of the later one's start, nearly all).
    """
    school = build_school()
    until_ms = int(until.timestamp() * 1000)
    from_ms = until_ms - window_days * 86_400_000
    first_day = (until - timedelta(days=window_days + LOOK_BACK_DAYS)).astimezone(UTC).date()
    coming: list[tuple[int, str, Learner]] = []
    pending: list[tuple[int, str, Event]] = []
    for day in days(first_day, until.astimezone(UTC).date()):
        for learner in _newcomers(seed, day, visitors_a_day):
            if learner.next_ms is not None:
                heapq.heappush(coming, (learner.next_ms, learner.person.key, learner))
        # Newcomers of the next day come after its midnight, UTC: until then nothing can overtake what is known.
        edge_ms = min(start_of(day + timedelta(days=1)), until_ms)
        while coming and coming[0][0] < edge_ms:
            now_ms, key, learner = coming[0]
            for event in learner.visit(school, from_ms):
                if event["timestamp"] < until_ms:
                    heapq.heappush(pending, (event["timestamp"], event["event_id"], event))
            if learner.next_ms is None:
                heapq.heappop(coming)
            else:
                heapq.heapreplace(coming, (learner.next_ms, key, learner))
            while pending and pending[0][0] <= now_ms:
                yield _dated(heapq.heappop(pending)[2])
    while pending:
        yield _dated(heapq.heappop(pending)[2])


def demo_lines(seed: int, until: datetime, window_days: int = WINDOW_DAYS, visitors_a_day: float = VISITORS_A_DAY) -> Iterator[bytes]:
    """`demo_events` as NDJSON, each line with its line feed."""
    encode = msgspec.json.Encoder().encode
    for event in demo_events(seed, until, window_days, visitors_a_day):
        yield encode(event) + b"\n"


def _newcomers(seed: int, day: date, visitors_a_day: float) -> Iterator[Learner]:
    rng = random.Random(f"{seed}/{day.isoformat()}")  # noqa: S311 - a story, not a secret
    for number in range(arrivals(rng, day, visitors_a_day)):
        key = f"{day:%y%m%d}-{number}"
        person = make_person(rng, key, day)
        first_ms = local_instant_ms(rng, day, person.place.timezone, person.persona.hours)
        # Whole days are shifted so that the person comes on `day` in UTC, at a local hour to their taste.
        first_ms = start_of(day) + (first_ms - start_of(day)) % 86_400_000
        yield Learner(person, f"{seed}/{key}", first_ms)


def _dated(event: Event) -> Event:
    event["timestamp"] = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event
