"""Asks the questions of alerts that are due, each minute, in whichever process claims them first."""

import asyncio
from datetime import datetime, timedelta

import structlog

from analytics.answers.runner import Answers, Asked
from analytics.clock import Clock
from analytics.domain.alert import judge
from analytics.errors import AnalyticsError, NotFoundError, QueryTimeoutError
from analytics.metadata.alerts import Alert, Alerts
from analytics.metadata.key_directory import KeyDirectory
from analytics.metadata.saved_queries import SavedQueries

CHECK_SECONDS = 60
LOOK_SECONDS = 5.0
AT_ONCE = 4  # questions of alerts that this process asks at the same time
A_LOOK = 50
LONGEST_SECONDS = 45.0
_log = structlog.get_logger("analytics.jobs")


class AlertJob:
    """One task of the event loop."""

    def __init__(self, alerts: Alerts, saved: SavedQueries, answers: Answers, projects: KeyDirectory, clock: Clock) -> None:
        self._alerts = alerts
        self._saved = saved
        self._answers = answers
        self._projects = projects
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except AnalyticsError as error:
                _log.warning("alerts are checked later", code=error.code, detail=error.detail)
            except Exception as error:
                _log.error("alerts are checked later", exc_info=error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> int:
        """Check what is due now; how many that was. Raises MetadataUnavailableError."""
        checked = 0
        while claimed := await self._alerts.claim(now := self._clock.now(), next_check(now), A_LOOK):
            places = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for alert in claimed:
                    group.create_task(self._check(alert, places))
            checked += len(claimed)
        return checked

    async def _check(self, alert: Alert, places: asyncio.Semaphore) -> None:
        async with places:
            try:
                try:
                    async with asyncio.timeout(LONGEST_SECONDS):
                        await self._ask(alert)
                except TimeoutError as error:
                    raise QueryTimeoutError(f"The question took longer than {LONGEST_SECONDS:g} seconds.") from error
            except AnalyticsError as error:
                _log.warning("an alert could not be checked", alert=alert.id, code=error.code)
                await self._note(alert, error.code)
            except Exception as error:
                _log.error("an alert could not be checked", alert=alert.id, exc_info=error)
                await self._note(alert, AnalyticsError.code)

    async def _ask(self, alert: Alert) -> None:
        draft = alert.draft
        project = self._projects.project_by_id(alert.project_id)
        if project is None:
            raise NotFoundError
        question, author = draft.question, alert.changed_by
        if question is None:
            saved = await self._saved.find(project.id, draft.saved_query or "")
            question, author = saved.question, saved.changed_by
        asked = Asked(project, question, f"alert {alert.id}", draft.params, author=author, giver=alert.changed_by)
        answer = await self._answers.answer(asked)
        verdict = judge(draft.condition, [column.name for column in answer.columns], answer.rows, alert.last_value)
        if await self._alerts.checked(alert, fires=verdict.fires, value=verdict.value, level=verdict.level):
            _log.info("an alert changed its state", alert=alert.id, project_id=alert.project_id, fires=verdict.fires)

    async def _note(self, alert: Alert, code: str) -> None:
        try:
            await self._alerts.failed(alert, code)
        except AnalyticsError as error:
            _log.warning("that an alert was not checked could not be kept", alert=alert.id, code=error.code)


def next_check(now: datetime) -> datetime:
    """The beginning of the next minute."""
    return now.replace(second=0, microsecond=0) + timedelta(seconds=CHECK_SECONDS)
