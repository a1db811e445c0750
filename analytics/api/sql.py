"""`/v1/projects/{project}/sql`: ClickHouse SQL over the project's own rows, behind a fence."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter
from starlette.responses import Response

from analytics.adhoc.explain import explain
from analytics.adhoc.formats import MEDIA_TYPES, Format
from analytics.adhoc.queries import AskedSql
from analytics.api.auth import Access, Allowed
from analytics.api.dependencies import OpenServices
from analytics.api.paging import Page, PageCursor, PageLimit, cut_page, decode_cursor_after
from analytics.api.schemas.sql import (
    CostAnswer,
    RunSqlQuestion,
    SchemaAnswer,
    SqlAnswer,
    SqlLimitsAnswer,
    SqlLimitsQuestion,
    SqlQueryAnswer,
    SqlQuestion,
    SuspensionAnswer,
)
from analytics.api.sql_answer import SqlResponse
from analytics.domain.access import Permission
from analytics.domain.sql_policy import check_changes
from analytics.metadata.pool import Change
from analytics.metadata.sql_history import KeptSqlQuery
from analytics.metadata.sql_suspensions import Suspension

router = APIRouter(prefix="/v1/projects/{project}", tags=["sql"])
MayRunSql = Annotated[Access, Allowed(Permission.RUN_SQL)]
MaySetLimits = Annotated[Access, Allowed(Permission.SET_SQL_LIMITS)]
_FORMATS: Mapping[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows. Other formats than JSON carry `query_id`, `data_as_of` and `x-truncated` as headers.",
        "content": {MEDIA_TYPES[kind].partition(";")[0]: {} for kind in Format if kind is not Format.JSON},
    }
}


@router.post("/sql", response_model=SqlAnswer, responses=dict(_FORMATS))
async def run_sql(question: RunSqlQuestion, access: MayRunSql, services: OpenServices) -> Response:
    """Run one SELECT over the tables of the project: `events` and its rollups."""
    return SqlResponse(services.sql.queries, _asked(question, access, question.format, question.most_rows), services.sql.scratch)


@router.post("/sql/explain")
async def explain_sql(question: SqlQuestion, access: MayRunSql, services: OpenServices) -> CostAnswer:
    """What a query would read, and the limit that it would meet, without running it."""
    asked = _asked(question, access, Format.JSON, None, explains=True)
    cost = await explain(services.sql.queries, asked)
    return CostAnswer.model_validate({"query_id": asked.query_id, **{name: getattr(cost, name) for name in cost.__slots__}})


@router.get("/schema")
async def read_schema(access: MayRunSql, services: OpenServices) -> SchemaAnswer:
    """Tables, columns and properties, with samples of this project's values; of personal columns only for who may see persons.

    The project's rollups and saved queries are among the tables, of these the first 100 without parameters that must be given.
    """
    personal_data = access.may(Permission.READ_EVENTS)
    project_id = access.project.id
    await services.metadata.audit.record(Change(access.actor, "sql.schema", project_id, project_id, after={"personal": personal_data}))
    found = await services.sql.schema.of(access.project, access.principal, access.actor, personal_data)
    policy = await services.sql.queries.policy(access.principal, access.project)
    named = await services.named_tables.of(access.project, access.actor, policy)
    return SchemaAnswer.model_validate({"tables": [*found.tables, *named], "properties": found.properties})


@router.get("/sql/history")
async def sql_history(
    access: Annotated[Access, Allowed(Permission.RUN_SQL, "sql.history")],
    services: OpenServices,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
) -> Page[SqlQueryAnswer]:
    """One's own queries, newest first; admins see those of all. Saved SQL is there when it was run and computed."""
    rows = await services.sql.queries.history.page(access.project.id, _whose(access), decode_cursor_after(cursor), limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda query: (query.started_at.isoformat(), query.id))
    return Page(items=[_kept(query) for query in kept], next_cursor=next_cursor)


@router.get("/sql/limits")
async def read_sql_limits(access: MayRunSql, services: OpenServices) -> SqlLimitsAnswer:
    """What a query may cost, by role."""
    found = await services.sql.queries.policies(access.project)
    changes = await services.sql.queries.limits.of(access.project.id)
    return SqlLimitsAnswer.model_validate(
        {
            "limits": {str(role): policy.by_name for role, policy in found.items()},
            "changed": {str(role): dict(limits) for role, limits in changes.items()},
        }
    )


@router.put("/sql/limits")
async def set_sql_limits(wanted: SqlLimitsQuestion, access: MaySetLimits, services: OpenServices) -> SqlLimitsAnswer:
    """Change what queries of this project may cost; owners only. `{}`: as the service's settings say."""
    await services.sql.queries.limits.set(access.actor, access.project.id, check_changes(wanted.root))
    return await read_sql_limits(access, services)


@router.get("/sql/suspensions")
async def list_suspensions(
    access: MaySetLimits, services: OpenServices, limit: PageLimit = 100, cursor: PageCursor = None
) -> Page[SuspensionAnswer]:
    """Whose SQL is or was suspended within a week, newest first; owners only."""
    rows = await services.metadata.sql_suspensions.page(access.project.id, decode_cursor_after(cursor), limit + 1)
    kept, next_cursor = cut_page(rows, limit, lambda one: (one.began_at.isoformat(), one.id))
    return Page(items=[_suspension(one) for one in kept], next_cursor=next_cursor)


@router.delete("/sql/suspensions/{suspension_id}", status_code=204)
async def lift_suspension(suspension_id: str, access: MaySetLimits, services: OpenServices) -> None:
    """End a suspension at once; it counts no more. Owners only."""
    await services.metadata.sql_suspensions.lift(access.actor, access.project.id, suspension_id)


@router.delete("/sql/{query_id}", status_code=204)
async def cancel_sql(query_id: str, access: Annotated[Access, Allowed(Permission.RUN_SQL, "sql.cancel")], services: OpenServices) -> None:
    """Cancel a query of one's own; admins cancel any. A query that has ended is left as it is."""
    await services.sql.queries.cancel(access.project, query_id.replace("-", ""), _whose(access))


def _asked(question: SqlQuestion, access: Access, kind: Format, most_rows: int | None, *, explains: bool = False) -> AskedSql:
    return AskedSql(
        query_id=question.id,
        project=access.project,
        principal=access.principal,
        actor=access.actor,
        sql=question.sql,
        params=question.params,
        format=kind,
        max_rows=most_rows,
        explain=explains,
    )


def _whose(access: Access) -> str | None:
    """Whose queries they may see and end; None: everybody's."""
    return None if access.may(Permission.MANAGE_SQL) else access.actor


def _kept(query: KeptSqlQuery) -> SqlQueryAnswer:
    fields = {name: getattr(query, name) for name in KeptSqlQuery.__slots__ if name not in ("id", "statement", "parameters")}
    return SqlQueryAnswer.model_validate({**fields, "query_id": query.id, "sql": query.statement, "params": query.parameters})


def _suspension(one: Suspension) -> SuspensionAnswer:
    told = {name: getattr(one, name) for name in Suspension.__slots__ if name != "actor"}
    return SuspensionAnswer.model_validate({**told, "of": one.actor})
