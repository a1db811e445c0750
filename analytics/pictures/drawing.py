"""Draws pages with vl-convert: each chart as SVG, put on its card, and the whole as SVG or PNG. Runs in the drawing process alone.

The one thing to know: what comes out is looked through once more. A picture has shapes and text in it; whatever could load, link or run
is an error here, however it came to be there.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import vl_convert

from analytics.pictures.chart import DATA_NAME, VEGA_LITE
from analytics.pictures.page import Card, PageOfCards
from analytics.pictures.theme import Theme, theme_of

INSET = 18.0
HEAD = 44.0
_SVG = "{http://www.w3.org/2000/svg}"
_SHAPES = {"svg", "g", "path", "rect", "line", "circle", "ellipse", "polygon", "polyline"}
_OTHERS = {"text", "tspan", "title", "desc", "defs", "clipPath", "linearGradient", "radialGradient", "stop"}
_ELEMENTS = frozenset(_SVG + name for name in _SHAPES | _OTHERS)
_OWN_REFERENCE = re.compile(r"url\(#[\w-]+\)\Z")
_ACTIVE = re.compile(r"url\s*\(|javascript:|data:|expression\s*\(", re.IGNORECASE)
_BAND = 46.0  # the most that a bar takes of the height, with what is around it
_LETTER = 0.53  # the width of a letter in letters' height, on average


class UnsafePictureError(Exception):
    """A picture with something in it that is neither shape nor text."""


def draw(page: PageOfCards) -> bytes:
    """The picture. Raises ValueError for a chart that Vega-Lite does not draw."""
    theme = theme_of(page.theme)
    svg = "".join(_page(page, theme))
    _check(svg)
    return vl_convert.svg_to_png(svg, scale=page.scale) if page.png else svg.encode("utf-8")


def _page(page: PageOfCards, theme: Theme) -> Iterator[str]:
    colors = theme.colors
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{page.width:g}" height="{page.height:g}" '
        f'viewBox="0 0 {page.width:g} {page.height:g}" font-family={quoteattr(theme.font)}>'
    )
    if page.title:
        yield f'<rect width="{page.width:g}" height="{page.height:g}" fill="{colors["page"]}"/>'
        yield _text(page.title, 28, 44, 22, colors["ink"], page.width - 56, weight=600)
        yield _text(page.note, 28, 66, 12.5, colors["soft"], page.width - 56)
    for number, card in enumerate(page.cards):
        yield from _card(card, theme, number)
    yield "</svg>"


def _card(card: Card, theme: Theme, number: int) -> Iterator[str]:
    colors = theme.colors
    yield f'<g transform="translate({card.x:g},{card.y:g})">'
    yield (
        f'<rect x="0.5" y="0.5" width="{card.width - 1:g}" height="{card.height - 1:g}" rx="10" '
        f'fill="{colors["card"]}" stroke="{colors["edge"]}"/>'
    )
    room = card.width - 2 * INSET
    yield _text(card.title, INSET, 28, 14, colors["ink"], room, weight=600)
    top = HEAD
    if card.note:
        yield _text(card.note, INSET, 46, 11.5, colors["soft"], room)
        top += 16
    if card.says:
        middle = (card.height + top) / 2
        color = colors["warning"] if card.is_wrong else colors["faint"]
        yield _text(card.says, card.width / 2, middle, 12.5, color, room, anchor="middle")
    else:
        yield _chart(card, theme, top, f"t{number}-")
    yield "</g>"


def _chart(card: Card, theme: Theme, top: float, prefix: str) -> str:
    width, height = max(40.0, card.width - 2 * INSET), max(30.0, card.height - top - INSET * 0.8)
    height = min(height, _most_height(card))
    spec = {
        **card.chart,
        "data": {"name": DATA_NAME, "values": [dict(row) for row in card.rows]},
        "width": width,
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
    }
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, config=dict(theme.config), allowed_base_urls=[])
    root = ElementTree.fromstring(drawn)  # noqa: S314 made here, by the library
    _keep_apart(root, prefix)
    # A chart that cannot be made to fit is made smaller, never cut.
    own_width, own_height = float(root.get("width", width)), float(root.get("height", height))
    root.set("viewBox", root.get("viewBox") or f"0 0 {own_width:g} {own_height:g}")
    for name, value in {"x": INSET, "y": top, "width": width, "height": height}.items():
        root.set(name, f"{value:g}")
    root.set("preserveAspectRatio", "xMidYMid meet")
    return ElementTree.tostring(root, encoding="unicode")


def _most_height(card: Card) -> float:
    """Bars that lie are not thicker for being few."""
    encoding = cast(Mapping[str, Any], card.chart.get("encoding", {}))
    channels = [channel if isinstance(channel, Mapping) else {} for channel in (encoding.get("x"), encoding.get("y"))]
    x, y = cast(list[Mapping[str, Any]], channels)
    if y.get("type") not in ("nominal", "ordinal") or x.get("type") != "quantitative":
        return float("inf")
    field = str(y.get("field"))
    lines = len({str(row.get(field)) for row in card.rows}) * (2 if "yOffset" in encoding else 1)
    axis = 0 if "axis" in x and x["axis"] is None else 40
    return lines * _BAND + axis + (40 if "color" in encoding else 0) + 12


def _keep_apart(root: ElementTree.Element, prefix: str) -> None:
    """Names of clips and gradients are those of one chart; on a page there are several."""
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, prefix + value)
            elif value.startswith("url(#"):
                element.set(name, f"url(#{prefix}{value[5:]}")


def _text(text: str, x: float, y: float, size: float, color: str, room: float, *, weight: int = 400, anchor: str = "start") -> str:
    most = max(4, int(room / (size * _LETTER)))
    shown = text if len(text) <= most else text[: most - 1].rstrip() + "…"
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" fill="{color}" text-anchor="{anchor}">'
        f"{escape(_storable(shown))}</text>"
    )


def _storable(text: str) -> str:
    """Without what XML has no way to say."""
    return (
        "".join(character if character >= " " and character not in "\ufffe\uffff" else " " for character in text)
        .encode("utf-8", "replace")
        .decode("utf-8")
    )


def _check(svg: str) -> None:
    root = ElementTree.fromstring(svg)  # noqa: S314 made here, of escaped texts and of what the library made
    for element in root.iter():
        if element.tag not in _ELEMENTS:
            raise UnsafePictureError(f"an element {element.tag}")
        for name, value in cast(dict[str, Any], element.attrib).items():
            if "href" in name.lower() or name.lower().startswith("on") or (name == "style" and _ACTIVE.search(value)):
                raise UnsafePictureError(f"an attribute {name}")
            if _ACTIVE.search(value) and not _OWN_REFERENCE.match(value) and not name.startswith("aria-"):
                raise UnsafePictureError(f"an attribute {name} that refers to something")
