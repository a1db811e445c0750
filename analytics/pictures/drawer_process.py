"""The process that draws (`python -m analytics.pictures.drawer_process FD MEMORY_BYTES`): it answers pages until the other end is closed.

The one thing to know: once it is warm it may open nothing any more, no file and no socket: whatever a chart could make it do, it can
neither read nor send anything. So what it needs, its libraries and its font, is loaded before.
"""

import pickle
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Literal

from analytics.pictures.drawing import UnsafePictureError, draw
from analytics.pictures.page import Card, PageOfCards
from analytics.pictures.theme import ThemeName

Outcome = Literal["picture", "refused", "failed"]
_BAR = {"mark": "bar", "encoding": {"x": {"field": "day", "type": "temporal"}, "y": {"field": "events", "type": "quantitative"}}}
_WARM_UP = Card(0, 0, 300, 200, "warm up", chart=_BAR, rows=({"day": "2026-11-01T00:00:00", "events": 1},))


def answer(connection: Connection) -> None:
    """Answer until the other end is closed."""
    while True:
        page, seconds = pickle.loads(connection.recv_bytes())  # noqa: S301 from our own worker
        # Whoever asked ends us in time; if they are gone, the system does.
        _limit(resource.RLIMIT_CPU, int(time.process_time() + seconds) + 2)
        connection.send_bytes(pickle.dumps(drawn(page), protocol=5))


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
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a terminal's Ctrl-C: whoever started us ends us
        signal.signal(number, signal.SIG_IGN)
    connection, memory_bytes = Connection(int(sys.argv[1])), int(sys.argv[2])
    with suppress(EOFError, ConnectionError):
        for theme in ThemeName:
            draw(PageOfCards(300, 200, theme, [_WARM_UP], png=True))
        close_doors(memory_bytes)
        connection.send_bytes(b"ready")
        answer(connection)


if __name__ == "__main__":
    main()
