"""Seals the audit, each second; of several processes one at a time does."""

import asyncio
from typing import NoReturn

import structlog

from analytics.errors import AnalyticsError
from analytics.metadata.audit_chain import SEAL_AT_ONCE, AuditChain

SEAL_SECONDS = 1.0
_log = structlog.get_logger("analytics.jobs")


async def seal_each_second(chain: AuditChain) -> NoReturn:
    """Until cancelled; while PostgreSQL is away records wait for their seal."""
    said = ""
    while True:
        try:
            while await chain.seal() == SEAL_AT_ONCE:
                pass
            said = ""
        except AnalyticsError as error:
            if said != error.code:
                said = error.code
                _log.warning("the audit cannot be sealed", code=error.code, detail=error.detail)
        except Exception as error:
            _log.error("the audit cannot be sealed", exc_info=error)
        await asyncio.sleep(SEAL_SECONDS)
