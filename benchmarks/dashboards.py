"""How fast a dashboard of 12 tiles is answered over a large table, computed and kept, idle and while events come in; and what viewers cost.

    python -m benchmarks.dashboards [--events 20000000] [--rate 20000] [--seconds 60] [--viewers 50] [--quick]

Fills a fresh service with `--events` events over 30 days (benchmarks.preload: a million as the writer puts them in, copied by the engine to
earlier days). Cold: every look asks for other days, so nothing is kept of it. Kept: the same look again, each followed by a pause that is
not whole seconds. Latency is that of the whole HTTP request. Viewers look once a second each, not in step; what they cost is counted in
computations of a tile.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import httpx

from benchmarks.filled import filled_service
from benchmarks.generator import spread
from benchmarks.load import Load
from benchmarks.query import QUESTIONS
from benchmarks.results import command, keep, machine
from benchmarks.service import Service

LOOK_SECONDS = 1.0
_SQL = {
    "events by name": "SELECT event, sum(events) AS n FROM event_counts WHERE date BETWEEN {date_from:Date} AND {date_to:Date}"
    " GROUP BY event ORDER BY n DESC, event LIMIT 10",
    "learners by day": "SELECT local_date, uniqExact(person) AS learners FROM user_days"
    " WHERE local_date BETWEEN {date_from:Date} AND {date_to:Date} AND event = 'lesson_completed' GROUP BY local_date ORDER BY local_date",
    "days of the week": "SELECT toDayOfWeek(date) AS day, sum(events) AS n FROM event_counts"
    " WHERE date BETWEEN {date_from:Date} AND {date_to:Date} GROUP BY day ORDER BY day",
    "hours of the day": "SELECT toHour(bucket) AS hour, sum(events) AS n FROM event_counts"
    " WHERE date BETWEEN {date_from:Date} AND {date_to:Date} AND event = 'page_view' GROUP BY hour ORDER BY hour",
    "countries of the last day": "SELECT country, count() AS n FROM events WHERE date = {date_to:Date}"
    " GROUP BY country ORDER BY n DESC LIMIT 10",
}


def dashboard() -> dict[str, Any]:
    """Twelve tiles: seven trends (five from rollups), four in SQL over rollups, one in SQL over events."""
    days = ("date_from", "date_to")
    questions: dict[str, dict[str, Any]] = {}
    for name, (body, _) in QUESTIONS.items():
        series = [{"label": chr(65 + place), **one} for place, one in enumerate(body["series"])]
        questions[name] = {"kind": "trends", "trends": {**body, "series": series, "source": "auto"}}
    questions |= {
        name: {"kind": "sql", "sql": sql, "parameters": [{"name": day, "type": "Date"} for day in days if f"{{{day}:" in sql]}
        for name, sql in _SQL.items()
    }
    tiles = [
        {
            "id": f"tile-{number}",
            "title": name,
            "question": question,
            "learners": False,
            "chart": {"mark": "bar", "encoding": {"y": {"aggregate": "count"}}},
            "position": {"x": number % 3 * 4, "y": number // 3 * 4, "width": 4, "height": 4},
        }
        for number, (name, question) in enumerate(questions.items())
    ]
    assert len(tiles) == 12
    return {"name": "School", "days": {"last": 30}, "tiles": tiles}


class Looker:
    """Looks at one dashboard over HTTP."""

    def __init__(self, service: Service, client: httpx.AsyncClient, board: str) -> None:
        self._client = client
        self._path = f"/v1/projects/{service.project}/dashboards/{board}/data"
        self._headers = {"Authorization": f"Bearer {service.token()}"}

    async def look(self, days: tuple[date, date], max_age_seconds: float = 0.0) -> tuple[float, list[dict[str, Any]]]:
        """Milliseconds, and the tiles' meta. Raises RuntimeError if a tile has no answer."""
        asked: Mapping[str, Any] = {"from": days[0].isoformat(), "to": days[1].isoformat(), "max_age_seconds": max_age_seconds}
        began = time.perf_counter()
        answer = await self._client.get(self._path, params=asked, headers=self._headers)
        taken = 1000 * (time.perf_counter() - began)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"{answer.status_code} {answer.text[:500]}")
        tiles = answer.json()["tiles"]
        if failed := [tile["error"] for tile in tiles if tile["error"]]:
            raise RuntimeError(f"a tile has no answer: {failed[0]}")
        return taken, [tile["meta"] for tile in tiles]


def other_days(today: date) -> Iterator[tuple[date, date]]:
    """Ranges of about 30 days, none of them twice."""
    for number in count():
        yield today - timedelta(days=29 + number // 40), today - timedelta(days=number % 40 % 3) + timedelta(days=number % 40 // 3)


async def cold(looker: Looker, spans: Iterator[tuple[date, date]], seconds: float) -> dict[str, float]:
    """Looks of which nothing is kept."""
    taken: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        milliseconds, metas = await looker.look(next(spans))
        if not any(meta["cached"] for meta in metas):
            taken.append(milliseconds)
        await asyncio.sleep(0.02)
    return spread(taken)


async def kept(looker: Looker, days: tuple[date, date], seconds: float, max_age_seconds: float = 0.0) -> dict[str, Any]:
    """The same look again and again; of all of them, and of those that computed no tile."""
    every: list[float] = []
    from_cache: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        milliseconds, metas = await looker.look(days, max_age_seconds)
        every.append(milliseconds)
        if all(meta["cached"] for meta in metas):
            from_cache.append(milliseconds)
        await asyncio.sleep(0.017)
    return {"all": spread(every), "from_cache": spread(from_cache)}


async def viewers(service: Service, looker: Looker, days: tuple[date, date], number: int, seconds: float, max_age: float) -> dict[str, Any]:
    """`number` viewers of one dashboard, each once a second; computations of a tile a second, and latency."""
    taken: list[float] = []
    end = time.monotonic() + seconds

    async def view(place: int) -> None:
        await asyncio.sleep(LOOK_SECONDS * place / number)
        while time.monotonic() < end:
            due = time.monotonic() + LOOK_SECONDS
            taken.append((await looker.look(days, max_age))[0])
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    before, began = computed(service), time.monotonic()
    await asyncio.gather(*(view(place) for place in range(number)))
    lasted = time.monotonic() - began
    return {
        "milliseconds": spread(taken),
        "looks_per_second": round(len(taken) / lasted, 1),
        "computations_of_a_tile_per_second": round((computed(service) - before) / 12 / lasted, 2),
    }


def computed(service: Service) -> float:
    """Tiles computed so far."""
    return service.metrics().get('analytics_answer_cache_questions_total{outcome="computed"}', 0.0)


async def measure(service: Service, board: str, options: argparse.Namespace, filled: int) -> dict[str, Any]:
    """All phases."""
    today = datetime.now(UTC).date()
    spans, same = other_days(today), (today - timedelta(days=27), today + timedelta(days=1))
    found: dict[str, Any] = {}
    async with httpx.AsyncClient(base_url=service.url, timeout=60, limits=httpx.Limits(max_connections=options.viewers)) as client:
        looker = Looker(service, client, board)
        await asyncio.sleep(6)  # for the first seconds after a start nothing is kept
        found["idle cold"] = await cold(looker, spans, options.seconds / 3)
        found["idle kept"] = await kept(looker, same, options.seconds / 6)
        with Load(service) as load:
            lasts = 4 * options.seconds / 3 + 15
            load.begin(name="beside", mode="paced", seconds=lasts, count_from=5, rate=options.rate, probes_per_second=0)
            await asyncio.sleep(6)
            found["busy cold"] = await cold(looker, spans, options.seconds / 3)
            found["busy kept"] = await kept(looker, same, options.seconds / 6)
            found["busy kept, max_age_seconds=1"] = await kept(looker, same, options.seconds / 6, 1.0)
            for age in (0.0, 1.0):
                name = f"{options.viewers} viewers, max_age_seconds={age:g}"
                found[name] = await viewers(service, looker, same, options.viewers, options.seconds / 6, age)
            found["beside"] = await asyncio.to_thread(load.finish)
            counts = await asyncio.to_thread(service.settled, filled + load.unique)
            found["exact"] = set(counts.values()) == {filled + load.unique}
    return found


def main() -> int:
    """Run it; the exit code is 1 if a count was not exact."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboards", description=__doc__.split("\n\n")[0])
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--rate", type=float, default=20_000.0, help="events a second that come in meanwhile")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help="2 million events, 18 seconds")
    options = parser.parse_args()
    if options.quick:
        options.events, options.seconds = min(options.events, 2_000_000), min(options.seconds, 18.0)
    where = machine()
    print(f"{command()}\n{where}", flush=True)
    with filled_service(options.events) as (service, filled):
        board = service.create_dashboard(dashboard())
        found = asyncio.run(measure(service, board, options, filled.rows))
    for name in ("idle cold", "busy cold"):
        print(f"{name:32} {found[name]}")
    for name in ("idle kept", "busy kept", "busy kept, max_age_seconds=1"):
        print(f"{name:32} {found[name]['all']}, of which from the cache {found[name]['from_cache']}")
    for name in found:
        if "viewers" in name:
            print(f"{name:32} {found[name]}")
    beside = found["beside"]
    print(f"beside: {beside['events_per_second']:,.0f} events/s, answers p99 {beside['answer_ms'].get('p99')} ms; exact: {found['exact']}")
    path = keep("dashboards-quick" if options.quick else "dashboards", {"machine": where, "filled": filled.preloaded, **found})
    print(f"kept in {path.relative_to(path.parents[2])}")
    return 0 if found["exact"] else 1


if __name__ == "__main__":
    sys.exit(main())
