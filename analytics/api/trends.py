"""`POST /v1/projects/{project}/trends`: numbers over time."""

from typing import Annotated

from fastapi import APIRouter

from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.schemas.trends import TrendsAnswer, TrendsQuestion
from analytics.domain.access import Permission
from analytics.errors import ForbiddenError
from analytics.query.catalog import is_personal

router = APIRouter(prefix="/v1/projects/{project}", tags=["questions"])


@router.post("/trends")
async def ask_trends(
    question: TrendsQuestion, access: Annotated[Access, Allowed(Permission.ASK_QUESTIONS)], services: OpenServices
) -> TrendsAnswer:
    """Count events, users, or the numbers of a property, by calendar bucket, exactly."""
    spec = question.spec(access.project, services.clock.now())
    if spec.breakdown is not None and is_personal(spec.breakdown.property) and not access.may(Permission.READ_EVENTS):
        raise ForbiddenError("A breakdown by this column shows persons: it needs a token with the scope personal-data.")
    return TrendsAnswer.model_validate(await services.questions.trends(access.project, spec))
