"""User agents to browser, system and device."""

import re
from dataclasses import dataclass
from functools import lru_cache

from ua_parser import parse

# Cubot makes telephones.
_BOT = re.compile(
    r"(?<!cu)bot\b|(?<!cu)bot_|crawl|spider|slurp|headless|lighthouse|pingdom|uptime|monitor|preview|facebookexternalhit|python-requests|"
    r"python-urllib|curl/|wget/|httpclient|java/|go-http-client|okhttp|scrapy|phantomjs|puppeteer|playwright",
    re.IGNORECASE,
)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook|android(?!.*mobile)", re.IGNORECASE)
_MOBILE = re.compile(r"mobi|iphone|ipod|android|blackberry|opera mini|windows phone", re.IGNORECASE)
_DESKTOP = re.compile(r"windows nt|macintosh|x11|linux|cros", re.IGNORECASE)
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Agent:
    """What a user agent says; empty where it says nothing."""

    browser: str
    browser_version: str
    os: str
    device: str  # desktop, mobile, tablet, bot, other; empty: no user agent
    is_bot: bool


UNKNOWN = Agent("", "", "", "", False)


def read_agent(text: str) -> Agent:
    """The agent of a User-Agent header; what is beyond 512 characters is not read."""
    return _read(text[:_LONGEST]) if text else UNKNOWN


@lru_cache(maxsize=50_000)
def _read(text: str) -> Agent:
    result = parse(text)
    browser = result.user_agent
    system = result.os
    is_bot = bool(_BOT.search(text)) or (result.device is not None and result.device.family == "Spider")
    return Agent(
        browser.family if browser and browser.family else "",
        browser.major if browser and browser.major else "",
        system.family if system and system.family else "",
        "bot" if is_bot else _device(text),
        is_bot,
    )


def _device(text: str) -> str:
    for device, pattern in (("tablet", _TABLET), ("mobile", _MOBILE), ("desktop", _DESKTOP)):
        if pattern.search(text):
            return device
    return "other"
