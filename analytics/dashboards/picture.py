"""A dashboard, or one tile, as a page to be drawn.

The one thing to know: times are drawn as the clocks of the dashboard's zone show them, so they are put down as such, without an offset; the
drawing process lives in UTC and moves nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from analytics.answers.answer import Answer
from analytics.dashboards.board import TileAnswer, View
from analytics.dashboards.document import COLUMNS
from analytics.domain.time_range import parse_zone
from analytics.pictures.page import MAX_ROWS, Card, PageOfCards
from analytics.pictures.theme import ThemeName

WIDTH = 1200.0
_EDGE = 28.0
_GAP = 16.0
_ROW = 44.0
_HEAD = 92.0
_NUMBERS = ("Int64", "UInt64", "Int128", "UInt128", "Int256", "UInt256", "Decimal")
NOTHING = "No data in these days"
WITHHELD = "Withheld: too few learners"


def dashboard_page(view: View, found: Sequence[TileAnswer], theme: ThemeName) -> PageOfCards:
    """All tiles where they belong, under the dashboard's name and days; for PNG."""
    column = (WIDTH - 2 * _EDGE + _GAP) / COLUMNS
    cards: list[Card] = []
    bottom = _HEAD
    for one in found:
        place = one.tile.position
        height = place.height * _ROW - _GAP
        y = _HEAD + place.y * _ROW
        cards.append(_card(view, one, _EDGE + place.x * column, y, place.width * column - _GAP, height))
        bottom = max(bottom, y + height)
    return PageOfCards(WIDTH, bottom + _EDGE, theme, cards, title=view.document.name, note=_note(view), png=True)


def tile_page(
    view: View, found: TileAnswer, theme: ThemeName, png: bool, width: float | None = None, height: float | None = None
) -> PageOfCards:
    """One tile alone, by default as large as on its dashboard."""
    column = (WIDTH - 2 * _EDGE + _GAP) / COLUMNS
    place = found.tile.position
    width = width or place.width * column - _GAP
    height = height or place.height * _ROW - _GAP
    return PageOfCards(width, height, theme, [_card(view, found, 0, 0, width, height)], png=png)


def _card(view: View, found: TileAnswer, x: float, y: float, width: float, height: float) -> Card:
    tile = found.tile
    card = Card(x, y, width, height, tile.title, tile.description)
    if found.error is not None:
        return replace(card, says=f"Not answered: {found.error.title.lower()}", is_wrong=True)
    answer = found.answer
    if answer is None or not answer.rows or _is_blank(answer):
        return replace(card, says=WITHHELD if found.withheld else NOTHING)
    return replace(card, chart=tile.chart, rows=drawn_rows(answer, parse_zone(view.timezone)))


def _is_blank(answer: Answer) -> bool:
    """Whether there are rows, but of trends with nothing in them."""
    names = [column.name for column in answer.columns]
    if names != ["bucket", "label", "breakdown", "value"]:
        return False
    return all(row[3] is None or row[3] == 0 for row in answer.rows)


def drawn_rows(answer: Answer, zone: ZoneInfo) -> list[Mapping[str, Any]]:
    """At most MAX_ROWS rows by column, times on the clocks of `zone`, large integers and decimals as numbers."""
    plans = [(column.name, _kind(column.type)) for column in answer.columns]
    return [{name: _drawn(value, kind, zone) for (name, kind), value in zip(plans, row, strict=True)} for row in answer.rows[:MAX_ROWS]]


def _kind(engine_type: str) -> str:
    plain = engine_type
    for wrapper in ("LowCardinality(", "Nullable("):
        if plain.startswith(wrapper):
            plain = plain[len(wrapper) : -1]
    if plain.startswith("DateTime"):
        return "time"
    return "number" if plain.startswith(_NUMBERS) else "plain"


def _drawn(value: Any, kind: str, zone: ZoneInfo) -> Any:
    if not isinstance(value, str):
        return value
    try:
        if kind == "time":
            read = datetime.fromisoformat(value)
            return (read.astimezone(zone).replace(tzinfo=None) if read.tzinfo is not None else read).isoformat()
        return float(value) if kind == "number" else value
    except ValueError:
        return value


def _note(view: View) -> str:
    first, last = view.days
    days = _day(last) if first == last else f"{_day(first)} – {_day(last)}"
    told = [
        f"{one.name}: {', '.join(values)}" for one in view.document.filters if (values := view.filters.get(one.name, one.default or ()))
    ]
    return "  ·  ".join([days, view.timezone, *told, *([view.document.description] if view.document.description else [])])


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
