"""The process that draws: what it may not do even if nobody checked a chart, and what becomes of it when it takes too much."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from analytics.errors import InvalidRequestError, PictureFailedError, RateLimitedError
from analytics.pictures import drawer
from analytics.pictures.drawer import Pictures
from analytics.pictures.drawing import UnsafePictureError, _check
from analytics.pictures.page import Card, PageOfCards
from analytics.pictures.theme import ThemeName
from tests.factories.dashboards import bar
from tests.factories.listener import listening
from tests.fixtures.patience import eventually

pytestmark = pytest.mark.anyio
ROWS = [{"event": "a", "events": 3}, {"event": "b", "events": 5}]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
async def pictures(anyio_backend: object) -> AsyncIterator[Pictures]:
    async with Pictures(seconds=60.0).opened() as opened:
        yield opened


def page(chart: dict[str, Any], png: bool = False, rows: list[dict[str, Any]] = ROWS, **more: Any) -> PageOfCards:
    card = Card(0, 0, 400, 300, more.pop("title", "A title"), chart=chart, rows=rows, **more)
    return PageOfCards(400, 300, ThemeName.LIGHT, [card], png=png)


def hostile(address: str) -> dict[str, dict[str, Any]]:
    """Charts that no check would let through, given to the process as they are."""
    encoding = bar()["encoding"]
    return {
        "image": {"mark": "image", "encoding": {**encoding, "url": {"value": f"{address}/i.png"}}},
        "image of a file": {"mark": "image", "encoding": {**encoding, "url": {"value": "file:///etc/hostname"}}},
        "lookup": {"mark": "bar", "encoding": encoding, "transform": [lookup({"url": f"{address}/data.json"})]},
        "lookup in a file": {
            "mark": "bar",
            "encoding": encoding,
            "transform": [lookup({"url": "file:///etc/passwd", "format": {"type": "dsv", "delimiter": ":"}})],
        },
        "colour": {"mark": {"type": "bar", "color": f"url({address}/c.svg#a)"}, "encoding": encoding},
        "link": {"mark": {"type": "bar", "href": f"{address}/l"}, "encoding": encoding},
        "layer with data": {"layer": [{"mark": "bar", "encoding": encoding, "data": {"url": f"{address}/d.csv"}}]},
    }


def lookup(data: dict[str, Any]) -> dict[str, Any]:
    return {"lookup": "event", "from": {"data": data, "key": "event", "fields": ["x"]}}


@pytest.mark.parametrize("png", [False, True])
@pytest.mark.parametrize("name", list(hostile("")))
async def test_a_chart_that_nobody_checked_reaches_nobody_and_reads_nothing(pictures: Pictures, name: str, png: bool) -> None:
    with listening() as listener:
        chart = hostile(f"http://127.0.0.1:{listener.port}")[name]
        try:
            drawn = await pictures.draw(page(chart, png))
        except (InvalidRequestError, PictureFailedError) as error:
            drawn = error.detail.encode()
        assert b"root:" not in drawn
        if not png:
            assert b"127.0.0.1" not in drawn.replace(b"would hold", b"") or b"<svg" not in drawn
        with socket.create_connection(("127.0.0.1", listener.port)):
            await eventually(lambda: listener.callers > 0, "the listener to see us")
        assert listener.callers == 1, "somebody else called"


async def test_the_process_can_open_neither_files_nor_sockets(pictures: Pictures) -> None:
    await pictures.draw(page(bar()))
    (process,) = pictures._all
    limits = psutil.Process(process.process.pid)
    assert limits.rlimit(psutil.RLIMIT_NOFILE) == (0, 0)
    assert limits.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    secrets = {name for name in limits.environ() if name.startswith("ANALYTICS_")}
    assert secrets == set()


async def test_a_picture_has_the_title_the_values_and_nothing_active(pictures: Pictures) -> None:
    svg = (await pictures.draw(page(bar(), title='<script>"Title" & more</script>', note="A note"))).decode()
    assert '&lt;script&gt;"Title" &amp; more' in svg
    assert "A note" in svg
    assert re.search(r">events<", svg)
    assert not re.search(r"<script|<image|<a |href|onload|<foreignObject|<style|http://(?!www\.w3\.org/)", svg)
    assert (await pictures.draw(page(bar(), png=True))).startswith(PNG)


@pytest.mark.parametrize("theme", list(ThemeName))
async def test_both_themes_are_drawn_and_differ(pictures: Pictures, theme: ThemeName) -> None:
    card = Card(0, 0, 300, 200, "x", chart=bar(), rows=ROWS)
    svg = (await pictures.draw(PageOfCards(300, 200, theme, [card]))).decode()
    assert ('fill="#ffffff"' in svg) is (theme is ThemeName.LIGHT)


async def test_names_within_charts_of_one_page_are_kept_apart(pictures: Pictures) -> None:
    chart = {**bar(), "mark": {"type": "bar", "clip": True}}
    cards = [Card(0, 200 * place, 300, 200, "x", chart=chart, rows=ROWS) for place in range(2)]
    svg = (await pictures.draw(PageOfCards(300, 400, ThemeName.LIGHT, cards))).decode()
    names = re.findall(r' id="([^"]+)"', svg)
    assert names
    assert len(set(names)) == len(names)
    assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(names)


async def test_a_chart_that_vega_lite_does_not_draw_is_the_chart_s_fault(pictures: Pictures) -> None:
    with pytest.raises(InvalidRequestError):
        await pictures.draw(
            page({"mark": "bar", "encoding": {"x": {"field": "a", "type": "temporal", "timeUnit": "never"}}, "transform": [{"flatten": 1}]})
        )
    assert (await pictures.draw(page(bar(), png=True))).startswith(PNG)


HUNGRY = {
    **bar(),
    "transform": [{"impute": "events", "key": "event", "keyvals": {"start": 0, "stop": 2_000_000_000, "step": 1}, "value": 0}],
}


@pytest.mark.parametrize("limits", [{"seconds": 1.0}, {"seconds": 60.0, "memory_bytes": 900_000_000}], ids=["time", "memory"])
async def test_a_picture_that_takes_too_much_is_given_up_and_the_next_is_drawn(limits: dict[str, Any]) -> None:
    async with Pictures(**limits).opened() as pictures:
        with pytest.raises(PictureFailedError):
            await pictures.draw(page(HUNGRY))
        assert not pictures._all, "the process is ended"
        pictures._seconds = 60.0
        assert (await pictures.draw(page(bar()))).startswith(b"<svg")


async def test_the_event_loop_turns_while_pictures_are_drawn(pictures: Pictures) -> None:
    await pictures.draw(page(bar()))
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    turning = asyncio.create_task(turn())
    await asyncio.gather(*(pictures.draw(page(bar(), png=True)) for _ in range(5)))
    turning.cancel()
    assert turns > 10


async def test_no_more_than_so_many_wait(pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawer, "MOST_WAITING", 2)
    drawing = [asyncio.create_task(pictures.draw(page(bar()))) for _ in range(3)]
    await eventually(lambda: pictures._limiter.statistics().tasks_waiting == 2, "two pictures to wait")
    with pytest.raises(RateLimitedError):
        await pictures.draw(page(bar()))
    await asyncio.gather(*drawing)


async def test_processes_end_with_the_service_and_when_nobody_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawer, "IDLE_SECONDS", 0.4)
    async with Pictures().opened() as pictures:
        await pictures.draw(page(bar()))
        await eventually(lambda: not pictures._all, "an idle process to end")
        monkeypatch.setattr(drawer, "IDLE_SECONDS", 1000.0)
        await pictures.draw(page(bar()))
        (process,) = pictures._all
    assert process.process.poll() is not None
    with pytest.raises(PictureFailedError):
        await pictures.draw(page(bar()))


@pytest.mark.parametrize(
    "inner",
    [
        "<image href='x'/>",
        "<a><rect/></a>",
        "<script/>",
        "<style/>",
        "<foreignObject/>",
        "<use href='#a'/>",
        "<rect onclick='x'/>",
        "<rect fill='url(http://192.0.2.1/x)'/>",
        "<rect style='fill: url(http://192.0.2.1/x)'/>",
        "<rect fill='url(#a) url(x)'/>",
        "<g xmlns:l='http://www.w3.org/1999/xlink' l:href='x'/>",
        "<animate/>",
    ],
)
def test_a_picture_with_more_than_shapes_and_text_never_leaves(inner: str) -> None:
    _check('<svg xmlns="http://www.w3.org/2000/svg"><rect fill="url(#a)"/></svg>')
    with pytest.raises(UnsafePictureError):
        _check(f'<svg xmlns="http://www.w3.org/2000/svg">{inner}</svg>')
