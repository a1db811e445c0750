"""Processes that change data and processes that ask about it, on one Redis; the data is a list, so a test decides when what is seen."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from analytics.adhoc.columns import Column
from analytics.answers.answer import Answer
from analytics.answers.kept import KeptAnswers
from analytics.answers.runner import AnswerKey
from analytics.cache.answers import AnswerStore
from analytics.cache.change_marks import Change, ChangeMarks
from analytics.cache.connection import Cache
from analytics.clock import SystemClock
from analytics.query.result import Meta
from analytics.telemetry.metrics import Metrics
from tests.factories.patient_cache import patient_cache

EPOCH = date(1970, 1, 1)
DAY = 20_000
OLD_SECONDS = 60.0  # the age of an event that no answer may leave out
LONG_LEASE = 60.0


@dataclass
class Table:
    """Rows (project, day, id) that a question sees."""

    rows: set[tuple[str, int, str]] = field(default_factory=set[tuple[str, int, str]])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *rows: tuple[str, int, str]) -> None:
        with self.lock:
            self.rows.update(rows)

    def remove(self, project_id: str, row_id: str) -> None:
        with self.lock:
            self.rows = {row for row in self.rows if (row[0], row[2]) != (project_id, row_id)}

    def ids(self, project_id: str, days: tuple[int, int] | None = None) -> list[str]:
        first, last = days or (-(10**9), 10**9)
        with self.lock:
            return sorted(row_id for project, day, row_id in self.rows if project == project_id and first <= day <= last)


class Asking:
    """One process that asks."""

    def __init__(self, url: str, table: Table, *, quiet_seconds: float = 0.0, most_bytes: int = 10_000_000) -> None:
        self.cache = patient_cache(url)
        self.store = AnswerStore(
            self.cache, most_bytes=most_bytes, most_answer_bytes=100_000, keep_seconds=3_600, quiet_seconds=quiet_seconds
        )
        self.metrics = Metrics()
        self.kept = KeptAnswers(self.store, SystemClock(), self.metrics, None)
        self.table = table
        self.computed = 0
        self.before_reading: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0)

    async def ask(
        self,
        project_id: str = "p1",
        days: tuple[int, int] | None = None,
        *,
        question: str = "q",
        max_age_seconds: float = 0.0,
        volatile: bool = False,
        fails_with: Exception | None = None,
    ) -> Answer:
        """The ids of the project's rows of these days, as rows."""

        async def compute() -> Answer:
            self.computed += 1
            await self.before_reading()
            if fails_with is not None:
                raise fails_with
            rows = [[row_id] for row_id in self.table.ids(project_id, days)]
            meta = Meta(uuid4().hex, 1, len(rows), 10, False, datetime.now(UTC), "raw")
            return Answer((Column("id", "String"),), rows, False, meta)

        span = (EPOCH + timedelta(days[0]), EPOCH + timedelta(days[1])) if days else None
        key = AnswerKey(project_id, f"{question}{days}", volatile)
        return await self.kept.answer(key, span, max_age_seconds, compute)

    async def ids(self, project_id: str = "p1", days: tuple[int, int] | None = None, **more: float) -> list[str]:
        return [row[0] for row in (await self.ask(project_id, days, **more)).rows]  # type: ignore[arg-type]

    async def close(self) -> None:
        await self.cache.aclose()


class Changing:
    """One process that changes data. Its calls block."""

    def __init__(self, url: str, table: Table, *, node: str = "node-1", lease_seconds: float = LONG_LEASE, patient: bool = True) -> None:
        cache = patient_cache(url) if patient else Cache(url)
        self.marks = ChangeMarks(cache, node, lease_seconds)
        self.table = table
        self.marks.start()
        self._batches = 0

    def insert(self, *ids: str, project_id: str = "p1", day: int = DAY, age_seconds: float = OLD_SECONDS) -> None:
        """Rows whose oldest was received so long ago go in, whole."""
        token = self.begin(project_id=project_id, days=[day], age_seconds=age_seconds)
        self.table.add(*((project_id, day, row_id) for row_id in ids))
        self.marks.end(token)

    def begin(self, *, project_id: str = "p1", days: Collection[int] = (DAY,), age_seconds: float = OLD_SECONDS) -> str:
        self._batches += 1
        token = f"batch-{self._batches}"
        self.marks.begin(token, [Change(project_id, days)], age_seconds)
        return token

    def die(self) -> None:
        """As by kill -9: nothing is told any more."""
        self.marks._stopped.set()
        self.marks._leave = lambda: None  # type: ignore[method-assign]
        self.marks.stop()
