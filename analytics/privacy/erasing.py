"""One erasure from beginning to end, to be gone on with after a kill at any point.

Wait until every spool has passed it; follow the links of its ids; count what is there and keep that; remove it; put the rollups right;
count again. Each step may be done twice. The one thing to know: the counts before and the months touched are in PostgreSQL before
anything is removed, so the receipt of a run that was killed is as true as of one that was not.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, TypeVar

import anyio.to_thread
import structlog

from analytics.clock import Clock
from analytics.enrichment.page import forget_urls
from analytics.errors import WarehouseUnavailableError
from analytics.metadata.claims import Job, claimed
from analytics.metadata.erasures import Erasure, Erasures
from analytics.metadata.pool import Database
from analytics.privacy.links import DEEP_QUESTION, linked_ids
from analytics.privacy.subject import Subject
from analytics.privacy.tables import PersonalStore, removed_from_disk
from analytics.reconcile.months import Window
from analytics.reconcile.rollups import RollupRepair, rollups
from analytics.reconcile.session import Hold, Session
from analytics.rollups.reconciling import OwnRollupsRepaired
from analytics.statements import clickhouse
from analytics.warehouse.client import Warehouse

_POLL_SECONDS = 0.1
_GOING = timedelta(days=2)
_ROWS_A_SLICE = 5_000_000
_log = structlog.get_logger("analytics.privacy")
_T = TypeVar("_T")


class Erasing:
    """Runs erasures, one at a time. `hold` pauses the writer, None if it is in another process."""

    def __init__(
        self,
        erasures: Erasures,
        database: Database,
        warehouse: Warehouse,
        clock: Clock,
        stores: Sequence[PersonalStore],
        *,
        hold: Hold | None,
        settle_seconds: float,
        changing: Callable[[str], AbstractContextManager[None]],
        own_rollups: OwnRollupsRepaired | None = None,
    ) -> None:
        """Inside `changing(project)` nobody takes an answer from before, nor keeps one."""
        self._own_rollups = own_rollups
        self.erasures = erasures
        self._database = database
        self._warehouse = warehouse
        self._clock = clock
        self._stores = stores
        self._hold = hold
        self._settle_seconds = settle_seconds
        self._changing = changing
        self._session: Session | None = None
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Break off what runs; the next start goes on with it."""
        self._stopped.set()
        session = self._session
        if session is not None:
            session.stop()

    async def run(self, erasure: Erasure) -> Erasure:
        """Erase, and write the receipt.

        Raises ConflictError if it cannot be done as asked, StoreError or InterruptedRunError if it must be gone on with later.
        """
        erasure = await self._phase(erasure, "waiting for what is on its way")
        erasure = await self._with_all_ids(erasure)
        subject = Subject(erasure.project_id, erasure.ids)
        async with self._alone(), self._rewriting(erasure.project_id):
            gone_on = bool(erasure.work)
            if not gone_on:
                erasure = await self._look(erasure, subject)
            for store in self._stores:
                erasure = await self._phase(erasure, f"removing from {store.name}")
                if erasure.work["found"].get(store.name) != 0 or not store.name.startswith("clickhouse:"):
                    await self._in_thread(store.remove, subject)
                kind, _, table = store.name.partition(":")
                if gone_on and kind == "postgres" and erasure.work["found"].get(store.name):
                    # It may have been broken off when rows were changed and the table not written anew: nothing is found in it any more.
                    await self._database.write_anew(table)
            erasure = await self._phase(erasure, "putting rollups right")
            await self._in_thread(self._repair, erasure.project_id, erasure.work["windows"])
            erasure = await self._phase(erasure, "looking again")
            left = {store.name: await self._in_thread(store.find, subject) for store in self._stores}
            forget_urls()  # an id may stand in the address of a page
            erasure = await self._phase(erasure, "dropping the log of PostgreSQL")
            log_dropped = await self._database.cut_log()
        if any(left.values()):
            raise WarehouseUnavailableError(f"Something is left of {erasure.id}: {left}")
        receipt = {**await self._receipt(erasure, left), "log_dropped": log_dropped}
        finished = replace(erasure, status="finished", phase="", finished_at=self._clock.now(), receipt=receipt)
        await self.erasures.save(finished)
        _log.info("a person was erased", erasure=erasure.id, found=erasure.work["found"], log_dropped=log_dropped)
        return finished

    # ---- steps -----------------------------------------------------------------------

    async def _with_all_ids(self, erasure: Erasure) -> Erasure:
        """The erasure with every id that is linked to one of its own, once all that names them is stored or refused."""
        while True:
            while behind := await self.erasures.nodes_behind(erasure.known_from):
                erasure = await self._phase(erasure, f"waiting for the spool of {', '.join(behind)}")
                await asyncio.sleep(_POLL_SECONDS)
            further = await self._in_thread(linked_ids, self._warehouse, erasure.project_id, erasure.ids)
            if not further:
                return erasure
            erasure = await self.erasures.add_ids(erasure, further)

    async def _look(self, erasure: Erasure, subject: Subject) -> Erasure:
        """Count, and note which days of rollups are touched, before anything is removed."""
        found = {store.name: await self._in_thread(store.find, subject) for store in self._stores}
        months = await self._in_thread(
            self._warehouse.query, clickhouse("privacy/touched_days").text(), subject.by_hash, settings=DEEP_QUESTION, lane="reconcile"
        )
        windows = [[str(day) for day in row[1:]] for row in months.rows]
        erasure = replace(erasure, phase="counted", work={"found": found, "windows": windows})
        await self.erasures.save(erasure)
        return erasure

    def _repair(self, project_id: str, windows: Sequence[Sequence[str]]) -> None:
        going = (self._clock.now() + _GOING).date()
        session = self._session = Session(self._warehouse, self._hold)
        try:
            if self._stopped.is_set():
                session.stop()
            for rollup in rollups():
                repair = RollupRepair(session, rollup, going, self._settle_seconds, _ROWS_A_SLICE)
                drift = 0
                for first, last, first_local, last_local in windows:
                    days = (first_local, last_local) if rollup.day == "local_date" else (first, last)
                    drift += repair.repair(Window(*(date.fromisoformat(day) for day in days)))
                if drift:  # what was put right hides rows behind a mask
                    removed_from_disk(self._warehouse, rollup.name)
            if self._own_rollups is not None and windows:
                days = [Window(date.fromisoformat(first), date.fromisoformat(last)) for first, last, *_ in windows]
                for table in self._own_rollups.compute(session, project_id, days, going):
                    removed_from_disk(self._warehouse, table)
        finally:
            self._session = None
            session.close()

    async def _receipt(self, erasure: Erasure, left: Mapping[str, int]) -> dict[str, Any]:
        found: Mapping[str, int] = erasure.work["found"]
        hashes = [self.erasures.hasher.hash(erasure.project_id, text).hex() for text in erasure.ids]
        mentions = await self._in_thread(self._mentions, Subject(erasure.project_id, erasure.ids))
        return {
            "ids": hashes,
            "stores": {
                name: {"found": found.get(name, 0), "removed": found.get(name, 0) - number, "left": number} for name, number in left.items()
            },
            "mentions": mentions,
            "verified_at": self._clock.now().isoformat(),
        }

    def _mentions(self, subject: Subject) -> int:
        parameters = {"project_id": subject.project_id, "needles": list(subject.quoted)}
        answer = self._warehouse.query(clickhouse("privacy/mentions").text(), parameters, settings=DEEP_QUESTION, lane="reconcile")
        return int(answer.rows[0][0])

    # ---- within ----------------------------------------------------------------------

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[None]:
        """While no reconciliation runs: both compare rollups with events, and would each make up for what the other does.

        And while no export is written, in any process: it would carry on what is removed here.
        """
        async with (
            claimed(self._database, Job.RECONCILE, again_seconds=_POLL_SECONDS),
            claimed(self._database, Job.EXPORT, again_seconds=_POLL_SECONDS),
        ):
            yield

    @asynccontextmanager
    async def _rewriting(self, project_id: str) -> AsyncGenerator[None]:
        with ExitStack() as stack:
            await self._in_thread(stack.enter_context, self._changing(project_id))
            try:
                yield
            finally:
                await self._in_thread(stack.close)

    async def _phase(self, erasure: Erasure, phase: str) -> Erasure:
        if (erasure.status, erasure.phase) != ("running", phase):
            erasure = replace(erasure, status="running", phase=phase)
            await self.erasures.save(erasure)
        return erasure

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any, **named: Any) -> _T:
        return await anyio.to_thread.run_sync(lambda: work(*arguments, **named))
