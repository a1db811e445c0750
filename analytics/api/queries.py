"""`/v1/projects/{project}/queries`: questions that are kept, with every version, and published under their names."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from analytics.answers.answer import Answer
from analytics.answers.names import check_source_name
from analytics.answers.runner import Asked
from analytics.answers.saving import Savable
from analytics.answers.small_groups import shown
from analytics.api.answers import table_json
from analytics.api.asker import CurrentAsker
from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.etags import IfMatch, etag_of, revision_of
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor
from analytics.api.schemas.queries import (
    NewSavedQuery,
    Publication,
    RunQuestion,
    SavedQueryAnswer,
    SavedQueryChange,
    SavedVersionAnswer,
)
from analytics.api.schemas.questions import TableAnswer
from analytics.domain.access import Permission
from analytics.domain.question import Question, QuestionKind
from analytics.errors import ForbiddenError
from analytics.metadata.pool import Change
from analytics.metadata.saved_queries import SavedDraft, SavedQuery
from analytics.services import Services

router = APIRouter(prefix="/v1/projects/{project}/queries", tags=["saved queries"])
MayRead = Annotated[Access, Allowed(Permission.READ_SAVED)]
MayEdit = Annotated[Access, Allowed(Permission.EDIT_SAVED)]
SavedName = Annotated[str, Path(max_length=100)]
Version = Annotated[int, Path(ge=1, le=1_000_000_000)]


@router.get("")
async def list_saved_queries(
    access: MayRead, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None
) -> Page[SavedQueryAnswer]:
    """All of the project, by name."""
    after: str = decode_cursor(cursor, str)[0] if cursor else ""
    rows = await services.metadata.saved_queries.page(access.project.id, after, limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda saved: (saved.name,))
    return Page(items=[SavedQueryAnswer.of(saved) for saved in kept], next_cursor=next_cursor)


@router.post("", status_code=201)
async def save_query(wanted: NewSavedQuery, access: MayEdit, services: OpenServices, response: Response) -> SavedQueryAnswer:
    """Save a question under a new name. It must be one that its author may ask."""
    check_source_name(wanted.name)
    draft = await checked_draft(services, access, wanted.question.question(), wanted.description, wanted.name)
    saved = await services.metadata.saved_queries.create(access.actor, access.project.id, wanted.name, draft)
    return _told(saved, response)


@router.get("/{name}")
async def read_saved_query(name: SavedName, access: MayRead, services: OpenServices, response: Response) -> SavedQueryAnswer:
    """One, with the `ETag` to change it by."""
    return _told(await services.metadata.saved_queries.find(access.project.id, name), response)


@router.put("/{name}")
async def change_saved_query(
    name: SavedName, wanted: SavedQueryChange, access: MayEdit, services: OpenServices, response: Response, if_match: IfMatch = None
) -> SavedQueryAnswer:
    """Save the next version. 409 if somebody changed it since it had the ETag of `If-Match`."""
    revision = revision_of(if_match)
    draft = await checked_draft(services, access, wanted.question.question(), wanted.description, name)
    return _told(await services.metadata.saved_queries.update(access.actor, access.project.id, name, draft, revision), response)


@router.delete("/{name}", status_code=204)
async def delete_saved_query(name: SavedName, access: MayEdit, services: OpenServices, if_match: IfMatch = None) -> None:
    """Remove it with all versions. 409 while a saved query, an alert or a dashboard asks it; `detail` says which."""
    revision = revision_of(if_match, needed=False)
    await services.sources_in_texts.require_unread(access.project.id, name)
    await services.metadata.saved_queries.delete(access.actor, access.project.id, name, revision)


@router.get("/{name}/versions")
async def list_versions(
    name: SavedName, access: MayRead, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None
) -> Page[SavedVersionAnswer]:
    """All that was saved under the name, newest first."""
    before: int = decode_cursor(cursor, int)[0] if cursor else 1 << 31
    rows = await services.metadata.saved_queries.versions(access.project.id, name, min(before, (1 << 31) - 1), limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda version: (version.version,))
    return Page(items=[SavedVersionAnswer.of(version) for version in kept], next_cursor=next_cursor)


@router.post("/{name}/versions/{version}/restore")
async def restore_version(
    name: SavedName, version: Version, access: MayEdit, services: OpenServices, response: Response, if_match: IfMatch = None
) -> SavedQueryAnswer:
    """Save an old version anew, as the next one. It is checked as any that is saved."""
    revision = revision_of(if_match, needed=False)
    old = await services.metadata.saved_queries.version(access.project.id, name, version)
    draft = await checked_draft(services, access, old.question, old.description, name)
    return _told(await services.metadata.saved_queries.update(access.actor, access.project.id, name, draft, revision), response)


@router.post("/{name}/run", response_model=TableAnswer)
async def run_saved_query(name: SavedName, wanted: RunQuestion, access: MayRead, services: OpenServices, asker: CurrentAsker) -> Response:
    """Ask it as its editor saved it; only declared parameters can be set.

    Where the project withholds small groups they are withheld from whoever may not ask such a question of their own.
    """
    saved = await services.metadata.saved_queries.find(access.project.id, name)
    await record_question(services, access, "query.run", saved, wanted.params)
    asked = Asked(
        access.project,
        saved.question,
        access.actor,
        wanted.params,
        max_age_seconds=wanted.max_age_seconds,
        max_rows=wanted.max_rows,
        query_id=wanted.id,
        source=f"query:{name}",
        author=saved.changed_by,
    )
    answer, withheld = await asker.answer(answer_saved(services, access, asked))
    return Response(table_json(answer, withheld=withheld), media_type="application/json")


@router.put("/{name}/publication")
async def publish_query(
    name: SavedName, access: MayEdit, services: OpenServices, response: Response, wanted: Publication | None = None
) -> SavedQueryAnswer:
    """Let it be read at its endpoint, by members and by tokens with the scope `endpoint:NAME`."""
    saved = await services.metadata.saved_queries.find(access.project.id, name)
    await checked_draft(services, access, saved.question, saved.description, name)  # who publishes must be allowed to ask it
    max_age_seconds = (wanted or Publication()).max_age_seconds
    return _told(await services.metadata.saved_queries.publish(access.actor, access.project.id, name, max_age_seconds), response)


@router.delete("/{name}/publication", status_code=204)
async def withdraw_query(name: SavedName, access: MayEdit, services: OpenServices) -> None:
    """Let it be read at no endpoint any more, at once."""
    await services.metadata.saved_queries.withdraw(access.actor, access.project.id, name)


async def answer_saved(services: Services, access: Access, asked: Asked) -> tuple[Answer, int]:
    """The answer to a saved question as its asker may see it, and how much was withheld. Raises as `Answers.answer` and `shown`."""
    answer = await services.answers.answer(asked)
    question, least = asked.question, access.project.suppress_below
    if least is None or access.may(Permission.RUN_SQL if question.kind is QuestionKind.SQL else Permission.ASK_QUESTIONS):
        return answer, 0
    return await shown(services.answers, asked, answer, least, question.learners)


async def checked_draft(services: Services, access: Access, question: Question, description: str, name: str) -> SavedDraft:
    """What may be saved. Raises ForbiddenError for a question that its author may not ask, and what `Saving.check` raises."""
    savable = await services.saving.check(access.project, question, access.actor, name)
    require_needed(access, savable)
    return SavedDraft(question, description, savable.reads)


def require_needed(access: Access, savable: Savable) -> None:
    """Let the author of a question save it, or raise ForbiddenError."""
    for permission in savable.needs:
        if not access.may(permission):
            raise ForbiddenError(f"To save this question one needs the right to ask it: {permission}.")


async def record_question(services: Services, access: Access, action: str, saved: SavedQuery, params: Mapping[str, Any]) -> None:
    """Record before it is answered that a saved question is asked; of the values only the names. Raises MetadataUnavailableError."""
    known = {one.name for one in saved.question.parameters}
    after = {"version": saved.version, "parameters": sorted(known & set(params))}
    await services.metadata.audit.record(Change(access.actor, action, saved.name, access.project.id, after=after))


def _told(saved: SavedQuery, response: Response) -> SavedQueryAnswer:
    response.headers["etag"] = etag_of(saved.revision)
    return SavedQueryAnswer.of(saved)
