"""`/v1/reconciliations`: late repeats removed and rollups put right, asked for and looked at. Over all projects, so for owners."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.reconciliations import ReconciliationAnswer, WantedReconciliation
from analytics.domain.access import Permission

router = APIRouter(prefix="/v1/reconciliations", tags=["operations"])


@router.post("", status_code=202)
async def start_reconciliation(
    wanted: WantedReconciliation, access: Annotated[Access, Allowed(Permission.RECONCILE, "reconciliation.request")], services: OpenServices
) -> ReconciliationAnswer:
    """Ask for a reconciliation; it begins at once, or within a minute in another process. 409 while one is wanted or under way."""
    return ReconciliationAnswer.of(await services.reconciliations.request(wanted.full))


@router.get("")
async def list_reconciliations(
    access: Annotated[Access, Allowed(Permission.RECONCILE)], services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None
) -> Page[ReconciliationAnswer]:
    """Reconciliations, newest first."""
    after = decode_cursor_after(cursor)
    key = (datetime.fromisoformat(after[0]), after[1]) if after else None
    records = await services.reconciliations.newest(limit + 1, key)
    kept, next_cursor = cut_page(records, limit, lambda record: (record.requested_at.isoformat(), record.id))
    return Page(items=[ReconciliationAnswer.of(record) for record in kept], next_cursor=next_cursor)


@router.get("/{reconciliation_id}")
async def read_reconciliation(
    reconciliation_id: str, access: Annotated[Access, Allowed(Permission.RECONCILE)], services: OpenServices
) -> ReconciliationAnswer:
    """One reconciliation, with its progress."""
    return ReconciliationAnswer.of(await services.reconciliations.find(reconciliation_id))
