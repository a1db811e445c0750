"""`POST /v1/projects/{project}/trends`: numbers over time."""

from typing import Annotated

from fastapi import APIRouter

from analytics.answers.trends_body import TrendsQuestion
from analytics.api.asker import CurrentAsker
from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.schemas.trends import TrendsAnswer
from analytics.domain.access import Permission
from analytics.errors import ForbiddenError
from analytics.metadata.pool import Change
from analytics.query.persons import shows_persons

router = APIRouter(prefix="/v1/projects/{project}", tags=["questions"])


@router.post("/trends")
async def ask_trends(
    question: TrendsQuestion, access: Annotated[Access, Allowed(Permission.ASK_QUESTIONS)], services: OpenServices, asker: CurrentAsker
) -> TrendsAnswer:
    """Count events, users, or the numbers of a property, by calendar bucket, exactly."""
    spec = question.spec(access.project, services.clock.now())
    personal = shows_persons(spec, access.project.personal_fields)
    if personal and not access.may(Permission.READ_EVENTS):
        raise ForbiddenError("This question is about single persons: it needs a token with the scope personal-data.")
    project_id = access.project.id
    asked = Change(access.actor, "query.trends", project_id, project_id, after={"source": question.source, "personal": personal})
    if personal:
        await services.metadata.audit.record(asked)  # persons will be in the answer
    else:
        services.metadata.audit_queue.add(asked)
    return TrendsAnswer.model_validate(await asker.answer(services.questions.trends(access.project, spec)))
