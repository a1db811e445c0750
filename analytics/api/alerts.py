"""`/v1/projects/{project}/alerts`: questions that are asked each minute, and how they stand."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from analytics.answers.parameters import given_values
from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.etags import IfMatch, etag_of, revision_of
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor, decode_cursor_after
from analytics.api.queries import require_needed
from analytics.api.schemas.alerts import AlertAnswer, AlertBody, AlertChangeAnswer
from analytics.domain.access import Permission
from analytics.domain.alert import check_condition
from analytics.errors import FieldError, InvalidRequestError
from analytics.metadata.alerts import Alert, AlertDraft
from analytics.services import Services

router = APIRouter(prefix="/v1/projects/{project}/alerts", tags=["alerts"])
MayRead = Annotated[Access, Allowed(Permission.READ_ALERTS)]
MayEdit = Annotated[Access, Allowed(Permission.EDIT_ALERTS)]
AlertId = Annotated[str, Path(max_length=100)]


@router.get("")
async def list_alerts(
    access: MayRead,
    services: OpenServices,
    state: Annotated[Literal["ok", "firing"] | None, Query(description="Only those that stand so.")] = None,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
) -> Page[AlertAnswer]:
    """Alerts, oldest first, with how they stand."""
    rows = await services.metadata.alerts.page(access.project.id, state, decode_cursor_after(cursor), limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda alert: (alert.created_at.isoformat(), alert.id))
    return Page(items=[AlertAnswer.of(alert) for alert in kept], next_cursor=next_cursor)


@router.post("", status_code=201)
async def create_alert(wanted: AlertBody, access: MayEdit, services: OpenServices, response: Response) -> AlertAnswer:
    """Watch a question from now on. It must be one that its author may ask."""
    draft = await _checked(services, access, wanted)
    return _told(await services.metadata.alerts.create(access.actor, access.project.id, draft), response)


@router.get("/{alert_id}")
async def read_alert(alert_id: AlertId, access: MayRead, services: OpenServices, response: Response) -> AlertAnswer:
    """One, with the `ETag` to change it by."""
    return _told(await services.metadata.alerts.find(access.project.id, alert_id), response)


@router.put("/{alert_id}")
async def change_alert(
    alert_id: AlertId, wanted: AlertBody, access: MayEdit, services: OpenServices, response: Response, if_match: IfMatch = None
) -> AlertAnswer:
    """Change it: it begins anew, and if it fired that is resolved. 409 if somebody changed it since it had the ETag of `If-Match`."""
    revision = revision_of(if_match)
    draft = await _checked(services, access, wanted)
    return _told(await services.metadata.alerts.update(access.actor, access.project.id, alert_id, draft, revision), response)


@router.delete("/{alert_id}", status_code=204)
async def delete_alert(alert_id: AlertId, access: MayEdit, services: OpenServices, if_match: IfMatch = None) -> None:
    """Remove it; if it fired that is resolved."""
    await services.metadata.alerts.delete(access.actor, access.project.id, alert_id, revision_of(if_match, needed=False))


@router.get("/{alert_id}/history")
async def alert_history(
    alert_id: AlertId, access: MayRead, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None
) -> Page[AlertChangeAnswer]:
    """Each change of its state once, newest first."""
    before: int = min(decode_cursor(cursor, int)[0] if cursor else 1 << 62, 1 << 62)
    rows = await services.metadata.alerts.changes(access.project.id, alert_id, before, limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda change: (change.id,))
    return Page(items=[AlertChangeAnswer.model_validate(change) for change in kept], next_cursor=next_cursor)


async def _checked(services: Services, access: Access, wanted: AlertBody) -> AlertDraft:
    """What may be watched. Raises InvalidRequestError, SqlRefusedError, ForbiddenError, NotFoundError for a saved query."""
    if (wanted.question is None) == (wanted.query is None):
        detail = "takes one of question and query"
        raise InvalidRequestError(f"An alert {detail}.", [FieldError("/question", detail)])
    check_condition(wanted.condition.condition)
    if wanted.question is not None:
        question = wanted.question.question()
        require_needed(access, await services.saving.check(access.project, question, access.actor))
    else:
        question = (await services.metadata.saved_queries.find(access.project.id, wanted.query or "")).question
    given_values(question, wanted.params)
    return AlertDraft(
        name=wanted.name,
        description=wanted.description,
        question=question if wanted.question is not None else None,
        saved_query=wanted.query,
        params=wanted.params,
        condition=wanted.condition.condition,
        enabled=wanted.enabled,
    )


def _told(alert: Alert, response: Response) -> AlertAnswer:
    response.headers["etag"] = etag_of(alert.revision)
    return AlertAnswer.of(alert)
