"""A dashboard as people write it, save it, export it and import it.

The one thing to know: whatever comes in, by hand, by import or as a template, goes through `checked_document`; what is stored has.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError, model_validator

from analytics.domain.question import QUESTION_NAME, question_of
from analytics.domain.time_range import parse_zone
from analytics.errors import FieldError, InvalidRequestError
from analytics.pictures.chart import checked_chart

COLUMNS = 12
MAX_TILES = 40
MAX_FILTERS = 20
MAX_DAYS = 3_660
MAX_VALUES = 200
RANGE_PARAMETERS = frozenset({"date_from", "date_to", "timezone"})
TILE_ID = r"^[a-z0-9][a-z0-9_-]{0,62}$"


def check_days(first: date | None, last: date | None) -> None:
    """Raises ValueError for days that end before they begin or are too many."""
    if first is not None and last is not None and not 0 <= (last - first).days < MAX_DAYS:
        raise ValueError(f"date_to must not be before date_from, nor {MAX_DAYS:,} days or more after it")


def _plain(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must not hold control characters")
    return text


def _zone(name: str) -> str:
    try:
        parse_zone(name)
    except InvalidRequestError as error:
        raise ValueError("is no IANA time zone, such as Europe/London") from error
    return name


Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_plain)]
Note = Annotated[str, StringConstraints(max_length=500), AfterValidator(_plain)]
FilterName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
FilterValue = Annotated[str, StringConstraints(min_length=1, max_length=500)]
FilterValues = Annotated[list[FilterValue], Field(min_length=1, max_length=MAX_VALUES)]
TileId = Annotated[str, StringConstraints(pattern=TILE_ID)]
ZoneName = Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Days(_Part):
    """The days shown if nobody asks for others: the last so many, today included, or from one to another, both included."""

    last: Annotated[StrictInt, Field(ge=1, le=MAX_DAYS)] | None = None
    date_from: date | None = None
    date_to: date | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "Days":
        if (self.last is None) == (self.date_from is None) or (self.date_from is None) != (self.date_to is None):
            raise ValueError("give last, or date_from and date_to")
        check_days(self.date_from, self.date_to)
        return self


class DashboardFilter(_Part):
    """A filter of the whole dashboard. Trends are filtered by `property`; SQL by a parameter of its name, a String or an Array(String)."""

    name: FilterName
    property: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    description: Note = ""
    default: FilterValues | None = Field(None, description="What it is set to if nobody sets it; null: everything.")

    @model_validator(mode="after")
    def _not_reserved(self) -> "DashboardFilter":
        if self.name in RANGE_PARAMETERS:
            raise ValueError(f"{self.name} is set by the days of the dashboard")
        return self


class Position(_Part):
    """Where a tile is, in a grid of 12 columns; rows are 44 pixels."""

    x: Annotated[StrictInt, Field(ge=0, lt=COLUMNS)]
    y: Annotated[StrictInt, Field(ge=0, le=400)]
    width: Annotated[StrictInt, Field(ge=1, le=COLUMNS)]
    height: Annotated[StrictInt, Field(ge=1, le=40)]

    @property
    def cells(self) -> Iterator[tuple[int, int]]:
        """All that it covers."""
        return ((x, y) for x in range(self.x, self.x + self.width) for y in range(self.y, self.y + self.height))


class Tile(_Part):
    """A question and the chart that draws its rows."""

    id: TileId
    title: Title
    description: Note = ""
    question: dict[str, Any] = Field(description='`{"saved": "name"}`, or a question: `{"kind": "sql", …}`, `{"kind": "trends", …}`.')
    params: dict[str, Any] = Field({}, max_length=100, description="Values of the question's parameters.")
    learners: Annotated[str, StringConstraints(min_length=1, max_length=200)] | Literal[False] | None = Field(
        None,
        description="Of SQL: the column that counts the learners behind a row, so that small groups can be withheld; "
        "false: no row is about a group of learners. In a project that withholds small groups SQL must say one of the two.",
    )
    ignores: list[FilterName] = Field([], max_length=MAX_FILTERS, description="Filters that do not reach this tile.")
    chart: dict[str, Any] = Field(description="One view in Vega-Lite 6, without data: it draws the columns of the answer.")
    position: Position

    @property
    def saved(self) -> str | None:
        """The name of the saved question that it shows, if it does."""
        return self.question.get("saved")


class DashboardDocument(_Part):
    """A whole dashboard."""

    name: Title
    description: Note = ""
    days: Days = Days(last=30)
    timezone: ZoneName | None = Field(None, description="IANA name; null: the project's.")
    filters: list[DashboardFilter] = Field([], max_length=MAX_FILTERS)
    tiles: list[Tile] = Field([], max_length=MAX_TILES)

    @model_validator(mode="after")
    def _told_apart(self) -> "DashboardDocument":
        for what, names in (("tiles", [tile.id for tile in self.tiles]), ("filters", [one.name for one in self.filters])):
            if len(set(names)) != len(names):
                raise ValueError(f"two {what} have the same name")
        taken: dict[tuple[int, int], str] = {}
        for tile in self.tiles:
            if tile.position.x + tile.position.width > COLUMNS:
                raise ValueError(f"tile {tile.id} ends beyond column {COLUMNS}")
            for cell in tile.position.cells:
                if taken.setdefault(cell, tile.id) != tile.id:
                    raise ValueError(f"tiles {taken[cell]} and {tile.id} overlap")
        known = {one.name for one in self.filters}
        for tile in self.tiles:
            if unknown := [name for name in tile.ignores if name not in known]:
                raise ValueError(f"tile {tile.id} ignores {unknown[0]}, which is no filter")
        return self

    def tile(self, tile_id: str) -> Tile | None:
        """The tile with this id."""
        return next((tile for tile in self.tiles if tile.id == tile_id), None)

    def saved(self) -> dict[str, Any]:
        """As it is stored and exported, in one order."""
        return self.model_dump(mode="json")


def checked_document(body: Any) -> DashboardDocument:
    """The dashboard of a body, its questions in shape and its charts harmless. Blocks for some milliseconds a tile; for a thread.

    Raises InvalidRequestError naming each wrong place.
    """
    try:
        found = DashboardDocument.model_validate(body)
    except ValidationError as error:
        places = [
            FieldError("".join(f"/{part}" for part in item["loc"]), str(item["msg"]).removeprefix("Value error, "))
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise InvalidRequestError(
            "; ".join(f"{one.pointer or 'The dashboard'}: {one.detail}" for one in places[:3]), places[:50]
        ) from error
    tiles = [_checked_tile(tile, f"/tiles/{place}") for place, tile in enumerate(found.tiles)]
    return found.model_copy(update={"tiles": tiles})


def _checked_tile(tile: Tile, pointer: str) -> Tile:
    chart = checked_chart(tile.chart, f"{pointer}/chart")
    question = tile.question
    if "saved" in question:
        name = question["saved"]
        if question.keys() != {"saved"} or not isinstance(name, str) or not QUESTION_NAME.match(name):
            raise InvalidRequestError(
                f"{pointer}/question must name a saved question and nothing else.",
                [FieldError(f"{pointer}/question", 'must be {"saved": "name"}')],
            )
    else:
        question = question_of(question, f"{pointer}/question").document()
    return tile.model_copy(update={"chart": chart, "question": question})


def stored_document(document: Mapping[str, Any]) -> DashboardDocument:
    """The dashboard of what was stored."""
    return DashboardDocument.model_validate(cast(dict[str, Any], document))
