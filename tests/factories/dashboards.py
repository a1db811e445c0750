"""Documents of dashboards."""

from typing import Any

COUNT_BY_EVENT = "SELECT event, count() AS events, uniqExact(person) AS learners FROM events GROUP BY event ORDER BY event"


def bar(x: str = "event", y: str = "events") -> dict[str, Any]:
    """A chart of two columns."""
    return {"mark": "bar", "encoding": {"x": {"field": x, "type": "nominal"}, "y": {"field": y, "type": "quantitative"}}}


def line() -> dict[str, Any]:
    """A chart of trends."""
    return {
        "mark": "line",
        "encoding": {
            "x": {"field": "bucket", "type": "temporal"},
            "y": {"field": "value", "type": "quantitative"},
            "color": {"field": "breakdown", "type": "nominal"},
        },
    }


def sql(text: str = COUNT_BY_EVENT, *parameters: dict[str, Any]) -> dict[str, Any]:
    """A question in SQL."""
    return {"kind": "sql", "sql": text, "parameters": list(parameters)}


def trends(*series: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A question of trends."""
    return {"kind": "trends", "trends": {"series": list(series or ({},)), **more}}


def tile(tile_id: str, question: dict[str, Any], chart: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A tile; where it is does not matter to whoever makes the dashboard by `dashboard`."""
    chart = chart or (bar() if question.get("kind") == "sql" else line())
    return {"id": tile_id, "title": tile_id.title(), "question": question, "chart": chart, **more}


def dashboard(*tiles: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A dashboard with its tiles below each other."""
    placed = [{"position": {"x": 0, "y": 6 * place, "width": 6, "height": 6}, **one} for place, one in enumerate(tiles)]
    return {"name": "A dashboard", "tiles": placed, **more}
