"""Dashboards to begin with, for an online school: a document each, read here once."""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from analytics.errors import FieldError, InvalidRequestError

NAMES = (
    "course-completion",
    "lesson-drop-off",
    "quiz-difficulty",
    "learner-engagement",
    "revenue",
    "acquisition",
    "live-operations",
)


@lru_cache(maxsize=len(NAMES))
def _text(name: str) -> str:
    return (files("analytics.dashboards.templates") / f"{name}.json").read_text("utf-8")


def template(name: str) -> dict[str, Any]:
    """The document of a template. Raises InvalidRequestError if there is none of that name."""
    if name not in NAMES:
        detail = f"must be one of {', '.join(NAMES)}"
        raise InvalidRequestError(f"There is no template {name[:50]!r}: it {detail}.", [FieldError("/template", detail)])
    document: dict[str, Any] = json.loads(_text(name))
    return document


def every_template() -> Mapping[str, dict[str, Any]]:
    """All of them, by name."""
    return {name: template(name) for name in NAMES}
