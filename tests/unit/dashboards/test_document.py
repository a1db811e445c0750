"""The document of a dashboard: what is taken, what is refused, and that what was stored reads as it was written."""

from typing import Any

import pytest

from analytics.dashboards.document import checked_document, stored_document
from analytics.dashboards.templates import NAMES, every_template
from analytics.errors import InvalidRequestError
from tests.factories.dashboards import dashboard, sql, tile, trends

FILTER = {"name": "course", "property": "properties.course_id"}


@pytest.mark.parametrize("name", NAMES)
def test_each_template_is_a_dashboard_that_reads_as_it_was_stored(name: str) -> None:
    document = checked_document(every_template()[name])
    assert len(document.tiles) >= 6
    assert stored_document(document.saved()).saved() == document.saved()
    assert checked_document(document.saved()).saved() == document.saved()


@pytest.mark.parametrize("name", NAMES)
def test_each_tile_of_a_template_says_who_its_rows_are_about(name: str) -> None:
    for one in checked_document(every_template()[name]).tiles:
        assert one.question["kind"] == "trends" or one.learners, one.id


def place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "width": width, "height": height}


WRONG: dict[str, tuple[Any, str]] = {
    "no name": ({"tiles": []}, "/name"),
    "an unknown member": (dashboard(theme="red"), "/theme"),
    "no days": (dashboard(days={"last": 0}), "/days/last"),
    "two kinds of days": (dashboard(days={"last": 3, "date_from": "2026-01-01", "date_to": "2026-01-02"}), "/days"),
    "half of the days": (dashboard(days={"date_from": "2026-01-01"}), "/days"),
    "days the wrong way round": (dashboard(days={"date_from": "2026-01-02", "date_to": "2026-01-01"}), "/days"),
    "too many days": (dashboard(days={"date_from": "1990-01-02", "date_to": "2026-01-01"}), "/days"),
    "no such zone": (dashboard(timezone="Nowhere/Else"), "/timezone"),
    "a filter of a reserved name": (dashboard(filters=[{"name": "date_from", "property": "country"}]), "/filters/0"),
    "two filters of one name": (dashboard(filters=[FILTER, FILTER]), ""),
    "two tiles of one name": (dashboard(tile("a", sql()), tile("a", sql())), ""),
    "tiles that overlap": (
        dashboard(tile("a", sql(), position=place(0, 0, 4, 4)), tile("b", sql(), position=place(3, 3, 4, 4))),
        "",
    ),
    "a tile beyond the edge": (dashboard(tile("a", sql(), position=place(8, 0, 5, 4))), ""),
    "a tile that ignores nothing": (dashboard(tile("a", sql(), ignores=["course"])), ""),
    "a question that is none": (dashboard(tile("a", {"kind": "guess"})), "/tiles/0/question/kind"),
    "a saved question and more": (dashboard(tile("a", {"saved": "x", "sql": "SELECT 1"})), "/tiles/0/question"),
    "a saved question without a name": (dashboard(tile("a", {"saved": "../x"})), "/tiles/0/question"),
    "a chart with an expression": (
        dashboard(tile("a", sql(), {"mark": "bar", "transform": [{"calculate": "1", "as": "x"}]})),
        "/tiles/0/chart/transform/0/calculate",
    ),
    "learners that are true": (dashboard(tile("a", sql(), learners=True)), "/tiles/0/learners"),
    "too many tiles": (dashboard(*(tile(f"t{number}", trends()) for number in range(41))), "/tiles"),
    "no object": (["a"], ""),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_a_wrong_dashboard_is_refused_with_the_place(name: str) -> None:
    body, pointer = WRONG[name]
    with pytest.raises(InvalidRequestError) as refused:
        checked_document(body)
    assert any(one.pointer.startswith(pointer) for one in refused.value.errors), refused.value.errors
