"""How fast questions are answered over a large table while events come in.

    python -m benchmarks.query [--events 20000000] [--rate 20000] [--seconds 60] [--quick]

Fills a fresh service with `--events` events over 30 days, then asks each question over and over, every time for another range, while the
generator sends `--rate` events a second. Latency is that of the whole HTTP request.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from benchmarks.filled import filled_service
from benchmarks.generator import spread
from benchmarks.load import Load
from benchmarks.results import command, keep, machine
from benchmarks.service import Service

# name: the question, and whether the rollups must answer it. Ranges are put in for each asking.
QUESTIONS: dict[str, tuple[dict[str, Any], bool]] = {
    "total by day": ({"interval": "day", "series": [{"event": "*", "metric": "total"}], "source": "rollup"}, True),
    "total by hour, one event": (
        {"interval": "hour", "series": [{"event": "lesson_completed", "metric": "total"}], "source": "rollup"},
        True,
    ),
    "total by day, five events": (
        {
            "interval": "day",
            "series": [
                {"event": name, "metric": "total"}
                for name in ("page_view", "video_started", "video_completed", "lesson_completed", "quiz_submitted")
            ],
            "source": "rollup",
        },
        True,
    ),
    "unique users by day, one event": (
        {"interval": "day", "series": [{"event": "quiz_submitted", "metric": "unique_users"}], "source": "rollup"},
        True,
    ),
    "unique users by week": ({"interval": "week", "series": [{"event": "*", "metric": "unique_users"}], "source": "rollup"}, True),
    "total by day and course": (
        {
            "interval": "day",
            "series": [{"event": "lesson_completed", "metric": "total"}],
            "breakdown": {"property": "properties.course_id", "limit": 10},
        },
        False,
    ),
    "p90 of a score by day": (
        {"interval": "day", "series": [{"event": "quiz_submitted", "metric": "p90", "property": "properties.score"}]},
        False,
    ),
}


def ranges(today: date) -> Iterator[tuple[str, str]]:
    """Ranges of 20 to 30 days, none twice in a row, so that no answer comes out of a cache."""
    for number in count():
        yield (
            (today - timedelta(days=30 - number % 7)).isoformat(),
            (today - timedelta(days=number % 3)).isoformat(),
        )


def ask_all(service: Service, seconds: float) -> dict[str, Any]:
    """Ask every question in turn until the time is up; milliseconds by question."""
    taken: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    read: dict[str, int] = {}
    spans = ranges(datetime.now(UTC).date())
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        date_from, date_to = next(spans)
        for name, (question, _) in QUESTIONS.items():
            began = time.perf_counter()
            answer = service.trends(**question, date_from=date_from, date_to=date_to)
            taken[name].append(1000 * (time.perf_counter() - began))
            if answer["meta"].get("cached"):
                taken[name].pop()
            read[name] = int(answer["meta"]["rows_read"])
            time.sleep(0.01)
    return {name: {**spread(values), "rows_read": read.get(name, 0)} for name, values in taken.items()}


def main() -> int:
    """Run it; the exit code is 1 if a count was not exact."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.query", description=__doc__.split("\n\n")[0])
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--rate", type=float, default=20_000.0, help="events a second that come in meanwhile")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--quick", action="store_true", help="3 million events, 20 seconds")
    options = parser.parse_args()
    if options.quick:
        options.events, options.seconds = min(options.events, 3_000_000), min(options.seconds, 20.0)
    where = machine()
    print(f"{command()}\n{where}", flush=True)
    with filled_service(options.events) as (service, filled):
        quiet = ask_all(service, options.seconds / 3)
        with Load(service) as load:
            load.begin(name="beside", mode="paced", seconds=options.seconds + 10, count_from=5, rate=options.rate, probes_per_second=0)
            time.sleep(6)
            busy = ask_all(service, options.seconds)
            beside = load.finish()
            counts = service.settled(filled.rows + load.unique)
    exact = set(counts.values()) == {filled.rows + load.unique}
    rollups = [name for name, (_, rollup) in QUESTIONS.items() if rollup]
    worst = max(busy[name].get("p95", float("inf")) for name in rollups)
    print(f"\n{'question':34} {'quiet p50':>10} {'p95':>8} {'busy p50':>10} {'p95':>8} {'rows read':>12}")
    for name in QUESTIONS:
        a, b = quiet[name], busy[name]
        print(f"{name:34} {a.get('p50', 0):>10} {a.get('p95', 0):>8} {b.get('p50', 0):>10} {b.get('p95', 0):>8} {b['rows_read']:>12,}")
    print(
        f"busy: {beside['events_per_second']:,.0f} events/s beside; worst p95 from rollups {worst} ms; answers to senders p99 "
        f"{beside['answer_ms'].get('p99')} ms; exact: {'yes' if exact else 'NO'} {counts}"
    )
    path = keep(
        "query-quick" if options.quick else "query",
        {
            "machine": where,
            "filled": filled.preloaded,
            "ready_seconds": filled.ready_seconds,
            "quiet": quiet,
            "busy": busy,
            "beside": beside,
            "worst_rollup_p95_ms": worst,
            "exact": exact,
        },
    )
    print(f"kept in {path.relative_to(path.parents[2])}")
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
