"""What is to be drawn: a page of cards, each with a chart and its rows or with a sentence in their place. Plain values, in pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics.pictures.theme import ThemeName

MAX_ROWS = 5_000  # of one card: more cannot be told apart in a picture


@dataclass(frozen=True, slots=True)
class Card:
    """One tile. `chart` is one that was checked; `says`, if there is one, stands in its place."""

    x: float
    y: float
    width: float
    height: float
    title: str
    note: str = ""
    chart: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rows: Sequence[Mapping[str, Any]] = ()
    says: str = ""
    is_wrong: bool = False


@dataclass(frozen=True, slots=True)
class PageOfCards:
    """The whole picture. Without a title the cards are all there is."""

    width: float
    height: float
    theme: ThemeName
    cards: Sequence[Card]
    title: str = ""
    note: str = ""
    png: bool = False
    scale: float = 2.0
