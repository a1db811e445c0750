"""A person in what was saved to be asked: in the questions, values and texts of dashboards, and in the fixed filters of links to them."""

from collections.abc import Mapping
from typing import Any

import anyio.from_thread

from analytics.metadata.dashboard_shares import DashboardShares
from analytics.metadata.dashboards import Dashboard, Dashboards
from analytics.privacy.named import question_without, without, words_of
from analytics.privacy.subject import Subject

_LONGEST = {"name": 200, "title": 200, "description": 500}


class SavedDashboards:
    """`postgres:dashboards`. Where an id stood stands a word: the tile is still there, and about nobody."""

    name = "postgres:dashboards"

    def __init__(self, dashboards: Dashboards) -> None:
        self._dashboards = dashboards

    def find(self, subject: Subject) -> int:
        return len(self._naming(subject))

    def remove(self, subject: Subject) -> None:
        found = self._naming(subject)
        for board in found:
            anyio.from_thread.run(self._dashboards.update, "service", board, document_without(board.document, subject))
        if found:
            anyio.from_thread.run(self._dashboards.clean)

    def _naming(self, subject: Subject) -> list[Dashboard]:
        kept: list[Dashboard] = anyio.from_thread.run(self._dashboards.mentioning, subject.project_id, words_of(subject))
        return [board for board in kept if document_without(board.document, subject) != board.document]


class SharedFilters:
    """`postgres:dashboard_shares`. A link that was fixed to the person ends."""

    name = "postgres:dashboard_shares"

    def __init__(self, shares: DashboardShares) -> None:
        self._shares = shares

    def find(self, subject: Subject) -> int:
        return len(self._naming(subject))

    def remove(self, subject: Subject) -> None:
        found = self._naming(subject)
        if found:
            anyio.from_thread.run(self._shares.end, subject.project_id, found)

    def _naming(self, subject: Subject) -> list[str]:
        kept: list[tuple[str, Mapping[str, Any]]] = anyio.from_thread.run(self._shares.mentioning, subject.project_id, words_of(subject))
        return [share_id for share_id, filters in kept if without(filters, subject) != filters]


def document_without(document: Mapping[str, Any], subject: Subject) -> dict[str, Any]:
    """A dashboard's document without the person, and still one: its filters and parameters keep their names."""
    told = _texts_without(document, subject, "tiles", "filters")
    told["filters"] = [_texts_without(one, subject, "name") for one in document.get("filters", ())]
    told["tiles"] = [_tile_without(tile, place, subject) for place, tile in enumerate(document.get("tiles", ()))]
    return told


def _tile_without(tile: Mapping[str, Any], place: int, subject: Subject) -> dict[str, Any]:
    told = _texts_without(tile, subject, "question", "ignores")
    if told["id"] != tile["id"]:
        told["id"] = f"erased-{place}"  # two of the same would be one too many
    question = tile["question"]
    told["question"] = question if "saved" in question else question_without(question, subject)
    return told


def _texts_without(part: Mapping[str, Any], subject: Subject, *kept: str) -> dict[str, Any]:
    told = {name: inner if name in kept else without(inner, subject) for name, inner in part.items()}
    return {name: inner[: _LONGEST[name]] if name in _LONGEST and isinstance(inner, str) else inner for name, inner in told.items()}
