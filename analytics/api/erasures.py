"""`/v1/projects/{project}/erasures`: remove a person from every store, and see the receipt."""

from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.erasures import ErasureAnswer, WantedErasure
from analytics.domain.access import Permission

router = APIRouter(prefix="/v1/projects/{project}/erasures", tags=["privacy"])
MayErase = Annotated[Access, Allowed(Permission.ERASE)]
MaySee = Annotated[Access, Allowed(Permission.ERASE, "erasure.read")]


@router.post("", status_code=202)
async def erase_person(wanted: WantedErasure, access: MayErase, services: OpenServices) -> ErasureAnswer:
    """Refuse all further events of a person, and remove what there is of them and of all ids linked to them. It cannot be undone."""
    # As they were sent, and as they are stored where the project hashes or encrypts ids.
    forms = [form for text in wanted.all_ids() for form in services.metadata.personal.ids_as_stored(access.project, text)]
    erasure = await services.erasures.request(access.actor, access.project.id, tuple(dict.fromkeys(forms)))
    return ErasureAnswer.of(erasure)


@router.get("")
async def list_erasures(access: MaySee, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None) -> Page[ErasureAnswer]:
    """Erasures, newest first."""
    rows = await services.erasures.page(access.project.id, decode_cursor_after(cursor), limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda erasure: (erasure.requested_at.isoformat(), erasure.id))
    return Page(items=[ErasureAnswer.of(erasure) for erasure in kept], next_cursor=next_cursor)


@router.get("/{erasure_id}")
async def read_erasure(erasure_id: str, access: MaySee, services: OpenServices) -> ErasureAnswer:
    """One erasure, with its receipt once it is finished."""
    return ErasureAnswer.of(await services.erasures.find(access.project.id, erasure_id))
