"""What routes of dashboards share: the view that a request asks for, and its tiles as an answer."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal

import anyio.to_thread
import msgspec
from fastapi import Depends, Query
from starlette.responses import Response

from analytics.api.answers import shown_columns, shown_meta
from analytics.api.auth import Access
from analytics.api.problems import problem_parts
from analytics.dashboards.board import TileAnswer, View
from analytics.dashboards.document import DashboardDocument, check_days, stored_document
from analytics.dashboards.picture import dashboard_page, tile_page
from analytics.domain.project import Project
from analytics.errors import FieldError, InvalidRequestError, NotFoundError
from analytics.metadata.dashboards import Dashboard
from analytics.metadata.pool import Change
from analytics.pictures.chart import DATA_NAME, SCHEMA_URL
from analytics.pictures.theme import ThemeName
from analytics.services import Services

PNG = "image/png"
PictureKind = Literal["svg", "png"]
_MEDIA_TYPES: Mapping[PictureKind, str] = {"svg": "image/svg+xml", "png": PNG}
FirstDay = Annotated[date | None, Query(alias="from", description="First day shown; together with `to`.")]
LastDay = Annotated[date | None, Query(alias="to", description="Last day shown, itself included.")]
Filters = Annotated[list[str], Query(alias="filter", max_length=100, description="`name:value`; several of one name are alternatives.")]
MaxAge = Annotated[float, Query(ge=0, le=86_400, description="An answer may be so old; 0: it holds all that was answered before.")]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
DASHBOARD_PICTURE: dict[int | str, dict[str, Any]] = {200: {"description": "The picture.", "content": {PNG: _BINARY}}}
TILE_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture.", "content": dict.fromkeys(_MEDIA_TYPES.values(), _BINARY)}
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a tile is drawn. Without a size it is as large as on its dashboard; PNG has twice as many pixels either way."""

    theme: ThemeName = ThemeName.LIGHT
    width: Annotated[int | None, Query(ge=120, le=2_400)] = None
    height: Annotated[int | None, Query(ge=80, le=2_400)] = None


WantedLook = Annotated[Look, Depends(Look)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Days and filters that a request asks for."""

    first: date | None
    last: date | None
    filters: Sequence[str]
    max_age_seconds: float = 0.0


def wanted_view(first: FirstDay = None, last: LastDay = None, filters: Filters = [], max_age_seconds: MaxAge = 0.0) -> Wanted:  # noqa: B006
    """For `Depends`. Raises InvalidRequestError."""
    if (first is None) != (last is None):
        missing = "/query/from" if first is None else "/query/to"
        raise InvalidRequestError("Give both from and to, or none.", [FieldError(missing, "goes with the other")])
    try:
        check_days(first, last)
    except ValueError as error:
        raise InvalidRequestError(f"{error}.", [FieldError("/query/to", str(error))]) from error
    return Wanted(first, last, filters, max_age_seconds)


def view_of(
    services: Services, project: Project, document: DashboardDocument, caller: str, wanted: Wanted, author: str | None = None
) -> View:
    """The dashboard that `author` wrote as it was asked for. Raises InvalidRequestError for a filter that it does not have."""
    known = {one.name for one in document.filters}
    values: dict[str, list[str]] = {one.name: list(one.default) for one in document.filters if one.default}
    asked: dict[str, list[str]] = {}
    for text in wanted.filters:
        name, colon, value = text.partition(":")
        if name not in known or not colon or not 1 <= len(value) <= 500:
            detail = f"must be name:value with one of {', '.join(sorted(known)) or 'no names: the dashboard has no filters'}"
            raise InvalidRequestError(f"A filter {detail}.", [FieldError("/query/filter", detail)])
        asked.setdefault(name, []).append(value)
    days = services.boards.days_of(document, project, wanted.first, wanted.last)
    return View(project, document, caller, days, {**values, **asked}, max_age_seconds=wanted.max_age_seconds, author=author)


async def noted_view(services: Services, access: Access, dashboard_id: str, wanted: Wanted, action: str) -> View:
    """A dashboard of the project as it was asked for, and that somebody looks at it on record before it is answered: there may be persons
    in it. Raises NotFoundError, InvalidRequestError, MetadataUnavailableError.
    """
    read = await services.metadata.dashboards.find(access.project.id, dashboard_id)
    view = view_of(services, access.project, document_of(read), access.actor, wanted, read.changed_by)
    await services.metadata.audit.record(Change(access.actor, action, read.id, access.project.id))
    return view


async def data_answer(services: Services, board_id: str, view: View) -> Response:
    """All tiles of a view as JSON."""
    started = time.perf_counter()
    found = await services.boards.answer(view)
    return await anyio.to_thread.run_sync(_data, board_id, view, found, round((time.perf_counter() - started) * 1000))


async def tile_picture(services: Services, view: View, tile_id: str, kind: PictureKind, look: Look) -> Response:
    """One tile, drawn. Raises NotFoundError, InvalidRequestError, PictureFailedError."""
    tile = view.document.tile(tile_id)
    if tile is None:
        raise NotFoundError
    (found,) = await services.boards.answer(view, [tile])
    page = await anyio.to_thread.run_sync(tile_page, view, found, look.theme, kind == "png", look.width, look.height)
    return Response(await services.pictures.draw(page), media_type=_MEDIA_TYPES[kind])


async def board_picture(services: Services, view: View, theme: ThemeName) -> Response:
    """All tiles, drawn. Raises InvalidRequestError, PictureFailedError."""
    found = await services.boards.answer(view)
    page = await anyio.to_thread.run_sync(dashboard_page, view, found, theme)
    return Response(await services.pictures.draw(page), media_type=PNG)


def fixed(view: View, filters: Mapping[str, Sequence[str]]) -> View:
    """The view of whoever may not change these filters, nor escape them."""
    return replace(view, filters={**view.filters, **filters}, fixed=frozenset(filters))


def document_of(board: Dashboard) -> DashboardDocument:
    """What is stored of it."""
    return stored_document(board.document)


def _data(board_id: str, view: View, found: Sequence[TileAnswer], elapsed_ms: int) -> Response:
    first, last = view.days
    body = {
        "id": board_id,
        "name": view.document.name,
        "description": view.document.description,
        "days": {"date_from": first, "date_to": last},
        "timezone": view.timezone,
        "filters": {name: list(values) for name, values in view.filters.items()},
        "tiles": [_tile(one) for one in found],
        "elapsed_ms": elapsed_ms,
    }
    return Response(msgspec.json.encode(body), media_type="application/json")


def _tile(found: TileAnswer) -> dict[str, Any]:
    tile, answer = found.tile, found.answer
    return {
        "id": tile.id,
        "title": tile.title,
        "description": tile.description,
        "position": tile.position.model_dump(),
        "chart": {"$schema": SCHEMA_URL, "data": {"name": DATA_NAME}, **tile.chart},
        "columns": shown_columns(answer.columns) if answer else [],
        "rows": answer.rows if answer else [],
        "truncated": answer.truncated if answer else False,
        "withheld": found.withheld,
        "meta": shown_meta(answer.meta) if answer else None,
        "error": None if found.error is None else problem_parts(found.error),
    }
