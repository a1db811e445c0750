"""`/v1/secrets`: the key ring that seals secrets and encrypts personal fields. Over all projects, so for owners."""

from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.schemas.secrets import RotationAnswer
from analytics.domain.access import Permission

router = APIRouter(prefix="/v1/secrets", tags=["operations"])


@router.post("/rotate")
async def rotate_secrets(access: Annotated[Access, Allowed(Permission.ROTATE_KEYS)], services: OpenServices) -> RotationAnswer:
    """Make new active keys and seal every secret under the new one; old keys stay, for reading. Owners only."""
    return RotationAnswer.model_validate(await services.metadata.key_rings.rotate(access.actor))
