"""The events every benchmark sends: deterministic by seed, of about 440 bytes, cheap enough to make at 200,000 a second.

Events are written once, as text, with places of fixed width for what changes from one sending to the next (event id, time, person); a batch
is a copy of a stretch of that text with those places overwritten by numpy. Repeats are the same text with the same ids, times and people.
The one thing to know: a `Block` is 50 neighbouring events; batches are made of whole blocks, so that a repeat needs 3 KB to be remembered.
"""

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]

BLOCK_EVENTS = 50
ID_BYTES, TIME_BYTES, PERSON_BYTES = 36, 24, 7
_ID_MARK, _TIME_MARK, _PERSON_MARK = "I" * ID_BYTES, "T" * TIME_BYTES, "P" * PERSON_BYTES

_HEX = np.frombuffer("".join(f"{value:02x}" for value in range(256)).encode(), np.uint16)
_CLOCK = np.frombuffer("".join(f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)).encode(), np.uint8).reshape(
    86_400, 8
)
_THOUSANDTHS = np.frombuffer("".join(f"{value:03d}" for value in range(1000)).encode(), np.uint8).reshape(1000, 3)
_UUID_GROUPS = ((0, 8), (9, 13), (14, 18), (19, 23), (24, 36))

# What happens how often in a school, by name.
EVENT_WEIGHTS = {
    "page_view": 34,
    "video_started": 13,
    "video_progress": 12,
    "video_completed": 8,
    "lesson_started": 9,
    "lesson_completed": 7,
    "quiz_started": 4,
    "quiz_submitted": 4,
    "course_viewed": 3,
    "search_performed": 2,
    "course_enrolled": 1.2,
    "checkout_started": 0.8,
    "payment_succeeded": 0.5,
    "certificate_issued": 0.3,
    "app_opened": 1.2,
}


@dataclass(frozen=True, slots=True)
class Fill:
    """What goes into the places of some events, one row an event: ids (n, 36), times (n, 24), people (n, 7), all ASCII."""

    ids: Bytes
    times: Bytes
    people: Bytes

    def __len__(self) -> int:
        return len(self.ids)

    def block(self, number: int) -> "Fill":
        """A copy of the rows of the block at `number`, to be kept for a repeat."""
        part = slice(number * BLOCK_EVENTS, (number + 1) * BLOCK_EVENTS)
        return Fill(self.ids[part].copy(), self.times[part].copy(), self.people[part].copy())


@dataclass(frozen=True, slots=True)
class Block:
    """50 events that were sent: which text they have and what was filled in."""

    number: int
    fill: Fill


@dataclass(frozen=True, slots=True)
class Batch:
    """Events as JSON text, each followed by a comma: `ends[i]` is the offset after the i-th comma.

    The first `fresh` events carry new ids; the rest are repeats.
    """

    text: bytearray
    ends: Places
    fill: Fill
    first_block: int
    fresh: int

    def __len__(self) -> int:
        return len(self.fill)

    def array(self, extra: bytes = b"") -> bytes:
        """The whole batch as a JSON array; `extra` is one more event."""
        return b"[%b]" % (self.text + extra if extra else memoryview(self.text)[:-1])

    def slices(self, size: int) -> list[bytes]:
        """The batch as JSON arrays of `size` events each."""
        cuts = [0, *self.ends[size - 1 :: size].tolist()]
        view = memoryview(self.text)
        return [b"[%b]" % view[start : end - 1] for start, end in pairwise(cuts)]

    def sent_block(self, number: int) -> Block:
        """The block at `number` among the fresh ones."""
        return Block(self.first_block + number, self.fill.block(number))


class EventFactory:
    """Makes batches. `blocks` × 50 different texts; people are drawn from `people` with a long tail."""

    def __init__(self, seed: int = 1, blocks: int = 2_000, people: int = 250_000) -> None:
        self._random = np.random.default_rng(seed)
        self._people = people
        self._blocks = blocks
        texts = _event_texts(random.Random(seed), blocks * BLOCK_EVENTS)
        joined = "".join(text + "," for text in texts).encode("ascii")
        self._text = np.frombuffer(joined, np.uint8)
        ends = np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)
        starts = ends - np.array([len(text) + 1 for text in texts], dtype=np.int64)
        self._ends = ends
        self._starts = starts
        self._id_at = starts + np.array([text.index(_ID_MARK) for text in texts], dtype=np.int64)
        self._time_at = starts + np.array([text.index(_TIME_MARK) for text in texts], dtype=np.int64)
        self._person_at = starts + np.array([text.index(_PERSON_MARK) for text in texts], dtype=np.int64)
        self._session_at = starts + np.array([text.rindex(_PERSON_MARK) for text in texts], dtype=np.int64)
        self.mean_bytes = len(joined) / len(texts)

    def batch(self, fresh: int = 500, repeats: tuple[Block, ...] = (), now_ms: int | None = None) -> Batch:
        """`fresh` new events (a multiple of 50), happening in the five seconds before `now_ms`, and the repeated blocks behind them."""
        count = fresh // BLOCK_EVENTS
        first = int(self._random.integers(0, self._blocks - count + 1))
        fill = self._fill(fresh, now_ms if now_ms is not None else time.time_ns() // 1_000_000)
        events = [slice(first * BLOCK_EVENTS, first * BLOCK_EVENTS + fresh)]
        if repeats:
            events += [slice(block.number * BLOCK_EVENTS, (block.number + 1) * BLOCK_EVENTS) for block in repeats]
            fills = [fill, *(block.fill for block in repeats)]
            fill = Fill(
                np.concatenate([part.ids for part in fills]),
                np.concatenate([part.times for part in fills]),
                np.concatenate([part.people for part in fills]),
            )
        shifts: list[int] = []
        text = bytearray()
        for part in events:
            start = int(self._starts[part.start])
            shifts.append(len(text) - start)
            text += memoryview(self._text)[start : int(self._ends[part.stop - 1])]
        _write(text, fill.ids, self._shifted(self._id_at, events, shifts))
        _write(text, fill.times, self._shifted(self._time_at, events, shifts))
        _write(text, fill.people, self._shifted(self._person_at, events, shifts))
        _write(text, fill.people, self._shifted(self._session_at, events, shifts))
        return Batch(text, self._shifted(self._ends, events, shifts), fill, first, fresh)

    @staticmethod
    def _shifted(places: Places, events: list[slice], shifts: list[int]) -> Places:
        if len(events) == 1:
            return places[events[0]] + shifts[0]
        return np.concatenate([places[part] + shift for part, shift in zip(events, shifts, strict=True)])

    def _fill(self, count: int, now_ms: int) -> Fill:
        # Cubing a uniform number gives a few very busy people and a long tail.
        chance = self._random.random(count)
        people = (chance * chance * chance * self._people).astype(np.int64)
        return Fill(self._ids(count, now_ms), self._times(count, now_ms), _digits(people))

    def _ids(self, count: int, now_ms: int) -> Bytes:
        """UUIDs as text: version 7 and version 4 in turn."""
        raw = np.frombuffer(self._random.bytes(count * 16), np.uint8).reshape(count, 16).copy()
        raw[::2, :6] = np.frombuffer(now_ms.to_bytes(6, "big"), np.uint8)
        raw[::2, 6] = raw[::2, 6] & 0x0F | 0x70
        raw[1::2, 6] = raw[1::2, 6] & 0x0F | 0x40
        raw[:, 8] = raw[:, 8] & 0x3F | 0x80
        text = np.full((count, ID_BYTES), ord("-"), np.uint8)
        digits = _HEX.take(raw).view(np.uint8)
        for dashes, (start, end) in enumerate(_UUID_GROUPS):
            text[:, start:end] = digits[:, start - dashes : end - dashes]
        return text

    def _times(self, count: int, now_ms: int) -> Bytes:
        day_ms = now_ms - now_ms % 86_400_000
        since = np.maximum(now_ms - day_ms - self._random.integers(0, 5_000, count), 0)
        text = np.empty((count, TIME_BYTES), np.uint8)
        text[:, :11] = np.frombuffer(datetime.fromtimestamp(day_ms / 1000, UTC).strftime("%Y-%m-%dT").encode(), np.uint8)
        seconds, thousandths = np.divmod(since, 1000)
        text[:, 11:19] = _CLOCK.take(seconds, axis=0)
        text[:, 19] = ord(".")
        text[:, 20:23] = _THOUSANDTHS.take(thousandths, axis=0)
        text[:, 23] = ord("Z")
        return text


def probe_event(name: str, run: int, number: int, now_ms: int) -> bytes:
    """One marked event, to be looked for by a poll; `run` and `number` make its id."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (
        f'{{"event_id":"{run & 0xFFFFFFFF:08x}-0000-7000-8000-{number:012x}","event":"{name}","timestamp":"{moment}",'
        f'"user_id":"u-probe","properties":{{"number":{number}}}}}'
    ).encode()


def _write(text: bytearray, rows: Bytes, places: Places) -> None:
    """Put row i of `rows` at `places[i]` of `text`."""
    width = rows.shape[1]
    item = np.dtype(f"V{width}")
    # A view of every stretch of `width` bytes, so that numpy copies each row in one go.
    windows = np.ndarray((len(text) - width + 1,), item, text, strides=(1,))
    windows[places] = rows.view(item).reshape(-1)


def _digits(values: NDArray[np.int64]) -> Bytes:
    text = np.full((len(values), PERSON_BYTES), ord("0"), np.uint8)
    thousands, rest = np.divmod(values, 1000)
    text[:, 1:4] = _THOUSANDTHS.take(thousands, axis=0)
    text[:, 4:] = _THOUSANDTHS.take(rest, axis=0)
    return text


# ---- the texts ------------------------------------------------------------------------------------------------------------------------


def user_agents(rng: random.Random, count: int = 3_000) -> list[str]:
    """Different user agents of the usual browsers."""
    systems = [
        "Windows NT 10.0; Win64; x64",
        "Macintosh; Intel Mac OS X 10_15_7",
        "X11; Linux x86_64",
        "Linux; Android 14; Pixel 8",
        "Linux; Android 13; SM-A536B",
        "Linux; Android 15; SM-S921B",
    ]
    found: set[str] = set()
    while len(found) < count:
        kind, major, build = rng.random(), rng.randint(112, 145), rng.randint(1000, 7400)
        system = rng.choice(systems)
        webkit = "AppleWebKit/537.36 (KHTML, like Gecko)"
        if kind < 0.46:
            mobile = " Mobile" if "Android" in system else ""
            agent = f"Mozilla/5.0 ({system}) {webkit} Chrome/{major}.0.{build}.{rng.randint(0, 200)}{mobile} Safari/537.36"
        elif kind < 0.6:
            version = f"{rng.randint(15, 18)}_{rng.randint(0, 7)}_{rng.randint(0, 3)}"
            agent = (
                f"Mozilla/5.0 (iPhone; CPU iPhone OS {version} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                f"Version/{version.replace('_', '.')} Mobile/15E{rng.randint(100, 400)} Safari/604.1"
            )
        elif kind < 0.94:
            agent = f"Mozilla/5.0 ({system}; rv:{major}.0) Gecko/20100101 Firefox/{major}.{rng.randint(0, 9)}"
        else:
            agent = f"Mozilla/5.0 ({system}) {webkit} Chrome/{major}.0.0.0 Safari/537.36 Edg/{major}.0.{build}.{rng.randint(1, 99)}"
        found.add(agent)
    return sorted(found)


def _event_texts(rng: random.Random, count: int) -> list[str]:
    names = rng.choices(list(EVENT_WEIGHTS), list(EVENT_WEIGHTS.values()), k=count)
    agents = user_agents(rng)
    courses = [f"c-{number}" for number in range(101, 221)]
    pages = [f"https://a.example/{area}/{rng.randint(1, 900)}" for area in ("courses", "lessons", "blog", "account") for _ in range(500)]
    referrers = [
        f"https://{host}/{rng.randint(1, 400)}" for host in ("search.example", "news.example", "video.example") for _ in range(300)
    ]
    campaigns = [f"{season}-{number}" for season in ("spring", "summer", "autumn", "winter") for number in range(40)]
    zones = [("en-GB", "Europe/London"), ("de-DE", "Europe/Berlin"), ("en-US", "America/New_York"), ("pt-BR", "America/Sao_Paulo")]
    return [_event_text(rng, name, agents, courses, pages, referrers, campaigns, zones) for name in names]


def _event_text(
    rng: random.Random,
    name: str,
    agents: list[str],
    courses: list[str],
    pages: list[str],
    referrers: list[str],
    campaigns: list[str],
    zones: list[tuple[str, str]],
) -> str:
    person = f'"user_id":"u-{_PERSON_MARK}"' if rng.random() < 0.75 else f'"anonymous_id":"a-{_PERSON_MARK}"'
    locale, zone = rng.choice(zones)
    where = f',"locale":"{locale}"' + (f',"timezone":"{zone}"' if rng.random() < 0.15 else "")
    page = f'"page":{{"url":"{rng.choice(pages)}"' + (f',"referrer":"{rng.choice(referrers)}"' if rng.random() < 0.25 else "") + "}"
    campaign = f',"campaign":{{"source":"newsletter","name":"{rng.choice(campaigns)}"}}' if rng.random() < 0.2 else ""
    return (
        f'{{"event_id":"{_ID_MARK}","event":"{name}","timestamp":"{_TIME_MARK}",{person},"session_id":"s-{_PERSON_MARK}{rng.randint(0, 9)}"'
        f',"properties":{{{_properties(rng, name, rng.choice(courses))}}},'
        f'"context":{{"user_agent":"{rng.choice(agents)}",{page}{campaign}{where}}}}}'
    )


def _properties(rng: random.Random, name: str, course: str) -> str:
    lesson = f'"course_id":"{course}","lesson_id":"l-{rng.randint(1, 2400)}"'
    if name.startswith("video"):
        return f'{lesson},"position_seconds":{rng.randint(0, 2400)},"speed":{rng.choice([1, 1.25, 1.5])}'
    if name.startswith("quiz"):
        return f'{lesson},"score":{rng.random():.2f},"attempt":{rng.randint(1, 4)}'
    if name.startswith("lesson"):
        return f'{lesson},"minutes":{rng.randint(1, 55)},"progress":{rng.random():.2f}'
    if name.startswith(("payment", "checkout")):
        return f'"course_id":"{course}","revenue":{rng.choice([29, 49, 99, 199])}.0,"currency":"{rng.choice(["EUR", "USD", "GBP"])}"'
    if name == "search_performed":
        return f'"query":"{rng.choice(["python", "algebra", "piano", "spanish"])} {rng.randint(1, 500)}","results":{rng.randint(0, 60)}'
    return f'"course_id":"{course}"' if name == "page_view" else f'"course_id":"{course}","load_ms":{rng.randint(40, 2500)}'
