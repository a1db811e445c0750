"""`/v1/projects/{project}/keys`: write keys."""

from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.keys import KeyAnswer, NewKey
from analytics.domain.access import Permission

router = APIRouter(prefix="/v1/projects/{project}/keys", tags=["keys"])
MayManage = Annotated[Access, Allowed(Permission.MANAGE_KEYS)]


@router.post("", status_code=201)
async def create_key(wanted: NewKey, access: MayManage, services: OpenServices) -> KeyAnswer:
    """Make a write key; it is good within a second, everywhere."""
    record = await services.metadata.write_keys.create(access.actor, access.project.id, wanted.name)
    return KeyAnswer.model_validate(record)


@router.get("")
async def list_keys(access: MayManage, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None) -> Page[KeyAnswer]:
    """Write keys, oldest first, the revoked too."""
    rows = await services.metadata.write_keys.page(access.project.id, decode_cursor_after(cursor), limit + 1)
    items, next_cursor = cut_page(rows, limit, lambda record: (record.created_at.isoformat(), record.id))
    return Page(items=[KeyAnswer.model_validate(record) for record in items], next_cursor=next_cursor)


@router.delete("/{key_id}", status_code=204)
async def revoke_key(key_id: str, access: MayManage, services: OpenServices) -> None:
    """Revoke a write key, within a second, everywhere. Events sent with it before stay."""
    await services.metadata.write_keys.revoke(access.actor, access.project.id, key_id)
