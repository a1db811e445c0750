"""The cache of answers: a kept one where it is as good as a new one, one computation for all who ask the same at the same time.

Who may take what is judged in Redis (`cache/answers.py`). Here is who waits for whom: a question that finds a computation under way joins
it if that began recently enough, and otherwise waits for its end and looks again, so at most one computation of a question runs at a time,
in all processes together. The one thing to know: while Redis is away nothing is known of changes, so only a computation that began after
one was asked is good enough to share; a crowd then costs one computation at a time in each process.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import cast

import msgspec

from analytics.answers.answer import Answer
from analytics.answers.runner import AnswerKey
from analytics.background import running
from analytics.cache.answers import LEAD_SECONDS, AnswerStore, AskedAt, Bypass, Hit, Lead, UnderWay, Wanted
from analytics.clock import Clock
from analytics.errors import QueryCancelledError, RateLimitedError, ShuttingDownError
from analytics.telemetry.metrics import Metrics

Compute = Callable[[], Awaitable[Answer]]
_FIRST_LOOK_SECONDS = 0.005
_LONGEST_LOOK_SECONDS = 0.1
_OF_ONE_CALLER = (RateLimitedError, QueryCancelledError, ShuttingDownError)  # say nothing to others who ask the same
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Answer)


@dataclass(slots=True)
class _Computation:
    """One under way in this process. `began` in monotonic seconds."""

    leader: str
    began: float
    task: "asyncio.Task[Answer]"
    waiting: int = 0


@dataclass(slots=True)
class _Looking:
    """One who asks: since when, and how long until the next look."""

    began: float = field(default_factory=time.monotonic)
    asked: AskedAt | None = None
    pause: float = _FIRST_LOOK_SECONDS


class KeptAnswers:
    """An AnswerCache for one event loop."""

    def __init__(self, store: AnswerStore, clock: Clock, metrics: Metrics, watermark: Callable[[], datetime] | None) -> None:
        """`watermark`: up to when every answered event is stored; None where this process cannot know."""
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._watermark = watermark
        self._under_way: dict[tuple[str, str], _Computation] = {}

    async def answer(self, key: AnswerKey, days: tuple[date, date] | None, max_age_seconds: float, compute: Compute) -> Answer:
        """A kept answer, or that of a computation under way, or a new one. Raises what `compute` raises."""
        digest = f"{key.digest}{self._clock.now():%Y%m%d}"  # rows expire by day
        wanted = Wanted(key.project_id, digest, days, key.volatile, max_age_seconds)
        looking = _Looking()
        while True:
            told = await self._look(wanted, looking, compute)
            if told is not None:
                return told

    async def _look(self, wanted: Wanted, looking: _Looking, compute: Compute) -> Answer | None:
        """One look, and what follows; None: look again."""
        watermark = self._watermark() if self._watermark is not None else None
        found = await self._found(wanted, looking.asked)
        here = self._under_way.get((wanted.project_id, wanted.digest))
        if isinstance(found, Hit):
            self._count("hit")
            return _taken(_decoder.decode(found.body), looking.began, watermark if found.unchanged else None)
        if isinstance(found, Bypass):
            self._metrics.answer_cache_bypassed.labels(found.reason).inc()
            if here is None:
                return await self._of(self._begun(wanted, None, compute), "computed")
            return await self._shared(here, looking) if here.began >= looking.began else await self._ended(here)
        looking.asked = looking.asked or found.asked
        if isinstance(found, Lead):
            return await self._of(self._begun(wanted, found, compute), "computed")
        if here is None or here.leader != found.leader:  # in another process
            await asyncio.sleep(looking.pause)
            looking.pause = min(_LONGEST_LOOK_SECONDS, looking.pause * 1.5)
            return None
        return await self._shared(here, looking) if found.joinable else await self._ended(here)

    async def _found(self, wanted: Wanted, asked: AskedAt | None) -> Hit | UnderWay | Lead | Bypass:
        """As the store says. Whoever leaves while it is asked leads nothing."""
        find = asyncio.ensure_future(self._store.find(wanted, asked))
        try:
            return await asyncio.shield(find)
        except asyncio.CancelledError:
            with suppress(asyncio.CancelledError):
                found = await find
                if isinstance(found, Lead):
                    await self._store.keep(wanted, found, None)
            raise

    async def _shared(self, here: _Computation, looking: _Looking) -> Answer | None:
        """The answer of another's computation, or None where it failed for reasons of its own."""
        try:
            return _taken(await self._of(here, "shared"), looking.began, None)
        except _OF_ONE_CALLER:
            return None
        except asyncio.CancelledError:
            if here.task.cancelled() and not cast("asyncio.Task[object]", asyncio.current_task()).cancelling():
                return None
            raise

    async def _ended(self, here: _Computation) -> None:
        await asyncio.wait({here.task})

    async def _of(self, here: _Computation, outcome: str) -> Answer:
        """Its answer. It is cancelled when nobody waits for it any more."""
        here.waiting += 1
        try:
            answer = await asyncio.shield(here.task)
        finally:
            here.waiting -= 1
            if here.waiting == 0 and not here.task.done():
                here.task.cancel()
        self._count(outcome)
        return answer

    # ---- computing -------------------------------------------------------------------

    def _begun(self, wanted: Wanted, lead: Lead | None, compute: Compute) -> _Computation:
        task = asyncio.create_task(self._compute(wanted, lead, compute), name="answer")
        here = _Computation(lead.leader if lead else "", time.monotonic(), task)
        name = (wanted.project_id, wanted.digest)
        self._under_way[name] = here

        def forget(done: "asyncio.Task[Answer]") -> None:
            if self._under_way.get(name) is here:
                del self._under_way[name]
            if not done.cancelled():
                done.exception()  # whoever waited was told

        task.add_done_callback(forget)
        return here

    async def _compute(self, wanted: Wanted, lead: Lead | None, compute: Compute) -> Answer:
        if lead is None:
            return await compute()
        body: bytes | None = None
        try:
            async with running(self._leading(wanted), "leading-answer"):
                answer = await compute()
            body = _packed(answer)
            return answer
        finally:
            kept = await self._store.keep(wanted, lead, body)
            if kept is not None:
                self._metrics.answer_cache_bytes.set(kept)

    async def _leading(self, wanted: Wanted) -> None:
        while True:
            await asyncio.sleep(LEAD_SECONDS / 3)
            await self._store.still_leads(wanted)

    def _count(self, outcome: str) -> None:
        self._metrics.answer_cache_questions.labels(outcome).inc()


def _packed(answer: Answer) -> bytes | None:
    try:
        return _encoder.encode(answer)
    except (TypeError, OverflowError, ValueError):  # a number of more than 64 bits
        return None


def _taken(answer: Answer, began: float, watermark: datetime | None) -> Answer:
    """As whoever asked now is told: it cost nothing, and with a `watermark`, up to when nothing is missing, it is as of then."""
    as_of = answer.meta.data_as_of if watermark is None else max(watermark, answer.meta.data_as_of)
    elapsed_ms = round((time.monotonic() - began) * 1000)
    return replace(answer, meta=replace(answer.meta, cached=True, elapsed_ms=elapsed_ms, rows_read=0, bytes_read=0, data_as_of=as_of))
