"""`/v1/projects/{project}/keys`: write keys."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.keys import KeyAnswer, KeyChange, KeyRotation, NewKey, RotatedKey
from analytics.domain.access import Permission
from analytics.domain.origin import check_origins

router = APIRouter(prefix="/v1/projects/{project}/keys", tags=["keys"])
MayManage = Annotated[Access, Allowed(Permission.MANAGE_KEYS)]


@router.post("", status_code=201)
async def create_key(wanted: NewKey, access: MayManage, services: OpenServices) -> KeyAnswer:
    """Make a write key; it is good within a second, everywhere."""
    origins = check_origins(wanted.allowed_origins)
    record = await services.metadata.write_keys.create(access.actor, access.project.id, wanted.name, origins)
    return KeyAnswer.model_validate(record)


@router.get("")
async def list_keys(access: MayManage, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None) -> Page[KeyAnswer]:
    """Write keys, oldest first, the revoked too."""
    rows = await services.metadata.write_keys.page(access.project.id, decode_cursor_after(cursor), limit + 1)
    items, next_cursor = cut_page(rows, limit, lambda record: (record.created_at.isoformat(), record.id))
    return Page(items=[KeyAnswer.model_validate(record) for record in items], next_cursor=next_cursor)


@router.patch("/{key_id}")
async def change_key(key_id: str, change: KeyChange, access: MayManage, services: OpenServices) -> KeyAnswer:
    """Change the name of a write key, or of which origins pages may send with it; within a second, everywhere."""
    origins = None if change.allowed_origins is None else check_origins(change.allowed_origins)
    return KeyAnswer.model_validate(
        await services.metadata.write_keys.change(access.actor, access.project.id, key_id, change.name, origins)
    )


@router.post("/{key_id}/rotate", status_code=201)
async def rotate_key(key_id: str, wanted: KeyRotation, access: MayManage, services: OpenServices) -> RotatedKey:
    """Make a new write key in place of this one, which ends by itself after the overlap, in every process."""
    record, ends_at = await services.metadata.write_keys.rotate(access.actor, access.project.id, key_id, wanted.overlap_seconds)
    return RotatedKey.model_validate({**asdict(record), "old_key_ends_at": ends_at})


@router.delete("/{key_id}", status_code=204)
async def revoke_key(key_id: str, access: MayManage, services: OpenServices) -> None:
    """Revoke a write key, within a second, everywhere. Events sent with it before stay."""
    await services.metadata.write_keys.revoke(access.actor, access.project.id, key_id)
