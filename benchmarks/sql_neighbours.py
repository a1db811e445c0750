"""What heavy analysts cost the others: event answers and trends, idle and with twenty heavy queries asked at once.

    python -m benchmarks.sql_neighbours [--events 5000000] [--rate 10000] [--analysts 20] [--seconds 30] [--quick]

Fills a fresh service, sends `--rate` events a second and asks trends over and over: first alone, then while `--analysts` callers each ask
one heavy query after the other over the same project. The ratio of the two is what counts: at most 2.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from benchmarks.filled import filled_service
from benchmarks.generator import spread
from benchmarks.load import Load
from benchmarks.query import QUESTIONS, ranges
from benchmarks.results import command, keep, machine
from benchmarks.service import Service

MOST = 2.0
# Sorting, grouping by many keys, reading JSON, joining: the four kinds of work that a query can be heavy by.
HEAVY = (
    "SELECT user_id, count(), uniqExact(event_id), max(properties) FROM events GROUP BY user_id ORDER BY 3 DESC LIMIT 20",
    "SELECT properties.course_id, quantileExact(0.9)(properties.score::Float64), count() FROM events GROUP BY 1 ORDER BY 3 DESC LIMIT 20",
    "SELECT person, windowFunnel(86400)(toDateTime(timestamp), event = 'page_view', event = 'lesson_started', event = 'lesson_completed')"
    " AS level FROM events GROUP BY person ORDER BY level DESC, person LIMIT 20",
    "SELECT event, page_url, count(), uniqExact(person) FROM events GROUP BY event, page_url ORDER BY 3 DESC LIMIT 20",
    "SELECT a.event, b.event, count() FROM events AS a JOIN events AS b ON a.person = b.person AND a.date = b.date GROUP BY 1, 2"
    " ORDER BY 3 DESC LIMIT 20",
)
TRENDS = ("total by day", "total by hour, one event", "unique users by day, one event")


@dataclass
class Analysts:
    """What the callers of heavy queries got."""

    answers: dict[str, int] = field(default_factory=dict[str, int])
    milliseconds: list[float] = field(default_factory=list[float])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, milliseconds: float) -> None:
        """One answer."""
        with self.lock:
            self.answers[what] = self.answers.get(what, 0) + 1
            self.milliseconds.append(milliseconds)


@contextmanager
def heavy_analysts(service: Service, count: int) -> Iterator[Analysts]:
    """`count` callers that ask one heavy query after the other as long as the block runs."""
    seen, stop = Analysts(), threading.Event()

    def ask(number: int) -> None:
        with httpx.Client(base_url=service.url, timeout=180) as client:
            turn = number
            while not stop.is_set():
                began = time.perf_counter()
                answer = client.post(
                    f"/v1/projects/{service.project}/sql",
                    json={"sql": HEAVY[turn % len(HEAVY)], "format": "json"},
                    headers={"Authorization": f"Bearer {service.token()}"},
                )
                code = "" if answer.is_success else f" {answer.json().get('code')}"
                seen.note(f"{answer.status_code}{code}", 1000 * (time.perf_counter() - began))
                turn += 1
                if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    stop.wait(1.0)

    with ThreadPoolExecutor(count) as pool:
        for number in range(count):
            pool.submit(ask, number)
        try:
            yield seen
        finally:
            stop.set()


def ask_trends(service: Service, seconds: float) -> dict[str, Any]:
    """Milliseconds of trends asked one after the other, never the same twice in a row."""
    taken: list[float] = []
    spans = ranges(datetime.now(UTC).date())
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        date_from, date_to = next(spans)
        for name in TRENDS:
            began = time.perf_counter()
            answer = service.trends(**QUESTIONS[name][0], date_from=date_from, date_to=date_to)
            if not answer["meta"].get("cached"):
                taken.append(1000 * (time.perf_counter() - began))
            time.sleep(0.02)
    return spread(taken)


def measure(service: Service, load: Load, name: str, rate: float, seconds: float) -> dict[str, Any]:
    """Answers to events, and trends, over `seconds`."""
    load.begin(name=name, mode="paced", seconds=seconds + 4, count_from=3, rate=rate, probes_per_second=0)
    time.sleep(3)
    trends = ask_trends(service, seconds)
    return {"trends_ms": trends, "answer_ms": load.finish()["answer_ms"]}


def main() -> int:
    """Run it; the exit code is 1 if the others were hurt."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sql_neighbours", description=__doc__.split("\n\n")[0])
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--rate", type=float, default=10_000.0, help="events a second that come in all the while")
    parser.add_argument("--analysts", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each of the measured stretches")
    parser.add_argument("--quick", action="store_true", help="a million events, 10 seconds")
    options = parser.parse_args()
    if options.quick:
        options.events, options.seconds = 1_000_000, 10.0
    where = machine()
    print(f"{command()}\n{where}", flush=True)
    with filled_service(options.events) as (service, _), Load(service) as load:
        measure(service, load, "warm", options.rate, 5.0)
        idle = measure(service, load, "idle", options.rate, options.seconds)
        with heavy_analysts(service, options.analysts) as analysts:
            time.sleep(2)
            busy = measure(service, load, "busy", options.rate, options.seconds)
    ratios = {
        "answers p99": round(busy["answer_ms"]["p99"] / idle["answer_ms"]["p99"], 2),
        "trends p95": round(busy["trends_ms"]["p95"] / idle["trends_ms"]["p95"], 2),
    }
    heavy = {"answers": analysts.answers, "ms": spread(analysts.milliseconds)}
    print(json.dumps({"idle": idle, "busy": busy, "analysts": heavy, "ratios": ratios}, indent=1))
    result = {"machine": where, "idle": idle, "busy": busy, "analysts": heavy, "ratios": ratios}
    keep("sql-neighbours-quick" if options.quick else "sql-neighbours", result)
    print(f"answers to events p99 x{ratios['answers p99']}, trends p95 x{ratios['trends p95']} (at most x{MOST:g})")
    return 0 if max(ratios.values()) <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
