"""Forgets SQL queries that are too old to be kept, each hour."""

import asyncio
from datetime import timedelta
from typing import NoReturn

import structlog

from analytics.errors import AnalyticsError
from analytics.metadata.sql_history import SqlHistory

PRUNE_SECONDS = 3_600.0
_log = structlog.get_logger("analytics.jobs")


async def prune_each_hour(history: SqlHistory, keep: timedelta) -> NoReturn:
    """Until cancelled."""
    while True:
        try:
            if gone := await history.prune(keep):
                _log.info("old SQL queries are forgotten", queries=gone)
        except AnalyticsError as error:
            _log.warning("old SQL queries could not be forgotten", code=error.code, detail=error.detail)
        await asyncio.sleep(PRUNE_SECONDS)
