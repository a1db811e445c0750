"""`/v1/projects/{project}/tokens`: API tokens for machines."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.tokens import MadeToken, NewToken, TokenAnswer
from analytics.domain.access import Permission, check_scopes, require_grantable
from analytics.errors import FieldError, InvalidRequestError

router = APIRouter(prefix="/v1/projects/{project}/tokens", tags=["tokens"])
MayManage = Annotated[Access, Allowed(Permission.MANAGE_TOKENS)]
USUAL_LIFE = timedelta(days=365)


@router.post("", status_code=201)
async def create_token(wanted: NewToken, access: MayManage, services: OpenServices) -> MadeToken:
    """Make an API token; its secret is in this answer and nowhere else."""
    scopes = check_scopes(wanted.scopes)
    require_grantable(access.principal, scopes)
    now = services.clock.now()
    expires_at = wanted.expires_at or now + USUAL_LIFE
    if expires_at <= now:
        raise InvalidRequestError("The token would be over before it is made.", [FieldError("/expires_at", "must be in the future")])
    record, secret = await services.metadata.api_tokens.create(access.actor, access.project.id, wanted.name, scopes, expires_at)
    return MadeToken.model_validate({**asdict(record), "token": secret})


@router.get("")
async def list_tokens(access: MayManage, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None) -> Page[TokenAnswer]:
    """API tokens, oldest first, without their secrets."""
    rows = await services.metadata.api_tokens.page(access.project.id, decode_cursor_after(cursor), limit + 1)
    items, next_cursor = cut_page(rows, limit, lambda record: (record.created_at.isoformat(), record.id))
    return Page(items=[TokenAnswer.model_validate(record) for record in items], next_cursor=next_cursor)


@router.delete("/{token_id}", status_code=204)
async def delete_token(token_id: str, access: MayManage, services: OpenServices) -> None:
    """End an API token at once."""
    await services.metadata.api_tokens.delete(access.actor, access.project.id, token_id)
