"""Dashboards: what is sent and answered."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from analytics.api.schemas.base import Answer, Body, GivenTime, UtcTime
from analytics.api.schemas.sql import ColumnAnswer
from analytics.api.schemas.trends import MetaAnswer
from analytics.dashboards.document import (
    DashboardDocument,
    DashboardFilter,
    Days,
    FilterName,
    FilterValues,
    Note,
    Position,
    Tile,
    Title,
    ZoneName,
)

FORMAT = "analytics-dashboard"


class DashboardChange(Body):
    """What may change of a dashboard; what is absent stays."""

    name: Title = ""
    description: Note = ""
    days: Days = Days(last=30)
    timezone: ZoneName | None = None
    filters: list[DashboardFilter] = Field([])
    tiles: list[Tile] = Field([])


class DashboardAnswer(DashboardDocument):
    """A dashboard as it is saved."""

    id: str
    version: int
    created_at: UtcTime
    updated_at: UtcTime


class DashboardItem(Answer):
    """A dashboard in a list."""

    id: str
    name: str
    description: str
    version: int
    tiles: int
    created_at: UtcTime
    updated_at: UtcTime


class TemplateAnswer(Answer):
    """A dashboard to begin with."""

    template: str
    name: str
    description: str
    tiles: list[str]


class ExportedDashboard(Body):
    """A dashboard to be carried elsewhere: what is exported can be imported."""

    format: Literal["analytics-dashboard"] = FORMAT
    version: Literal[1] = 1
    dashboard: DashboardDocument


class TileError(Answer):
    """Why a tile has no answer."""

    code: str
    title: str
    detail: str
    status: int


class DaysAnswer(Answer):
    """Days that are shown, both included."""

    date_from: date
    date_to: date


class TileDataAnswer(Answer):
    """A tile with its rows, or with its error. `chart` draws data of the name `answer`: the rows as objects by column."""

    id: str
    title: str
    description: str
    position: Position
    chart: dict[str, Any]
    columns: list[ColumnAnswer]
    rows: list[list[Any]]
    truncated: bool
    withheld: int = Field(description="Rows and values that are not shown since they are about too few learners.")
    meta: MetaAnswer | None
    error: TileError | None


class DashboardDataAnswer(Answer):
    """All tiles. A tile that failed has an error; the others are answered all the same."""

    id: str
    name: str
    description: str
    days: DaysAnswer
    timezone: str
    filters: dict[str, list[str]]
    tiles: list[TileDataAnswer]
    elapsed_ms: int


class NewShare(Body):
    """A link to be made."""

    expires_at: GivenTime | None = Field(None, description="30 days from now if absent; a year at most.")
    password: Annotated[str, StringConstraints(min_length=8, max_length=200)] | None = Field(None, description="Null: the link is enough.")
    filters: dict[FilterName, FilterValues] = Field({}, max_length=20, description="Filters that are fixed for whoever comes by the link.")


class ShareAnswer(Answer):
    """A link. `filters` are those that are fixed."""

    id: str
    has_password: bool
    filters: dict[str, list[str]]
    created_at: UtcTime
    expires_at: UtcTime


class MadeShare(ShareAnswer):
    """A link just made; `token` and `path` are shown this once."""

    token: str
    path: str


class SharePassword(Body):
    """The password of a link."""

    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]
