"""`/clickhouse`: the HTTP interface of a ClickHouse server, for tools that speak to one.

A project is a database there, and an API token with the scope `sql` the password. The one thing to know: behind it is the same door as
behind `POST …/sql`, with its fence, limits, history and audit; nothing that a tool sends goes to a server as it is.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from analytics.adhoc.queries import AskedSql
from analytics.answers.system_tables import ProjectFace
from analytics.api.auth import Access, AccessCheck, admit, principal_of
from analytics.api.clickhouse_answer import ToolResponse
from analytics.api.clickhouse_compression import encoding_for
from analytics.api.clickhouse_errors import exception_answer
from analytics.api.clickhouse_request import DEFAULT_DATABASE, SETTINGS, ToolQuestion, credential_of, database_of, read_question
from analytics.api.dependencies import OpenServices
from analytics.api.rates import charge_principal
from analytics.domain.access import Permission, Principal, Token
from analytics.domain.project import Project
from analytics.errors import AnalyticsError, InvalidRequestError, NotFoundError, RequestError, SqlNotAllowedError, UnknownTableError
from analytics.services import Services

SOURCE = "clickhouse"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _ToolRoute(APIRoute):
    """A route whose errors are exceptions of ClickHouse."""

    def get_route_handler(self) -> Handler:
        answer = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await answer(request)
            except AnalyticsError as error:
                return exception_answer(error)
            except (HTTPException, RequestValidationError) as error:
                cause = error.__cause__
                return exception_answer(cause if isinstance(cause, AnalyticsError) else InvalidRequestError("The request cannot be read."))

        return told


class ToolAccessCheck(AccessCheck):
    """Lets in who may run SQL in the project that the request names as its database. No cookie counts."""

    def __init__(self) -> None:
        super().__init__(Permission.RUN_SQL)

    async def __call__(self, request: Request, services: OpenServices) -> Access:  # type: ignore[override]
        principal = await principal_of(services, credential_of(request))
        await charge_principal(services, request.scope, principal)
        project = _project(services, principal, database_of(request))
        admit(services, principal, project, self.permission)
        if project is None:
            raise NotFoundError("There is no such database here.")
        return Access(principal, project)


router = APIRouter(prefix="/clickhouse", tags=["clickhouse"], route_class=_ToolRoute)
MayAsk = Annotated[Access, Depends(ToolAccessCheck())]


@router.get("/ping", response_class=PlainTextResponse)
async def ping() -> Response:
    """`Ok.` as long as the service answers. Anybody may ask."""
    return PlainTextResponse("Ok.\n")


@router.api_route("", methods=["GET", "POST"], include_in_schema=False)
@router.api_route("/", methods=["GET", "POST"], include_in_schema=False)
async def ask(request: Request, access: MayAsk, services: OpenServices) -> Response:
    """Run one SELECT, or a statement that asks what there is."""
    question = await read_question(request)
    asked = await _asked(question, access, services)
    encoding = encoding_for(request.headers.get("accept-encoding", "")) if question.compressed else None
    return ToolResponse(services.sql.queries, asked, services.sql.scratch, question.shown_id, encoding)


async def _asked(question: ToolQuestion, access: Access, services: Services) -> AskedSql:
    statement, project = question.statement, access.project
    services.sql.queries.door.require_on()
    policy = await services.sql.queries.policy(access.principal, project)
    face = ProjectFace(project, access.actor, policy, services.named_tables, SETTINGS, statement.values.get("table"))
    params: dict[str, Any] = dict(question.params)
    refused: RequestError | None = None if statement.refused is None else SqlNotAllowedError(statement.refused, 0)
    if statement.meant is not None:
        if params:
            raise InvalidRequestError("This statement has no parameters.")
        params = _values(statement.meant, dict(statement.values), statement.database, project)
        if statement.described is not None:
            refused = await _missing(statement.described, params["database"] == project.slug, face)
    return AskedSql(
        query_id=question.query_id,
        project=project,
        principal=access.principal,
        actor=access.actor,
        sql=statement.sql,
        params=params,
        format=question.format,
        source=SOURCE,
        meant=statement.meant,
        face=face,
        limits=question.limits,
        writing=question.writing,
        refused=refused,
    )


async def _missing(table: str, is_here: bool, face: ProjectFace) -> RequestError | None:
    """Why a table cannot be described: told behind the door, so that asking for it counts and is kept like any question."""
    if not is_here:
        return UnknownTableError(f"There is no table {table[:100]} there.")
    try:
        await face.require_table(table)
    except UnknownTableError as missing:
        return missing
    return None


def _values(meant: str, values: dict[str, str], database: str | None, project: Project) -> dict[str, Any]:
    if "{database:String}" in meant:
        values["database"] = project.slug if database is None else database
    return values


def _project(services: Services, principal: Principal, database: str | None) -> Project | None:
    """The project that is meant: a token's own where none is named."""
    if isinstance(principal, Token) and database in (None, DEFAULT_DATABASE):
        return services.keys.project_by_id(principal.project_id)
    return None if database is None else services.keys.project_by_slug(database)
