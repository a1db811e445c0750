"""`/v1/projects/{project}/endpoints/{name}.{format}`: published queries, for programs."""

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from analytics.answers.files import FileFormat, file_of
from analytics.answers.pages import page_of
from analytics.answers.parameters import values_of_texts
from analytics.answers.runner import Asked
from analytics.answers.saving import RESERVED_PARAMETERS
from analytics.api.answers import columns_json, table_json
from analytics.api.asker import CurrentAsker
from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.etags import IfNoneMatch, content_etag, is_at_hand
from analytics.api.paging import PageCursor, decode_cursor, encode_cursor
from analytics.api.queries import answer_saved, record_question
from analytics.api.schemas.base import iso_utc
from analytics.api.schemas.queries import MOST_AGE_SECONDS
from analytics.api.schemas.questions import PageAnswer
from analytics.domain.access import Permission
from analytics.errors import NotFoundError

router = APIRouter(prefix="/v1/projects/{project}/endpoints", tags=["endpoints"])
MOST_ROWS_A_PAGE = 10_000
_FORMATS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page of rows. Files carry `x-next-cursor`, `x-truncated`, `x-withheld`, `x-query-id` and `x-data-as-of`.",
        "content": {kind.media_type.partition(";")[0]: {} for kind in FileFormat if kind is not FileFormat.JSON},
    },
    304: {"description": "Nothing has changed since the answer with the ETag of `If-None-Match`."},
}


@router.get("/{name}.{format}", response_model=PageAnswer, responses=_FORMATS)
async def read_endpoint(
    name: Annotated[str, Path(max_length=100)],
    format: FileFormat,  # noqa: A002 - its name in the path
    request: Request,
    access: Annotated[Access, Allowed(Permission.READ_ENDPOINT)],
    services: OpenServices,
    asker: CurrentAsker,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS_A_PAGE, description="Most rows on this page.")] = 1_000,
    cursor: PageCursor = None,
    max_age_seconds: Annotated[
        float | None, Query(ge=0, le=MOST_AGE_SECONDS, description="How old an answer that was kept may be; absent: as it is published.")
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The rows of a published query, a page at a time. Its declared parameters stand in the address under their names."""
    saved = await services.metadata.saved_queries.find(access.project.id, name)
    if saved.published_at is None:
        raise NotFoundError
    texts = {key: request.query_params.getlist(key) for key in request.query_params if key not in RESERVED_PARAMETERS}
    params = values_of_texts(saved.question, texts)
    after = decode_cursor(cursor, int, str) if cursor else None
    await record_question(services, access, "endpoint.read", saved, params)
    age = saved.max_age_seconds if max_age_seconds is None else max_age_seconds
    asked = Asked(
        access.project, saved.question, access.actor, params, max_age_seconds=age, source=f"endpoint:{name}", author=saved.changed_by
    )
    answer, withheld = await asker.answer(answer_saved(services, access, asked))
    page = page_of(answer.rows, limit, None if after is None else (after[0], after[1]))
    next_cursor = None if page.next is None else encode_cursor(page.next)
    rows = await anyio.to_thread.run_sync(file_of, format, answer.columns, page.rows)
    truncated = "true" if answer.truncated else "false"
    etag = content_etag(columns_json(answer.columns).encode("utf-8", "replace"), rows, (next_cursor or "").encode(), truncated.encode())
    headers = {
        "etag": etag,
        "cache-control": "private, no-cache",
        "vary": "authorization, cookie",
        "x-query-id": answer.meta.query_id,
        "x-data-as-of": iso_utc(answer.meta.data_as_of),
        "x-truncated": truncated,
        "x-withheld": str(withheld),
    }
    if next_cursor is not None:
        headers["x-next-cursor"] = next_cursor
    if is_at_hand(etag, if_none_match):
        return Response(status_code=304, headers=headers)
    body = table_json(answer, page.rows, next_cursor=next_cursor, withheld=withheld) if format is FileFormat.JSON else rows
    return Response(body, media_type=format.media_type, headers=headers)
