"""`/v1/audit`: who did what to what. Owners see all of it, an admin what concerns the project named by `?project=`.

The one thing to know: looking is recorded too, before anything is shown.
"""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from analytics.api.auth import Access, AccessCheck, Allowed, admit, bearer_credential, principal_of, record_request, session_token
from analytics.api.dependencies import OpenServices
from analytics.api.paging import MAX_PAGE_ITEMS, Page, PageCursor, PageLimit, cut_page, decode_cursor
from analytics.api.rates import charge_principal
from analytics.api.schemas.audit import AuditHead, AuditItem, AuditVerification
from analytics.audit.chain import parse_head
from analytics.domain.access import Permission
from analytics.domain.time_range import parse_zone, resolve_range
from analytics.metadata.audit_trail import AuditFilter, AuditRecord
from analytics.services import Services

router = APIRouter(prefix="/v1/audit", tags=["audit"])
NDJSON = "application/x-ndjson"

Moment = Annotated[str | None, Query(max_length=64)]
Who = Annotated[str | None, Query(min_length=1, max_length=300, description="An e-mail address or an id; it is hashed for the search.")]
MayReadAll = Allowed(Permission.READ_WHOLE_AUDIT, "audit.verify")
_EARLIEST = "2000-01-01T00:00:00Z"
_LATEST = "2104-12-31T00:00:00Z"


class AuditCheck(AccessCheck):
    """As `Allowed(READ_AUDIT)` for the project named by the query, else as `Allowed(READ_WHOLE_AUDIT)`."""

    def __init__(self) -> None:
        super().__init__(Permission.READ_AUDIT)

    async def __call__(  # type: ignore[override]  # one parameter more
        self,
        request: Request,
        services: OpenServices,
        credential: Annotated[str | None, Depends(bearer_credential)],
        project: Annotated[str | None, Query(max_length=100, description="Slug: of this project only. Admins must name theirs.")] = None,
    ) -> Access:
        principal = await principal_of(services, credential, session_token(request, services))
        await charge_principal(services, request.scope, principal)
        found = None if project is None else services.keys.project_by_slug(project)
        admit(services, principal, found, self.permission if project is not None else Permission.READ_WHOLE_AUDIT)
        return Access(principal, found)


@router.get("", response_model=Page[AuditItem], responses={200: {"content": {NDJSON: {}}, "description": "A page, or a line a record."}})
async def list_audit(
    request: Request,
    access: Annotated[Access, Depends(AuditCheck())],
    services: OpenServices,
    action: Annotated[
        str | None, Query(min_length=1, max_length=100, description="`key.create`, or `key` for all that begin with it.")
    ] = None,
    actor: Who = None,
    target: Who = None,
    from_: Annotated[Moment, Query(alias="from", description="A date (whole day, UTC) or an instant.")] = None,
    to: Annotated[Moment, Query(description="A date (whole day, UTC, inclusive) or an instant (exclusive).")] = None,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
) -> Response:
    """Who did what to what, newest first; with `Accept: application/x-ndjson` all of it, a line a record."""
    wanted = AuditFilter(access.scope.id if access.scope else None, action, actor, target)
    if from_ is not None or to is not None:
        span = resolve_range(from_ or _EARLIEST, to or _LATEST, parse_zone("UTC"), services.clock.now(), "/query/from", "/query/to")
        wanted = replace(wanted, start=span.start.astimezone(UTC), end=span.end.astimezone(UTC))
    before = _before(cursor)
    export = NDJSON in request.headers.get("accept", "")
    await record_request(services, request, access, "audit.export" if export else "audit.read")
    if export:
        first = await services.metadata.audit.page(wanted, before, MAX_PAGE_ITEMS)
        return StreamingResponse(_lines(services, wanted, first), media_type=NDJSON)
    rows = await services.metadata.audit.page(wanted, before, limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda record: (record.id,))
    page = Page[AuditItem](items=[_item(services, record) for record in kept], next_cursor=next_cursor)
    return JSONResponse(page.model_dump(mode="json"))


@router.get("/head")
async def read_audit_head(access: Annotated[Access, MayReadAll], services: OpenServices) -> AuditHead:
    """The end of the chain of seals, to be kept elsewhere."""
    return AuditHead.of(await services.metadata.audit_chain.head())


@router.get("/verification")
async def verify_audit(
    access: Annotated[Access, MayReadAll],
    services: OpenServices,
    expect: Annotated[str | None, Query(max_length=100, description="A head that was kept elsewhere.")] = None,
) -> AuditVerification:
    """Walk the whole chain: records that were altered, deleted or moved, and, with `expect`, whether its end was cut off."""
    expected = None if expect is None else parse_head(expect)
    return AuditVerification.told(await services.metadata.audit_chain.verify(expected))


def _before(cursor: str | None) -> int | None:
    """The id in a cursor; one that no record can have is an empty list's."""
    return None if cursor is None else max(0, min(decode_cursor(cursor, int)[0], 2**63 - 1))


def _item(services: Services, record: AuditRecord) -> AuditItem:
    project: Any = services.keys.project_by_id(record.project_id) if record.project_id else None
    return AuditItem.of(record, project.slug if project else None)


async def _lines(services: Services, wanted: AuditFilter, rows: list[AuditRecord]) -> AsyncGenerator[str]:
    while rows:
        yield "".join(_item(services, record).model_dump_json() + "\n" for record in rows)
        if len(rows) < MAX_PAGE_ITEMS:
            return
        rows = await services.metadata.audit.page(wanted, rows[-1].id, MAX_PAGE_ITEMS)
