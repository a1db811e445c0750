"""Who comes to the school: kinds of learners, where they live, what they hold in their hands, how they found it."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Persona:
    """A kind of learner. Shares are in 0..1; `gap_days` is the mean time between visits."""

    name: str
    share: float
    gap_days: float
    lessons_a_visit: float
    perseverance: float  # chance to go on after a lesson of no difficulty
    skill: float  # mean quiz score
    pays: float  # chance to buy at the paywall
    weekend: float  # taste for Saturdays and Sundays, 1 is neutral
    hours: Sequence[float]  # taste for each local hour


def _hours(*peaks: tuple[int, float]) -> Sequence[float]:
    """A day with bumps (hour, height) over a quiet base, and hardly anyone in the small hours."""
    return tuple(
        0.02 + (0.12 if 7 <= hour <= 23 else 0.0) + sum(height * max(0.0, 1 - abs(hour - peak) / 3) for peak, height in peaks)
        for hour in range(24)
    )


PERSONAS: Sequence[Persona] = (
    Persona("sprinter", 0.16, 1.1, 3.4, 0.99, 0.78, 0.46, 1.0, _hours((20, 1.0), (13, 0.4))),
    Persona("steady", 0.30, 2.3, 1.9, 0.985, 0.74, 0.38, 0.7, _hours((19, 1.0), (12, 0.5))),
    Persona("commuter", 0.18, 1.6, 1.1, 0.975, 0.68, 0.24, 0.3, _hours((8, 1.0), (18, 0.9))),
    Persona("weekender", 0.14, 4.5, 3.0, 0.975, 0.72, 0.30, 4.0, _hours((11, 0.9), (16, 0.8))),
    Persona("dabbler", 0.22, 5.0, 1.1, 0.87, 0.60, 0.08, 1.2, _hours((21, 1.0), (15, 0.3))),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where someone lives."""

    country: str
    locale: str
    timezone: str
    currency: str
    share: float


PLACES: Sequence[Place] = (
    Place("DE", "de-DE", "Europe/Berlin", "EUR", 0.24),
    Place("GB", "en-GB", "Europe/London", "GBP", 0.18),
    Place("US", "en-US", "America/New_York", "USD", 0.22),
    Place("FR", "fr-FR", "Europe/Paris", "EUR", 0.12),
    Place("ES", "es-ES", "Europe/Madrid", "EUR", 0.09),
    Place("IN", "en-IN", "Asia/Kolkata", "USD", 0.08),
    Place("BR", "pt-BR", "America/Sao_Paulo", "USD", 0.07),
)


@dataclass(frozen=True, slots=True)
class Source:
    """How someone found the school. `medium` is empty where there is no campaign; `quality` scales sign-ups and payments."""

    source: str
    medium: str
    campaign: str
    referrer: str
    quality: float
    share: float


# Campaigns change with the ISO week: the same week always has the same one.
_THEMES = ("new-skills", "open-house", "try-python", "languages-now", "weekend-art", "back-to-school", "half-price")
_SOURCES: Sequence[Source] = (
    Source("search", "", "", "https://www.search.example/", 1.0, 0.36),
    Source("direct", "", "", "", 1.25, 0.18),
    Source("searchads", "cpc", "{theme}", "https://www.search.example/ads", 0.9, 0.16),
    Source("newsletter", "email", "{theme}", "", 1.5, 0.10),
    Source("social", "social", "{theme}", "https://social.example/", 0.55, 0.12),
    Source("partner-blog", "referral", "partners", "https://blog.partner.example/learning", 1.1, 0.08),
)

DESKTOPS: Sequence[str] = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/{chrome}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/{chrome}.0.0.0 Safari/537.36 Edg/{chrome}.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {apple} Version/{safari} Safari/605.1.15",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {webkit} Chrome/{chrome}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{firefox}.0) Gecko/20100101 Firefox/{firefox}.0",
)
PHONES: Sequence[str] = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) {webkit} Chrome/{chrome}.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) {apple} Version/{safari} Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-A546B) {webkit} Chrome/{chrome}.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) {apple} Version/{safari} Mobile/15E148 Safari/604.1",
)

WEEKDAYS: Sequence[float] = (1.14, 1.12, 1.08, 1.02, 0.86, 0.72, 1.06)  # arrivals, Monday first


@dataclass(frozen=True, slots=True)
class Person:
    """One visitor, with all that does not change."""

    key: str
    persona: Persona
    place: Place
    source: Source
    desktop: str
    phone: str
    phone_share: float
    ip: str


def make_person(rng: random.Random, key: str, first_day: date) -> Person:
    """Someone who first comes on `first_day`."""
    words: Mapping[str, object] = {
        "webkit": "AppleWebKit/537.36 (KHTML, like Gecko)",
        "apple": "AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "chrome": rng.choice((139, 140, 141, 142)),
        "safari": rng.choice(("17.6", "18.1", "18.3", "18.6")),
        "firefox": rng.choice((140, 142, 143, 144)),
    }
    persona = rng.choices(PERSONAS, [item.share for item in PERSONAS])[0]
    return Person(
        key=key,
        persona=persona,
        place=rng.choices(PLACES, [item.share for item in PLACES])[0],
        source=_source(rng, first_day),
        desktop=rng.choices(DESKTOPS, (5, 2, 2, 3, 1))[0].format(**words),
        phone=rng.choices(PHONES, (3, 4, 3, 1))[0].format(**words),
        phone_share=0.9 if persona.name == "commuter" else rng.choice((0.05, 0.2, 0.35, 0.8)),
        ip=f"{rng.choice(('203.0.113', '198.51.100', '192.0.2'))}.{rng.randint(1, 254)}",  # addresses kept for examples
    )


def arrivals(rng: random.Random, day: date, mean: float) -> int:
    """How many new visitors come on `day`: more in January than in July, weekdays, and the odd week of a good campaign."""
    season = 1 + 0.12 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 15) / 365)
    lift = 1.18 if _theme(day) in ("half-price", "back-to-school") else 1.0
    return round(mean * season * lift * WEEKDAYS[day.weekday()] * rng.uniform(0.94, 1.06))


def _source(rng: random.Random, day: date) -> Source:
    found = rng.choices(_SOURCES, [item.share for item in _SOURCES])[0]
    if found.campaign != "{theme}":
        return found
    return Source(found.source, found.medium, _theme(day), found.referrer, found.quality, found.share)


def _theme(day: date) -> str:
    return _THEMES[day.isocalendar().week % len(_THEMES)]
