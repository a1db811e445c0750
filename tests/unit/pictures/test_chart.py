"""What a chart may be: everything that is not known to be harmless is refused, whatever it is and wherever it stands."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from analytics.dashboards.templates import every_template
from analytics.errors import InvalidRequestError
from analytics.pictures.chart import MAX_CHARACTERS, SCHEMA_URL, checked_chart
from tests.factories.dashboards import bar, line

ELSEWHERE = "http://192.0.2.1/x"


def chart(**more: Any) -> dict[str, Any]:
    return {**bar(), **more}


def channel(name: str, definition: Any) -> dict[str, Any]:
    return {"mark": "bar", "encoding": {**bar()["encoding"], name: definition}}


def deep(levels: int) -> dict[str, Any]:
    view: dict[str, Any] = bar()
    for _ in range(levels):
        view = {"layer": [view]}
    return view


HOSTILE: dict[str, Any] = {
    "data by address": chart(data={"url": ELSEWHERE}),
    "data of its own": chart(data={"values": [{"event": "x", "events": 1}]}),
    "data made up": chart(data={"sequence": {"start": 0, "stop": 10_000_000}}),
    "named data sets": chart(datasets={"a": []}),
    "schema of elsewhere": chart(**{"$schema": "http://192.0.2.1/schema/vega-lite/v6.json"}),
    "schema of vega": chart(**{"$schema": "https://vega.github.io/schema/vega/v6.json"}),
    "schema with a tail": chart(**{"$schema": SCHEMA_URL + "#http://192.0.2.1"}),
    "schema below": channel("size", {"value": 1, "$schema": SCHEMA_URL}),
    "image mark": {"mark": "image", "encoding": {"url": {"value": ELSEWHERE}}},
    "image mark as an object": {"mark": {"type": "image", "aspect": True}, "encoding": {}},
    "image in a layer": {"layer": [{"mark": {"type": "image", "url": ELSEWHERE}}]},
    "map": {"mark": "geoshape", "projection": {"type": "mercator"}},
    "link of a mark": chart(mark={"type": "bar", "href": ELSEWHERE}),
    "link by a channel": channel("href", {"field": "event"}),
    "link by a condition": channel("color", {"condition": {"test": {"field": "event", "equal": "x"}, "href": "x"}, "value": "red"}),
    "address by a channel": channel("url", {"field": "event"}),
    "calculated column": chart(transform=[{"calculate": "datum.events * 2", "as": "x"}]),
    "filter as an expression": chart(transform=[{"filter": "datum.events > 2"}]),
    "filter with an expression within": chart(transform=[{"filter": {"and": [{"field": "events", "gt": 1}, "datum.events > 2"]}}]),
    "filter with an expression deep within": chart(transform=[{"filter": {"not": {"or": ["true"]}}}]),
    "filter by a parameter": chart(transform=[{"filter": {"param": "brush"}}]),
    "condition as an expression": channel("color", {"condition": {"test": "datum.events > 2", "value": "red"}, "value": "blue"}),
    "expression for a value": channel("opacity", {"value": {"expr": "1"}}),
    "expression for a property of a mark": chart(mark={"type": "bar", "opacity": {"expr": "random()"}}),
    "expression of labels": channel("x", {"field": "event", "type": "nominal", "axis": {"labelExpr": "datum.label"}}),
    "signal": channel("x", {"field": "event", "type": "nominal", "axis": {"values": {"signal": "1"}}}),
    "parameter": chart(params=[{"name": "a", "value": 1}]),
    "bound parameter": chart(params=[{"name": "a", "bind": {"input": "text", "element": "body"}}]),
    "lookup elsewhere": chart(transform=[{"lookup": "event", "from": {"data": {"url": ELSEWHERE}, "key": "a"}}]),
    "configuration of its own": chart(config={"background": "red"}),
    "locale of its own": chart(config={"locale": {}}),
    "metadata": chart(usermeta={"embedOptions": {"loader": {"baseURL": ELSEWHERE}}}),
    "size of its own": chart(width=1_000_000),
    "a list for a mark": chart(mark=[]),
    "a list for the type of a mark": chart(mark={"type": ["bar"]}),
    "ticks without end": channel("y", {"field": "events", "type": "quantitative", "axis": {"tickCount": 1_000_000_000}}),
    "steps without end": chart(transform=[{"density": "events", "steps": 1_000_000_000}]),
    "background": chart(background="red"),
    "concatenated": {"hconcat": [bar(), bar()]},
    "vertically": {"vconcat": [bar()]},
    "repeated": {"repeat": ["a"], "spec": bar()},
    "facets": {"facet": {"field": "event"}, "spec": bar()},
    "rows": channel("row", {"field": "event", "type": "nominal"}),
    "colour that is an address": channel("color", {"value": f"url({ELSEWHERE})"}),
    "colour that is an address, spaced": channel("color", {"value": "URL ( //192.0.2.1/x )"}),
    "script as a text": channel("text", {"value": "<script>fetch('/')</script>"}),
    "markup as a text": chart(description="<img src=x onerror=alert(1)>"),
    "closing markup": chart(description="</svg>"),
    "address as a text": chart(description=ELSEWHERE),
    "address without a scheme": chart(description="//192.0.2.1/x"),
    "script by scheme": chart(description="javascript:alert(1)"),
    "data by scheme": chart(description="data:text/html,x"),
    "import of styles": chart(description="@import 'x'"),
    "character reference": chart(description="&#x3c;script"),
    "half a character": chart(description="\ud800"),
    "number beyond all": channel("size", {"value": 10**400}),
    "number that is none": channel("size", {"value": float("nan")}),
    "endless number": channel("size", {"value": float("inf")}),
    "control character": chart(description="a\x00b"),
    "name with markup": channel("x", {"field": "event", "type": "nominal", "<script>": 1}),
    "column that is no name": channel("x", {"field": "a'] + alert(1) + datum['b", "type": "nominal"}),
    "column by repeat": channel("x", {"field": {"repeat": "column"}, "type": "nominal"}),
    "made column that is no name": chart(transform=[{"fold": ["a", "b"], "as": ["k", "v';alert(1)"]}]),
    "group that is no name": chart(transform=[{"aggregate": [{"op": "count", "as": "n"}], "groupby": ["a[0]"]}]),
    "format of its own": channel("y", {"field": "events", "type": "quantitative", "axis": {"format": "x", "formatType": "mine"}}),
    "format that is no text": channel("y", {"field": "events", "type": "quantitative", "axis": {"format": {"a": 1}}}),
    "too deep": deep(4),
    "far too deep": deep(300),
    "too long": chart(description="x" * MAX_CHARACTERS),
    "too many parts": {"layer": [bar()] * 1_000},
    "a list": [bar()],
    "a text": json.dumps(bar()),
    "nothing": None,
    "no mark": {"encoding": bar()["encoding"]},
    "mark that is none": chart(mark="bars"),
    "member that is none": chart(mark={"type": "bar", "colour": "red"}),
    "type that is none": channel("x", {"field": "event", "type": "nominl"}),
    "transform that is none": chart(transform=["calculate"]),
    "layer that is none": {"layer": ["bar"]},
    "layers that are none": {"layer": {"mark": "bar"}},
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_whatever_is_not_harmless_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        checked_chart(HOSTILE[name], "/tiles/0/chart")
    assert refused.value.errors[0].pointer.startswith("/tiles/0/chart")


HARMLESS: dict[str, Any] = {
    "bars": bar(),
    "with its schema": chart(**{"$schema": SCHEMA_URL}),
    "with a finer schema": chart(**{"$schema": "https://vega.github.io/schema/vega-lite/v6.1.0.json"}),
    "lines": line(),
    "layers": {"encoding": bar()["encoding"], "layer": [{"mark": "bar"}, {"mark": {"type": "text", "style": "bar-label"}}]},
    "a condition": channel("color", {"condition": {"test": {"field": "events", "gt": 3}, "value": "red"}, "value": "grey"}),
    "a filter": chart(transform=[{"filter": {"and": [{"field": "events", "gt": 1}, {"not": {"field": "event", "equal": "x"}}]}}]),
    "a window": chart(transform=[{"window": [{"op": "rank", "as": "place"}], "sort": [{"field": "events", "order": "descending"}]}]),
    "a fold": chart(transform=[{"fold": ["events", "learners"], "as": ["what", "count"]}]),
    "widths of bars": chart(mark={"type": "bar", "width": {"band": 0.5}}),
    "words with colons": chart(description="Course: done, 3 < 4, a & b"),
    "other letters": channel("x", {"field": "Kurs_größe", "type": "nominal", "title": "Größe – 大小"}),
}


@pytest.mark.parametrize("name", list(HARMLESS))
def test_ordinary_charts_are_taken_as_they_are_without_their_schema(name: str) -> None:
    spec = copy.deepcopy(HARMLESS[name])
    taken = checked_chart(spec)
    assert taken == {member: value for member, value in HARMLESS[name].items() if member != "$schema"}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        yield path
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from places(inner, (*path, place))


@pytest.mark.parametrize("member", ["expr", "signal", "url", "href", "data", "datasets", "labelExpr", "calculate", "param", "config"])
def test_a_forbidden_member_is_refused_wherever_it_stands(member: str) -> None:
    charts = [tile["chart"] for document in every_template().values() for tile in document["tiles"]]
    tried = 0
    for spec in charts[::5]:
        for path in places(spec):
            hostile = copy.deepcopy(spec)
            target = hostile
            for step in path:
                target = target[step]
            target[member] = "1"
            with pytest.raises(InvalidRequestError):
                checked_chart(hostile)
            tried += 1
    assert tried > 40


def test_the_place_of_a_mistake_is_named() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        checked_chart(channel("x", {"field": "event", "type": "nominl"}), "/chart")
    assert refused.value.errors[0].pointer == "/chart/encoding/x/type"
