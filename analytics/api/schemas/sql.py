"""SQL for analysts: the question, its cost, its history, the schema and the limits."""

from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import ConfigDict, Field, RootModel, StrictBool, StrictInt, StringConstraints

from analytics.adhoc.formats import Format
from analytics.adhoc.schema import TableKind
from analytics.api.schemas.base import Answer, Body, UtcTime
from analytics.api.schemas.trends import MetaAnswer

MOST_SQL = 100_000
DEFAULT_JSON_ROWS = 10_000
MOST_PARAMS = 200


class SqlQuestion(Body):
    """One SELECT of ClickHouse SQL over the project's tables."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "sql": "SELECT event, count() AS events FROM events WHERE date >= {from:Date} GROUP BY event ORDER BY events DESC",
                "params": {"from": "2026-11-01"},
            }
        },
    )

    sql: Annotated[str, StringConstraints(min_length=1, max_length=MOST_SQL)]
    params: Annotated[dict[str, Any], Field(max_length=MOST_PARAMS, description="Values of `{name:Type}`.", default_factory=dict[str, Any])]
    query_id: UUID | None = Field(None, description="A new UUID, to cancel it by before it has answered; absent: made here.")

    @property
    def id(self) -> str:
        """The query's id: hexadecimal."""
        return (self.query_id or uuid4()).hex


class RunSqlQuestion(SqlQuestion):
    """A query, and how it is to be answered."""

    format: Format = Format.JSON
    max_rows: Annotated[StrictInt, Field(ge=1, le=1_000_000_000)] | None = Field(
        None, description=f"The answer ends after so many rows, and says so; absent: {DEFAULT_JSON_ROWS:,} of JSON, else all."
    )

    @property
    def most_rows(self) -> int | None:
        """After how many rows the answer ends."""
        return DEFAULT_JSON_ROWS if self.max_rows is None and self.format is Format.JSON else self.max_rows


class ColumnAnswer(Answer):
    """A column of an answer."""

    name: str
    type: str


class SqlAnswer(Answer):
    """Rows as lists. Integers beyond 2^53, decimals and times are texts; NaN and infinities null."""

    columns: list[ColumnAnswer]
    rows: list[list[Any]]
    truncated: bool = Field(description="There were more rows than `max_rows`.")
    meta: MetaAnswer


class TableCostAnswer(Answer):
    """What would be read of one table, at the most."""

    table: str
    rows: int = Field(description="Rounded up to a power of two, and so that rows of other projects do not show in it.")


class CostAnswer(Answer):
    """What a query would read, without running it. `limit` is the first that it would meet, null if none."""

    query_id: str
    tables: list[TableCostAnswer]
    rows: int
    bytes: int = Field(description="An upper bound: rows times the size of a whole row, before compression.")
    limit: str | None


class SqlQueryAnswer(Answer):
    """One query of the history. `sql` and `params` are null once an erased person was found in them."""

    query_id: str
    actor: str
    status: str
    code: str | None
    started_at: UtcTime
    finished_at: UtcTime | None
    format: str
    sql: str | None
    params: dict[str, Any] | None
    tables: list[str]
    elapsed_ms: int
    rows_read: int
    bytes_read: int
    rows_returned: int = Field(description="0 of Native and RowBinary from a ClickHouse server: these are not counted.")
    bytes_returned: int
    truncated: bool
    source: str | None = Field(
        description="`query:NAME` or `endpoint:NAME` of a saved query that was run; `clickhouse`: SQL of a tool; null: SQL of one's own."
    )


class SchemaColumnAnswer(Answer):
    """A column. `samples` are values of this project; none of personal columns without the right to see persons."""

    name: str
    type: str
    description: str
    personal: bool
    samples: list[str]


class SchemaTableAnswer(Answer):
    """A table. Saved queries and rollups of the project stand in FROM by their names; their columns have no samples."""

    name: str
    kind: TableKind
    description: str
    columns: list[SchemaColumnAnswer]


class PropertyAnswer(Answer):
    """A member of `properties` seen in a sample of the project's events."""

    name: str
    types: list[str]
    share: float = Field(description="Of the events in the sample that have it, 0 to 1.")


class SchemaAnswer(Answer):
    """What SQL may ask."""

    tables: list[SchemaTableAnswer]
    properties: list[PropertyAnswer]


class SqlPolicyAnswer(Answer):
    """The limits of one role."""

    seconds: float
    memory_bytes: int
    rows_read: int
    bytes_read: int
    rows_returned: int
    bytes_returned: int
    concurrency: int
    queries_per_hour: int


class SqlLimitsAnswer(Answer):
    """The limits of each role in this project, and which of them are the project's own."""

    limits: dict[str, SqlPolicyAnswer]
    changed: dict[str, dict[str, float]]


class SqlLimitsQuestion(RootModel[dict[str, dict[str, StrictInt | float | StrictBool]]]):
    """Role to limit to number; what is not named is as the service's settings say."""

    model_config = ConfigDict(json_schema_extra={"example": {"analyst": {"seconds": 120, "concurrency": 8}}})


class SuspensionAnswer(Answer):
    """A suspension of SQL. `of`: whose statement or values did not end (a member, a token, or `operator`); `query_id` is in the history."""

    id: str
    kind: Literal["caller", "statement", "project"]
    of: str
    query_id: str
    strike: int = Field(description="The how manieth it was within a week.")
    began_at: UtcTime
    ends_at: UtcTime
    lifted_at: UtcTime | None
