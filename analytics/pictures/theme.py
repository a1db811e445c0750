"""The one theme of all pictures, in theme.json: colours for light and dark, and the configuration of Vega-Lite that is made of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any, cast


class ThemeName(StrEnum):
    """Which of the two."""

    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Theme:
    """`colors` by name (page, card, edge, ink, …), `config` for Vega-Lite."""

    font: str
    colors: Mapping[str, str]
    config: Mapping[str, Any]


@lru_cache(maxsize=2)
def theme_of(name: ThemeName) -> Theme:
    """The theme of that name."""
    kept = json.loads((files("analytics.pictures") / "theme.json").read_text("utf-8"))
    values: dict[str, Any] = {"font": kept["font"], **kept[name]}
    colors = {key: value for key, value in values.items() if isinstance(value, str)}
    return Theme(kept["font"], colors, _filled(kept["config"], values))


def _filled(part: Any, values: Mapping[str, Any]) -> Any:
    """`part` with the values that its texts name as `$name`."""
    if isinstance(part, str) and part.startswith("$"):
        return values[part[1:]]
    if isinstance(part, Mapping):
        return {name: _filled(inner, values) for name, inner in cast(Mapping[str, Any], part).items()}
    return part
