"""The process that draws (`python -m analytics.pictures.drawer_process FD MEMORY_BYTES`): it answers pages until the other end is closed.

The one thing to know: once it is warm it may open nothing any more, no file and no socket: whatever a chart could make it do, it can
neither read nor send anything. So what it needs, its libraries and its font, is loaded before.
"""

import resource
import sys
import time
import traceback
from typing import Literal

from analytics.pictures.drawing import UnsafePictureError, draw
from analytics.pictures.page import Card, PageOfCards
from analytics.pictures.theme import ThemeName
from analytics.side_process import answer_all, ignore_signals

Outcome = Literal["picture", "refused", "failed"]
_BAR = {"mark": "bar", "encoding": {"x": {"field": "day", "type": "temporal"}, "y": {"field": "events", "type": "quantitative"}}}
_WARM_UP = Card(0, 0, 300, 200, "warm up", chart=_BAR, rows=({"day": "2026-11-01T00:00:00", "events": 1},))


def answer(page: PageOfCards, seconds: float) -> tuple[Outcome, bytes | str]:
    """As `drawn`, within `seconds` of the processor."""
    # Whoever asked ends us in time; if they are gone, the system does.
    _limit(resource.RLIMIT_CPU, int(time.process_time() + seconds) + 2)
    return drawn(page)


def drawn(page: PageOfCards) -> tuple[Outcome, bytes | str]:
    """The picture, or the sentence why the chart is refused, or the traceback of what nobody foresaw."""
    try:
        return "picture", draw(page)
    except UnsafePictureError as error:
        return "refused", f"The picture would hold {error}."
    except ValueError as error:
        return "refused", f"Vega-Lite does not draw this chart: {_first_line(str(error))}"
    except Exception:
        return "failed", traceback.format_exc(limit=20)


def close_doors(memory_bytes: int) -> None:
    """From here on: no new file or socket, no more memory than that, no core."""
    _limit(resource.RLIMIT_DATA, memory_bytes)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _limit(what: int, soft: int) -> None:
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[0] if lines else "no reason given")[:300]


def main() -> None:
    """Entry point of the process."""
    ignore_signals()
    memory_bytes = int(sys.argv[2])
    for theme in ThemeName:
        draw(PageOfCards(300, 200, theme, [_WARM_UP], png=True))
    close_doors(memory_bytes)
    answer_all(lambda asked: answer(*asked))


if __name__ == "__main__":
    main()
